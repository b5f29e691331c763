"""The actor of the GAN family: draws reals from the data, and fakes from an earlier generator where that is asked for.

Knows a data set and something that makes fakes, not networks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from selfplay.datasets import clock, dataset, stream
from selfplay.storage import random_stream

Fakes = Callable[[np.ndarray | None, int, np.random.Generator], np.ndarray]  # (labels, n, rng) → x [n, *shape] float32
NOBODY = -1  # producer of a row without a fake


def row_dtype(shape: tuple[int, ...], with_fakes: bool) -> np.dtype:
    """One game of the critic: a real sample, and the fake of a past generator where those take part."""
    fields: list[tuple[Any, ...]] = [("real", "f4", shape), ("label", "i4")]
    if with_fakes:
        fields += [("fake", "f4", shape), ("fake_label", "i4"), ("producer", "i4")]
    return np.dtype(fields)


class GanActor:
    """See `selfplay.agent.Actor`. Its rows are a function of seed, index and what `load` returns."""

    def __init__(
        self,
        dataset: dataset.Dataset | stream.DataStream,
        scale: float,
        with_fakes: bool,
        load: Callable[[Any], Fakes],
        seed: int,
        index: int,
        generation_rows: int | None = None,
    ) -> None:
        """dataset: a stream is drawn from at the time of each row. load: turns an opponent's weights into what makes
        fakes, in the networks' scale. generation_rows: see `clock.Clock`."""
        self.dataset, self.scale, self._load = dataset, scale, load
        self._clock = clock.Clock(generation_rows)
        self._dtype = row_dtype(dataset.shape, with_fakes)
        self._with_fakes = with_fakes
        self._rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(index,))))
        self._fakes: Fakes | None = None
        self._producer = NOBODY

    def set_weights(self, weights: Any, generation: int, opponent_weights: Any | None) -> None:
        self._clock.begin(generation)
        self._fakes, self._producer = None, NOBODY
        if opponent_weights is not None and self._with_fakes:
            self._fakes, self._producer = self._load(opponent_weights), generation

    def generate(self, min_rows: int) -> tuple[np.ndarray, dict[str, float]]:
        rows = np.zeros(min_rows, dtype=self._dtype)
        x, labels = self._draw(min_rows)
        rows["real"] = x / np.float32(self.scale)
        rows["label"] = -1 if labels is None else labels
        fakes = 0
        if self._with_fakes:
            rows["producer"] = self._producer
            if self._fakes is not None:
                wanted = None if labels is None else labels[self._rng.permutation(min_rows)]
                rows["fake"] = self._fakes(wanted, min_rows, self._rng)
                rows["fake_label"] = -1 if wanted is None else wanted
                fakes = min_rows
        return rows, {"games": float(min_rows), "fakes": float(fakes)}

    def _draw(self, n: int) -> tuple[np.ndarray, np.ndarray | None]:
        if not isinstance(self.dataset, stream.DataStream):
            return self.dataset.sample(n, self._rng)
        found = self.dataset.sample(n, self._clock.next(n), self._rng)
        return found.x, found.labels

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {}, {"rng": random_stream.pack(self._rng), "clock": self._clock.state()}

    def load_state(self, arrays: Mapping[str, np.ndarray], rest: Mapping[str, Any]) -> bool:
        self._rng = random_stream.unpack(rest["rng"])
        self._clock.load_state(rest.get("clock", {"generation": 0, "made": 0}))  # states of earlier versions have none
        return True
