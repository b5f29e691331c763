"""Tests on counts: the population stability index, χ², and Fisher's exact test for small tables.

All compare two rows of counts, one bin or category a column. `compare` counts for itself; `compare_counts` takes
counts, from a histogram of a file too large for memory, say. Codes of categories may be integers, booleans or strings.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy import special

from selfplay.drift.detectors import randomness, samples
from selfplay.drift.detectors.interface import Comparison, Drifting, Groups

LEAST_EXPECTED = 5.0  # rows expected in a column for χ² to hold (Cochran 1954); rarer columns are put together
MOST_TABLES = 2_000_000  # that an exact test goes through


@dataclasses.dataclass(frozen=True)
class PopulationStabilityIndex:
    """PSI, Σ (w − r) ln(w / r) over bins, r and w being the shares of reference and window; ½ is added to each count.

    Without drift it is about (1/N + 1/M) times a χ² variable with bins − 1 degrees of freedom (Yurdakul & Naranjo,
    "Statistical properties of the population stability index", 2020), so that the usual thresholds 0.1 and 0.25 mean
    nothing without N and M: of two equal samples of 100 in 10 bins, four in five exceed 0.1. The threshold is the
    1 − alpha quantile of that variable, or, with games, of the index when whole games change sides.

    Bins of numbers hold equal shares of both samples together; with `categories`, each code is a bin."""

    bins: int = 10
    categories: bool = False
    alpha: float = 0.01
    permutations: int = 999  # with games
    seed: int = 0
    detects: Drifting = "covariate p(x)"

    def __post_init__(self) -> None:
        samples.checked_alpha(self.alpha)
        if self.bins < 2:
            raise ValueError(f"a histogram has at least 2 bins, not {self.bins}")

    def compare(self, reference: np.ndarray, window: np.ndarray, groups: Groups | None = None) -> Comparison:
        """See `BatchTest.compare`."""
        pooled = samples.pool(reference, window, groups)
        column = codes(pooled.values) if self.categories else equal_bins(pooled.values, self.bins)
        if groups is None:
            return self.compare_counts(*_counts(column, pooled.split))
        counts = _permuted_counts(column, pooled, self.permutations, self.seed)
        return samples.judged(index(*counts), self.alpha)

    def compare_counts(self, reference: np.ndarray, window: np.ndarray) -> Comparison:
        """From counts [B] of each sample in the same bins."""
        reference, window = checked_counts(reference, window)
        scale = float(1 / reference.sum() + 1 / window.sum())
        freedom = len(reference) - 1
        statistic = float(index(reference, window))
        if freedom == 0:  # a single value: there is nothing to differ in
            return Comparison(statistic, 1.0, math.inf, False)
        p_value = float(special.chdtrc(freedom, statistic / scale))
        threshold = float(special.chdtri(freedom, self.alpha)) * scale
        return Comparison(statistic, p_value, threshold, p_value <= self.alpha)


@dataclasses.dataclass(frozen=True)
class ChiSquared:
    """Pearson's χ² test of homogeneity (Pearson 1900), without Yates' correction.

    Columns in which fewer than 5 rows are expected of the smaller sample are put together, the rarest first. With
    games, the statistic is compared with its values when whole games change sides."""

    alpha: float = 0.01
    permutations: int = 999  # with games
    seed: int = 0
    detects: Drifting = "label p(y)"

    def __post_init__(self) -> None:
        samples.checked_alpha(self.alpha)

    def compare(self, reference: np.ndarray, window: np.ndarray, groups: Groups | None = None) -> Comparison:
        """See `BatchTest.compare`; values are codes of categories."""
        pooled = samples.pool(reference, window, groups)
        column = codes(pooled.values)
        if groups is None:
            return self.compare_counts(*_counts(column, pooled.split))
        reference, window = _permuted_counts(column, pooled, self.permutations, self.seed)
        return samples.judged(chi_squared(reference, window), self.alpha)

    def compare_counts(self, reference: np.ndarray, window: np.ndarray) -> Comparison:
        """From counts [B] of each sample in the same categories."""
        table = _without_rare(np.stack(checked_counts(reference, window)))
        if table.shape[1] < 2:
            return Comparison(0.0, 1.0, math.inf, False)
        statistic, freedom = float(chi_squared(*table)), table.shape[1] - 1
        p_value = float(special.chdtrc(freedom, statistic))
        return Comparison(statistic, p_value, float(special.chdtri(freedom, self.alpha)), p_value <= self.alpha)


@dataclasses.dataclass(frozen=True)
class FisherExact:
    """The exact test of a 2 × k table (Fisher 1922; Freeman & Halton 1951): the probability, given both margins, of all
    tables that are no likelier than the one observed. For counts too small for χ², from k = 2 on.

    The statistic is −ln of the table's probability. Every table is gone through: ValueError where there are more than
    two million, for which `ChiSquared` is right. With games, their outcomes are what to count: one row a game."""

    alpha: float = 0.01
    detects: Drifting = "label p(y)"

    def __post_init__(self) -> None:
        samples.checked_alpha(self.alpha)

    def compare(self, reference: np.ndarray, window: np.ndarray, groups: Groups | None = None) -> Comparison:
        """See `BatchTest.compare`; values are codes of categories. ValueError: games with more than one row each."""
        pooled = samples.pool(reference, window, groups)
        if sum(pooled.units) < len(pooled.unit):
            raise ValueError(
                "an exact test counts independent rows: give one row a game, or use ChiSquared with groups"
            )
        return self.compare_counts(*_counts(codes(pooled.values), pooled.split))

    def compare_counts(self, reference: np.ndarray, window: np.ndarray) -> Comparison:
        """From counts [k] of each sample in the same categories."""
        reference, window = checked_counts(reference, window)
        columns = reference + window
        observed = float(_log_choose(columns, window).sum())
        found = np.sort(_log_probabilities(columns, int(window.sum())))
        observed -= float(_log_choose(columns.sum(), window.sum()))
        p_value = min(1.0, float(np.exp(found[found <= observed + 1e-7]).sum()))
        within = np.cumsum(np.exp(found)) <= self.alpha  # tables that would be alarms, unlikeliest first
        threshold = -float(found[within][-1]) if within.any() else math.inf
        return Comparison(-observed, p_value, threshold, p_value <= self.alpha)


def index(reference: np.ndarray, window: np.ndarray) -> np.ndarray:
    """[...] population stability index of counts [..., B], ½ added to each."""
    shares = [(counts + 0.5) / (counts + 0.5).sum(-1, keepdims=True) for counts in (reference, window)]
    return ((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum(-1)


def chi_squared(reference: np.ndarray, window: np.ndarray) -> np.ndarray:
    """[...] Pearson's statistic of counts [..., B], no column of them empty in both."""
    both = reference + window
    total = both.sum(-1, keepdims=True)
    statistic = np.zeros(both.shape[:-1])
    for counts in (reference, window):
        expected = counts.sum(-1, keepdims=True) * both / total
        statistic += ((counts - expected) ** 2 / expected).sum(-1)
    return statistic


