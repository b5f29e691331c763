"""Cuts rows into windows, by their number or by time, and describes each."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from selfplay.drift.tables.files.blocks import TableError
from selfplay.drift.tables.performance import Classes, Confusion, Performance
from selfplay.drift.tables.rows import Rows
from selfplay.drift.tables.sample import RowSample
from selfplay.drift.tables.statistics import Description, Moments


class Sampled(NamedTuple):
    """The rows of a window that tests see: all of them, a sample, or one a group."""

    values: list[np.ndarray]  # [n] of each column
    labels: np.ndarray | None
    predictions: np.ndarray | None
    scores: np.ndarray | None

    def __len__(self) -> int:
        return len(self.values[0])


class Collected:
    """Rows of one window, or of a whole table, in bounded memory."""

    def __init__(self, columns: int, capacity: int, rng: np.random.Generator, grouped: bool) -> None:
        self.first = self.last = 0
        self.begin: float | None = None  # least and greatest time
        self.end: float | None = None
        self._moments = [Moments() for _ in range(columns)]
        self._sample = RowSample(capacity, rng, grouped)
        self._confusion: Confusion | None = None
        self._has: tuple[bool, bool] = (False, False)  # labels and predictions; scores

    def add(self, rows: Rows) -> None:
        self.first = self.first or rows.first
        self.last = rows.first + len(rows) - 1
        for moments, values in zip(self._moments, rows.values, strict=True):
            moments.update(values)
        if rows.times is not None and not np.isnan(rows.times).all():
            begin, end = float(np.nanmin(rows.times)), float(np.nanmax(rows.times))
            self.begin = begin if self.begin is None else min(self.begin, begin)
            self.end = end if self.end is None else max(self.end, end)
        extra = [one for one in (rows.labels, rows.predictions, rows.scores) if one is not None]
        self._has = rows.labels is not None, rows.scores is not None
        if rows.labels is not None and rows.predictions is not None:
            self._confusion = self._confusion or Confusion()
            self._confusion.update(rows.labels, rows.predictions)
        self._sample.add([*rows.values, *extra], rows.groups)

    def sampled(self) -> Sampled:
        found = self._sample.columns()
        width = len(self._moments)
        labels = predictions = scores = None
        if self._has[0]:
            labels, predictions = found[width : width + 2]
        if self._has[1]:
            scores = found[width + 2]
        return Sampled(found[:width], labels, predictions, scores)

    def describe(self, sampled: Sampled | None) -> list[Description]:
        """Of each column; without a sample, no medians."""
        values = [None] * len(self._moments) if sampled is None else sampled.values
        return [moments.describe(one) for moments, one in zip(self._moments, values, strict=True)]

    def performance(self, classes: Classes | None, sampled: Sampled) -> Performance | None:
        if self._confusion is None or classes is None:
            return None
        return self._confusion.performance(classes, sampled.labels, sampled.scores)


class Cut:
    """Cuts a stream of rows. `late` counts rows whose time lies before their window, which has begun by then."""

    def __init__(self, window: int, every: float | None) -> None:
        self._window = window
        self._every = every
        self._latest = -np.inf
        self.late = 0

    def pieces(self, stream: Iterable[Rows]) -> Iterator[tuple[int, Rows]]:
        """Rows of one window each, with what tells windows apart; a window may come in several pieces."""
        for rows in stream:
            keys = self._by_rows(rows) if self._every is None else self._by_time(rows, self._every)
            edges = [0, *(np.flatnonzero(np.diff(keys)) + 1).tolist(), len(rows)]
            for begin, end in itertools.pairwise(edges):
                yield int(keys[begin]), rows.part(begin, end)

    def _by_rows(self, rows: Rows) -> np.ndarray:
        return np.asarray((rows.first - 1 + np.arange(len(rows))) // self._window)

    def _by_time(self, rows: Rows, every: float) -> np.ndarray:
        assert rows.times is not None
        own = np.where(np.isnan(rows.times), -np.inf, np.floor(rows.times / every))
        keys = np.maximum.accumulate(np.maximum(own, self._latest))
        if np.isinf(keys[0]):  # rows before the first that has a time go with that
            present = keys[~np.isinf(keys)]
            if not len(present):
                raise TableError("no row of the first block has a time: --window cuts by rows.")
            keys = np.maximum(keys, present[0])
        self.late += int(np.count_nonzero(own < keys))
        self._latest = float(keys[-1])
        return np.asarray(keys.astype(np.int64))
