"""Rows that recur: experience with equal keys, such as the openings of a small game, which come again and again with
another outcome each time. Their targets can be averaged over the replay's window, and they can be drawn less often.

Knows keys and numbers; what makes two rows equal, and which of their fields are targets, the agent says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

_ONE = 2.0**30  # sums are in this fixed point: exact, so that they do not depend on the order of rows
_FIRST = 1024  # keys that a table has room for at first
_OF_A_KEY = 160  # bytes of a key's entry, about, without its sums


class Recurrence(NamedTuple):
    """What an agent says of rows that recur."""

    canonical: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    """Rows [M] → (the same rows in a form where equal keys mean equal meaning of fields; their keys [M] uint64)."""

    averaged: tuple[str, ...]
    """Fields of numbers in [-1, 1] that are replaced by their mean over all rows of a key."""

    power: float
    """A key that n rows have is drawn as often as n ** power rows were: 1 each row alike, 0 each key alike."""


class Table:
    """The keys of the rows in a replay's window: how many rows have each, and the sums of their averaged fields.

    A function of those rows alone, and not of how they came and went: one that is filled anew is the same.
    """

    def __init__(self, recurrence: Recurrence, dtype: np.dtype, places: int) -> None:
        """dtype: of a row. places: rows that the replay has room for."""
        self.recurrence = recurrence
        self._fields = _fields(recurrence, dtype)
        self._width = sum(width for _, width in self._fields)
        self._slot_of: dict[int, int] = {}  # of each key
        self._free: list[int] = []
        self._keys = np.zeros(0, np.uint64)
        self._counts = np.zeros(0, np.int64)
        self._sums = np.zeros((0, self._width), np.int64)
        self._slots = np.zeros(places, np.int64)  # of the row in each place

    def __len__(self) -> int:
        """Keys that at least one row has."""
        return len(self._slot_of)

    def most(self) -> int:
        """Rows of the key that most rows have."""
        return int(self._counts.max(initial=0))

    @staticmethod
    def bytes_a_row(recurrence: Recurrence, dtype: np.dtype) -> int:
        """What a row takes at most, those in which no key comes twice."""
        return 8 * (sum(width for _, width in _fields(recurrence, dtype)) + 2) + _OF_A_KEY

    def add(self, places: np.ndarray, rows: np.ndarray, keys: np.ndarray) -> None:
        """Rows [M] with their keys [M] come to these places [M] of the replay."""
        while len(self._free) < len(keys):  # enough if all of them are new
            self._grow()
        slot_of, free = self._slot_of, self._free
        slots = np.zeros(len(keys), np.int64)
        for row, key in enumerate(keys.tolist()):
            slot = slot_of.get(key)
            if slot is None:
                slot = slot_of[key] = free.pop()
            slots[row] = slot
        self._keys[slots], self._slots[places] = keys, slots
        np.add.at(self._counts, slots, 1)
        np.add.at(self._sums, slots, self._numbers(rows))

    def remove(self, places: np.ndarray, rows: np.ndarray) -> None:
        """The rows [M] in these places [M] leave."""
        slots = self._slots[places]
        np.subtract.at(self._counts, slots, 1)
        np.subtract.at(self._sums, slots, self._numbers(rows))
        for slot in np.unique(slots[self._counts[slots] == 0]).tolist():
            del self._slot_of[int(self._keys[slot])]
            self._free.append(slot)

    def move(self, places: np.ndarray, to: np.ndarray, room: int) -> None:
        """The replay has room for so many rows from now on, and those in places [M] are in `to` [M]."""
        moved = np.zeros(room, np.int64)
        moved[to] = self._slots[places]
        self._slots = moved

    def shares(self, places: np.ndarray) -> np.ndarray:
        """[M] in (0, 1]: how much of the rows in these places is to be drawn."""
        return self._counts[self._slots[places]] ** (self.recurrence.power - 1.0)

    def average(self, rows: np.ndarray, places: np.ndarray) -> None:
        """Gives copies [M] of the rows in these places [M] the means over all rows of their keys. Changes rows."""
        slots = self._slots[places]
        several = np.flatnonzero(self._counts[slots] > 1)  # one row alone keeps its bits
        slots, start = slots[several], 0
        means = self._sums[slots] / (_ONE * self._counts[slots, None])
        for name, width in self._fields:
            rows[name][several] = means[:, start : start + width].reshape(-1, *rows[name].shape[1:])
            start += width

    def _numbers(self, rows: np.ndarray) -> np.ndarray:
        """[M, width] int64: the averaged fields of rows [M]."""
        numbers, start = np.zeros((len(rows), self._width)), 0
        for name, width in self._fields:
            numbers[:, start : start + width] = rows[name].reshape(len(rows), width)
            start += width
        return np.rint(numbers * _ONE).astype(np.int64)

    def _grow(self) -> None:
        had = len(self._counts)
        more = max(had, _FIRST)
        self._free += range(had + more - 1, had - 1, -1)
        self._keys = np.concatenate([self._keys, np.zeros(more, np.uint64)])
        self._counts = np.concatenate([self._counts, np.zeros(more, np.int64)])
        self._sums = np.concatenate([self._sums, np.zeros((more, self._width), np.int64)])


def _fields(recurrence: Recurrence, dtype: np.dtype) -> list[tuple[str, int]]:
    """Name, and numbers in it, of each field that is averaged."""
    return [(name, int(np.prod(dtype[name].shape))) for name in recurrence.averaged]
