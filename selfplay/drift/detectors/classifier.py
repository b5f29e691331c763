"""A two-sample test by a classifier: how well can rows of the window be told from rows of the reference?"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy import stats

from selfplay.drift.detectors import mean_discrepancy, randomness, samples
from selfplay.drift.detectors.interface import Comparison, Drifting, Groups

MOST_SQUARED = 30  # columns up to which their squares and products are features too


@dataclasses.dataclass(frozen=True, slots=True)
class AUCComparison(Comparison):
    """A comparison with a confidence interval of the area under the curve at 1 − alpha, games being the units."""

    lower: float
    upper: float


@dataclasses.dataclass(frozen=True)
class ClassifierAUC:
    """The area under the ROC curve (AUC) of a cross-validated linear classifier, with a permutation test (Lopez-Paz &
    Oquab, "Revisiting classifier two-sample tests", ICLR 2017; Kim, Ramdas, Singh & Wasserman, "Classification accuracy
    as a proxy for two-sample testing", Annals of Statistics 2021).

    The classifier is Fisher's linear discriminant with a ridge, on columns, and their squares and products where there
    are at most 30. It has a closed form, so that the permutation test can learn it anew for each division of the games.
    Games are never split between folds. AUC 0.5 tells nothing, 1 tells all. The interval is that of clustered data
    (Obuchowski, Biometrics 1997)."""

    alpha: float = 0.01
    folds: int = 5
    ridge: float = 0.01
    """Added to the features' variance, which is 1."""
    permutations: int = 499
    seed: int = 0
    detects: Drifting = "covariate p(x)"

    def __post_init__(self) -> None:
        samples.checked_alpha(self.alpha)
        if self.folds < 2 or not self.ridge > 0:
            raise ValueError(f"2 folds or more and a ridge above 0 are needed, not {self.folds} and {self.ridge}")

    def compare(self, reference: np.ndarray, window: np.ndarray, groups: Groups | None = None) -> AUCComparison:
        """See `BatchTest.compare`. ValueError: fewer units in a sample than folds as well."""
        pooled = samples.pool(reference, window, groups, columns=True)
        if min(pooled.units) < self.folds:
            raise ValueError(f"{self.folds} folds need as many games or rows in each sample, not {min(pooled.units)}")
        rng = randomness.generator(self.seed, "divisions")
        division = samples.divisions(pooled.units, self.permutations, rng)
        fold = rng.permutation(sum(pooled.units)) % self.folds
        labels = division.T[pooled.unit].astype(float)
        scores = self._scores(features(pooled.values), labels, fold[pooled.unit])
        found = samples.judged(areas(scores, labels), self.alpha)
        error = standard_error(scores[:, 0], pooled) * float(stats.norm.isf(self.alpha / 2))
        lower, upper = max(0.0, found.statistic - error), min(1.0, found.statistic + error)
        return AUCComparison(
            **{field.name: getattr(found, field.name) for field in dataclasses.fields(found)}, lower=lower, upper=upper
        )

    def _scores(self, values: np.ndarray, labels: np.ndarray, fold: np.ndarray) -> np.ndarray:
        """[N, divisions] out-of-fold scores: rows of a fold by discriminants of the others."""
        scores = np.empty(labels.shape)
        for held in range(self.folds):
            test, train = values[fold == held], values[fold != held]
            centre, wanted = train.mean(0), labels[fold != held]
            spread = (train - centre).T @ (train - centre) / len(train) + self.ridge * np.eye(train.shape[1])
            towards = (train - centre).T @ (wanted - wanted.mean(0)) / len(train)
            scores[fold == held] = (test - centre) @ np.linalg.solve(spread, towards)
        return scores


def features(values: np.ndarray) -> np.ndarray:
    """[N, F] standardised columns, and their squares and products where they are few."""
    columns = mean_discrepancy.standardised(values)
    width = columns.shape[1]
    if width > MOST_SQUARED:
        return columns
    first, second = np.triu_indices(width)
    return mean_discrepancy.standardised(np.concatenate([columns, columns[:, first] * columns[:, second]], axis=1))


def areas(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """[divisions] area under the curve, of scores [N, divisions] for labels [N, divisions] 0 and 1; ties count half."""
    ranks = stats.rankdata(scores, axis=0)
    positive = labels.sum(0)
    negative = len(labels) - positive
    return ((ranks * labels).sum(0) - positive * (positive + 1) / 2) / (positive * negative)


def standard_error(scores: np.ndarray, pooled: samples.Pooled) -> float:
    """Of the area, from the placements of rows added up by unit."""
    second = pooled.in_window
    low, high = np.sort(scores[~second]), np.sort(scores[second])

    def beaten(by: np.ndarray, others: np.ndarray) -> np.ndarray:
        return (others.searchsorted(by, "left") + others.searchsorted(by, "right")) / 2 / len(others)

    placement = np.empty(len(scores))
    placement[second] = beaten(scores[second], low)
    placement[~second] = 1 - beaten(scores[~second], high)
    area = float(placement[second].mean())
    variance = 0.0
    for sample, units in ((~second, pooled.units[0]), (second, pooled.units[1])):
        sums = np.bincount(pooled.unit[sample] - pooled.unit[sample].min(), placement[sample] - area, minlength=units)
        variance += units / (units - 1) * float((sums**2).sum()) / int(sample.sum()) ** 2
    return math.sqrt(variance)
