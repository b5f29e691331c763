"""The observer of real data: silent on draws from one distribution, and loud when it changes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from selfplay.drift.config import DriftConfig
from selfplay.drift.monitor import Monitor
from selfplay.gan.data.observer import DataObserver
from selfplay.types import SampleBatch


def batch(rng: np.random.Generator, shift: float, count: int = 600) -> SampleBatch:
    rows = np.zeros(count, [("real", "f4", (2,)), ("label", "i4")])
    rows["real"] = rng.normal(size=(count, 2)) + np.array([shift, 0])
    return SampleBatch(rows, {}, 0)


def alarms(shifts: list[float], seed: int = 0) -> list[int]:
    observer, rng = DataObserver(DriftConfig(), (2,)), np.random.default_rng(seed)
    monitor, found = Monitor(observer.streams, observer.settings), []
    for generation, shift in enumerate(shifts):
        observer.take(batch(rng, shift), generation)
        found += [event.generation for event in monitor.take(observer.end_generation({}, {})[1], generation)[1]]
    return found


def test_data_that_stay_the_same_give_no_alarm() -> None:
    assert sum(len(alarms([0.0] * 10, seed)) for seed in range(40)) <= 2


@pytest.mark.parametrize("onset", [2, 8])
def test_data_that_change_are_told_at_once(onset: int) -> None:
    assert alarms([0.0] * onset + [1.0] * 3) == [onset]


def test_an_observer_goes_on_from_its_state() -> None:
    one, other = (DataObserver(DriftConfig(), (2,)) for _ in range(2))
    rng = np.random.default_rng(1)
    one.take(batch(rng, 0.0), 0)
    one.end_generation({}, {})
    one.take(batch(rng, 0.0, 100), 1)
    other.load_state(json.loads(json.dumps(one.state())))
    more = batch(rng, 0.5)
    for observer in (one, other):
        observer.take(more, 1)
    assert one.end_generation({}, {}) == other.end_generation({}, {}) and one.state() == other.state()
