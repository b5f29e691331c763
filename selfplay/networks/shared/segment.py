"""The memory that a client shares with its server: slots of positions on their way out, and of answers on the way back.

It has no name: a file in memory, handed over by its descriptor, which the system frees when both processes have closed
it or ended, however they ended. Whose turn it is in a slot, messages say.
"""

from __future__ import annotations

import fcntl
import mmap
import os
from typing import NamedTuple

import numpy as np

_LINE = 64  # bytes; arrays begin at multiples of it


class Layout(NamedTuple):
    """Sizes of a segment, known to both sides."""

    slots: int  # requests at once
    capacity: int  # positions a slot
    width: int  # actions a position: K
    state: np.dtype

    @property
    def _fields_of(self) -> list[tuple[str, np.dtype, tuple[int, ...]]]:
        places = (self.slots, self.capacity)
        return [
            ("beat", np.dtype(np.uint64), (_LINE // 8,)),
            ("states", self.state, places),
            ("actions", np.dtype(np.int32), (*places, self.width)),
            ("logits", np.dtype(np.float32), (*places, self.width)),
            ("wdl", np.dtype(np.float32), (*places, 3)),
        ]

    @property
    def size(self) -> int:
        """Bytes of a segment."""
        return sum(_rounded(dtype.itemsize * int(np.prod(shape))) for _, dtype, shape in self._fields_of)


class Segment:
    """One client's memory, seen from either side."""

    beat: np.ndarray  # [8] uint64; the first rises while the server is well
    states: np.ndarray  # [slots, capacity] state_dtype
    actions: np.ndarray  # [slots, capacity, K] int32, padded with -1
    logits: np.ndarray  # [slots, capacity, K] float32, of these actions; anything on the padding
    wdl: np.ndarray  # [slots, capacity, 3] float32, sums to 1

    def __init__(self, layout: Layout, descriptor: int) -> None:
        """Maps a descriptor, which stays the caller's. Raises OSError or ValueError where it is no such memory."""
        if os.fstat(descriptor).st_size != layout.size:
            raise ValueError(f"a segment has {os.fstat(descriptor).st_size} bytes; {layout.size} were expected.")
        memory = mmap.mmap(descriptor, layout.size)
        offset = 0
        for name, dtype, shape in layout._fields_of:
            count = int(np.prod(shape))
            setattr(self, name, np.frombuffer(memory, dtype, count, offset).reshape(shape))
            offset += _rounded(dtype.itemsize * count)


def sealed(size: int) -> int:
    """The descriptor of new anonymous memory, whose size nobody can change: reading it never faults."""
    descriptor = os.memfd_create("selfplay-inference", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(descriptor, size)
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _rounded(size: int) -> int:
    return -(-size // _LINE) * _LINE
