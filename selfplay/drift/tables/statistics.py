"""Descriptions of columns in one pass: extremes, mean, deviation, median, distinct values, missing cells, correlation.

Means and deviations are merged block by block (Chan, Golub and LeVeque 1979). Distinct values are counted exactly up to
DISTINCT of them, and estimated above from the smallest hashes (Bar-Yossef et al. 2002; Beyer et al. 2007), with a
standard error of 1/√DISTINCT. Medians and correlations are those of a sample of rows, which is the whole table where
that is small enough.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from selfplay.drift.tables.columns import NONE, hash_numbers

DISTINCT = 4096
CONSTANT = 1e-12  # spread of a column, beside its size, below which it is constant
LEAST_PAIRS = 10  # rows in which both values are present, for a correlation


@dataclasses.dataclass(frozen=True)
class Description:
    """A column in numbers; of categories and truth values the last five are None."""

    rows: int
    missing: int
    distinct: int
    distinct_exact: bool
    minimum: float | None
    maximum: float | None
    mean: float | None
    deviation: float | None
    median: float | None

    @property
    def missing_share(self) -> float:
        return self.missing / self.rows if self.rows else 0.0

    @property
    def uniqueness(self) -> float:
        """Distinct values a value that is present, in [0, 1]."""
        present = self.rows - self.missing
        return min(self.distinct / present, 1.0) if present else 0.0


class Moments:
    """What is known of a column after some of its blocks; the median is not among it."""

    def __init__(self) -> None:
        self.rows = self.missing = 0
        self._mean = self._squares = 0.0
        self._minimum, self._maximum = math.inf, -math.inf
        self._numbers = False
        self._hashes = np.empty(0, np.uint64)  # the smallest, sorted
        self._waiting: list[np.ndarray] = []

    def update(self, values: np.ndarray) -> None:
        """values [n]: float64, NaN where missing; or uint64, hashes of categories."""
        self.rows += len(values)
        if values.dtype != np.float64:
            present = values[values != NONE]
            self.missing += len(values) - len(present)
            self._count(present)
            return
        self._numbers = True
        absent = np.isnan(values)
        count = len(values) - int(np.count_nonzero(absent))
        self.missing += len(values) - count
        if not count:
            return
        present = values if count == len(values) else values[~absent]
        self._count(hash_numbers(present))
        self._minimum = min(self._minimum, float(present.min()))
        self._maximum = max(self._maximum, float(present.max()))
        before = self.rows - self.missing - count
        mean = float(present.mean())
        step = mean - self._mean
        self._squares += float(np.square(present - mean).sum()) + step * step * before * count / (before + count)
        self._mean += step * count / (before + count)

    def _count(self, hashes: np.ndarray) -> None:
        """Takes hashes of values for the count of distinct ones; most of them are forgotten at once."""
        if len(self._hashes) > DISTINCT:
            hashes = hashes[hashes < self._hashes[-1]]
        self._waiting.append(hashes)
        if sum(map(len, self._waiting)) > 2 * DISTINCT:
            self._forget()

    def _forget(self) -> None:
        """Keeps the smallest hashes, one more than are exact."""
        self._hashes = np.unique(np.concatenate([self._hashes, *self._waiting]))[: DISTINCT + 1]
        self._waiting = []

    def describe(self, sample: np.ndarray | None) -> Description:
        """sample: values of the column from which the median is taken."""
        self._forget()
        present = self.rows - self.missing
        exact = len(self._hashes) <= DISTINCT
        distinct = len(self._hashes)
        if not exact:
            distinct = round((DISTINCT - 1) / (float(self._hashes[DISTINCT - 1]) / 2.0**64))
        if not self._numbers or not present:
            return Description(self.rows, self.missing, min(distinct, present), exact, None, None, None, None, None)
        median = None if sample is None or np.isnan(sample).all() else float(np.nanmedian(sample))
        deviation = math.sqrt(self._squares / (present - 1)) if present > 1 else 0.0
        return Description(
            self.rows, self.missing, min(distinct, present), exact,
            self._minimum, self._maximum, self._mean, deviation, median,
        )  # fmt: skip


def correlations(columns: dict[str, np.ndarray]) -> dict[tuple[str, str], float]:
    """Pearson's correlation of each two columns, over the rows in which neither is NaN; none of constant columns."""
    names = [name for name, values in columns.items() if np.count_nonzero(~np.isnan(values)) >= LEAST_PAIRS]
    if len(names) < 2:
        return {}
    scaled = np.stack([_scaled(columns[name]) for name in names])  # [columns, rows]
    here = (~np.isnan(scaled)).astype(np.float64)
    values = np.nan_to_num(scaled)
    count, total = here @ here.T, values @ here.T  # of both present; of the first, where the second is present
    squares = np.square(values) @ here.T
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = values @ values.T - total * total.T / count
        spread = squares - np.square(total) / count
        found = covariance / np.sqrt(spread * spread.T)
    sure = (count >= LEAST_PAIRS) & (np.minimum(spread, spread.T) > CONSTANT * count)
    return {
        (names[a], names[b]): float(np.clip(found[a, b], -1, 1))
        for a in range(len(names))
        for b in range(a + 1, len(names))
        if sure[a, b]
    }


def _scaled(values: np.ndarray) -> np.ndarray:
    """A column with mean 0 and deviation 1; 0 throughout where it is constant."""
    top = float(np.nanmax(np.abs(values))) or 1.0
    centred = values / top - np.nanmean(values / top)
    deviation = float(np.nanstd(centred))
    return centred / deviation if deviation > CONSTANT else centred * 0
