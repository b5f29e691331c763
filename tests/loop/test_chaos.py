"""A trainer killed at any instant: what it had saved is there, and the same command goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny

KILLS = 8


def start(run: Path) -> subprocess.Popen[str]:
    settings = [argument for setting in tiny.SETTINGS for argument in ("--set", setting)]
    command = [sys.executable, "-m", "selfplay", "train", "tic-tac-toe", "--run", str(run), "--generations", "30"]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    return subprocess.Popen(
        [*command, *settings], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )


def newest_state(run: Path) -> dict[str, Any]:
    """The newest training state that is whole, as far as its manifest says; zeros before there is one."""
    states = sorted(path for path in (run / "state").glob("[0-9]*") if (path / "manifest.json").exists())
    return json.loads((states[-1] / "state.json").read_text()) if states else {"generation": 0, "inserted": 0}


@pytest.mark.chaos
@pytest.mark.timeout(400)
def test_a_trainer_killed_at_random_instants_always_goes_on(tmp_path: Path) -> None:
    run, rng = tmp_path / "run", np.random.default_rng(0)
    reached = {"generation": 0, "inserted": 0}
    for _ in range(KILLS):
        trainer = start(run)
        deadline = time.monotonic() + 60
        while newest_state(run)["inserted"] <= reached["inserted"] and trainer.poll() is None:
            assert time.monotonic() < deadline, "the run does not get on"
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.4))
        trainer.send_signal(signal.SIGKILL)
        _, errors = trainer.communicate()
        assert "Traceback" not in errors, errors
        now = newest_state(run)
        assert now["generation"] >= reached["generation"] and now["inserted"] >= reached["inserted"]
        reached = now
    output, errors = start(run).communicate(timeout=120)
    assert "Resumed at generation" in output and "30 generations is used up" in output, errors
    steps = [json.loads(line)["step"] for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(set(steps)) and steps[-1] == 30
    assert not [path for path in run.rglob("*") if ".partial" in path.name or ".aside" in path.name]