def codes(values: np.ndarray) -> np.ndarray:
    """[N] number of each value among the distinct ones."""
    return np.unique(values, return_inverse=True)[1]


def equal_bins(values: np.ndarray, bins: int) -> np.ndarray:
    """[N] bin of each number; edges are quantiles of all of them, fewer where values repeat."""
    edges = np.unique(np.quantile(values.astype(float), np.arange(1, bins) / bins))
    return np.unique(np.searchsorted(edges, values.astype(float), side="left"), return_inverse=True)[1]


def checked_counts(reference: np.ndarray, window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Counts as float64, without columns that are empty in both. ValueError: these are no counts of the same bins."""
    reference, window = np.asarray(reference, dtype=float), np.asarray(window, dtype=float)
    if reference.ndim != 1 or reference.shape != window.shape:
        raise ValueError(f"counts are of the same bins in both samples, not {reference.shape} and {window.shape}")
    for name, counts in (("reference", reference), ("window", window)):
        if not np.isfinite(counts).all() or (counts < 0).any() or (counts != np.floor(counts)).any():
            raise ValueError(f"counts are whole numbers, 0 or more; the {name} has {counts.tolist()}")
        if counts.sum() == 0:
            raise ValueError(f"the {name} is empty; a comparison needs rows in both samples")
    seen = reference + window > 0
    return reference[seen], window[seen]


def _counts(column: np.ndarray, split: int) -> tuple[np.ndarray, np.ndarray]:
    length = int(column.max()) + 1
    return np.bincount(column[:split], minlength=length), np.bincount(column[split:], minlength=length)


def _permuted_counts(
    column: np.ndarray, pooled: samples.Pooled, permutations: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Counts [1 + permutations, B] of both samples when whole games change sides."""
    total = sum(pooled.units)
    of_unit = np.zeros((total, int(column.max()) + 1))
    np.add.at(of_unit, (pooled.unit, column), 1)
    window = (
        samples.divisions(pooled.units, permutations, randomness.generator(seed, "divisions")).astype(float) @ of_unit
    )
    return of_unit.sum(0) - window, window


def _without_rare(table: np.ndarray) -> np.ndarray:
    """The table [2, B] with its rarest columns added up until at least five rows are expected everywhere."""
    table = table[:, np.lexsort((table[0], table.sum(0)))]  # not by place: the order of categories means nothing
    share = table.sum(1).min() / table.sum()
    while table.shape[1] > 1 and table[:, 0].sum() * share < LEAST_EXPECTED:
        merged = table[:, 0] + table[:, 1]
        rest = table[:, 2:]
        place = int(np.searchsorted(rest.sum(0), merged.sum()))
        table = np.insert(rest, place, merged, axis=1)
    return table


def _log_choose(n: np.ndarray | float, k: np.ndarray | float) -> np.ndarray:
    return special.gammaln(n + 1.0) - special.gammaln(k + 1.0) - special.gammaln(n - k + 1.0)


def _log_probabilities(columns: np.ndarray, window: int) -> np.ndarray:
    """[tables] ln of the probability of each division of the columns' totals with `window` rows in the second."""
    taken, logs = np.zeros(1), np.zeros(1)
    left = columns.sum()
    for total in columns:
        left -= total
        counts = np.arange(total + 1)
        after = (taken[:, None] + counts).ravel()
        logs = (logs[:, None] + _log_choose(np.full(len(counts), total), counts)).ravel()
        possible = (after <= window) & (after + left >= window)
        taken, logs = after[possible], logs[possible]
        if len(taken) * (total + 1) > MOST_TABLES:
            raise ValueError(
                f"more than {MOST_TABLES} tables have these margins; ChiSquared is right for counts this large"
            )
    return logs - _log_choose(columns.sum(), window)
