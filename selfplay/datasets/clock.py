"""The time of an actor that draws from a stream, in generations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


class Clock:
    """The generation of the newest weights, and where one actor makes all rows of a generation, also the share of them
    that it has made. Several actors go by the generation alone, so that all agree."""

    def __init__(self, generation_rows: int | None) -> None:
        """generation_rows: that the actor makes in a generation; None where others make some of them."""
        self._rows = generation_rows
        self.generation, self.made = 0, 0

    def begin(self, generation: int) -> None:
        """The newest weights are those of `generation`; the time does not go back where it is under way."""
        if generation != self.generation:
            self.generation, self.made = generation, 0

    def next(self, n: int) -> np.ndarray:
        """[n] float64: the times of the next n rows."""
        made, self.made = self.made, self.made + n
        if self._rows is None:
            return np.full(n, float(self.generation))
        return self.generation + np.minimum(made + np.arange(n), self._rows - 1) / self._rows

    def state(self) -> dict[str, Any]:
        """JSON values; `load_state` goes on from there."""
        return {"generation": self.generation, "made": self.made}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.generation, self.made = int(state["generation"]), int(state["made"])
