"""Rows by opening, and squared errors of values: by hand, and of a whole agent."""

from __future__ import annotations

import numpy as np
import pytest
import tiny
from facets import notation_of

import games
from selfplay.alphazero import buckets, loss
from selfplay.search.evaluators import HashEvaluator, UniformEvaluator
from selfplay.search.search import Leaves

GAME = games.make("tic-tac-toe")


def rows_of(*records: str, outcome: float = 0.0) -> np.ndarray:
    rows = np.zeros(len(records), dtype=loss.row_dtype(GAME))
    for row, record in zip(rows, records, strict=True):
        row["state"] = notation_of(GAME).state_after(record)[0]
        row["ply"] = len(record)
    rows["outcome"] = outcome
    return rows


def test_openings_have_buckets_and_later_positions_share_one() -> None:
    found = buckets.buckets(GAME, rows_of("", "1", "2", "5", "15", "51", "5123", "51234"))
    assert found.dtype == np.int64 and found[-2:].tolist() == [buckets.LATER] * 2
    assert (found[:-2] >= 1).all() and (found[:-2] <= buckets.OPENINGS).all() and len(set(found[:-2].tolist())) >= 5


def test_one_position_has_one_bucket_however_it_came_about() -> None:
    found = buckets.buckets(GAME, rows_of("152", "251"))
    assert found[0] == found[1]


def test_errors_are_of_win_less_loss_against_the_outcome() -> None:
    def sure(leaves: Leaves) -> tuple[np.ndarray, np.ndarray]:
        wdl = np.tile(np.array([0.7, 0.2, 0.1], dtype=np.float32), (len(leaves.rows), 1))
        return UniformEvaluator()(leaves)[0], wdl

    rows = rows_of("", "5", "51")
    rows["outcome"] = 1, 0, -1
    assert buckets.value_errors(GAME, sure, rows) == pytest.approx([0.4**2, 0.6**2, 1.6**2])
    assert buckets.value_errors(GAME, sure, rows[:0]).tolist() == []


def test_batches_are_evaluated_as_single_rows_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = rows_of("", "1", "2", "5", "15", "51", outcome=1.0)
    whole = buckets.value_errors(GAME, HashEvaluator(GAME), rows)
    monkeypatch.setattr(buckets, "BATCH", 4)
    assert (buckets.value_errors(GAME, HashEvaluator(GAME), rows) == whole).all() and len(set(whole.tolist())) == 6


def test_an_agent_says_both_of_its_rows() -> None:
    agent = tiny.Agent(tiny.CONFIG)
    weights = {update.name: dict(update.module.state_dict()) for update in agent.updates()}
    rows = rows_of("", "5", "5123", outcome=1.0)
    errors = agent.difficulty(weights, rows)
    assert errors.shape == (3,) and (errors > 0).all() and (errors < 4).all()
    assert (agent.buckets(rows) == buckets.buckets(GAME, rows)).all()
