"""The classifier's area under the curve: its value, its interval, and its false alarms by rows and by games."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from streams import false_alarms, games, groups_of, least_alarms, most_alarms

from selfplay.drift.detectors import classifier
from selfplay.drift.detectors.classifier import ClassifierAUC

QUICK = ClassifierAUC(alpha=0.05, permutations=99)


def test_the_area_is_the_share_of_pairs_in_the_right_order() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.integers(0, 5, 30).astype(float), (rng.random(30) < 0.4).astype(float)
    pairs = [(a > b) + (a == b) / 2 for a in scores[labels == 1] for b in scores[labels == 0]]
    assert float(classifier.areas(scores[:, None], labels[:, None])[0]) == pytest.approx(np.mean(pairs))


def test_the_area_of_two_normal_samples_is_the_one_that_theory_gives_and_lies_in_the_interval() -> None:
    """A shift of 1 gives Φ(1/√2) = 0.76; the 95 % interval holds it in 95 of 100 comparisons."""
    rng, wanted = np.random.default_rng(1), float(stats.norm.cdf(1 / np.sqrt(2)))
    test = ClassifierAUC(alpha=0.05, permutations=1)
    found = [test.compare(rng.normal(size=150), rng.normal(1, size=120)) for _ in range(200)]
    assert np.mean([one.statistic for one in found]) == pytest.approx(wanted, abs=0.01)
    held = sum(one.lower <= wanted <= one.upper for one in found)
    assert least_alarms(0.92, 200) <= held


def test_the_interval_of_games_is_as_wide_as_games_differ() -> None:
    rng = np.random.default_rng(2)
    groups = groups_of(15, 15)
    found = [QUICK.compare(games(rng, 15) + 2, games(rng, 15), groups) for _ in range(60)]
    spread = np.std([one.statistic for one in found])
    width = np.mean([(one.upper - one.lower) / (2 * stats.norm.isf(0.025)) for one in found])
    assert width == pytest.approx(spread, rel=0.35)


def test_a_linear_classifier_of_sklearn_reaches_the_same_area() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    model_selection, metrics = pytest.importorskip("sklearn.model_selection"), pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(400, 3)), rng.normal([0.5, 0, 0.2], [1, 1.5, 1], size=(400, 3))
    features, labels = classifier.features(np.concatenate([x, y])), np.repeat([0, 1], 400)
    scores = model_selection.cross_val_predict(
        linear_model.LogisticRegression(), features, labels, cv=5, method="decision_function"
    )
    assert QUICK.compare(x, y).statistic == pytest.approx(metrics.roc_auc_score(labels, scores), abs=0.02)


@pytest.mark.parametrize("change", ["mean", "spread", "correlation"])
def test_changes_of_mean_spread_and_correlation_are_found(change: str) -> None:
    rng = np.random.default_rng(4)
    window = rng.normal(size=(150, 2))
    if change == "mean":
        window += 0.7
    elif change == "spread":
        window *= 2
    else:
        window[:, 1] = 0.9 * window[:, 0] + 0.44 * window[:, 1]
    found = QUICK.compare(rng.normal(size=(150, 2)), window)
    assert found.drift and 0.5 < found.lower <= found.statistic <= found.upper


def test_false_alarms_come_as_often_as_stated_by_rows_and_by_games() -> None:
    rng = np.random.default_rng(5)
    test = ClassifierAUC(alpha=0.05, permutations=39)
    alarms = false_alarms(test, lambda: (rng.normal(size=(25, 2)), rng.normal(size=(20, 2))), 200)
    assert least_alarms(0.03, 200) <= alarms <= most_alarms(0.05, 200)
    draw = lambda: (games(rng, 15, 10), games(rng, 15, 10))  # noqa: E731
    assert false_alarms(test, draw, 60) > 15
    assert false_alarms(test, draw, 60, groups_of(15, 15, 10)) <= most_alarms(0.05, 60)


def test_many_columns_are_taken_without_their_products_and_constant_ones_are_no_drift() -> None:
    rng = np.random.default_rng(6)
    assert classifier.features(np.zeros((4, 3))).shape == (4, 9)
    assert classifier.features(np.zeros((4, 31))).shape == (4, 31)
    window = rng.normal(size=(200, 40))
    window[:, 7] += 1
    assert QUICK.compare(rng.normal(size=(200, 40)), window).drift
    flat = QUICK.compare(np.zeros((9, 2)), np.zeros((9, 2)))
    assert flat.statistic == 0.5 and not flat.drift


def test_fewer_games_than_folds_and_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="5 folds need as many games or rows in each sample, not 3"):
        QUICK.compare(np.zeros(9), np.zeros(3))
    with pytest.raises(ValueError, match="2 folds or more"):
        ClassifierAUC(folds=1)
