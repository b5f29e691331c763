"""Statistics over seeds: means, their intervals, and differences paired by seed. Knows numbers only."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95


class Estimate(NamedTuple):
    """A mean over seeds, with the bounds of its 95 % interval; NaN where one seed tells nothing of the others."""

    mean: float
    low: float
    high: float
    n: int  # seeds


def estimate(values: Sequence[float]) -> Estimate:
    """Of values [n ≥ 1], one a seed: the mean, and Student's t interval for it (n − 1 degrees of freedom), exact for
    seeds that are spread normally. NaN among the values: NaN."""
    n, mean = len(values), float(np.mean(values))
    if n < 2:
        return Estimate(mean, math.nan, math.nan, n)
    half = float(stats.t.ppf((1 + LEVEL) / 2, n - 1)) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return Estimate(mean, mean - half, mean + half, n)


def difference(values: Mapping[int, float], base: Mapping[int, float]) -> Estimate | None:
    """Of `values` less `base`, both by seed, over the seeds that both have; None where there is none. Paired: what a
    seed does to both arms, such as the first weights and the first games, cancels out."""
    seeds = [seed for seed in values if seed in base]
    return estimate([values[seed] - base[seed] for seed in seeds]) if seeds else None


def verdict(found: Estimate, better: str) -> str:
    """What a difference says. better: "higher", "lower" or "neither"."""
    if math.isnan(found.low):
        return "one seed cannot tell" if found.n == 1 else "cannot tell"
    if found.low <= 0 <= found.high or better == "neither":
        return f"{found.n} seeds cannot tell" if better != "neither" else ""
    return "better" if (found.mean > 0) == (better == "higher") else "worse"
