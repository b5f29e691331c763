"""Alpha–beta search for exact results, over any game whose rules are compiled: win, draw or loss, in so many nodes.

`prove` is called with a game's own `step` and `legal_actions` (see `Game.compiled_rules`) as function pointers, so that
it is compiled once a game and cached on disk, and a node costs no Python. It has no heuristic: whatever it returns
follows from the rules.
"""

from __future__ import annotations

import functools

import numba
import numpy as np
from numba import njit, types

from games.base import Game
from selfplay.search.tree import UNKNOWN

DEPTH = 64  # plies below a position that are looked at; a longer game is given up
_WAYS = 4  # places of a table in which one position may lie: half a cache line
_DATA = np.uint64(15)  # bits of an entry that hold bounds; the others are the position's


@njit(cache=True)
def _digest(words, row):
    """A well mixed word of the position in `words` [N, W] at `row`; never 0. The rounds are those of splitmix64."""
    x = np.uint64(0)
    for i in range(words.shape[1]):
        x = (x ^ np.uint64(words[row, i])) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x = x ^ (x >> np.uint64(31))
    return x | np.uint64(16)


@njit(cache=True)
def _bounds(table, words, row):
    """(least, greatest) value, for the player to move, that `table` [S] knows of the position in `words` at `row`."""
    digest = _digest(words, row)
    first = np.int64(digest >> np.uint64(4)) & (len(table) - _WAYS)
    for place in range(first, first + _WAYS):
        if (table[place] ^ digest) & ~_DATA == 0:
            data = np.int64(table[place] & _DATA)
            return (data & 3) - 1, (data >> 2) - 1
    return -1, 1


@njit(cache=True)
def _keep(table, words, row, least, greatest, turn):
    """Changes `table` [S]: bounds of the position in `words` at `row`. A full bucket loses its next entry."""
    digest = _digest(words, row)
    first = np.int64(digest >> np.uint64(4)) & (len(table) - _WAYS)
    free = first + turn % _WAYS
    for place in range(first, first + _WAYS):
        if (table[place] ^ digest) & ~_DATA == 0:
            data = np.int64(table[place] & _DATA)
            least, greatest, free = max(least, (data & 3) - 1), min(greatest, (data >> 2) - 1), place
            break
        if table[place] == 0:
            free = place
            break
    table[free] = (digest & ~_DATA) | np.uint64(least + 1) | (np.uint64(greatest + 1) << np.uint64(2))


def prove(
    step, legal_actions, roots, rows, budget, stack, words, actions, counts, reward, discount, greatest, done, chosen,
    at, lower, alpha, beta, tables, history, values,
):  # fmt: skip
    """Writes to values [M] the exact value of each position in `roots` [M], for the player to move there, or UNKNOWN
    where that takes more than `budget` positions whose actions are all tried.

    Fail-hard alpha–beta from one ply to the next, without recursion. The children of ply d lie in the stack from
    1 + d·K on. tables [B, S] uint64 and history [B, 2, A] int64, which order the actions, belong to search rows [M] of
    B, and stay. A reward other than −1, 0, 1 is no result that could be proven: UNKNOWN. The others are scratch:
    stack [1 + DEPTH·K] positions, words [1 + DEPTH·K, W] the same memory as integers, actions [DEPTH, K] and counts
    [DEPTH] int32, reward and discount [1 + DEPTH·K] float32, greatest and done [DEPTH, K], chosen, at, lower, alpha and
    beta [DEPTH] int64.
    """
    width = actions.shape[1]
    for i in range(len(roots)):
        table, scores = tables[rows[i]], history[rows[i]]
        stack[0] = roots[i]
        values[i], spent = UNKNOWN, 0
        low, high = _bounds(table, words, 0)
        if low == high:
            values[i] = low
            continue
        d, entering = 0, True
        at[0], lower[0], alpha[0], beta[0] = 0, -1, -1, 1
        while True:
            base = 1 + d * width
            if entering:
                if spent >= budget:
                    break
                spent += 1
                legal_actions(stack[at[d] : at[d] + 1], actions[d : d + 1], counts[d : d + 1])
                n = counts[d]
                for k in range(n):
                    stack[base + k] = stack[at[d]]
                step(stack[base : base + n], actions[d, :n], reward[base : base + n], discount[base : base + n])
                exact = True
                for k in range(n):
                    done[d, k] = discount[base + k] == 0
                    if done[d, k]:
                        low = np.int64(reward[base + k])
                        exact = exact and low == reward[base + k]
                    else:
                        low, high = _bounds(table, words, base + k)
                        if discount[base + k] < 0:
                            low, high = -high, -low
                        greatest[d, k] = high
                    alpha[d] = max(alpha[d], low)
                if not exact:
                    break
                entering = False
            best, most = -1, np.int64(-1)
            if alpha[d] < beta[d]:
                mover = stack[at[d]]["to_play"]
                for k in range(counts[d]):
                    if not done[d, k] and greatest[d, k] > alpha[d] and scores[mover, actions[d, k]] > most:
                        best, most = k, scores[mover, actions[d, k]]
            if best >= 0:
                if d + 1 == DEPTH:
                    break
                done[d, best], chosen[d] = True, best
                d += 1
                at[d], entering = base + best, True
                if discount[base + best] < 0:
                    lower[d], beta[d] = -beta[d - 1], -alpha[d - 1]
                else:
                    lower[d], beta[d] = alpha[d - 1], beta[d - 1]
                alpha[d] = lower[d]
                continue
            value = min(alpha[d], beta[d])
            low, high = value if value > lower[d] else -1, value if value < beta[d] else 1
            _keep(table, words, at[d], low, high, spent)
            if d == 0:
                values[i] = value
                break
            d -= 1
            k, mover = chosen[d], stack[at[d]]["to_play"]
            value = np.int64(discount[1 + d * width + k]) * value
            if value > alpha[d]:
                alpha[d] = value
                if value >= beta[d]:
                    scores[mover, actions[d, k]] += 1


@functools.cache
def compiled(states: np.dtype, word: np.dtype):
    """`prove` for positions of a dtype, and integers of a dtype in their memory."""
    record = types.Array(numba.from_dtype(states), 1, "C", aligned=bool(states.isalignedstruct))
    ints, floats, words = types.int32[::1], types.float32[::1], numba.from_dtype(word)[:, ::1]
    longs, bools = types.int64[::1], types.boolean[:, ::1]
    step = types.FunctionType(types.void(record, ints, floats, floats))
    legal_actions = types.FunctionType(types.void(record, types.int32[:, ::1], ints))
    signature = types.void(
        step, legal_actions, record, longs, types.int64, record, words, types.int32[:, ::1], ints, floats, floats,
        types.int8[:, ::1], bools, longs, longs, longs, longs, longs,
        types.uint64[:, ::1], types.int64[:, :, ::1], types.int8[::1],
    )  # fmt: skip
    return njit(signature, cache=True)(prove)


def word_of(game: Game) -> np.dtype:
    """The widest unsigned integer that a position of `game` is made of."""
    size = game.state_dtype.itemsize
    return np.dtype(np.uint64 if size % 8 == 0 else np.uint32 if size % 4 == 0 else np.uint8)
