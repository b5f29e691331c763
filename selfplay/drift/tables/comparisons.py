"""Two-sample tests of one column against a reference that stays: prepared once, asked for window after window.

- Kolmogorov–Smirnov, of numbers: the largest distance D between the two distribution functions. p = 2 exp(−2 D² n),
  n = NM/(N+M) (Smirnov 1939), which ties make conservative.
- G-test, of categories and of numbers with few distinct values: 2 Σ O ln(O/E) with Williams's correction (1976), χ²
  with one degree of freedom less than there are categories. Its tail stays right at the small levels that many
  windows ask for, where Pearson's χ² alarms too often. Categories expected fewer than EXPECTED times are left out.
- Exact, of shares (missing cells, rare and new categories, errors): Fisher's 2×2 table, both sides, twice the smaller
  tail.

The population stability index Σ (q − p) ln(q/p) is told beside them, over the reference's tenths or categories, with a
half added to each count: how large a change is, where a test says how sure. Without drift it is about
(bins − 1)(1/N + 1/M), which `psi_expected` holds.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy import special

from selfplay.drift.detectors import frequencies
from selfplay.drift.detectors.interface import Comparison

BINS = 10
MAX_CATEGORIES = 1000
BUCKETS = 256
EXPECTED = 5.0  # least expected count of a category, in both samples
FEW_VALUES = 20  # a numeric column of at most so many distinct values is tested as categories


@dataclasses.dataclass(frozen=True)
class Stability:
    """A population stability index, and what it is on average without drift."""

    psi: float
    psi_expected: float


def smirnov(reference: np.ndarray, window: np.ndarray, alpha: float) -> Comparison:
    """Kolmogorov–Smirnov of a sorted reference [N] and a sorted window [M], neither with NaN."""
    n, m = len(reference), len(window)
    if not n or not m:
        return Comparison(0.0, None, math.inf, False)
    upto = np.arange(1, m + 1) / m
    last = np.append(window[1:] != window[:-1], True)  # of equal values
    first = np.append(True, last[:-1])
    above = upto[last] - np.searchsorted(reference, window[last], "right") / n
    below = np.searchsorted(reference, window[first], "left") / n - (upto[first] - 1 / m)
    distance = float(max(above.max(), (-above).max(), below.max(), (-below).max()))
    size = n * m / (n + m)
    p = min(1.0, 2 * math.exp(-2 * size * distance**2))
    threshold = math.sqrt(math.log(2 / alpha) / (2 * size))
    return Comparison(distance, p, threshold, p <= alpha)


def g_test(reference: np.ndarray, window: np.ndarray, alpha: float) -> Comparison:
    """The G-test of counts [C] of the same categories. The statistic is 0 where one of them fills both samples."""
    a, b = reference.astype(float), window.astype(float)
    n, m = a.sum(), b.sum()
    if len(a) < 2 or not n or not m:
        return Comparison(0.0, None, math.inf, False)
    total, rows, columns = n + m, np.array([n, m]), a + b
    table = np.stack([a, b])
    with np.errstate(divide="ignore", invalid="ignore"):
        g = 2 * float(np.where(table > 0, table * np.log(table * total / np.outer(rows, columns)), 0.0).sum())
    freedom = len(a) - 1
    williams = 1 + (total * (1 / rows).sum() - 1) * (total * (1 / columns).sum() - 1) / (6 * total * freedom)
    statistic = max(g, 0.0) / williams
    p = float(special.chdtrc(freedom, statistic))
    return Comparison(statistic, p, float(special.chdtri(freedom, alpha)), p <= alpha)


def rare(reference: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Which categories [C] are too few in both samples together for the G-test. Both samples count alike in it, so that
    conditional on it, rows of the same distribution are still exchangeable between them."""
    n, m = int(reference.sum()), int(window.sum())
    if not n or not m:
        return np.ones(len(reference), bool)
    return np.asarray(reference + window < EXPECTED * (n + m) / min(n, m))


def exact(reference: tuple[int, int], window: tuple[int, int], alpha: float) -> Comparison:
    """Fisher's exact test of two shares, each (how many, of how many); the statistic is their difference."""
    (a, n), (b, m) = reference, window
    if not n or not m:
        return Comparison(0.0, None, math.inf, False)
    p = 1.0
    if 0 < a + b < n + m:
        counts = np.arange(max(0, a + b - n), min(m, a + b) + 1)
        log = _log_choose(m, counts) + _log_choose(n, a + b - counts) - _log_choose(n + m, np.array(a + b))
        chance = np.exp(log)
        p = min(1.0, 2 * float(min(chance[counts >= b].sum(), chance[counts <= b].sum())))
    pooled = (a + b) / (n + m)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    threshold = float(special.ndtri(1 - alpha / 2)) * spread  # about: the test itself is exact
    return Comparison(b / m - a / n, p, threshold, p <= alpha)


def _log_choose(n: int, k: np.ndarray) -> np.ndarray:
    return np.asarray(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))


def stability(reference: np.ndarray, window: np.ndarray) -> Stability:
    """The population stability index of counts [C] of the same bins, a half added to each."""
    n, m, bins = reference.sum(), window.sum(), len(reference)
    if not n or not m or bins < 2:
        return Stability(0.0, 0.0)
    return Stability(float(frequencies.index(reference, window)), (bins - 1) * (1 / n + 1 / m))


class Tenths:
    """Bins of a numeric column, cut at the tenths of the reference."""

    def __init__(self, values: np.ndarray) -> None:
        self._edges = np.unique(np.quantile(values, np.arange(1, BINS) / BINS)) if len(values) else np.empty(0)
        self.counts = self.count(values)

    def count(self, values: np.ndarray) -> np.ndarray:
        return np.bincount(np.searchsorted(self._edges, values, "right"), minlength=len(self._edges) + 1)


class Categories:
    """The distinct values of a column in the reference, counted; above MAX_CATEGORIES, hashes in so many buckets."""

    def __init__(self, values: np.ndarray) -> None:
        self._values, self.counts = np.unique(values, return_counts=True)
        self.hashed = len(self._values) > MAX_CATEGORIES
        if self.hashed:
            self._values, self.counts = np.unique(values % BUCKETS, return_counts=True)

    def table(self, window: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
        """Counts [C] of the same categories in the reference and in a window [M]: first those of the reference, then
        each that only the window holds; and how many are the reference's."""
        found, counts = np.unique(window % BUCKETS if self.hashed else window, return_counts=True)
        known = len(self._values)
        place = np.searchsorted(self._values, found)
        same = np.zeros(len(found), bool)
        same[place < known] = self._values[place[place < known]] == found[place < known]
        b = np.zeros(known + int(np.count_nonzero(~same)), np.int64)
        b[place[same]], b[known:] = counts[same], counts[~same]
        return np.append(self.counts, np.zeros(len(b) - known, np.int64)), b, known
