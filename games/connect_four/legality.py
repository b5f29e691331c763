"""Legality of connect-four boards: which of them can arise in play, exactly, and if not, why. Knows no moves.

A board is stones [R, C] int8: 0 empty, +1 a stone of the player who began, −1 one of the other; row 0 is the top. It
can arise if it can be taken apart: the top stones of columns leave one by one, the players in turn from the one who
moved last, and no four in a row stands once the last move is taken back. Boards before that have fewer stones and no
four either: what is left is to merge seven columns into one sequence of alternating colours, a search through at most
7⁷ heights of columns.
"""

from __future__ import annotations

import numpy as np
from numba import njit

FLOATING = "floating stone"  # with an empty cell below it
COUNTS = "wrong counts"  # neither equal numbers of both players, nor one more of the player who began
TWO_WINNERS = "two winners"  # fours of both players
UNREACHABLE = "unreachable"  # none of those, and yet no order of moves leads there
FAULTS = (FLOATING, COUNTS, TWO_WINNERS, UNREACHABLE)  # as they are looked for: the first one found names the board

ROWS = 6
COLUMNS = 7
LEVELS = ROWS + 1  # heights that a column can have
_DIRECTIONS = ((0, 1), (1, 0), (1, 1), (1, -1))  # rows, columns


def faults(stones: np.ndarray) -> np.ndarray:
    """[N] str: one of FAULTS, or "" where the board can arise. stones: [N, 6, 7] int8 in {−1, 0, +1}, row 0 the top."""
    assert stones.shape[1:] == (ROWS, COLUMNS) and stones.dtype == np.int8 and (np.abs(stones) <= 1).all()
    surplus = stones.sum(axis=(1, 2), dtype=np.int64)
    wins = has_four(stones == 1), has_four(stones == -1)
    found = np.full(len(stones), UNREACHABLE, dtype=f"<U{max(map(len, FAULTS))}")
    found[wins[0] & wins[1]] = TWO_WINNERS
    found[(surplus < 0) | (surplus > 1)] = COUNTS
    found[((stones[:, :-1] != 0) & (stones[:, 1:] == 0)).any(axis=(1, 2))] = FLOATING
    rows = np.flatnonzero(found == UNREACHABLE)
    found[rows[_can_arise(stones[rows], surplus[rows])]] = ""
    return found


def has_four(stones: np.ndarray) -> np.ndarray:
    """[N] bool: whether four stones [N, R, C] bool stand in a row, a column or a diagonal."""
    found = np.zeros(len(stones), dtype=bool)
    for down, across in _DIRECTIONS:
        rows, columns = stones.shape[1] - 3 * down, stones.shape[2] - 3 * abs(across)
        line = np.ones((len(stones), rows, columns), dtype=bool)
        for i in range(4):
            left = i * across if across >= 0 else 3 + i * across
            line &= stones[:, i * down : i * down + rows, left : left + columns]
        found |= line.any(axis=(1, 2))
    return found


def _can_arise(stones: np.ndarray, surplus: np.ndarray) -> np.ndarray:
    """[N] bool, of boards [N, R, C] without floating stones; surplus [N] in {0, 1}: stones of the first player too
    many."""
    heights = (stones != 0).sum(axis=1, dtype=np.int64)
    last = np.where(surplus == 1, 1, -1).astype(np.int64)
    removable = np.zeros(heights.shape, dtype=bool)
    for column in range(COLUMNS):
        rows = np.flatnonzero(heights[:, column])
        rows = rows[stones[rows, ROWS - heights[rows, column], column] == last[rows]]
        before = stones[rows]
        before[np.arange(len(rows)), ROWS - heights[rows, column], column] = 0
        removable[rows, column] = ~(has_four(before == 1) | has_four(before == -1))
    can = np.zeros(len(stones), dtype=bool)
    seen = np.zeros(LEVELS**COLUMNS, dtype=np.int32)
    choice = np.zeros(ROWS * COLUMNS + 1, dtype=np.int64)
    _take_apart(np.ascontiguousarray(stones), heights, removable, last, seen, choice, can)
    return can


@njit(cache=True)
def _take_apart(
    stones: np.ndarray, heights: np.ndarray, removable: np.ndarray, last: np.ndarray, seen: np.ndarray,
    choice: np.ndarray, can: np.ndarray,
) -> None:  # fmt: skip
    """Writes can [N]: depth first through heights of columns, none twice. Changes heights.

    heights: [N, C]; removable: [N, C], whether the last move can have been there; last: [N], who made it. Scratch: seen
    [LEVELS**C], the number of the board that was last at those heights, read as digits; choice [R·C + 1], the next
    column to try by number of stones taken.
    """
    for i in range(len(stones)):
        total, here = 0, 0
        for column in range(COLUMNS - 1, -1, -1):
            total += heights[i, column]
            here = here * LEVELS + heights[i, column]
        taken = 0
        choice[0] = 0
        while taken >= 0 and taken < total:
            column = choice[taken]
            if column == COLUMNS:  # nothing is left to try here: put the stone before back
                taken -= 1
                if taken >= 0:
                    heights[i, choice[taken] - 1] += 1
                    here += LEVELS ** (choice[taken] - 1)
                continue
            choice[taken] += 1
            height = heights[i, column]
            mover = last[i] if taken % 2 == 0 else -last[i]
            if height == 0 or stones[i, ROWS - height, column] != mover or (taken == 0 and not removable[i, column]):
                continue
            there = here - LEVELS**column
            if seen[there] == i + 1:
                continue
            seen[there] = i + 1
            heights[i, column] -= 1
            here = there
            taken += 1
            choice[taken] = 0
        can[i] = taken == total
