"""Maximum mean discrepancy against its definition, and its false alarms by rows and by games."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import false_alarms, games, groups_of, least_alarms, most_alarms

from selfplay.drift.detectors import mean_discrepancy
from selfplay.drift.detectors.mean_discrepancy import MaximumMeanDiscrepancy

QUICK = MaximumMeanDiscrepancy(alpha=0.05, permutations=99)


def test_the_statistic_is_the_sum_over_pairs_of_its_definition() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(7, 2)), rng.normal(1, size=(5, 2))
    both = np.concatenate([x, y])
    both = (both - both.mean(0)) / both.std(0)
    distances = [float(((a - b) ** 2).sum()) for i, a in enumerate(both) for b in both[:i]]
    width = float(np.median(distances))

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float(np.exp(-((a - b) ** 2).sum() / (2 * width)))

    x, y = both[:7], both[7:]
    wanted = sum(k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j) / (7 * 6)
    wanted += sum(k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j) / (5 * 4)
    wanted -= 2 * sum(k(a, b) for a in x for b in y) / (7 * 5)
    assert QUICK.compare(both[:7], both[7:]).statistic == pytest.approx(wanted)


def test_a_game_is_the_mean_of_its_rows_however_many_they_are() -> None:
    """Every game repeats one row, so the discrepancy of games is that of single rows with the games' kernel."""
    rng = np.random.default_rng(1)
    one = rng.normal(size=8), rng.normal(1, size=6)
    repeats = rng.integers(1, 5, 8), rng.integers(1, 5, 6)
    rows = [np.repeat(values, times) for values, times in zip(one, repeats, strict=True)]
    names = [np.repeat(np.arange(len(times)), times) for times in repeats]
    kernel = mean_discrepancy.gaussian_kernel(mean_discrepancy.standardised(np.concatenate(rows)))
    first = np.concatenate([[0], np.cumsum(np.concatenate(repeats))[:-1]])
    wanted = mean_discrepancy.discrepancy(kernel[np.ix_(first, first)], np.arange(14)[None] >= 8)
    assert QUICK.compare(*rows, (names[0], names[1])).statistic == pytest.approx(float(wanted[0]))


@pytest.mark.parametrize("change", ["mean", "spread", "correlation"])
def test_changes_of_mean_spread_and_correlation_are_found(change: str) -> None:
    rng = np.random.default_rng(2)
    window = rng.normal(size=(150, 2))
    if change == "mean":
        window += 0.7
    elif change == "spread":
        window *= 2
    else:
        window[:, 1] = 0.9 * window[:, 0] + 0.44 * window[:, 1]
    assert QUICK.compare(rng.normal(size=(150, 2)), window).drift


def test_false_alarms_come_as_often_as_stated_by_rows_and_by_games() -> None:
    rng = np.random.default_rng(3)
    alarms = false_alarms(QUICK, lambda: (rng.normal(size=(25, 2)), rng.normal(size=(20, 2))), 200)
    assert least_alarms(0.03, 200) <= alarms <= most_alarms(0.05, 200)
    draw = lambda: (games(rng, 15, 10), games(rng, 15, 10))  # noqa: E731
    assert false_alarms(QUICK, draw, 60) > 8
    assert false_alarms(QUICK, draw, 60, groups_of(15, 15, 10)) <= most_alarms(0.05, 60)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1e-3, 7.0, 1e4]), st.floats(-10, 10))
def test_the_units_of_the_columns_do_not_matter(seed: int, scale: float, shift: float) -> None:
    rng = np.random.default_rng(seed)
    x, y, units = rng.normal(size=(20, 3)), rng.normal(0.5, size=(15, 3)), np.array([1, scale, 1 / scale])
    found, moved = QUICK.compare(x, y), QUICK.compare(x * units + shift, y * units + shift)
    assert moved.statistic == pytest.approx(found.statistic, abs=1e-6)


def test_large_samples_are_drawn_from_and_constant_ones_are_no_drift() -> None:
    rng = np.random.default_rng(4)
    small = MaximumMeanDiscrepancy(permutations=99, most_units=50, alpha=0.05)
    assert small.compare(rng.normal(size=5000), rng.normal(1, size=5000)).drift
    assert not QUICK.compare(np.zeros((9, 2)), np.zeros((9, 2))).drift


def test_a_single_game_is_refused() -> None:
    with pytest.raises(ValueError, match="two games or rows in each sample, not 1"):
        QUICK.compare(np.zeros(4), np.zeros(4), (np.zeros(4), np.arange(4)))
    with pytest.raises(ValueError, match=r"rows of the reference have shape \(2,\), of the window \(3,\)"):
        QUICK.compare(np.zeros((4, 2)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match=r"the game of each of 4 rows, not \[3\]"):
        QUICK.compare(np.zeros(4), np.zeros(4), (np.zeros(3), np.arange(4)))
