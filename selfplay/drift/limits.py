"""The limit: an alarm where a value lies beyond a fixed bound, several times in a row.

For figures that cannot go beyond the bound while all is well, or that healthy runs have been seen to keep far from: no
probability of a false alarm is claimed."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from selfplay.drift.detectors.interface import State, StreamDetector


@dataclasses.dataclass
class Limit(StreamDetector):
    """An alarm at the `times`-th value in a row that is above `bound`, or below it where `below` is set."""

    bound: float
    below: bool = False
    times: int = 1

    _MEMORY: ClassVar = ("beyond",)

    def _begin(self) -> None:
        self.beyond = 0  # values in a row

    def _take(self, value: float) -> State:
        beyond = value < self.bound if self.below else value > self.bound
        self.beyond = self.beyond + 1 if beyond else 0
        return State(self.beyond >= self.times, beyond, value, self.bound)
