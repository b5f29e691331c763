"""The drift detection method (DDM): alarms when the share of errors rises above the best that it has been."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

from selfplay.drift.detectors.interface import State, StreamDetector


@dataclasses.dataclass
class DDM(StreamDetector):
    """Values are 1 for an error and 0 for none (Gama, Medas, Castillo & Rodrigues, "Learning with drift detection",
    SBIA 2004): an alarm when p + s exceeds the least value's p by `drift_threshold` of its s, s² = p (1 − p) / n.

    Sees only a rising share. Its false alarms depend on the share of errors and come mostly early: no threshold bounds
    them. A stream without any error at first alarms at the first one, as p and s are then 0; see docs/drift.md."""

    warm_start: int = 30
    """Values before the first possible alarm."""
    warning_threshold: float = 2.0
    drift_threshold: float = 3.0
    """In standard deviations of the least share of errors."""

    _MEMORY: ClassVar = ("count", "mean", "least", "least_deviation")

    def __post_init__(self) -> None:
        if not 0 < self.warning_threshold <= self.drift_threshold:
            raise ValueError("thresholds are above 0, and that of a warning is no greater than that of an alarm")
        super().__post_init__()

    def _begin(self) -> None:
        self.count, self.mean = 0, 0.0
        self.least, self.least_deviation = math.inf, 0.0

    def _take(self, value: float) -> State:
        if value not in (0.0, 1.0):
            raise ValueError(f"DDM takes 1 for an error and 0 for none, not {value}")
        self.count += 1
        self.mean += (value - self.mean) / self.count
        if self.count <= self.warm_start:
            return State(False, False, 0.0, 1.0)
        deviation = math.sqrt(max(0.0, self.mean * (1 - self.mean)) / self.count)
        statistic = self.mean + deviation
        if statistic <= self.least + self.least_deviation:
            self.least, self.least_deviation = self.mean, deviation
        threshold = self.least + self.drift_threshold * self.least_deviation
        warning = statistic > self.least + self.warning_threshold * self.least_deviation
        return State(statistic > threshold, warning, statistic, threshold)
