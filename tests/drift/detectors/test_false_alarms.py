"""False alarms over a thousand streams or comparisons without drift, for what the quicker tests count over fewer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from streams import false_alarms, games, groups_of, least_alarms, most_alarms

from selfplay.drift import evaluation
from selfplay.drift.detectors.adwin import ADWIN
from selfplay.drift.detectors.classifier import ClassifierAUC
from selfplay.drift.detectors.ddm import DDM
from selfplay.drift.detectors.interface import BatchTest, StreamDetector
from selfplay.drift.detectors.kswin import KSWIN
from selfplay.drift.detectors.martingale import ConformalTestMartingale
from selfplay.drift.detectors.mean_discrepancy import MaximumMeanDiscrepancy
from selfplay.drift.detectors.page_hinkley import PageHinkley

STREAMS = 1000


def score(make: Callable[[], StreamDetector], length: int, share: float | None = None) -> evaluation.Score:
    """On normal values, or on bits with this share of ones."""
    rng = np.random.default_rng(8)
    draw = (lambda: evaluation.normal(rng, length)) if share is None else (lambda: evaluation.bits(rng, length, share))
    return evaluation.evaluate(make, (draw() for _ in range(STREAMS)))


@pytest.mark.slow
def test_page_hinkley_alarms_once_in_five_to_fifteen_thousand_values() -> None:
    """Not closer: standard deviations estimated from 50 values differ, and with them the run lengths."""
    found = score(PageHinkley, 1000)
    assert 5_000 <= found.run_length <= 15_000


@pytest.mark.slow
@pytest.mark.parametrize("share", [None, 0.05, 0.5], ids=["normal", "rare", "even"])
def test_adwin_alarms_more_rarely_than_delta_at_each_check(share: float | None) -> None:
    found = score(lambda: ADWIN(delta=0.05), 320, share)
    assert found.false_alarms <= most_alarms(0.05, STREAMS * 320 // 32)


@pytest.mark.slow
def test_kswin_alarms_no_oftener_than_alpha_at_each_value() -> None:
    """Neighbouring tests share most of their values, so that alarms come in bunches; one begins a new window."""
    found = score(lambda: KSWIN(alpha=0.0009), 220)
    assert 0 < found.false_alarms <= most_alarms(0.0009, STREAMS * 120)


@pytest.mark.slow
def test_ddm_has_no_rate_and_alarms_in_a_good_part_of_all_streams() -> None:
    found = score(DDM, 500, 0.3)
    assert 0.1 < found.false_alarm_share < 0.5
    assert score(DDM, 100, 0.001).false_alarm_share > 0.03  # the first error after thirty values without one


@pytest.mark.slow
def test_values_of_games_keep_the_martingale_quiet_where_rows_of_games_do_not() -> None:
    """Rows of one game resemble one another: they are not exchangeable, and an alarm is right to say so."""
    rng = np.random.default_rng(9)

    def stream(by_game: bool) -> evaluation.Stream:
        rows = evaluation.games(rng, 100, 10)
        return evaluation.Stream(rows.mean(1) if by_game else rows.ravel())

    by_game = evaluation.evaluate(ConformalTestMartingale, (stream(True) for _ in range(STREAMS)))
    assert by_game.streams_with_false_alarm <= most_alarms(0.01, STREAMS)
    by_row = evaluation.evaluate(ConformalTestMartingale, (stream(False) for _ in range(10)))
    assert by_row.false_alarm_share > 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "test",
    [MaximumMeanDiscrepancy(alpha=0.05, permutations=99), ClassifierAUC(alpha=0.05, permutations=39)],
    ids=["discrepancy", "classifier"],
)
def test_vectors_alarm_as_often_as_stated_by_rows_and_by_games(test: BatchTest) -> None:
    rng = np.random.default_rng(10)
    alarms = false_alarms(test, lambda: (rng.normal(size=(25, 2)), rng.normal(size=(20, 2))), STREAMS)
    assert least_alarms(0.05, STREAMS) <= alarms <= most_alarms(0.05, STREAMS)
    draw = lambda: (games(rng, 15, 6), games(rng, 15, 6))  # noqa: E731
    alarms = false_alarms(test, draw, STREAMS, groups_of(15, 15, 6))
    assert least_alarms(0.05, STREAMS) <= alarms <= most_alarms(0.05, STREAMS)
