"""Whether rows that are drawn independently are still what they were a generation ago: in their numbers, or in the
frequencies of their classes.

A half of a generation's rows is compared with a half of those of the generation before, and no row twice, so that the
p-values of all generations are independent of each other while nothing changes.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from selfplay.drift.detectors import evalues, frequencies

DIRECTIONS = 8
MOST = 500  # rows of a half
FEWEST = 50


class Change(NamedTuple):
    """One generation against the one before."""

    size: float  # largest difference of two distribution functions, or of two frequencies, in [0, 1]
    log_evalue: float
    rows: int


class NeighbouringRows:
    """Looks at rows along fixed random directions and by their norm (Kolmogorov–Smirnov tests, Bonferroni)."""

    def __init__(self, size: int) -> None:
        """size: numbers in a row."""
        directions = np.random.default_rng(0).normal(size=(size, DIRECTIONS)).astype(np.float32)
        self._directions = directions / np.linalg.norm(directions, axis=0)
        self._halves: list[list[np.ndarray]] = [[], []]  # of this generation: to compare with the last one, to keep
        self._before = np.zeros((0, DIRECTIONS + 1), np.float32)  # what the generation before has kept

    def take(self, rows: np.ndarray) -> None:
        """Sees rows [M, …] of this generation."""
        for place, half in enumerate(self._halves):
            room = MOST - sum(map(len, half))
            if room > 0:
                mine = rows[place::2][:room].reshape(-1, len(self._directions))
                half.append(np.column_stack([mine @ self._directions, np.linalg.norm(mine, axis=1)]))

    def end_generation(self) -> Change | None:
        """The generation against the one before; None where either has too few rows."""
        empty = np.zeros((0, DIRECTIONS + 1), np.float32)
        window, kept = (np.concatenate([empty, *half]) for half in self._halves)
        before, self._before, self._halves = self._before, kept, [[], []]
        if min(len(before), len(window)) < FEWEST:
            return None
        tests = [stats.ks_2samp(before[:, place], window[:, place], method="asymp") for place in range(DIRECTIONS + 1)]
        far, p = max(float(test.statistic) for test in tests), min(float(test.pvalue) for test in tests)
        return Change(far, evalues.from_p_value(min(1.0, p * len(tests))), len(window))

    def state(self) -> dict[str, Any]:
        halves = [[_packed(part) for part in half] for half in self._halves]
        return {"before": _packed(self._before), "halves": halves}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._before = _unpacked(state["before"])
        self._halves = [[_unpacked(part) for part in half] for half in state["halves"]]


class NeighbouringClasses:
    """Counts classes (χ² test, rare ones put together)."""

    def __init__(self, classes: int) -> None:
        self._halves = np.zeros((2, classes), np.int64)
        self._before = np.zeros(classes, np.int64)

    def take(self, labels: np.ndarray) -> None:
        """Sees the classes labels [M] of rows of this generation."""
        for place in range(2):
            self._halves[place] += np.bincount(labels[place::2], minlength=self._halves.shape[1])

    def end_generation(self) -> Change | None:
        """See `NeighbouringRows.end_generation`."""
        (window, kept), before = self._halves, self._before
        self._before, self._halves = kept.copy(), np.zeros_like(self._halves)
        if min(before.sum(), window.sum()) < FEWEST:
            return None
        far = float(np.abs(before / before.sum() - window / window.sum()).max())
        p = frequencies.ChiSquared(detects="label p(y)").compare_counts(before, window).p_value
        return Change(far, evalues.from_p_value(1.0 if p is None else p), int(window.sum()))

    def state(self) -> dict[str, Any]:
        return {"before": self._before.tolist(), "halves": self._halves.tolist()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._before, self._halves = np.array(state["before"], np.int64), np.array(state["halves"], np.int64)


def _packed(values: np.ndarray) -> str:
    return base64.b64encode(values.astype("<f4").tobytes()).decode()


def _unpacked(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(-1, DIRECTIONS + 1)
