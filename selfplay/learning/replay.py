"""The replay buffer: rows of experience, newest last, sampled uniformly from a window that grows with the run.

Knows a NumPy dtype and nothing of what the rows mean. Rows are kept in memory, and on disk in one shard a save, so
that a resumed run goes on with the very experience it had.
"""

from __future__ import annotations

import numpy as np

from selfplay import device as devices
from selfplay.errors import ConfigError
from selfplay.learning.config import ReplayConfig


class Replay:
    """The window over the stream of rows. `inserted` counts all rows ever, which is also the next row's number."""

    def __init__(self, dtype: np.dtype, config: ReplayConfig) -> None:
        self.config = config
        self.inserted = 0
        self._oldest = 0  # number of the oldest row that can be held: a resumed replay lacks what came before
        self._ring = np.zeros(min(config.capacity, 2 * config.window_min), dtype=dtype)

    @property
    def dtype(self) -> np.dtype:
        """Of a row."""
        return self._ring.dtype

    @staticmethod
    def check(dtype: np.dtype, config: ReplayConfig) -> None:
        """Raises ConfigError where the rows that the window is to hold are more than this machine's memory."""
        needed = min(config.capacity, config.window_min) * dtype.itemsize
        if needed > devices.memory():
            raise ConfigError(
                f"replay.window_min={config.window_min:,} rows of {dtype.itemsize:,} bytes need {needed / 2**30:,.0f} "
                f"GiB, and this machine has {devices.memory() / 2**30:.0f}: set it or replay.capacity lower."
            )

    def __len__(self) -> int:
        return min(self.window(self.inserted), self.inserted - self._oldest)

    def window(self, inserted: int) -> int:
        """Rows in the window once `inserted` rows were inserted."""
        wanted = max(self.config.window_min, int(inserted * self.config.window_fraction))
        return min(inserted, wanted, self.config.capacity)

    def insert(self, rows: np.ndarray) -> None:
        """Appends rows [M] of the replay's dtype."""
        self.inserted += max(0, len(rows) - self.config.capacity)  # these would be overwritten at once
        rows = rows[-self.config.capacity :]
        if len(self) + len(rows) > len(self._ring):
            self._resize(min(self.config.capacity, max(2 * len(self._ring), len(self) + len(rows))))
        self._ring[self._place(np.arange(self.inserted, self.inserted + len(rows)))] = rows
        self.inserted += len(rows)

    def evict(self, before: int) -> int:
        """Drops rows whose number is below `before`, and returns how many; at least the newest row stays. The window
        then grows again from what is left."""
        held = len(self)
        self._oldest = max(self._oldest, min(before, self.inserted - 1))
        return held - len(self)

    def sample(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """[size] rows drawn uniformly, with replacement, from the window. Raises ValueError when it is empty."""
        if not self.inserted:
            raise ValueError("the replay is empty: nothing can be sampled.")
        return self._ring.take(self._place(rng.integers(self.inserted - len(self), self.inserted, size)))

    def rows(self, first: int, last: int) -> np.ndarray:
        """Copies of rows first … last - 1 by number; they must still be held. Bytes between fields are zero: indexing
        would leave there what memory held, and files would differ from run to run."""
        found = np.zeros(last - first, self._ring.dtype)
        return np.take(self._ring, self._place(np.arange(first, last)), out=found, mode="clip")

    def restore(self, rows: np.ndarray, inserted: int) -> None:
        """Becomes a replay whose newest rows are `rows`, after `inserted` rows in all."""
        rows = rows[-self.config.capacity :]
        self.inserted = self._oldest = inserted - len(rows)
        if len(rows) > len(self._ring):
            self._ring = np.zeros(min(self.config.capacity, max(2 * len(rows), 1)), dtype=self._ring.dtype)
        self._ring[self._place(np.arange(self.inserted, inserted))] = rows
        self.inserted = inserted

    def _place(self, numbers: np.ndarray) -> np.ndarray:
        return numbers % len(self._ring)

    def _resize(self, size: int) -> None:
        if size <= len(self._ring):
            return
        first, last = self.inserted - len(self), self.inserted
        kept = self.rows(first, last)
        self._ring = np.zeros(size, dtype=self._ring.dtype)
        self._ring[self._place(np.arange(first, last))] = kept
