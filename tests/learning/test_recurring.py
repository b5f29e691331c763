"""A replay whose rows recur, against a plain list: means over the window, draws by count, and a restored one."""

from __future__ import annotations

import numpy as np
import pytest

from selfplay.errors import ConfigError
from selfplay.learning.config import ReplayConfig
from selfplay.learning.recurring import Recurrence, Table
from selfplay.learning.replay import Replay

ROW = np.dtype([("key", "i8"), ("number", "i8"), ("value", "f4"), ("shares", "f4", (3,))])


def rows(rng: np.random.Generator, count: int, kinds: int) -> np.ndarray:
    """Rows of a few kinds, the first ones more often; negative keys are mirror images of positive ones."""
    made = np.zeros(count, ROW)
    made["key"] = (kinds * rng.random(count) ** 2).astype(int) * rng.choice([-1, 1], count)
    made["number"], made["value"] = rng.integers(1 << 40, size=count), rng.uniform(-1, 1, count)
    made["shares"] = rng.dirichlet([1, 1, 1], count)
    return made


def canonical(made: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The positive one of two mirror images, which has its shares the other way round."""
    turned, mirrored = made.copy(), made["key"] < 0
    turned["key"][mirrored] *= -1
    turned["shares"][mirrored] = made["shares"][mirrored, ::-1]
    return turned, turned["key"].astype(np.uint64)


def recurrence(power: float = 1.0, averaged: tuple[str, ...] = ("value", "shares")) -> Recurrence:
    return Recurrence(canonical, averaged, power)


class ListReplay:
    """The same in obvious Python: every row ever inserted, and for each row drawn a walk through the window."""

    def __init__(self, config: ReplayConfig) -> None:
        self.config, self.oldest = config, 0
        self.all = np.zeros(0, ROW)

    def insert(self, new: np.ndarray) -> None:
        self.all = np.concatenate([self.all, canonical(new)[0]])

    def window(self) -> np.ndarray:
        c = self.config
        size = min(len(self.all), max(c.window_min, int(len(self.all) * c.window_fraction)), c.capacity)
        return self.all[max(len(self.all) - size, self.oldest) :]

    def averaged(self, row: np.void) -> tuple[float, np.ndarray]:
        same = [other for other in self.window() if other["key"] == row["key"]]
        return float(np.mean([other["value"] for other in same])), np.mean([other["shares"] for other in same], axis=0)


def agrees(replay: Replay, twin: ListReplay, draw: int) -> None:
    plain = {row["number"]: row for row in twin.window()}
    for row in replay.sample(8, np.random.default_rng(draw)):
        value, shares = twin.averaged(row)
        assert row["key"] == plain[row["number"]]["key"] >= 0
        assert row["value"] == pytest.approx(value, abs=1e-6) and row["shares"] == pytest.approx(shares, abs=1e-6)
    keys, counts = np.unique(twin.window()["key"], return_counts=True)
    assert replay.metrics() == {"distinct": len(keys) / len(replay), "most": counts.max()}


@pytest.mark.parametrize("seed", range(8))
def test_rows_drawn_have_the_means_of_their_key_over_the_window(seed: int) -> None:
    rng = np.random.default_rng(seed)
    config = ReplayConfig(
        window_min=int(rng.integers(1, 60)),
        window_fraction=float(rng.uniform(0.05, 1.0)),
        capacity=int(rng.integers(1, 300)),
    )
    replay, twin = Replay(ROW, config, recurrence(float(rng.choice([0, 0.5, 1])))), ListReplay(config)
    for step in range(40):
        new = rows(rng, int(rng.choice([0, 1, 5, 40, 400], p=[0.1, 0.2, 0.3, 0.35, 0.05])), 30)
        replay.insert(new)
        twin.insert(new)
        window = twin.window()
        assert len(replay) == len(window)
        if not len(window):
            continue
        kept = replay.rows(replay.inserted - len(replay), replay.inserted)
        assert kept.tobytes() == window.tobytes(), "rows are kept as they came"
        agrees(replay, twin, step)
        if rng.random() < 0.1:
            twin.oldest = len(twin.all) - int(rng.integers(1, len(window) + 1))
            replay.evict(twin.oldest)
            agrees(replay, twin, step)


def test_a_key_alone_keeps_its_bits_and_fields_that_are_not_averaged_stay() -> None:
    replay = Replay(ROW, ReplayConfig(window_min=10), recurrence(averaged=("value",)))
    made = rows(np.random.default_rng(0), 3, 30)
    made["key"], made["value"] = [4, 4, 7], [1, 0, np.float32(1e-12)]
    replay.insert(made)
    for row in replay.sample(30, np.random.default_rng(0)):
        plain = made[made["number"] == row["number"]][0]
        assert row["shares"].tobytes() == plain["shares"].tobytes()
        assert row["value"] == (np.float32(0.5) if row["key"] == 4 else np.float32(1e-12))


@pytest.mark.parametrize("power", [1.0, 0.5, 0.0])
def test_a_key_of_n_rows_is_drawn_as_often_as_n_to_the_power_rows(power: float) -> None:
    replay = Replay(ROW, ReplayConfig(window_min=200), recurrence(power))
    made = np.zeros(120, ROW)
    made["key"] = np.repeat([0, 1, 2, 3], [1, 4, 15, 100])
    made["number"] = np.arange(120)
    replay.insert(np.random.default_rng(1).permutation(made))
    drawn = replay.sample(40_000, np.random.default_rng(2))
    wanted = np.array([1, 4, 15, 100.0]) ** power
    wanted /= wanted.sum()
    spread = np.sqrt(wanted * (1 - wanted) / 40_000)
    assert (abs(np.bincount(drawn["key"]) / 40_000 - wanted) < 5 * spread).all()
    inside = np.bincount(drawn["number"][drawn["key"] == 2] - 5, minlength=15)
    assert inside.min() > 0.75 * inside.mean(), "which of a key's rows is even"


@pytest.mark.parametrize("inserted", [3, 50, 400])
def test_a_restored_replay_draws_the_same_bits_now_and_later(inserted: int) -> None:
    config, rng = ReplayConfig(window_min=40, window_fraction=0.3, capacity=200), np.random.default_rng(inserted)
    original = Replay(ROW, config, recurrence(0.5))
    for first in range(0, inserted, 10):
        original.insert(rows(rng, min(10, inserted - first), 20))
    restored = Replay(ROW, config, recurrence(0.5))
    restored.restore(original.rows(inserted - len(original), inserted), inserted)
    for step in range(5):
        a, b = (replay.sample(50, np.random.default_rng(step)) for replay in (original, restored))
        assert a.tobytes() == b.tobytes() and original.metrics() == restored.metrics()
        new = rows(rng, 30, 20)
        original.insert(new)
        restored.insert(new)


def test_a_replay_restored_with_a_smaller_window_counts_only_what_is_in_it() -> None:
    made = rows(np.random.default_rng(3), 60, 5)
    replay = Replay(ROW, ReplayConfig(window_min=20, window_fraction=0.01), recurrence())
    replay.restore(made, 60)
    twin = ListReplay(replay.config)
    twin.insert(made)
    agrees(replay, twin, 0)


def test_a_replay_without_recurrence_has_no_figures_and_draws_as_ever() -> None:
    made = rows(np.random.default_rng(4), 50, 5)
    replay = Replay(ROW, ReplayConfig(window_min=50))
    replay.insert(made)
    assert replay.metrics() == {}
    assert (
        replay.sample(9, np.random.default_rng(0)).tobytes()
        == made[np.random.default_rng(0).integers(0, 50, 9)].tobytes()
    )


def test_memory_that_the_table_would_need_is_told_of() -> None:
    with pytest.raises(ConfigError, match="lower"):
        huge = ReplayConfig(window_min=10**9, capacity=10**9)
        Replay.check(np.dtype([("value", "f4")]), huge, Recurrence(canonical, ("value",), 1.0))
    assert Table.bytes_a_row(recurrence(), ROW) > 4 * 8
