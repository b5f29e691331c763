"""Checks of the program itself: its kernels' cache, its games' move trees, and a training that is taken up again."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

from selfplay.cli.checkup.finding import Finding, judge

# Numbers of move sequences from the start: (depth, count). Connect four, chess: as published; checkers: OEIS A133046.
PERFT = {"tic-tac-toe": (5, 15_120), "connect-four": (7, 823_536), "checkers": (7, 179_740), "chess": (4, 197_281)}
SETTINGS = ("network.channels=8", "network.blocks=1", "evaluation.num_simulations=1",
            "run.generation_rows=500", "replay.learn_after=200")  # fmt: skip
PATIENCE = 300  # seconds for one session


def kernel_cache() -> list[Finding]:
    """Where Numba keeps what it has compiled."""
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        import games
    given = os.environ.get("NUMBA_CACHE_DIR")
    temporary = bool(given) and Path(str(given)).name.startswith("selfplay-kernels-")
    off = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
    place = given or str(Path(games.__file__).parent / "__pycache__")
    if not given and not os.access(Path(games.__file__).parent, os.W_OK):
        place = "the user's cache folder"
    figure = f"in '{place}'" + (", not compiled at all (NUMBA_DISABLE_JIT)" if off else "")
    remedy = "unset NUMBA_DISABLE_JIT" if off else "set NUMBA_CACHE_DIR to a folder of yours that stays"
    return [judge("kernel cache", figure, remedy, warn=temporary or off)]


def move_trees() -> list[Finding]:
    import games
    from games.knowledge import Knowledge

    found = []
    for name, (depth, published) in PERFT.items():
        game = games.make(name)
        started = time.perf_counter()
        count = games.facet(game, Knowledge).perft(game.initial_states(1)[0], depth)
        figure = f"{count:,} sequences of {depth} moves, {time.perf_counter() - started:.1f} s"
        remedy = (
            f"{published:,} are published: the rules or their compiled kernels are wrong; delete *.nbi and *.nbc files"
        )
        found.append(judge(f"perft of {name}", figure, remedy, fail=count != published))
    return found


def training() -> list[Finding]:
    """Trains tic-tac-toe in a temporary folder for one generation, then goes on for another in a new process."""
    started = time.perf_counter()
    root = str(Path(__file__).resolve().parents[3])  # where this package is, installed or not
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
    with tempfile.TemporaryDirectory(prefix="selfplay-doctor-") as folder:
        for generations, expected in ((1, "generation 1"), (2, "Resumed at generation 1")):
            command = [sys.executable, "-m", "selfplay", "train", "tic-tac-toe", "--run", f"{folder}/run", "--plain",
                       "--actors", "0", "--generations", str(generations)]  # fmt: skip
            command += [word for setting in SETTINGS for word in ("--set", setting)]
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, timeout=PATIENCE, check=False
            )
            said = done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")
            if done.returncode or expected not in said:
                last = (said.strip().splitlines() or ["nothing was said"])[-1]
                what = "training" if generations == 1 else "resuming"
                return [Finding("fail", what, f"exit code {done.returncode}: {last}",
                                "selfplay --debug train tic-tac-toe shows more")]  # fmt: skip
    return [
        Finding(
            "ok", "training", f"two generations of tic-tac-toe, resumed between, {time.perf_counter() - started:.0f} s"
        )
    ]


QUICK = (kernel_cache, move_trees)
