"""The replay against a plain list, its window, and what a restored one holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from selfplay.learning.config import ReplayConfig
from selfplay.learning.replay import Replay

ROW = np.dtype([("number", "i8"), ("twice", "f4")])


def rows(first: int, last: int) -> np.ndarray:
    made = np.zeros(last - first, dtype=ROW)
    made["number"] = np.arange(first, last)
    made["twice"] = 2 * made["number"]
    return made


class ListReplay:
    """The same in obvious Python: every row ever inserted, and the newest few of them."""

    def __init__(self, config: ReplayConfig) -> None:
        self.config, self.all = config, []

    def insert(self, new: np.ndarray) -> None:
        self.all.extend(new.tolist())

    def window(self) -> list:
        c = self.config
        size = min(len(self.all), max(c.window_min, int(len(self.all) * c.window_fraction)), c.capacity)
        return self.all[len(self.all) - size :]

    def sample(self, size: int, rng: np.random.Generator) -> list:
        window = self.window()
        first = len(self.all) - len(window)
        return [window[number - first] for number in rng.integers(first, len(self.all), size)]


def test_the_window_is_everything_then_its_minimum_then_a_share_then_its_capacity() -> None:
    replay = Replay(ROW, ReplayConfig(window_min=100, window_fraction=0.5, capacity=400))
    assert [replay.window(n) for n in (0, 1, 99, 100, 150, 200, 300, 800, 801, 5000)] == [
        0, 1, 99, 100, 100, 100, 150, 400, 400, 400,
    ]  # fmt: skip


@pytest.mark.parametrize("storage", ["memory", "disk"])
@pytest.mark.parametrize("seed", range(20))
def test_a_replay_agrees_with_a_plain_list(seed: int, storage: Any) -> None:
    rng = np.random.default_rng(seed)
    config = ReplayConfig(
        window_min=int(rng.integers(1, 60)),
        window_fraction=float(rng.uniform(0.05, 1.0)),
        capacity=int(rng.integers(1, 300)),
        storage=storage,
    )
    replay, twin = Replay(ROW, config), ListReplay(config)
    for _ in range(60):
        new = rows(len(twin.all), len(twin.all) + int(rng.integers(0, 40)))
        replay.insert(new)
        twin.insert(new)
        assert replay.inserted == len(twin.all)
        window = twin.window()
        assert len(replay) == len(window) <= config.capacity
        assert replay.rows(replay.inserted - len(replay), replay.inserted).tolist() == window
        if window:
            draw = int(rng.integers(1 << 30))
            sampled = replay.sample(16, np.random.default_rng(draw)).tolist()
            assert sampled == twin.sample(16, np.random.default_rng(draw))


def test_more_rows_at_once_than_the_capacity_leave_the_newest_and_are_all_counted() -> None:
    replay = Replay(ROW, ReplayConfig(window_min=5, capacity=10))
    replay.insert(rows(0, 7))
    replay.insert(rows(7, 40))
    assert (replay.inserted, len(replay)) == (40, 10)
    assert replay.rows(30, 40)["number"].tolist() == list(range(30, 40))


def test_sampling_is_uniform_over_the_window_and_sees_no_older_row() -> None:
    replay = Replay(ROW, ReplayConfig(window_min=10, window_fraction=0.1, capacity=100))
    replay.insert(rows(0, 50))
    counts = np.bincount(replay.sample(20_000, np.random.default_rng(0))["number"], minlength=50)
    assert (counts[:40] == 0).all()
    assert (abs(counts[40:] - 2000) < 250).all()  # more than five standard deviations


def test_samples_are_copies() -> None:
    replay = Replay(ROW, ReplayConfig(window_min=10))
    replay.insert(rows(0, 5))
    replay.sample(5, np.random.default_rng(0))["number"] = -1
    assert replay.rows(0, 5)["number"].tolist() == [0, 1, 2, 3, 4]


def test_an_empty_replay_cannot_be_sampled() -> None:
    with pytest.raises(ValueError, match="empty"):
        Replay(ROW, ReplayConfig()).sample(1, np.random.default_rng(0))


@pytest.mark.parametrize("inserted", [3, 50, 99, 1000])
def test_a_restored_replay_draws_the_same_samples_now_and_later(inserted: int) -> None:
    config = ReplayConfig(window_min=40, window_fraction=0.3, capacity=200)
    original = Replay(ROW, config)
    for first in range(0, inserted, 10):
        original.insert(rows(first, min(first + 10, inserted)))
    restored = Replay(ROW, config)
    restored.restore(original.rows(inserted - len(original), inserted), inserted)
    for step in range(5):
        assert (restored.inserted, len(restored)) == (original.inserted, len(original))
        a, b = (replay.sample(50, np.random.default_rng(step)) for replay in (original, restored))
        assert a.tobytes() == b.tobytes()
        for replay in (original, restored):
            replay.insert(rows(inserted + 30 * step, inserted + 30 * step + 30))


def test_a_replay_restored_with_a_larger_window_draws_only_rows_that_it_has() -> None:
    original = Replay(ROW, ReplayConfig(window_min=10, window_fraction=0.1))
    original.insert(rows(0, 60))
    larger = Replay(ROW, ReplayConfig(window_min=50, window_fraction=0.1))
    larger.restore(original.rows(50, 60), 60)
    assert len(larger) == 10
    assert larger.sample(500, np.random.default_rng(0))["number"].min() == 50
    larger.insert(rows(60, 80))
    assert len(larger) == 30
    larger.insert(rows(80, 200))
    assert len(larger) == 50


def test_a_replay_restored_with_a_smaller_capacity_keeps_the_newest_rows() -> None:
    smaller = Replay(ROW, ReplayConfig(window_min=5, capacity=8))
    smaller.restore(rows(40, 60), 60)
    assert smaller.rows(52, 60)["number"].tolist() == list(range(52, 60))
    assert len(smaller) <= 8


def test_evicted_rows_are_drawn_no_more_and_the_window_grows_again() -> None:
    replay = Replay(ROW, ReplayConfig(window_min=100, capacity=200))
    replay.insert(rows(0, 80))
    assert replay.evict(before=50) == 50 and len(replay) == 30
    assert replay.sample(200, np.random.default_rng(0))["number"].min() >= 50
    replay.insert(rows(80, 120))
    assert len(replay) == 70 and replay.evict(before=20) == 0
    restored = Replay(ROW, ReplayConfig(window_min=100, capacity=200))
    restored.restore(replay.rows(50, 120), 120)
    for held in (replay, restored):
        held.insert(rows(120, 160))
        assert len(held) == 100 and held.rows(60, 160)["number"].tolist() == list(range(60, 160))
    assert replay.evict(before=10**6) == 99 and len(replay) == 1, "the newest row stays"
