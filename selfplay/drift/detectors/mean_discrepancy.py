"""Maximum mean discrepancy (MMD): how far apart two samples of vectors are in the space of a kernel."""

from __future__ import annotations

import dataclasses

import numpy as np

from selfplay.drift.detectors import randomness, samples
from selfplay.drift.detectors.interface import Comparison, Drifting, Groups


@dataclasses.dataclass(frozen=True)
class MaximumMeanDiscrepancy:
    """The unbiased estimate of the squared discrepancy (Gretton, Borgwardt, Rasch, Schölkopf & Smola, "A kernel
    two-sample test", JMLR 2012, lemma 6) with a Gaussian kernel, and a permutation test.

    Columns are divided by the standard deviation of both samples together; the kernel's width is the median distance
    between rows (the median heuristic). A game counts as one point, the mean of its rows' points in the kernel's space,
    so that games of any length weigh the same. At most `most_units` units of each sample are used, drawn at random."""

    alpha: float = 0.01
    permutations: int = 499
    most_units: int = 500
    """Rows, or games: the kernel of all pairs is held in memory."""
    seed: int = 0
    detects: Drifting = "covariate p(x)"

    def __post_init__(self) -> None:
        samples.checked_alpha(self.alpha)

    def compare(self, reference: np.ndarray, window: np.ndarray, groups: Groups | None = None) -> Comparison:
        """See `BatchTest.compare`. ValueError: fewer than two units in a sample as well."""
        pooled = samples.pool(reference, window, groups, columns=True)
        if min(pooled.units) < 2:
            raise ValueError(f"a discrepancy needs two games or rows in each sample, not {min(pooled.units)}")
        rng = randomness.generator(self.seed, "divisions")
        values, unit, units = self._drawn(pooled, rng)
        kernel = _between_units(gaussian_kernel(standardised(values)), unit, sum(units))
        return samples.judged(discrepancy(kernel, samples.divisions(units, self.permutations, rng)), self.alpha)

    def _drawn(
        self, pooled: samples.Pooled, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
        """Rows, their units numbered anew, and the numbers of units, of at most `most_units` in each sample."""
        first, second = pooled.units
        kept = np.concatenate(
            [
                np.sort(rng.choice(first, min(first, self.most_units), replace=False)),
                first + np.sort(rng.choice(second, min(second, self.most_units), replace=False)),
            ]
        )
        rows = np.isin(pooled.unit, kept)
        return (
            pooled.values[rows],
            np.searchsorted(kept, pooled.unit[rows]),
            (min(first, self.most_units), min(second, self.most_units)),
        )


def standardised(values: np.ndarray) -> np.ndarray:
    """[N, d] columns with mean 0 and standard deviation 1; constant ones are 0."""
    values = values.reshape(len(values), -1).astype(float)
    deviation = values.std(0)
    return (values - values.mean(0)) / np.where(deviation > 0, deviation, 1.0)


def gaussian_kernel(values: np.ndarray) -> np.ndarray:
    """[N, N] exp(−d² / 2 w²), w the median distance of rows that differ; 1 everywhere where none do."""
    squares = (values**2).sum(1)
    distances = np.maximum(squares[:, None] + squares - 2 * values @ values.T, 0.0)
    apart = distances[np.triu_indices(len(values), 1)]
    apart = apart[apart > 1e-12]
    return np.exp(-distances / (2 * float(np.median(apart)))) if len(apart) else np.ones_like(distances)


def discrepancy(kernel: np.ndarray, in_window: np.ndarray) -> np.ndarray:
    """[divisions] unbiased estimates, of units divided by in_window [divisions, units] with kernel [units, units]."""
    window = in_window.astype(float)
    diagonal, total = np.diag(kernel), float(kernel.sum())
    m = window.sum(1)
    n = window.shape[1] - m
    to_all = kernel.sum(1)
    within = np.einsum("pi,pi->p", window @ kernel, window)
    across = window @ to_all - within
    rest = total - within - 2 * across
    own = window @ diagonal
    return (within - own) / (m * (m - 1)) + (rest - (diagonal.sum() - own)) / (n * (n - 1)) - 2 * across / (m * n)


def _between_units(kernel: np.ndarray, unit: np.ndarray, units: int) -> np.ndarray:
    """[units, units] mean of the kernel over the rows of two units."""
    if units == len(unit):
        return kernel
    member = np.zeros((units, len(unit)))
    member[unit, np.arange(len(unit))] = 1
    member /= member.sum(1, keepdims=True)
    return member @ kernel @ member.T
