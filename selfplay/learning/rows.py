"""Rows of experience where they lie: in memory, or on disk in a file mapped into memory, and rows read piece by piece.

The file has no name and goes with the process, however that ends: it is a working copy, and what a run needs to go on
lies in its shards. Its room is reserved when it is made, so that a full disk is told then and not met in mid-write.
"""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from selfplay import device as devices
from selfplay.errors import ConfigError, FolderError
from selfplay.learning.config import ReplayConfig

SHARE = 0.25  # of the machine's memory, beyond which rows are kept on disk
CHUNK = 2**16  # rows that are copied at once


def on_disk(dtype: np.dtype, config: ReplayConfig) -> bool:
    """Whether rows are kept on disk: as the settings say, or where the window may come to need much of the memory."""
    if config.storage == "auto":
        return config.capacity * dtype.itemsize > SHARE * devices.memory()
    return config.storage == "disk"


class Rows:
    """Places for rows, which at first hold zeros."""

    def __init__(self, size: int, dtype: np.dtype, folder: Path | None = None) -> None:
        """folder: where their file is; None: in memory. Raises FolderError where the disk has not enough room."""
        self.dtype, self.folder = dtype, folder
        self._map = None if folder is None else _mapped(size * dtype.itemsize, folder)
        self._array = np.zeros(size, dtype) if self._map is None else np.frombuffer(self._map, dtype, size)

    def __len__(self) -> int:
        return len(self._array)

    def take(self, places: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
        """[M] copies of the rows at places [M]. Bytes between fields are those of `out`, where it is given: indexing
        would leave there what memory held."""
        if self._map is not None:
            self._expect(places)
        found: np.ndarray = np.take(self._array, places, out=out, mode="raise" if out is None else "clip")
        return found

    def put(self, places: np.ndarray, rows: np.ndarray) -> None:
        """Writes rows [M] to places [M]."""
        self._array[places] = rows

    def _expect(self, places: np.ndarray) -> None:
        """Has the system read the pages of these places all at once, and not one after the other as they are met."""
        size, page = self.dtype.itemsize, mmap.PAGESIZE
        first = places * size // page
        last = (places * size + size - 1) // page
        assert self._map is not None
        for at in np.unique(np.concatenate([first, last])).tolist():
            self._map.madvise(mmap.MADV_WILLNEED, at * page, page)


def _mapped(size: int, folder: Path) -> mmap.mmap:
    """New memory of `size` bytes in a file without a name."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                os.truncate(file.fileno(), size)
            mapped = mmap.mmap(file.fileno(), size)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise FolderError(f"cannot keep the replay in '{folder}' ({error.strerror}).") from None
        free = shutil.disk_usage(folder).free / 2**30
        raise FolderError(
            f"the replay needs {size / 2**30:,.2f} GiB in '{folder}' ({error.strerror}; {free:,.2f} GiB are free): "
            "make room, or set replay.window_min, replay.window_fraction or replay.capacity lower."
        ) from None
    mapped.madvise(mmap.MADV_RANDOM)  # what lies beside a row is hardly ever drawn with it
    return mapped


def check(dtype: np.dtype, config: ReplayConfig, beside: int) -> None:
    """Raises ConfigError where the rows that the window is to hold are more than this machine's memory. beside: bytes
    that each row needs in memory wherever it lies."""
    each = beside if on_disk(dtype, config) else dtype.itemsize + beside
    needed = min(config.capacity, config.window_min) * each
    if needed > devices.memory():
        remedy = "set it or replay.capacity lower"
        remedy += "" if on_disk(dtype, config) else ", or replay.storage=disk"
        raise ConfigError(
            f"replay.window_min={config.window_min:,} rows of {each:,} bytes need {needed / 2**30:,.0f} GiB, and this "
            f"machine has {devices.memory() / 2**30:.0f}: {remedy}."
        )


class Pieces:
    """Rows that are read piece by piece whenever they are gone through, so that they need not fit into memory."""

    def __init__(self, count: int, sizes: Sequence[int], readers: Sequence[Callable[[], np.ndarray]]) -> None:
        """count: of the newest rows, all that there are here. sizes, readers: rows of each piece, and what reads it."""
        self._count, self._sizes, self._readers = count, list(sizes), list(readers)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[np.ndarray]:
        skipped = sum(self._sizes) - self._count
        for size, read in zip(self._sizes, self._readers, strict=True):
            if skipped < size:
                yield read()[skipped:]
            skipped = max(0, skipped - size)
