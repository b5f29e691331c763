"""The conformal test martingale: fair odds, Ville's bound, and changes at any time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from streams import most_alarms

from selfplay.drift.detectors import martingale
from selfplay.drift.detectors.martingale import ConformalTestMartingale


def delay(detector: ConformalTestMartingale, before: np.ndarray, after: np.ndarray) -> int | None:
    """Values after the change until the alarm; None without one, negative before the change."""
    for i, value in enumerate(np.concatenate([before, after]).tolist()):
        if detector.update(value).drift:
            return i - len(before)
    return None


@pytest.mark.parametrize("bet", range(len(martingale.BETS)))
def test_every_bet_is_fair(bet: int) -> None:
    """It pays 1 in the mean over p uniform on [0, 1]."""
    z = np.linspace(-7.5, 7.5, 3001)  # p = 1 − Φ(z), with the density of a standard normal
    paid = [martingale.payments(p)[bet] for p in stats.norm.sf(z)]
    assert float(np.trapezoid(paid * stats.norm.pdf(z), z)) == pytest.approx(1, abs=1e-3)


def test_the_capital_is_one_at_the_beginning_and_never_falls_to_nothing() -> None:
    """What has not entered keeps its worth: 1 / log₂(n + 2), half of which each gambler stands for."""
    detector, rng = ConformalTestMartingale(), np.random.default_rng(0)
    state = detector.update(0.0)
    assert 0.4 < state.statistic < 1.2 and state.threshold == 100
    for count, value in enumerate(rng.normal(size=3000).tolist(), start=2):
        state = detector.update(value)
        assert state.statistic >= 0.5 / math.log2(count + 2)


def ranks(values: list[float], exact: int) -> np.ndarray:
    detector, found = ConformalTestMartingale(exact=exact, seed=3), []
    take = detector._rank
    detector._rank = lambda gambler, value, tie: found.append(take(gambler, value, tie)) or found[-1]  # type: ignore[method-assign, func-returns-value]
    for value in values:
        detector.update(value)
    return np.reshape(found, (-1, 2))


@pytest.mark.parametrize("kind", ["normal", "win bit", "three results"])
def test_ranks_are_uniform_and_independent_before_and_after_values_become_cells(kind: str) -> None:
    rng = np.random.default_rng(1)
    draw = {"normal": rng.normal, "win bit": lambda: rng.integers(2), "three results": lambda: rng.choice([0, 0.5, 1])}
    found = ranks([float(draw[kind]()) for _ in range(6000)], 200)
    for gambler in range(2):
        for part in (found[:200, gambler], found[400:, gambler]):
            bins = np.bincount((part * 10).astype(int), minlength=10)
            assert ((bins - len(part) / 10) ** 2 / (len(part) / 10)).sum() < 27.9  # χ², 9 degrees of freedom, p 0.001
        assert abs(np.corrcoef(found[1:, gambler], found[:-1, gambler])[0, 1]) < 3.3 / math.sqrt(6000)


@pytest.mark.parametrize("seed", range(5))
def test_data_drawn_with_the_seed_of_the_detector_are_no_alarm(seed: int) -> None:
    """The numbers that break ties were once those that made the bits, so that ranks told the values of the future."""
    stream = (np.random.default_rng(seed).random(500) < 0.5).astype(float)
    assert delay(ConformalTestMartingale(seed=seed), stream, np.empty(0)) is None


def test_an_exact_rank_counts_the_greater_values() -> None:
    found = ranks([3.0, 1.0, 2.0, 4.0, 0.0], 100)[:, 0]
    for p, greater, known in zip(found, [0, 1, 1, 0, 4], [1, 2, 3, 4, 5], strict=True):
        assert greater / known < p <= (greater + 1) / known


@pytest.mark.parametrize(("streams", "values"), [(100, 500), pytest.param(1000, 400, marks=pytest.mark.slow)])
def test_at_most_one_stream_in_a_hundred_has_a_false_alarm(streams: int, values: int) -> None:
    """Over the whole length of each, in which values become cells; normal, bits and heavy tails in turn."""
    rng, alarms = np.random.default_rng(2), 0
    for seed in range(streams):
        stream = (rng.normal(size=values), rng.integers(0, 2, values), rng.standard_cauchy(values))[seed % 3]
        alarms += delay(ConformalTestMartingale(exact=100, seed=seed), stream, np.empty(0)) is not None
    assert alarms <= most_alarms(0.01, streams)


@pytest.mark.parametrize("before", [60, 99, 101, 199, 201, 1000])
def test_a_change_is_found_whenever_it_comes(before: int) -> None:
    """Also where the values of one gambler have just become cells, of 100 and 200 values here."""
    rng = np.random.default_rng(6)
    for seed in range(5):
        found = delay(ConformalTestMartingale(exact=100, seed=seed), rng.normal(size=before), rng.normal(1.5, size=200))
        assert found is not None and 0 <= found < 60


def test_changes_of_spread_and_of_a_share_are_found_too() -> None:
    rng = np.random.default_rng(4)
    wider = delay(ConformalTestMartingale(), rng.normal(size=300), rng.normal(0, 2.5, size=300))
    stuck = delay(ConformalTestMartingale(), rng.normal(size=300), np.full(300, 0.1))
    share = delay(ConformalTestMartingale(), (rng.random(300) < 0.5) + 0.0, (rng.random(300) < 0.9) + 0.0)
    assert wider is not None and stuck is not None and share is not None
    assert 0 <= wider < 60 and 0 <= stuck < 60 and 0 <= share < 120


def test_memory_does_not_grow_with_the_stream() -> None:
    detector, rng = ConformalTestMartingale(exact=50), np.random.default_rng(5)
    for value in rng.normal(size=3000).tolist():
        detector.update(value)
    assert [len(values) for values in detector.values] == [50, 100]
    assert [sum(cells) for cells in detector.cells] == [2950, 2900]
