"""Adaptive windowing (ADWIN): a window of values that shrinks when two parts of it have different means."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

from selfplay.drift.detectors.interface import State, StreamDetector


@dataclasses.dataclass
class ADWIN(StreamDetector):
    """ADWIN2 (Bifet & Gavaldà, "Learning from time-changing data with adaptive windowing", SDM 2007).

    The window is kept as an exponential histogram: rows of at most `max_buckets` buckets, those of row i adding up 2^i
    values. Every `clock` values each border between buckets is tried as a cut; a cut whose means differ by more than
    epsilon, the bound for values of the window's variance, is a drift. Values lie in [0, 1] for the bound to hold;
    others should be scaled to it. `delta` bounds the probability of a false alarm at one check."""

    delta: float = 0.002
    clock: int = 32
    max_buckets: int = 5
    min_window_length: int = 5
    """Values in either part of a cut."""
    grace_period: int = 10
    """Values before the first check."""

    _MEMORY: ClassVar = ("rows", "width", "total", "variance", "ticks")

    def __post_init__(self) -> None:
        if not 0 < self.delta < 1:
            raise ValueError(f"delta is a probability, above 0 and below 1, not {self.delta}")
        if min(self.clock, self.max_buckets, self.min_window_length) < 1:
            raise ValueError("clock, max_buckets and min_window_length are 1 or more")
        super().__post_init__()

    def _begin(self) -> None:
        self.rows: list[list[list[float]]] = [[]]  # row i: [total, variance] of buckets of 2^i values, oldest first
        self.width, self.total, self.variance, self.ticks = 0, 0.0, 0.0, 0

    def _take(self, value: float) -> State:
        self._insert(value)
        self.ticks += 1
        if self.ticks % self.clock or self.width <= self.grace_period:
            return State(False, False, 0.0, 1.0)
        excess = self._largest_excess()
        return State(excess > 1, excess > 0.8, excess, 1.0)

    def _insert(self, value: float) -> None:
        if self.width:
            mean = self.total / self.width
            self.variance += self.width * (value - mean) ** 2 / (self.width + 1)
        self.width += 1
        self.total += value
        self.rows[0].append([value, 0.0])
        for i, row in enumerate(self.rows):
            if len(row) <= self.max_buckets:
                break
            (first, spread_first), (second, spread_second) = row[0], row[1]
            del row[:2]
            apart = (first - second) / 2**i  # of the means; both buckets hold 2^i values
            merged = [first + second, spread_first + spread_second + 2**i * apart**2 / 2]
            if i + 1 == len(self.rows):
                self.rows.append([])
            self.rows[i + 1].append(merged)

    def _largest_excess(self) -> float:
        """The difference of the means of both parts over epsilon, at the cut where it is largest; a drift above 1."""
        logarithm = math.log(2 * math.log(self.width) / self.delta)
        spread = self.variance / self.width
        older, old_total, largest = 0, 0.0, 0.0
        for i in reversed(range(len(self.rows))):
            for total, _ in self.rows[i]:
                older, old_total = older + 2**i, old_total + total
                newer = self.width - older
                if older < self.min_window_length or newer < self.min_window_length:
                    continue
                recip = 1 / (older - self.min_window_length + 1) + 1 / (newer - self.min_window_length + 1)
                epsilon = math.sqrt(2 * recip * spread * logarithm) + 2 / 3 * logarithm * recip
                largest = max(largest, abs(old_total / older - (self.total - old_total) / newer) / epsilon)
        return largest
