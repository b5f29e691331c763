"""The observer of a GAN run: whether the real data are still what they were a generation ago.

Reals are drawn independently, so that rows are units. Each is looked at along fixed random directions and by its norm;
a half of a generation's rows is compared with a half of those of the generation before, and no row twice.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import stats

from selfplay.drift.config import DriftConfig
from selfplay.drift.detectors import evalues
from selfplay.drift.monitor import Reading, Stream
from selfplay.types import SampleBatch, Weights

DIRECTIONS = 8
MOST = 500  # rows of a half
FEWEST = 50

REALS = Stream(
    "reals", "covariate p(x)", "row",
    "real samples, against those of the generation before, along fixed directions (Kolmogorov–Smirnov, e-process)",
    "The data have changed while they are learned from: what was learned of the old ones is out of date.",
    "Look at what feeds the data, or let the run go on until it has learned the new ones.",
)  # fmt: skip


class DataObserver:
    """See `selfplay.drift.monitor.Observer`."""

    streams: tuple[Stream, ...] = (REALS,)

    def __init__(self, settings: DriftConfig, shape: tuple[int, ...]) -> None:
        self.settings = settings
        size = math.prod(shape)
        directions = np.random.default_rng(0).normal(size=(size, DIRECTIONS)).astype(np.float32)
        self._directions = directions / np.linalg.norm(directions, axis=0)
        self._halves: list[list[np.ndarray]] = [[], []]  # of this generation: to compare with the last one, to keep
        self._before = np.zeros((0, DIRECTIONS + 1), np.float32)  # what the generation before has kept

    def begin(self, weights: Weights, raw: Weights) -> None:
        pass

    def take(self, batch: SampleBatch, generation: int) -> None:
        for place, half in enumerate(self._halves):
            room = MOST - sum(map(len, half))
            if room > 0:
                rows = batch.rows["real"][place::2][:room].reshape(-1, len(self._directions))
                half.append(np.column_stack([rows @ self._directions, np.linalg.norm(rows, axis=1)]))

    def drawn(self, rows: np.ndarray, generation: int) -> None:
        pass

    def end_generation(self, weights: Weights, raw: Weights) -> tuple[dict[str, float], list[Reading]]:
        empty = np.zeros((0, DIRECTIONS + 1), np.float32)
        window, kept = (np.concatenate([empty, *half]) for half in self._halves)
        before, self._before, self._halves = self._before, kept, [[], []]
        if min(len(before), len(window)) < FEWEST:
            return {}, []
        tests = [stats.ks_2samp(before[:, place], window[:, place], method="asymp") for place in range(DIRECTIONS + 1)]
        far, p = max(float(test.statistic) for test in tests), min(float(test.pvalue) for test in tests)
        seen = f"their distribution moved by up to {far:.0%} in one generation"
        value = evalues.from_p_value(min(1.0, p * len(tests)))
        return {"reals_distance": far}, [Reading("reals", value, seen, len(window))]

    def evaluated(self, metrics: Mapping[str, float]) -> list[Reading]:
        return []

    # -- going on exactly ------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        halves = [[_packed(part) for part in half] for half in self._halves]
        return {"before": _packed(self._before), "halves": halves}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._before = _unpacked(state["before"])
        self._halves = [[_unpacked(part) for part in half] for half in state["halves"]]


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(values.astype("<f4").tobytes()).decode()


def _unpacked(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(-1, DIRECTIONS + 1)
