"""Tests of a column against a reference: agreement with scipy, and what makes them valid."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from selfplay.drift.detectors.kolmogorov_smirnov import KolmogorovSmirnov
from selfplay.drift.tables import comparisons
from selfplay.drift.tables.comparisons import Categories, Tenths


@pytest.mark.parametrize("digits", [0, 1, 6], ids=["many ties", "ties", "no ties"])
def test_the_distance_is_that_of_scipys_kolmogorov_smirnov(digits: int) -> None:
    rng = np.random.default_rng(digits)
    for _ in range(60):
        a = np.sort(rng.normal(size=rng.integers(1, 300)).round(digits))
        b = np.sort(rng.normal(size=rng.integers(1, 80)).round(digits))
        found = comparisons.smirnov(a, b, 0.01)
        assert found.statistic == pytest.approx(stats.ks_2samp(a, b).statistic, abs=1e-12)
        ours = KolmogorovSmirnov().compare(a, b)
        assert found.statistic == pytest.approx(ours.statistic) and found.p_value >= ours.p_value * 0.999
        assert found.drift == (found.p_value <= 0.01) == (found.statistic >= found.threshold)


def test_its_p_value_is_no_smaller_than_the_exact_one() -> None:
    for n, m in ((400, 30), (1000, 100), (50, 50)):
        for distance in (0.25, 0.35, 0.45):
            a, b = np.arange(n) / n, np.arange(m) / m + distance
            found = comparisons.smirnov(a, b, 0.01)
            exact = stats.ks_2samp(a, b, method="exact").pvalue
            assert found.p_value >= exact * 0.999


def test_the_g_test_is_scipys_with_williams_correction() -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        table = rng.integers(1, 60, (2, rng.integers(2, 9)))
        found = comparisons.g_test(table[0], table[1], 0.01)
        freedom = table.shape[1] - 1
        g = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic
        n, rows, columns = table.sum(), table.sum(1), table.sum(0)
        q = 1 + (n * sum(1 / rows) - 1) * (n * sum(1 / columns) - 1) / (6 * n * freedom)
        assert found.statistic == pytest.approx(g / q) and found.p_value == pytest.approx(stats.chi2.sf(g / q, freedom))
        assert found.threshold == pytest.approx(stats.chi2.isf(0.01, freedom))


def test_the_exact_test_is_twice_the_smaller_tail_of_fishers() -> None:
    rng = np.random.default_rng(2)
    for _ in range(60):
        n, m = int(rng.integers(1, 300)), int(rng.integers(1, 90))
        a, b = int(rng.integers(0, n + 1)), int(rng.integers(0, m + 1))
        found = comparisons.exact((a, n), (b, m), 0.01)
        tails = (stats.fisher_exact([[b, m - b], [a, n - a]], alternative=side)[1] for side in ("less", "greater"))
        assert found.p_value == pytest.approx(min(1, 2 * min(tails)), rel=1e-6)
        assert found.statistic == pytest.approx(b / m - a / n)


@pytest.mark.parametrize("sizes", [(0, 5), (5, 0)], ids=["no reference", "no window"])
def test_nothing_drifts_where_a_side_is_empty(sizes: tuple[int, int]) -> None:
    n, m = sizes
    for found in (
        comparisons.smirnov(np.arange(n), np.arange(m), 0.01),
        comparisons.g_test(np.full(3, n), np.full(3, m), 0.01),
        comparisons.exact((0, n), (0, m), 0.01),
    ):
        assert not found.drift and found.p_value is None


def test_categories_are_lined_up_with_the_references() -> None:
    seen = Categories(np.array([5, 5, 3, 9], np.uint64))
    a, b, known = seen.table(np.array([3, 3, 7, 8, 8, 10], np.uint64))
    assert (a.tolist(), b.tolist(), known) == ([1, 2, 1, 0, 0, 0], [2, 0, 0, 1, 2, 1], 3)
    assert comparisons.rare(a, b).all()
    a, b, known = seen.table(np.array([], np.uint64))
    assert (a.tolist(), b.tolist(), known) == ([1, 2, 1], [0, 0, 0], 3)


def test_very_many_categories_are_compared_in_buckets() -> None:
    values = np.random.default_rng(0).integers(1, 2**63, 5000, np.uint64)
    seen = Categories(values)
    a, b, known = seen.table(np.random.default_rng(1).integers(1, 2**63, 2000, np.uint64))
    assert seen.hashed and len(a) == len(b) == known == comparisons.BUCKETS and (a.sum(), b.sum()) == (5000, 2000)
    assert comparisons.g_test(a, b, 0.01).p_value > 1e-4


def test_the_stability_index_is_about_what_is_expected_without_drift() -> None:
    rng = np.random.default_rng(4)
    found = []
    for _ in range(400):
        bins = Tenths(np.sort(rng.normal(size=1000)))
        found.append(comparisons.stability(bins.counts, bins.count(rng.normal(size=500))))
    assert np.mean([one.psi for one in found]) == pytest.approx(found[0].psi_expected, rel=0.15)
    p, q = np.array([100.5, 300.5]) / 401, np.array([50.5, 50.5]) / 101
    expected = float(((q - p) * np.log(q / p)).sum())
    assert comparisons.stability(np.array([100, 300]), np.array([50, 50])).psi == pytest.approx(expected)


@pytest.mark.parametrize(
    ("share", "n", "m"), [(0.5, 20_000, 1000), (0.02, 20_000, 1000), (0.01, 2000, 2000)],
    ids=["even", "2 % of a window", "1 % of both"],
)  # fmt: skip
def test_small_p_values_of_the_g_test_are_as_rare_as_they_say(share: float, n: int, m: int) -> None:
    """Pearson's χ² alarms 2 to 4 times as often at 1e-4 with few expected; windows are tested at such levels."""
    rng = np.random.default_rng(7)
    p = np.array([share, *np.full(4, (1 - share) / 4)])
    small = 0
    for a, b in zip(rng.multinomial(n, p, 8000), rng.multinomial(m, p, 8000), strict=True):
        small += comparisons.g_test(a, b, 2e-3).drift
    assert small <= 16 + 4 * 16**0.5
