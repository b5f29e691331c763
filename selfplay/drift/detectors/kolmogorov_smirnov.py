"""The two-sample Kolmogorov–Smirnov test: the largest difference between two empirical distribution functions."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
from scipy import stats

from selfplay.drift.detectors import randomness, samples
from selfplay.drift.detectors.interface import Comparison, Drifting, Groups

CHUNK = 4_000_000  # rows times divisions held at once
MOST_EXACT = 200  # rows of either sample up to which p is exact


@dataclasses.dataclass(frozen=True)
class KolmogorovSmirnov:
    """On numbers (Kolmogorov 1933, Smirnov 1939), as `scipy.stats.ks_2samp`; sensitive to any change of a distribution.

    p is exact up to 200 rows a sample and scipy's approximation beyond, that of one sample of N M / (N + M) rows; where
    values repeat, alarms are rarer than stated. With games, whole games change sides."""

    alpha: float = 0.01
    permutations: int = 999  # with games
    seed: int = 0
    detects: Drifting = "covariate p(x)"

    def __post_init__(self) -> None:
        samples.checked_alpha(self.alpha)

    def compare(self, reference: np.ndarray, window: np.ndarray, groups: Groups | None = None) -> Comparison:
        """See `BatchTest.compare`."""
        pooled = samples.pool(reference, window, groups)
        if groups is not None:
            return samples.judged(self._permuted(pooled), self.alpha)
        first, second = (np.sort(part.astype(float)) for part in np.split(pooled.values, [pooled.split]))
        n, m = len(first), len(second)
        below = [np.searchsorted(part, pooled.values.astype(float), side="right") for part in (first, second)]
        apart = int(np.abs(below[0] * m - below[1] * n).max())
        p_value = p_value_of(n, m, apart)
        return Comparison(apart / (n * m), p_value, threshold_of(n, m, self.alpha), p_value <= self.alpha)

    def _permuted(self, pooled: samples.Pooled) -> np.ndarray:
        """[1 + permutations] largest differences."""
        order = np.argsort(pooled.values, kind="stable")
        values, unit = pooled.values[order], pooled.unit[order]
        last = np.append(
            values[1:] != values[:-1], True
        )  # of its value: the functions are compared after all equal ones
        division = samples.divisions(pooled.units, self.permutations, randomness.generator(self.seed, "divisions"))
        found = []
        for part in np.array_split(division, max(1, division.shape[0] * len(values) // CHUNK)):
            window = np.cumsum(part[:, unit], axis=1, dtype=np.int64)
            reference = np.arange(1, len(values) + 1) - window
            apart = np.abs(window / window[:, -1:] - reference / reference[:, -1:])
            found.append(apart[:, last].max(axis=1))
        return np.concatenate(found)


@functools.lru_cache(maxsize=1024)
def p_value_of(n: int, m: int, apart: int) -> float:
    """Probability that two samples of n and m rows, no two alike, are at least apart / (n m) apart without drift.

    Exact: rows of both samples in order of size are a path in a grid, drawn without replacement; what leaves the band
    around the diagonal is taken out (Hodges, "The significance probability of the Smirnov two-sample test", 1958)."""
    if max(n, m) > MOST_EXACT:
        return float(stats.kstwo.sf(apart / (n * m), round(n * m / (n + m))))
    taken = np.arange(n + 1)  # rows of the first sample among the least `step` of both
    inside = (taken == 0).astype(float)
    for step in range(1, n + m + 1):
        before = inside * np.clip(m - (step - 1 - taken), 0, None)
        before[1:] += inside[:-1] * (n - taken[:-1])
        inside = np.where(np.abs(taken * m - (step - taken) * n) < apart, before / (n + m - step + 1), 0.0)
    return min(1.0, max(0.0, 1.0 - float(inside[n])))


@functools.lru_cache(maxsize=1024)
def threshold_of(n: int, m: int, alpha: float) -> float:
    """The least difference with p ≤ alpha; infinite where the samples are too small for any."""
    if max(n, m) > MOST_EXACT:
        return float(stats.kstwo.isf(alpha, round(n * m / (n + m))))
    low, high = 0, n * m + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if p_value_of(n, m, middle) <= alpha else (middle, high)
    return high / (n * m) if high <= n * m else float("inf")
