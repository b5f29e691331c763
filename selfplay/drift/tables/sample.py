"""A uniform random sample of rows, in one pass and bounded memory; with groups, of one random row a group.

Each row draws a number at random and the rows with the smallest numbers are kept (bottom-k sampling), so that a table
with fewer rows than the sample may hold is kept whole. With groups, the number is a hash of the group, and the row that
stands for a group is the one with the smallest second number: rows of a group are not independent of one another, and
tests are to see one of each.
"""

from __future__ import annotations

import numpy as np


class RowSample:
    """See the module docstring. Rows come out in the order in which they came in."""

    def __init__(self, capacity: int, rng: np.random.Generator, grouped: bool = False) -> None:
        self.capacity = capacity
        self.grouped = grouped
        self.seen = 0
        self._rng = rng
        self._parts: list[list[np.ndarray]] = []  # [columns][rows] of each part: place, numbers, then the table's
        self._held = 0
        self._limit: int | float = np.inf  # numbers above it are not among the smallest

    def add(self, columns: list[np.ndarray], groups: np.ndarray | None = None) -> None:
        """Rows, column by column. groups: [n] uint64, hashes of the rows' groups."""
        rows = len(columns[0])
        place = np.arange(self.seen, self.seen + rows)
        self.seen += rows
        number = self._rng.integers(0, 2**63, rows, np.uint64)
        second = number
        if groups is not None:
            number = groups
        if self._limit != np.inf:
            near = number <= self._limit
            place, number, second = place[near], number[near], second[near]
            columns = [column[near] for column in columns]
        if not len(place):
            return
        self._parts.append([place, number, second, *columns])
        self._held += len(place)
        if self._held > 2 * self.capacity:
            self._shrink()

    def columns(self) -> list[np.ndarray]:
        """The sample, column by column; empty before the first row."""
        if not self._parts:
            return []
        self._shrink()
        return self._parts[0][3:]

    def __len__(self) -> int:
        columns = self.columns()
        return len(columns[0]) if columns else 0

    def _shrink(self) -> None:
        joined = [np.concatenate(pieces) for pieces in zip(*self._parts, strict=True)]
        place, number, second = joined[:3]
        if self.grouped:  # the first row of each group by its second number
            order = np.lexsort((second, number))
            ordered = number[order]
            kept = order[np.concatenate(([True], ordered[1:] != ordered[:-1]))][: self.capacity]
        elif len(number) > self.capacity:
            kept = np.argpartition(number, self.capacity - 1)[: self.capacity]
        else:
            kept = np.arange(len(number))
        if len(kept) == self.capacity:
            self._limit = number[kept].max()
        if len(kept) < len(place) or len(self._parts) > 1:
            kept = kept[np.argsort(place[kept])]
            joined = [column[kept] for column in joined]
        self._parts, self._held = [joined], len(joined[0])
