"""Kolmogorov–Smirnov windowing (KSWIN): the newest values of a sliding window against a sample of its older ones."""

from __future__ import annotations

import dataclasses
import random
from typing import Any, ClassVar

import numpy as np

from selfplay.drift.detectors import kolmogorov_smirnov
from selfplay.drift.detectors.interface import State, StreamDetector

LEAST_DIFFERENCE = 0.1  # of the distribution functions; river sees no drift below it, whatever p is


@dataclasses.dataclass
class KSWIN(StreamDetector):
    """A two-sample Kolmogorov–Smirnov test at every value (Raab, Heusinger & Schleif, "Reactive soft prototype
    computing for concept drift streams", Neurocomputing 2020), with river's settings and random numbers.

    `alpha` is the level of one test, and there is one a value: its stated rate is not that of a stream. River's default
    of 0.005 alarms about every 800 values without drift, that of this class every 10,000 to 20,000."""

    alpha: float = 0.0001
    window_size: int = 100
    stat_size: int = 30
    """Newest values, compared with as many drawn from the older ones of the window."""
    seed: int = 0

    _MEMORY: ClassVar = ("window", "random_state")

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is the level of one test, above 0 and below 1, not {self.alpha}")
        if not 2 <= self.stat_size <= self.window_size / 2:
            raise ValueError(f"stat_size is 2 to half of the window's {self.window_size} values, not {self.stat_size}")
        self._threshold = max(
            LEAST_DIFFERENCE, kolmogorov_smirnov.threshold_of(self.stat_size, self.stat_size, self.alpha)
        )
        super().__post_init__()

    @property
    def random_state(self) -> Any:
        """Of Python's generator, as JSON."""
        version, numbers, gauss = self._random.getstate()
        return [version, list(numbers), gauss]

    @random_state.setter
    def random_state(self, state: Any) -> None:
        self._random.setstate((state[0], tuple(state[1]), state[2]))

    def _begin(self) -> None:
        self.window: list[float] = []
        self._random = random.Random(self.seed)

    def _take(self, value: float) -> State:
        self.window.append(value)
        if len(self.window) < self.window_size:
            return State(False, False, 0.0, self._threshold)
        del self.window[: -self.window_size]
        size = self.stat_size
        older = np.sort([self.window[i] for i in self._random.sample(range(self.window_size - size), size)])
        newest = np.sort(self.window[-size:])
        points = np.concatenate([older, newest])
        apart = int(np.abs(older.searchsorted(points, "right") - newest.searchsorted(points, "right")).max())
        p_value, statistic = kolmogorov_smirnov.p_value_of(size, size, apart * size), apart / size
        drift = p_value <= self.alpha and statistic > LEAST_DIFFERENCE
        return State(drift, drift or p_value <= 10 * self.alpha, statistic, self._threshold)
