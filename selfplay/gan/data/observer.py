"""The observer of a GAN run: whether the real data are still what they were a generation ago.

Reals are drawn independently, so that rows are units.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from selfplay.drift import neighbours
from selfplay.drift.config import DriftConfig
from selfplay.drift.monitor import Reading, Stream
from selfplay.types import SampleBatch, Weights

REALS = Stream(
    "reals", "covariate p(x)", "row",
    "real samples, against those of the generation before, along fixed directions (Kolmogorov–Smirnov, e-process)",
    "The data have changed while they are learned from: what was learned of the old ones is out of date.",
    "Look at what feeds the data, or let the run go on until it has learned the new ones.",
    actions=("restore-snapshot", "evict-rows", "raise-learning-rate", "stop"),
    again=True,
)  # fmt: skip


class DataObserver:
    """See `selfplay.drift.monitor.Observer`."""

    streams: tuple[Stream, ...] = (REALS,)

    def __init__(self, settings: DriftConfig, shape: tuple[int, ...]) -> None:
        self.settings = settings
        self._reals = neighbours.NeighbouringRows(math.prod(shape))

    def begin(self, weights: Weights, raw: Weights) -> None:
        pass

    def take(self, batch: SampleBatch, generation: int) -> None:
        self._reals.take(batch.rows["real"])

    def drawn(self, rows: np.ndarray, generation: int) -> None:
        pass

    def end_generation(self, weights: Weights, raw: Weights) -> tuple[dict[str, float], list[Reading]]:
        change = self._reals.end_generation()
        if change is None:
            return {}, []
        seen = f"their distribution moved by up to {change.size:.0%} in one generation"
        return {"reals_distance": change.size}, [Reading("reals", change.log_evalue, seen, change.rows)]

    def evaluated(self, metrics: Mapping[str, float]) -> list[Reading]:
        return []

    # -- going on exactly ------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        return self._reals.state()

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._reals.load_state(state)
