"""Tests on counts: agreement with scipy and with published figures, false alarms, invariances, refusals."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from streams import false_alarms, games, groups_of, least_alarms, most_alarms

from selfplay.drift.detectors.frequencies import ChiSquared, FisherExact, PopulationStabilityIndex, index

few = settings(max_examples=40, deadline=None)
TESTS = [PopulationStabilityIndex(), PopulationStabilityIndex(categories=True), ChiSquared(), FisherExact()]
NAMES = ["psi-of-numbers", "psi-of-codes", "chi-squared", "exact"]
counts = st.lists(st.integers(0, 12), min_size=2, max_size=4).filter(any)


def test_the_index_is_its_formula_with_half_a_row_added_to_each_bin() -> None:
    r, w = np.array([3.5, 1.5]) / 5, np.array([0.5, 4.5]) / 5
    assert float(index(np.array([3, 1]), np.array([0, 4]))) == pytest.approx(float(((w - r) * np.log(w / r)).sum()))


@pytest.mark.parametrize(("rows", "mean", "largest"), [(100, 0.17, 0.33), (500, 0.036, 0.067)])
def test_without_drift_the_index_is_as_large_as_theory_says(rows: int, mean: float, largest: float) -> None:
    """Mean and 95 % point of 10 bins, which the textbook's 0.1 and 0.25 disregard."""
    rng = np.random.default_rng(rows)
    test = PopulationStabilityIndex(alpha=0.05)
    found = [test.compare(rng.normal(size=rows), rng.normal(size=rows)) for _ in range(600)]
    values = [one.statistic for one in found]
    assert np.mean(values) == pytest.approx(mean, rel=0.06)
    assert np.quantile(values, 0.95) == pytest.approx(largest, rel=0.1)
    assert found[0].threshold == pytest.approx(largest, rel=0.03)


def test_a_large_sample_that_the_textbook_calls_stable_has_drifted() -> None:
    rng = np.random.default_rng(0)
    found = PopulationStabilityIndex().compare(rng.normal(size=20_000), rng.normal(0.1, size=20_000))
    assert found.statistic < 0.1 and found.drift


@few
@given(counts, st.data())
def test_chi_squared_is_that_of_scipy(reference: list[int], data: st.DataObject) -> None:
    window = data.draw(st.lists(st.integers(0, 12), min_size=len(reference), max_size=len(reference)).filter(any))
    table = np.array([reference, window]) + 20  # no column is rare
    found, wanted = ChiSquared().compare_counts(*table), stats.chi2_contingency(table, correction=False)
    assert found.statistic == pytest.approx(wanted.statistic, abs=1e-9)
    assert found.p_value == pytest.approx(wanted.pvalue, abs=1e-9)


def test_rare_categories_are_counted_together() -> None:
    """Ten categories of one row each would make χ² meaningless; together with the next they are ten rows."""
    found = ChiSquared().compare_counts([50, 50, *[1] * 5, *[0] * 5], [50, 50, *[0] * 5, *[1] * 5])
    assert found.statistic == 0 and found.p_value == 1


@few
@given(st.tuples(*[st.integers(0, 15)] * 4).filter(lambda t: t[0] + t[1] > 0 and t[2] + t[3] > 0))
def test_the_exact_test_of_two_categories_is_that_of_scipy(cells: tuple[int, int, int, int]) -> None:
    table = np.array(cells).reshape(2, 2)
    assert FisherExact().compare_counts(*table).p_value == pytest.approx(stats.fisher_exact(table).pvalue, abs=1e-9)


@few
@given(counts, st.data())
def test_the_exact_test_adds_up_the_tables_that_are_no_likelier(reference: list[int], data: st.DataObject) -> None:
    window = data.draw(st.lists(st.integers(0, 12), min_size=len(reference), max_size=len(reference)).filter(any))
    columns, rows = np.array(reference) + window, sum(window)

    def probability(taken: tuple[int, ...]) -> float:
        ways = math.prod(math.comb(int(total), one) for total, one in zip(columns, taken, strict=True))
        return ways / math.comb(int(columns.sum()), rows)

    tables = [t for t in product(*(range(total + 1) for total in columns)) if sum(t) == rows] if rows < 20 else []
    if len(tables) > 5000 or not tables:
        return
    limit = probability(tuple(window)) * (1 + 1e-7)
    wanted = sum(p for p in map(probability, tables) if p <= limit)
    assert FisherExact().compare_counts(reference, window).p_value == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("test", TESTS, ids=NAMES)
