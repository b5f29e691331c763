"""What is counted of a detector, on streams whose alarms are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from selfplay.drift import evaluation
from selfplay.drift.detectors.frequencies import ChiSquared
from selfplay.drift.evaluation import Periodic, Stream, evaluate


def test_alarms_before_and_long_after_a_change_are_false_and_the_first_one_within_the_horizon_finds_it() -> None:
    """100 values, alarms at 29, 59 and 89; the change at 50 is found at 59, the tenth value; at 89 it is long past."""
    score = evaluate(lambda: Periodic(30), [Stream(np.zeros(100), 50)], horizon=20)
    assert (score.found, score.power, score.delay) == (1, 1.0, 10)
    assert (score.false_alarms, score.false_alarm_share) == (2, 1.0)
    assert score.run_length == (100 - 20) / 2
    assert score.f1 == pytest.approx(2 * (1 / 3) * 1 / (1 / 3 + 1))


def test_alarms_after_the_first_one_are_false_as_well() -> None:
    score = evaluate(lambda: Periodic(1), [Stream(np.zeros(10), 5)], horizon=100)
    assert (score.found, score.delay, score.false_alarms) == (1, 1, 9)


def test_a_change_that_is_not_found_costs_the_horizon() -> None:
    streams = [Stream(np.zeros(100), 50), Stream(np.zeros(100))]
    score = evaluate(lambda: Periodic(0), streams, horizon=40)
    assert (score.found, score.delay, score.power, score.f1) == (0, 40, 0, 0)
    assert (score.false_alarms, score.false_alarm_share) == (0, 0) and math.isinf(score.run_length)


def test_the_periodic_dummy_has_the_run_length_that_it_is_made_for() -> None:
    score = evaluate(Periodic, [Stream(np.zeros(1000))] * 5)
    assert (score.streams, score.values, score.changes) == (5, 5000, 0)
    assert score.run_length == 100 and score.false_alarm_share == 1 and math.isnan(score.delay)


def test_streams_have_the_moments_that_they_are_asked_for() -> None:
    rng = np.random.default_rng(0)
    sudden = evaluation.normal(rng, 40_000, 20_000, 1.0)
    assert sudden.values[:20_000].mean() == pytest.approx(0, abs=0.03)
    assert sudden.values[20_000:].mean() == pytest.approx(1, abs=0.03)
    gradual = evaluation.normal(rng, 40_000, 10_000, 1.0, over=20_000).values
    assert gradual[15_000:25_000].mean() == pytest.approx(0.5, abs=0.04)
    share = evaluation.bits(rng, 40_000, 0.3, 20_000, 0.2).values
    assert share[:20_000].mean() == pytest.approx(0.3, abs=0.02)
    assert share[20_000:].mean() == pytest.approx(0.5, abs=0.02)
    rows = evaluation.games(rng, 20_000, 4, alike=0.3)
    assert rows.std() == pytest.approx(1, abs=0.02)
    assert np.corrcoef(rows[:, 0], rows[:, 3])[0, 1] == pytest.approx(0.3, abs=0.03)
    assert np.corrcoef(rows[1:, 0], rows[:-1, 0])[0, 1] == pytest.approx(0, abs=0.03)


def test_the_share_of_alarms_is_that_of_the_comparisons() -> None:
    draws = iter([(np.zeros(50, int), np.ones(50, int)), (np.arange(50) % 2, np.arange(50) % 2)] * 2)
    assert evaluation.share_of_alarms(ChiSquared(), lambda: next(draws), 4) == 0.5
