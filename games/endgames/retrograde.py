"""Retrograde analysis: the results of a set of positions, found backwards from those that are lost at once.

Level by level of the distance to the end (Ströhlein 1970; Thompson 1986): a position that leads to a lost one is won,
one move later; a position all of whose moves lead to won ones is lost, one move after the last of them. A game tells
what leaves the set and which positions come before another; this module knows no game and no rules.

What is kept of each of S slots, all uint8: `level`, the distance as far as it is known, or OPEN, or NOTHING where the
slot is no position; `left`, the moves within the set that are not known to lose, plus one if a move out of the set does
not lose; `latest`, the greatest distance among the moves out of it that lose.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from games.endgames.kernels import spread
from games.endgames.tables import DRAW, LONGEST, NOTHING, OPEN, Watch

CHUNK = 1 << 16  # slots between two looks at the clock, or at Ctrl-C


class Positions(Protocol):
    """A set of positions that moves lead out of, but not back into."""

    size: int  # S, slots

    def begin(self, first: int, end: int, level: np.ndarray, left: np.ndarray, latest: np.ndarray) -> None:
        """Writes `level`, `left` and `latest` of the slots first … end - 1: see the module."""

    def before(self, slots: np.ndarray, found: np.ndarray) -> int:
        """Writes to `found` [M · width] int64 the slots of positions from which one move within the set leads to slots
        [M] int64; returns how many. They may name slots that are no position."""

    width: int  # the most positions that come before one


def solve(positions: Positions, watch: Watch) -> np.ndarray:
    """[S] uint8: the table, as `tables` describes it. watch: told after each piece of the work."""
    level = np.full(positions.size, NOTHING, dtype=np.uint8)
    left, latest = np.zeros(positions.size, dtype=np.uint8), np.zeros(positions.size, dtype=np.uint8)
    for first in range(0, positions.size, CHUNK):
        watch(0.5 * first / positions.size)
        positions.begin(first, min(first + CHUNK, positions.size), level, left, latest)
    found = np.empty(CHUNK * positions.width, dtype=np.int64)
    distance = done = 0
    while distance < OPEN:
        if distance > LONGEST:
            raise OverflowError(f"a position is {distance} moves from its end; a table holds {LONGEST}.")
        here = np.flatnonzero(level == distance)
        for first in range(0, len(here), CHUNK):
            watch(0.5 + 0.5 * (done + first) / positions.size)
            count = positions.before(here[first : first + CHUNK], found)
            spread(distance, found[:count], level, left, latest)
        done += len(here)
        distance = int(level[(level > distance) & (level < OPEN)].min(initial=OPEN))
    known = level < OPEN
    level[known] += 1
    level[level == OPEN] = DRAW
    return level
