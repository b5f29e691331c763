"""`selfplay train` that stays in one of its phases for a while, for tests of what happens to it there.

    held_trainer.py PHASE TIME SECONDS FILE train …    FILE is written once PHASE has begun for the TIME-th time

PHASE is one that a panel shows, or "svd": a computation below Python that nothing interrupts.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from selfplay.cli import main


def hold(seconds: float, below_python: bool) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if below_python:
            import numpy as np

            np.linalg.svd(np.random.default_rng(0).normal(size=(2500, 2500)))
        sum(range(1000))


def install(phase: str, wanted: int, seconds: float, file: Path) -> None:
    from selfplay.alphazero.agent import AlphaZero
    from selfplay.loop import run as runs
    from selfplay.loop.nodes import processes

    processes.HANG_TIMEOUT = 3.0
    begun = {"times": 0, "phase": ""}
    show = runs.Run._show

    def arrive(run: Any) -> None:
        file.with_suffix(".new").write_text(json.dumps({"rows": run.replay.inserted, "steps": run.learner.steps}))
        file.with_suffix(".new").rename(file)

    def showing(run: Any, now: str) -> None:
        show(run, now)
        aimed = "learning" if phase == "svd" else phase
        if now.startswith(aimed) and begun["phase"] != now:
            begun["times"] += 1
            if begun["times"] == wanted:
                arrive(run)
                if phase in ("saving", "svd"):
                    hold(seconds, phase == "svd")
        begun["phase"] = now

    def evaluate(*_: Any) -> dict[str, float]:
        if phase == "evaluating" and begun["times"] == wanted:
            hold(seconds, False)
        return {"accuracy": 0.5, "raw_accuracy": 0.5, "contested_accuracy": 0.5, "mistakes": 5.0, "positions": 10.0,
                "simulations": 1.0}  # fmt: skip

    def warm_up(*_: Any) -> None:
        if phase.startswith("compiling"):
            hold(seconds, False)

    runs.Run._show = showing  # type: ignore[method-assign]
    AlphaZero.evaluate = evaluate  # type: ignore[method-assign, assignment]
    AlphaZero.warm_up = warm_up  # type: ignore[method-assign, assignment]


if __name__ == "__main__":
    phase, wanted, seconds, file, *arguments = sys.argv[1:]
    install(phase, int(wanted), float(seconds), Path(file))
    sys.exit(main.main(arguments))