def test_false_alarms_come_no_oftener_than_stated(test: object) -> None:
    rng = np.random.default_rng(5)
    alarms = false_alarms(test, lambda: (rng.integers(0, 3, 60), rng.integers(0, 3, 45)), 1000)  # type: ignore[arg-type]
    assert alarms <= most_alarms(0.01, 1000)


@pytest.mark.parametrize("test", TESTS[:3], ids=NAMES[:3])
def test_rows_of_one_game_count_as_one_when_games_are_named(test: object) -> None:
    """30 games of 20 rows each: rows as units alarm in most comparisons without any drift, games at the stated rate."""
    rng = np.random.default_rng(6)
    draw = lambda: (games(rng, 30).round(), games(rng, 30).round())  # noqa: E731
    careful = type(test)(**{**vars(test), "permutations": 199, "alpha": 0.05})
    assert false_alarms(careful, draw, 100) > 40
    alarms = false_alarms(careful, draw, 200, groups_of(30, 30))
    assert least_alarms(0.04, 200) <= alarms <= most_alarms(0.05, 200)


@pytest.mark.parametrize("test", TESTS, ids=NAMES)
def test_a_changed_distribution_is_found(test: object) -> None:
    rng = np.random.default_rng(7)
    window = rng.choice(3, 90, p=[0.7, 0.2, 0.1])
    assert test.compare(rng.integers(0, 3, 90), window).drift  # type: ignore[attr-defined]


@few
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100), st.floats(-100, 100))
def test_the_index_of_numbers_does_not_depend_on_their_unit(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    reference, window = rng.normal(size=80), rng.normal(0.5, size=50)
    found = PopulationStabilityIndex().compare(reference, window)
    moved = PopulationStabilityIndex().compare(reference * scale + shift, window * scale + shift)
    assert moved.statistic == pytest.approx(found.statistic)


@few
@given(st.permutations("abcde"), st.integers(0, 1000))
def test_names_of_categories_do_not_matter(names: list[str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, window = rng.integers(0, 5, 20), rng.integers(0, 5, 15)
    for test in TESTS[1:]:
        plain = test.compare(reference, window)
        named = test.compare(np.array(names)[reference], np.array(names)[window])
        assert named.statistic == pytest.approx(plain.statistic) and named.drift == plain.drift


@pytest.mark.parametrize("test", TESTS, ids=NAMES)
def test_one_value_in_both_samples_is_no_drift(test: object) -> None:
    found = test.compare(np.zeros(9, int), np.zeros(4, int))  # type: ignore[attr-defined]
    assert not found.drift and found.p_value == 1


@pytest.mark.parametrize(
    ("reference", "window", "message"),
    [
        ([], [1], "the reference is empty"),
        ([1], [], "the window is empty"),
        ([1.0, math.nan], [1.0], "the reference holds NaN"),
        ([[1, 2]], [[1, 2]], "columns one by one"),
    ],
)
def test_samples_that_cannot_be_compared_are_refused(reference: list, window: list, message: str) -> None:
    for test in TESTS:
        with pytest.raises(ValueError, match=message):
            test.compare(np.array(reference), np.array(window))


def test_counts_and_settings_that_mean_nothing_are_refused() -> None:
    for test in TESTS:
        with pytest.raises(ValueError, match="whole numbers"):
            test.compare_counts([1, -1], [1, 1])
        with pytest.raises(ValueError, match="same bins"):
            test.compare_counts([1, 1], [1, 1, 1])
        with pytest.raises(ValueError, match="alpha is a share"):
            type(test)(alpha=1.0)
    with pytest.raises(ValueError, match="at least 2 bins"):
        PopulationStabilityIndex(bins=1)
    with pytest.raises(ValueError, match="ChiSquared is right"):
        FisherExact().compare_counts([1000] * 4, [1000] * 4)
    with pytest.raises(ValueError, match="one row a game"):
        FisherExact().compare(np.zeros(4), np.zeros(4), groups_of(2, 2, 2))
