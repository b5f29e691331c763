"""A uniform sample of rows in one pass."""

from __future__ import annotations

import numpy as np

from selfplay.drift.tables.columns import hash_numbers
from selfplay.drift.tables.sample import RowSample


def sampled(count: int, capacity: int, seed: int, block: int = 97) -> np.ndarray:
    sample = RowSample(capacity, np.random.default_rng(seed))
    for begin in range(0, count, block):
        part = np.arange(begin, min(begin + block, count))
        sample.add([part, part * 2.0])
    first, second = sample.columns()
    np.testing.assert_array_equal(second, first * 2)
    return first


def test_a_small_table_is_kept_whole_and_in_order() -> None:
    np.testing.assert_array_equal(sampled(1000, 1000, 1), np.arange(1000))


def test_every_row_is_as_likely_to_be_kept() -> None:
    kept = np.concatenate([sampled(1000, 100, seed) for seed in range(200)])
    assert len(kept) == 200 * 100
    tenths = np.bincount(kept // 100, minlength=10)  # each 2,000 in expectation, with a deviation below 43
    assert np.abs(tenths - 2000).max() < 4 * 43


def test_what_is_held_is_bounded() -> None:
    sample = RowSample(50, np.random.default_rng(0))
    for _ in range(200):
        sample.add([np.zeros(400)])
        assert sum(len(part[0]) for part in sample._parts) <= 2 * 50 + 400
    assert len(sample) == 50 and sample.seen == 80_000


def test_one_row_a_group_is_kept_and_each_of_its_rows_as_likely() -> None:
    places = []
    for seed in range(300):
        sample = RowSample(1000, np.random.default_rng(seed), grouped=True)
        for begin in range(0, 60, 20):
            rows = np.arange(begin, begin + 20)
            sample.add([rows], hash_numbers((rows % 6).astype(float)))  # 6 groups of 10 rows, in every block
        (kept,) = sample.columns()
        assert sorted(kept % 6) == [0, 1, 2, 3, 4, 5]
        places += (kept // 6).tolist()
    counts = np.bincount(places, minlength=10)  # each 180, with a deviation of 13
    assert np.abs(counts - 180).max() < 4 * 13


def test_groups_beyond_the_capacity_are_left_out_whole() -> None:
    sample = RowSample(100, np.random.default_rng(0), grouped=True)
    for _ in range(50):
        groups = np.arange(500)
        sample.add([groups], hash_numbers(groups.astype(float)))
    (kept,) = sample.columns()
    assert len(kept) == 100 == len(set(kept.tolist()))
