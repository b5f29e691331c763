"""Watches an opponent play: rows are the actions of an earlier generation, or its own while there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rock_paper_scissors.loss import ROW
from rock_paper_scissors.network import mixture
from selfplay.storage import random_stream
from selfplay.types import Weights

ROLE = "thrower"


class Actor:
    """See `selfplay.agent.Actor`."""

    def __init__(self, index: int, seed: int) -> None:
        self._rng = np.random.default_rng((seed, index))
        self._mixture = np.full(3, 1 / 3)

    def set_weights(self, weights: Weights, generation: int, opponent_weights: Weights | None) -> None:
        self._mixture = mixture((opponent_weights or weights)[ROLE]["points"])

    def generate(self, min_rows: int) -> tuple[np.ndarray, dict[str, float]]:
        rows = np.zeros(min_rows, ROW)
        rows["opponent"] = self._rng.choice(3, size=min_rows, p=self._mixture)
        return rows, {"games": float(min_rows)}

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {}, {"rng": random_stream.pack(self._rng)}

    def load_state(self, arrays: Mapping[str, np.ndarray], rest: Mapping[str, Any]) -> bool:
        self._rng = random_stream.unpack(rest["rng"])
        return True
