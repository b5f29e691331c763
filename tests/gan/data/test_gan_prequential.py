"""The observer of a stream: it scores reals with weights that have not seen them, and tells when they change."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from selfplay.drift.config import DriftConfig
from selfplay.drift.monitor import Monitor
from selfplay.gan.data.prequential import MOST, Scorers, StreamObserver
from selfplay.types import SampleBatch

ROW = np.dtype([("real", "f4", (2,)), ("label", "i4")])


def scorers(weights: Any) -> Scorers:
    """Fakes about the point that the weights name; a critic of the distance from there."""
    at = np.array([weights["at"], 0.0], np.float32)
    fakes = at + np.random.default_rng(7).normal(size=(MOST, 2)).astype(np.float32)
    return Scorers(fakes, lambda x, labels: -np.linalg.norm(x - at, axis=1), np.full(MOST, -1))


def observer() -> StreamObserver:
    return StreamObserver(DriftConfig(), ROW, scorers, json.dumps, json.loads)


def batch(rng: np.random.Generator, shift: float, count: int = 1_000) -> SampleBatch:
    rows = np.zeros(count, ROW)
    rows["real"] = rng.normal(size=(count, 2)) + np.array([shift, 0])
    return SampleBatch(rows, {}, 0)


def weights(at: float) -> Any:
    return {"at": at}


def run(shifts: list[float], learned: list[float], seed: int = 0, rows: int = 1_000) -> list[tuple[int, str]]:
    """(generation, stream) of the alarms where reals are at shifts[g], and weights at learned[g] once it has ended."""
    watched, rng = observer(), np.random.default_rng(seed)
    monitor, found = Monitor(watched.streams, watched.settings), []
    watched.begin(weights(0.0), {})
    for generation, (shift, at) in enumerate(zip(shifts, learned, strict=True)):
        watched.take(batch(rng, shift, rows), generation)
        readings = watched.end_generation(weights(at), {})[1]
        events = monitor.take(readings, generation + 1)[1]
        assert all(event.since == generation + 1 for event in events if event.stream != "reals")
        found += [(generation, event.stream) for event in events]
    return found


def test_weights_that_move_give_no_alarm_while_the_data_stay() -> None:
    """The critic changes its scores and the fakes their places in every generation: neither is taken for drift."""
    learning = list(np.random.default_rng(3).uniform(-3, 3, 8))
    assert sum(len(run([0.0] * 8, learning, seed, 300)) for seed in range(12)) <= 1


@pytest.mark.parametrize("onset", [2, 8])
def test_data_that_change_are_told_at_once_by_critic_and_fakes(onset: int) -> None:
    """The change is in the rows of the generation that ends, whatever chance has brought before."""
    found = run([0.0] * onset + [1.5] * 3, [0.0] * (onset + 3))
    assert {(onset, "critic"), (onset, "fakes")} <= set(found) and {when for when, _ in found} == {onset}


def test_new_reals_are_scored_by_the_weights_that_their_generation_began_with() -> None:
    """Weights that have learned the new data by the generation's end would find nothing new in them."""
    watched, rng = observer(), np.random.default_rng(0)
    watched.begin(weights(0.0), {})
    watched.take(batch(rng, 8.0), 0)
    figures, _ = watched.end_generation(weights(8.0), {})
    assert figures["new_coverage"] == figures["new_precision"] == 0 and figures["new_auc"] < 0.01
    watched.take(batch(rng, 8.0), 1)
    figures, _ = watched.end_generation(weights(8.0), {})
    assert figures["new_coverage"] > 0.9 and figures["new_auc"] == pytest.approx(0.5, abs=0.05)


def test_after_weights_were_restored_new_reals_are_scored_by_those() -> None:
    watched, rng = observer(), np.random.default_rng(0)
    watched.begin(weights(0.0), {})
    watched.take(batch(rng, 8.0), 0)
    watched.end_generation(weights(0.0), {})
    watched.begin(weights(8.0), {})
    watched.take(batch(rng, 8.0), 1)
    assert watched.end_generation(weights(0.0), {})[0]["new_coverage"] > 0.9


def test_an_observer_of_a_stream_goes_on_from_its_state_in_mid_generation() -> None:
    one, other, rng = observer(), observer(), np.random.default_rng(1)
    one.begin(weights(0.0), {})
    one.take(batch(rng, 0.0), 0)
    one.end_generation(weights(1.0), {})
    one.take(batch(rng, 0.0, 300), 1)
    other.load_state(json.loads(json.dumps(one.state())))
    other.begin(weights(1.0), {})
    more = batch(rng, 0.5)
    for watched in (one, other):
        watched.take(more, 1)
    assert one.end_generation(weights(2.0), {}) == other.end_generation(weights(2.0), {})
    assert one.state() == other.state()
