"""Every game still plays its recorded game, to the letter. A rule change shows up here as a readable diff."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import games
from games.checks import playthrough

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "playthroughs"
REGENERATE = "scripts/regenerate_playthroughs.py"


@pytest.mark.parametrize("name", games.available())
def test_the_recorded_game_is_played_again_line_by_line(name: str) -> None:
    path = FOLDER / f"{name}.txt"
    assert path.exists(), f"{name} has no playthrough; write it with {REGENERATE} {name}"
    recorded = path.read_text(encoding="utf-8").splitlines()
    seed = int(recorded[1].removeprefix("seed: "))
    now = playthrough.playthrough(games.make(name), seed).splitlines()
    for number, (old, new) in enumerate(zip(recorded, now, strict=False), start=1):
        assert old == new, f"{path.name}, line {number} differs; if that is meant, run {REGENERATE} and read the diff"
    assert len(recorded) == len(now), f"{path.name} has {len(recorded)} lines, the game now gives {len(now)}"


def test_no_playthrough_is_left_of_a_game_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} <= set(games.available())


def test_the_script_finds_the_files_up_to_date() -> None:
    command = [sys.executable, str(ROOT / REGENERATE), "--check", "tic-tac-toe"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_planes_are_drawn_side_by_side_and_constant_ones_only_named() -> None:
    planes = np.zeros((3, 2, 2), dtype=np.float32)
    planes[0, 0, 1] = 1
    planes[1] = 0.25
    planes[2] = [[0, 0.5], [1, 0.99]]
    assert [line.rstrip() for line in playthrough.draw_planes(planes)] == [
        "constant planes: 1 is 0.25",
        "planes 0:    2:",
        "       .#    .5",
        "       ..    #9",
    ]
