"""The replay buffer: rows of experience, newest last, sampled uniformly from a window that grows with the run.

Knows a NumPy dtype and nothing of what the rows mean. Rows are kept in memory or on disk (`rows`), and in one shard a
save besides, so that a resumed run goes on with the very experience it had. Where an agent asks for it, rows that recur
are averaged and drawn less often when they are sampled; what is kept are the rows as they came.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from selfplay.learning import recurring
from selfplay.learning import rows as storage
from selfplay.learning.config import ReplayConfig


class Replay:
    """The window over the stream of rows. `inserted` counts all rows ever, which is also the next row's number."""

    def __init__(
        self, dtype: np.dtype, config: ReplayConfig, recurrence: recurring.Recurrence | None = None,
        folder: Path | None = None,
    ) -> None:  # fmt: skip
        """recurrence: how rows recur, where that makes a difference; rows are then kept in their canonical form.
        folder: of rows on disk; None: that of temporary files. Raises FolderError where that disk is too full."""
        self.config = config
        self.inserted = 0
        self._oldest = 0  # number of the oldest row that can be held: a resumed replay lacks what came before
        self._folder = (folder or Path(tempfile.gettempdir())) if storage.on_disk(dtype, config) else None
        self._ring = storage.Rows(min(config.capacity, 2 * config.window_min), dtype, self._folder)
        self._table = None if recurrence is None else recurring.Table(recurrence, dtype, len(self._ring))

    @property
    def dtype(self) -> np.dtype:
        """Of a row."""
        return self._ring.dtype

    @staticmethod
    def check(dtype: np.dtype, config: ReplayConfig, recurrence: recurring.Recurrence | None = None) -> None:
        """Raises ConfigError where what the window is to hold in memory is more than this machine has."""
        beside = recurring.Table.bytes_a_row(recurrence, dtype) if recurrence is not None else 0
        storage.check(dtype, config, beside)

    def __len__(self) -> int:
        return self.inserted - self._first(self.inserted)

    def window(self, inserted: int) -> int:
        """Rows in the window once `inserted` rows were inserted."""
        wanted = max(self.config.window_min, int(inserted * self.config.window_fraction))
        return min(inserted, wanted, self.config.capacity)

    def insert(self, rows: np.ndarray) -> None:
        """Appends rows [M] of the replay's dtype."""
        if self._table is not None:  # rows leave before their places are taken
            self._leave(self._first(self.inserted), min(self._first(self.inserted + len(rows)), self.inserted))
        self.inserted += max(0, len(rows) - self.config.capacity)  # these would be overwritten at once
        rows = rows[-self.config.capacity :]
        if len(self) + len(rows) > len(self._ring):
            self._resize(min(self.config.capacity, max(2 * len(self._ring), len(self) + len(rows))))
        self.inserted += len(rows)
        self._write(rows, self.inserted - len(rows))

    def evict(self, before: int) -> int:
        """Drops rows whose number is below `before`, and returns how many; at least the newest row stays. The window
        then grows again from what is left."""
        held, first = len(self), self._first(self.inserted)
        self._oldest = max(self._oldest, min(before, self.inserted - 1))
        self._leave(first, self._first(self.inserted))
        return held - len(self)

    def sample(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """[size] rows drawn uniformly, with replacement, from the window; where rows recur, as their recurrence says,
        with averaged fields. Raises ValueError when it is empty."""
        if not self.inserted:
            raise ValueError("the replay is empty: nothing can be sampled.")
        if self._table is None:
            return self._ring.take(self._draw(size, rng))
        places = self._draw(size, rng) if self._table.recurrence.power == 1 else self._draw_by_share(size, rng)
        rows = self._ring.take(places)
        self._table.average(rows, places)
        return rows

    def _draw(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """[size] places of rows, uniformly."""
        return self._place(rng.integers(self._first(self.inserted), self.inserted, size))

    def _draw_by_share(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """[size] places of rows, each by its share: uniform draws, of which this part is kept."""
        assert self._table is not None
        found = np.zeros(0, np.int64)
        while len(found) < size:
            wanted = (size - len(found)) * len(self) / len(self._table)  # enough on average, where power is 0
            places = self._draw(int(np.ceil(wanted)), rng)
            kept = places[rng.random(len(places)) < self._table.shares(places)]
            found = np.concatenate([found, kept[: size - len(found)]])
        return found

    def metrics(self) -> dict[str, float]:
        """Where rows recur: distinct, the share of rows that were left if each key had one, and most, the rows of the
        key that most have. Else nothing."""
        if self._table is None:
            return {}
        return {"distinct": len(self._table) / max(len(self), 1), "most": float(self._table.most())}

    def rows(self, first: int, last: int) -> np.ndarray:
        """Copies of rows first … last - 1 by number; they must still be held. Bytes between fields are zero: indexing
        would leave there what memory held, and files would differ from run to run."""
        return self._ring.take(self._place(np.arange(first, last)), np.zeros(last - first, self.dtype))

    def restore(self, rows: np.ndarray | storage.Pieces, inserted: int) -> None:
        """Becomes a replay whose newest rows are `rows`, after `inserted` rows in all."""
        count = min(len(rows), self.config.capacity)
        self.inserted, self._oldest = inserted, inserted - count
        if count > len(self._ring):
            self._ring = storage.Rows(min(self.config.capacity, 2 * count), self.dtype, self._folder)
        if self._table is not None:
            self._table = recurring.Table(self._table.recurrence, self.dtype, len(self._ring))
        number = inserted - len(rows)
        for piece in [rows] if isinstance(rows, np.ndarray) else rows:
            outside = max(0, self._oldest - number)
            number += len(piece)
            self._write(piece[outside:], number - len(piece[outside:]))

    def _first(self, inserted: int) -> int:
        """Number of the oldest row in the window once `inserted` rows were inserted."""
        return max(inserted - self.window(inserted), self._oldest)

    def _write(self, rows: np.ndarray, first: int) -> None:
        """Puts rows [M], of the numbers from `first` on, in their places; those in the window are counted."""
        places = self._place(np.arange(first, first + len(rows)))
        if self._table is None:
            self._ring.put(places, rows)
            return
        rows, keys = self._table.recurrence.canonical(rows)
        self._ring.put(places, rows)
        outside = max(0, self._first(self.inserted) - first)
        self._table.add(places[outside:], rows[outside:], keys[outside:])

    def _leave(self, first: int, last: int) -> None:
        """The rows of the numbers first … last - 1, if any, are in the window no more."""
        if self._table is not None and last > first:
            places = self._place(np.arange(first, last))
            self._table.remove(places, self._ring.take(places))

    def _place(self, numbers: np.ndarray) -> np.ndarray:
        return numbers % len(self._ring)

    def _resize(self, size: int) -> None:
        if size <= len(self._ring):
            return
        first, before = self._first(self.inserted), len(self._ring)
        larger = storage.Rows(size, self.dtype, self._folder)
        for start in range(first, self.inserted, storage.CHUNK):
            numbers = np.arange(start, min(start + storage.CHUNK, self.inserted))
            larger.put(numbers % size, self.rows(start, int(numbers[-1]) + 1))
        self._ring = larger
        if self._table is not None:
            numbers = np.arange(first, self.inserted)
            self._table.move(numbers % before, numbers % size, size)
