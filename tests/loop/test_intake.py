"""Rows that cannot be right are left out and counted; sound ones of every game are not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tiny

from selfplay.loop import intake
from selfplay.types import SampleBatch


def rows_of(game: str, count: int = 60) -> tuple[tiny.Agent, np.ndarray]:
    agent = tiny.Agent(replace(tiny.CONFIG, game=game))
    actor = agent.make_actor(0, 1)
    actor.set_weights({"net": tiny.random_weights(agent.game, 1)}, 0, None)
    return agent, actor.generate(count)[0]


@pytest.mark.parametrize("game", ["tic-tac-toe", "connect-four", "checkers"])
def test_all_rows_of_an_actor_are_sound(game: str) -> None:
    agent, rows = rows_of(game)
    batch = SampleBatch(rows, {}, 0, (0, 0, 1))
    taken, wrong = intake.Intake(agent).take(batch, 0)
    assert taken is batch and wrong == ""


def illegal_move(row: Any) -> None:
    """All of the policy on the square that the first legal action does not name."""
    taken = next(action for action in range(9) if action not in row["actions"])
    row["actions"][0], row["policy"][:] = taken, 0
    row["policy"][0] = 1


SPOILED: dict[str, Callable[[Any], None]] = {
    "a policy of nan": lambda row: row["policy"].__setitem__(0, np.nan),
    "an infinite value": lambda row: row["search_wdl"].__setitem__(1, np.inf),
    "an outcome of nan": lambda row: row.__setitem__("outcome", np.nan),
    "an outcome of 3": lambda row: row.__setitem__("outcome", 3),
    "a negative probability": lambda row: row["policy"].__setitem__(slice(0, 2), (-0.5, 1.5)),
    "a policy that sums to 2": lambda row: row["policy"].__imul__(2),
    "a value that sums to 0": lambda row: row["search_wdl"].__setitem__(slice(None), 0),
    "an illegal move": illegal_move,
    "a move that does not exist": lambda row: row["actions"].__setitem__(0, 99),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_a_row_that_cannot_be_right_is_left_out_and_the_others_are_kept(kind: str) -> None:
    agent, rows = rows_of("tic-tac-toe")
    opening = next(place for place, row in enumerate(rows) if 3 <= (row["actions"] >= 0).sum() < 9)
    kept = np.delete(rows, opening)
    SPOILED[kind](rows[opening])
    counted = intake.Intake(agent)
    taken, wrong = counted.take(SampleBatch(rows, {"games": 3.0}, 2, (1, 1, 1)), 2)
    assert taken is not None and tiny.same_bits(taken.rows, kept) and taken.stats == {"games": 3.0}
    assert wrong.startswith(f"1 of {len(rows)} rows held ")
    found = counted.metrics()
    assert (found["quarantined"], found["repeated"]) == (1.0, 0.0)


def test_how_old_rows_are_is_counted_by_rows_until_it_is_asked_for() -> None:
    agent, rows = rows_of("tic-tac-toe", 4)
    counted = intake.Intake(agent)
    counted.take(SampleBatch(rows[:3], {}, 7, (0, 0, 1)), 7)
    counted.take(SampleBatch(rows[:1], {}, 5, (1, 1, 1)), 7)
    found = counted.metrics()
    assert (found["generations_behind"], found["most_generations_behind"]) == (0.5, 2.0)
    found = counted.metrics()
    assert (found["generations_behind"], found["most_generations_behind"]) == (0.0, 0.0)


def test_a_batch_that_arrives_twice_is_taken_once() -> None:
    agent, rows = rows_of("tic-tac-toe", 5)
    counted = intake.Intake(agent)
    arrived = [(0, 0, 1), (1, 1, 1), (0, 0, 2), (0, 0, 2), (0, 0, 1), (0, 2, 1), (1, 1, 2)]
    taken = [counted.take(SampleBatch(rows, {}, 0, source), 0)[0] is not None for source in arrived]
    assert taken == [True, True, True, False, False, True, True] and counted.repeated == 2


def test_numbers_in_records_within_records_must_be_finite() -> None:
    inner = np.dtype([("x", "f8"), ("n", "i2")])
    rows = np.zeros(4, np.dtype([("a", inner, (3,)), ("b", inner), ("c", "f2", (2, 2)), ("d", "?")]))
    rows["a"]["x"][1, 2], rows["b"]["x"][2], rows["c"][3, 1, 0] = np.nan, -np.inf, np.inf
    assert intake.finite_rows(rows).tolist() == [True, False, False, False]
