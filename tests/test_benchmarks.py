"""Every benchmark runs, and prints one JSON line with what a figure needs to mean something. Speeds are not judged."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks"
OTHERS = {"harness.py", "plain.py", "openspiel.py", "signature.py"}  # shared code, and what has a test of its own
QUICK = ["--seconds", "0.01", "--repeats", "1"]
SMALL = ["--channels", "8", "--blocks", "1", "--game", "tic-tac-toe"]
OPTIONS = {
    "rules": ["tic-tac-toe", "--batch", "16"],
    "search": ["--games", "tic-tac-toe", "--simulations", "8", "--batches", "2"],
    "forward": [*SMALL, "--batches", "1", "64"],
    "self_play": [*SMALL, "--simulations", "4", "--concurrent-games", "8", "--seconds", "0.5"],
    "arena": [*SMALL, "--simulations", "4", "--concurrent-games", "8", "--together", "16"],
    "one_game": [*SMALL, "--simulations", "8"],
    "strength": ["--game", "tic-tac-toe"],
    "learner": [*SMALL, "--batch-size", "32"],
    "gan": ["--preset", "gan-ring", "--generations", "1", "--set", "run.generation_rows=2560"],
    "forgetting": ["--modes", "2"],
    "gan_stream": ["--training", "6", "--period", "2", "--rows", "2560"],
    "drift": [],
    "stream_recovery": ["--streams", "two classes"],
    "watch": ["--rows", "3000", "--factor", "2"],
    "drift_faults": ["--faults", "one opening", "--from", "0", "--rows", "600"],
    "drift_actions": ["--faults", "not a number", "--from", "2", "--after", "1", "--rows", "200"],
    "perft": ["--game", "chess", "--depth", "3", "--batch", "16", "--searches", "2"],
    "scaling": [*SMALL, "--sizes", "1", "--rate", "2000", "--seconds", "1"],
    "scaling_model": ["--seconds", "5"],
    "shared_inference": [
        *SMALL,
        "--simulations",
        "4",
        "--games",
        "8",
        "--turns",
        "3",
        "--sizes",
        "1",
        "2",
        "--servers",
        "1",
    ],
    "evaluations": [
        "--game",
        "tic-tac-toe",
        "--simulations",
        "4",
        "--concurrent-games",
        "8",
        "--moves",
        "20",
        "--mistakes",
        "5",
    ],
    "actors": [*SMALL, "--simulations", "4", "--rollout-rows", "20", "--seconds", "1"],
}


def test_every_benchmark_is_tried() -> None:
    assert {path.name for path in FOLDER.glob("*.py")} - {"__init__.py"} == OTHERS | {f"{name}.py" for name in OPTIONS}


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", OPTIONS)
def test_a_benchmark_prints_one_json_line(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(FOLDER / f"{name}.py"), *QUICK, *OPTIONS[name]]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=230, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    figures = json.loads(line)
    assert figures["benchmark"] == name
    assert math.isfinite(figures["ratio"]) and figures["ratio"] > 0
    assert figures["against"] and figures["threads"] == 1 and figures["cpu"]
    assert {"selfplay", "python", "torch", "numpy", "numba"} <= set(figures["versions"])
