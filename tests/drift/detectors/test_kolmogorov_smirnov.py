"""The Kolmogorov–Smirnov test: agreement with scipy, false alarms by rows and by games, invariance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from streams import false_alarms, games, groups_of, least_alarms, most_alarms

from selfplay.drift.detectors.kolmogorov_smirnov import KolmogorovSmirnov

few = settings(max_examples=40, deadline=None)


@few
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 40))
def test_small_samples_have_the_exact_p_of_scipy(seed: int, first: int, second: int) -> None:
    rng = np.random.default_rng(seed)
    reference, window = rng.normal(size=first).round(1), rng.normal(0.5, size=second).round(1)
    found = KolmogorovSmirnov().compare(reference, window)
    assume(found.statistic > 0)  # scipy's own p is then 1 and a rounding error, which it takes for a failure
    wanted = stats.ks_2samp(reference, window, method="exact")
    assert found.statistic == pytest.approx(wanted.statistic) and found.p_value == pytest.approx(wanted.pvalue)
    assert found.drift == (found.statistic >= found.threshold - 1e-12)


def test_large_samples_have_the_asymptotic_p_of_scipy() -> None:
    rng = np.random.default_rng(0)
    reference, window = rng.normal(size=300), rng.normal(0.1, size=250)
    found, wanted = KolmogorovSmirnov().compare(reference, window), stats.ks_2samp(reference, window, method="asymp")
    assert found.statistic == pytest.approx(wanted.statistic) and found.p_value == pytest.approx(wanted.pvalue)


@few
@given(st.integers(0, 2**32 - 1))
def test_a_monotone_map_of_all_values_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, window = rng.normal(size=40), rng.normal(0.3, size=25)
    assert KolmogorovSmirnov().compare(np.exp(reference), np.exp(window)) == KolmogorovSmirnov().compare(
        reference, window
    )


def test_each_row_a_game_gives_the_statistic_of_rows() -> None:
    rng = np.random.default_rng(1)
    reference, window = rng.normal(size=50).round(1), rng.normal(1, size=40).round(1)
    by_rows = KolmogorovSmirnov().compare(reference, window)
    by_games = KolmogorovSmirnov().compare(reference, window, (np.arange(50), np.arange(40)))
    assert by_games.statistic == pytest.approx(by_rows.statistic) and by_games.drift == by_rows.drift


def test_false_alarms_come_as_often_as_stated() -> None:
    rng = np.random.default_rng(2)
    alarms = false_alarms(KolmogorovSmirnov(alpha=0.05), lambda: (rng.normal(size=90), rng.normal(size=70)), 1000)
    assert least_alarms(0.04, 1000) <= alarms <= most_alarms(0.05, 1000)


def test_rows_of_one_game_count_as_one_when_games_are_named() -> None:
    rng = np.random.default_rng(3)
    draw = lambda: (games(rng, 20), games(rng, 20))  # noqa: E731
    test = KolmogorovSmirnov(alpha=0.05, permutations=199)
    assert false_alarms(test, draw, 100) > 40
    alarms = false_alarms(test, draw, 100, groups_of(20, 20))
    assert least_alarms(0.03, 100) <= alarms <= most_alarms(0.05, 100)


def test_a_few_games_can_never_be_an_alarm() -> None:
    """Two games against two have six divisions: p is never below 1/6, and says so."""
    found = KolmogorovSmirnov().compare(np.zeros(40), np.ones(40), groups_of(2, 2))
    assert found.statistic == 1 and not found.drift and found.p_value > 0.1
