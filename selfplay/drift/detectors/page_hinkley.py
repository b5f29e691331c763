"""The Page–Hinkley test: alarms when the values after some moment lie above, or below, the mean of all."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, Literal

from selfplay.drift.detectors.interface import State, StreamDetector


@dataclasses.dataclass
class PageHinkley(StreamDetector):
    """Cumulative sums of what values exceed their running mean by (Page, "Continuous inspection schemes", Biometrika
    1954; Hinkley 1971), with the forgetting factor of MOA and river, in whose terms the settings are.

    With `standardise`, values are divided by the standard deviation of the first so many, and `delta` and `threshold`
    count such deviations; else they are in the unit of the values, and a threshold that fits one stream is wrong for
    the next. The defaults alarm once in 5,000 to 15,000 independent normal values: by simulation, and only roughly so,
    as the first 50 values of a stream give its scale roughly."""

    min_instances: int = 30
    """Values before the first possible alarm."""
    delta: float = 0.25
    """What a value may exceed the mean by without adding to the sum: half the least shift worth an alarm."""
    threshold: float = 15.0
    """Of the sum, counted from its extreme."""
    alpha: float = 1.0
    """Share of the sum that the next value leaves, above 0 and at most 1. Below 1, as in MOA and river, the sum comes
    to rest after some 1 / (1 − alpha) values, `delta` counts no more, and false alarms become far more frequent."""
    mode: Literal["up", "down", "both"] = "both"
    """Whether increases, decreases or both are looked for."""
    standardise: int = 50
    """Values at the beginning of a stream that only give the scale; 0: values are taken as they are."""

    _MEMORY: ClassVar = ("count", "mean", "up", "lowest", "down", "highest", "seen", "scale_mean", "squares")

    def __post_init__(self) -> None:
        if self.mode not in ("up", "down", "both"):
            raise ValueError(f"mode is 'up', 'down' or 'both', not {self.mode!r}")
        if not 0 < self.alpha <= 1:
            raise ValueError(f"alpha is the share of the sum that is kept, above 0 and at most 1, not {self.alpha}")
        if not self.threshold > 0 or self.standardise == 1:
            raise ValueError("threshold is above 0, and standardise is 0 or at least 2 values")
        super().__post_init__()

    def _begin(self) -> None:
        self.count, self.mean = 0, 0.0
        self.up, self.lowest, self.down, self.highest = 0.0, math.inf, 0.0, -math.inf
        self.seen, self.scale_mean, self.squares = 0, 0.0, 0.0

    def _take(self, value: float) -> State:
        if self.seen < self.standardise:
            self.seen += 1
            before = value - self.scale_mean
            self.scale_mean += before / self.seen
            self.squares += before * (value - self.scale_mean)
            return State(False, False, 0.0, self.threshold)
        if self.standardise:
            deviation = math.sqrt(self.squares / (self.standardise - 1))
            value = (value - self.scale_mean) / (deviation or 1.0)
        self.count += 1
        self.mean += (value - self.mean) / self.count
        self.up = self.alpha * self.up + (value - self.mean) - self.delta
        self.down = self.alpha * self.down + (value - self.mean) + self.delta
        self.lowest, self.highest = min(self.lowest, self.up), max(self.highest, self.down)
        if self.count < self.min_instances:
            return State(False, False, 0.0, self.threshold)
        rise, fall = self.up - self.lowest, self.highest - self.down
        statistic = {"up": rise, "down": fall, "both": max(rise, fall)}[self.mode]
        return State(statistic > self.threshold, statistic > self.threshold / 2, statistic, self.threshold)
