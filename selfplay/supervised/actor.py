"""The actor of packaged streams: draws rows of the stream's present time.

Time is counted in generations. With one actor in the learner's process it goes on within a generation, row by row;
several actors cannot know of each other's rows, and take the time at which the generation began.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from selfplay.datasets.clock import Clock
from selfplay.datasets.stream import DataStream
from selfplay.storage import random_stream
from selfplay.supervised import rows as row_layout
from selfplay.types import Weights


class StreamActor:
    """See `selfplay.agent.Actor`. Its rows are a function of seed, index, generation and how many it has made."""

    def __init__(self, stream: DataStream, generation_rows: int | None, seed: int, index: int) -> None:
        """generation_rows: see `Clock`."""
        self.stream = stream
        self._rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(index,))))
        self._clock = Clock(generation_rows)

    def set_weights(self, weights: Weights, generation: int, opponent_weights: Weights | None) -> None:
        self._clock.begin(generation)

    def generate(self, min_rows: int) -> tuple[np.ndarray, dict[str, float]]:
        found = self.stream.sample(min_rows, self._clock.next(min_rows), self._rng)
        assert found.labels is not None
        return row_layout.make(found.x, found.labels), {}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {}, {"rng": random_stream.pack(self._rng), **self._clock.state()}

    def load_state(self, arrays: Mapping[str, np.ndarray], rest: Mapping[str, Any]) -> bool:
        self._rng = random_stream.unpack(rest["rng"])
        self._clock.load_state(rest)
        return True
