"""Descriptions of columns, against NumPy on the whole column."""

from __future__ import annotations

import numpy as np
import pytest

from selfplay.drift.tables import columns, statistics
from selfplay.drift.tables.statistics import Moments


def described(values: np.ndarray, block: int) -> statistics.Description:
    moments = Moments()
    for begin in range(0, len(values), block):
        moments.update(values[begin : begin + block])
    return moments.describe(values)


@pytest.mark.parametrize("block", [1, 37, 10_000])
def test_figures_are_those_of_the_whole_column_in_blocks_of_any_size(block: int) -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(1e6, 2.0, 1500).round(1)
    values[rng.random(1500) < 0.1] = np.nan
    found = described(values, block)
    present = values[~np.isnan(values)]
    assert (found.rows, found.missing, found.distinct) == (1500, 1500 - len(present), len(np.unique(present)))
    assert (found.minimum, found.maximum, found.median) == (present.min(), present.max(), np.median(present))
    assert found.mean == pytest.approx(present.mean(), rel=1e-12)
    assert found.deviation == pytest.approx(present.std(ddof=1), rel=1e-9)
    assert found.uniqueness == pytest.approx(len(np.unique(present)) / len(present))


def test_many_distinct_values_are_counted_within_a_few_percent() -> None:
    values = np.random.default_rng(0).permutation(np.repeat(np.arange(50_000.0), 3))
    found = described(values, 16_384)
    assert not found.distinct_exact and found.distinct == pytest.approx(50_000, rel=0.06)
    assert described(np.arange(4096.0), 1000).distinct == 4096


def test_categories_have_counts_only() -> None:
    cells = np.array([7, 7, columns.NONE, 9], np.uint64)
    found = described(cells, 2)
    assert (found.rows, found.missing, found.distinct, found.mean) == (4, 1, 2, None)


@pytest.mark.parametrize("values", [[np.nan, np.nan], [5.0], [5.0, 5.0, np.nan]], ids=["missing", "one", "constant"])
def test_columns_without_spread_are_described(values: list[float]) -> None:
    found = described(np.array(values), 10)
    if np.isnan(values).all():
        assert (found.missing, found.distinct, found.mean, found.uniqueness) == (2, 0, None, 0.0)
    else:
        assert (found.mean, found.median, found.deviation, found.distinct) == (5, 5, 0, 1)


def test_correlations_are_numpys_over_the_rows_with_both() -> None:
    rng = np.random.default_rng(5)
    a = rng.normal(size=400) * 1e-7 + 3
    made = {"a": a, "b": a + rng.normal(size=400) * 1e-7, "c": rng.normal(size=400) * 1e9, "d": np.full(400, 0.1)}
    made["b"][rng.random(400) < 0.3] = np.nan
    made["c"][rng.random(400) < 0.2] = np.nan
    found = statistics.correlations(made | {"e": np.full(400, np.nan)})
    assert set(found) == {("a", "b"), ("a", "c"), ("b", "c")}
    for (x, y), value in found.items():
        both = ~(np.isnan(made[x]) | np.isnan(made[y]))
        assert value == pytest.approx(np.corrcoef(made[x][both], made[y][both])[0, 1], abs=1e-9)
