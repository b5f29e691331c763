"""The tally of a match: what counts, what decides a sequential test, and what is said of the rest."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfplay.cli.tournaments import tally
from selfplay.ratings import sprt
from selfplay.ratings.tournament import MatchTask, TaskResult

ROOT = Path(__file__).resolve().parents[2]
TASKS = [MatchTask(0, 1, number) for number in range(200)]


def result(number: int, *points: float) -> TaskResult:
    return TaskResult(TASKS[number], points or (1.0, 1.0), plies=(number, number))


def test_the_first_verdict_stands_and_later_pairs_change_nothing() -> None:
    test = sprt.SequentialTest(0, 50, 0.05, 0.05)
    for _ in range(60):
        test.add((1.0, 0.5))
    decided, verdict = test.pairs, test.verdict
    assert verdict.accepted == "H1" and decided < 60
    before = test.counts.copy()
    before[3] -= 1
    assert sprt.decide(before, 0, 50).accepted is None, "one pair fewer did not decide"
    for _ in range(100):
        test.add((0.0, 0.0))
    assert (test.pairs, test.verdict) == (decided, verdict)


def test_no_pair_is_begun_once_the_test_is_decided_and_every_pair_begun_counts() -> None:
    played = tally.Tally(TASKS, (), sprt.SequentialTest(0, 100, 0.05, 0.05))
    stream, waiting = played.to_play(), list[MatchTask]()
    rng = np.random.default_rng(7)
    while (task := next(stream, None)) is not None or waiting:  # twelve pairs at a time, ending in any order
        waiting += [task] if task is not None else []
        if len(waiting) >= 12 or task is None:
            played.add(result(waiting.pop(rng.integers(len(waiting))).opening, 1.0, 0.5))
    told, test = played.summary(), played.test
    assert told is not None and test is not None and test.verdict.accepted == "H1"
    assert told.games == 2 * len(played._begun) > 2 * test.pairs, "those in progress count as well"
    assert (told.out_of_order, told.broken_off, told.beyond) == (0, 0, 0)
    (said,) = tally.remarks(told, test)
    assert f"first {2 * test.pairs} games" in said and f"{told.games - 2 * test.pairs} more" in said


def test_what_a_stopped_match_leaves_out_is_counted_by_reason() -> None:
    played = tally.Tally(TASKS[:6], [result(9)], None)
    stream = played.to_play()
    for _ in range(5):
        next(stream)
    for number in (0, 1, 4):
        played.add(result(number))
    told = played.summary()
    assert told is not None
    assert (told.games, told.out_of_order, told.broken_off, told.beyond) == (4, 2, 4, 2)
    assert told.plies == 0.5, "of the games that count"
    assert len(tally.remarks(told, None)) == 3


def test_a_test_decided_by_results_from_before_begins_nothing() -> None:
    kept = [result(number) for number in range(199)]
    played = tally.Tally(TASKS, kept, sprt.SequentialTest(0, 50, 0.05, 0.05))
    assert played.decided and list(played.to_play()) == []


def test_all_games_that_are_kept_are_reported(selfplay: Any, tmp_path: Path) -> None:
    words = ("match", "uct:8", "random", "--game", "connect-four", "--sprt", "0,60", "--actors", 0, "--json")
    told = json.loads(selfplay(*words, "--out", tmp_path / "out").out)
    lines = (tmp_path / "out" / "games.jsonl").read_text().splitlines()
    assert told["games"] == 2 * len(lines) == told["wins"] + told["draws"] + told["losses"]
    assert told["sprt"]["accepted"] == "H1" and 0 < told["sprt"]["games"] < told["games"]
    assert set(told["not_counted"].values()) == {0}
    again = json.loads(selfplay(*words, "--out", tmp_path / "out").out)
    assert (again["games"], again["sprt"]) == (told["games"], told["sprt"]), "nothing more is played, all is told"
    fewer = json.loads(selfplay("match", "uct:8", "random", "--game", "connect-four", "--actors", 0, "--json",
                                "--games", 10, "--out", tmp_path / "out").out)  # fmt: skip
    assert fewer["games"] == 10 and fewer["not_counted"]["beyond"] == told["games"] - 10


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_match_stopped_by_ctrl_c_accounts_for_every_game_it_began(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "selfplay", "match", "uct:60", "random", "--game", "checkers", "--games", "400",
             "--actors", "0", "--out", str(tmp_path / "out"), "--json"]  # fmt: skip
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = tmp_path / "out" / "games.jsonl"
    while process.poll() is None and not (lines.exists() and lines.stat().st_size > 15_000):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    told = json.loads(out)
    assert process.returncode == 130 and "stopped" in err and "Traceback" not in err
    left = told["not_counted"]
    assert told["games"] + left["out_of_order"] == 2 * len(lines.read_text().splitlines())
    assert told["games"] + left["out_of_order"] + left["broken_off"] == 400, "all began side by side"
