"""The Numba kernel of retrograde analysis: what a level of the distance means for the positions one move before it."""

from __future__ import annotations

import numpy as np
from numba import njit

from games import base
from games.endgames import tables

_SOURCES = base.source_digest(tables)


@njit(cache=True)
def spread(distance, before, level, left, latest, sources=_SOURCES):
    """Changes `level` and `left`: before [N] are the slots of positions one move before some of this distance."""
    for k in range(len(before)):
        slot = before[k]
        if level[slot] == tables.NOTHING:
            continue
        if distance & 1 == 0:  # lost for the player to move there, so won here
            if level[slot] > distance + 1:
                level[slot] = distance + 1
        else:
            left[slot] -= 1
            if left[slot] == 0 and level[slot] == tables.OPEN:
                level[slot] = max(distance, np.int64(latest[slot])) + 1
