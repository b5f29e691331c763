"""Samples and streams without drift, for tests of detectors."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import stats

from selfplay.drift.detectors.interface import BatchTest, Groups

CERTAIN = 1e-4  # probability that a count of false alarms is taken for too large or too small though it is not


def games(rng: np.random.Generator, number: int, rows: int = 20) -> np.ndarray:
    """[number * rows] values of which those of one game resemble one another."""
    return np.repeat(rng.normal(size=number), rows) + rng.normal(size=number * rows)


def groups_of(first: int, second: int, rows: int = 20) -> Groups:
    return np.repeat(np.arange(first), rows), np.repeat(np.arange(second), rows)


def false_alarms(
    test: BatchTest, draw: Callable[[], tuple[np.ndarray, np.ndarray]], repeats: int, groups: Groups | None = None
) -> int:
    return sum(test.compare(*draw(), groups).drift for _ in range(repeats))


def most_alarms(rate: float, streams: int) -> int:
    """The greatest count that chance explains where each of so many streams alarms with this probability."""
    return int(stats.binom.isf(CERTAIN, streams, rate))


def least_alarms(rate: float, streams: int) -> int:
    return math.ceil(stats.binom.ppf(CERTAIN, streams, rate))
