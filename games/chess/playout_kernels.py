"""Numba kernel for random games of chess, played out one after the other in one call. Knows no planes, keys or text.

No list of moves is written: `kernels.generate` leaves a set of targets for each own piece, the moves are counted by
popcount, and the drawn one is looked up among them, in the order of `Game.legal_actions`. Rules are those of `kernels`
and `history`, whose functions are compiled into this file; `sources` tells the cache when they have changed.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from games import base
from games.chess import geometry, history, kernels
from games.chess.kernels import EMPTY, HALF, ONE, RANK_7, THREE, lowest, popcount

_SOURCES = base.source_digest(geometry, kernels, history)
_WEYL, _ODD = base.WEYL, np.uint64(0xD1B54A32D192ED03)


@njit
def mixed(word):
    """`base.mix64` of one number."""
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


@njit
def without_lowest(bits, count):
    """A set less its `count` lowest squares."""
    while count:
        bits &= bits - ONE
        count -= ONE
    return bits


@njit
def count_targets(sources, targets):
    """Number of pairs of a square of `sources` and one of its targets [64]."""
    count = EMPTY
    while sources:
        count += popcount(targets[lowest(sources)])
        sources &= sources - ONE
    return count


@njit
def pick(sources, targets, place):
    """(source, target): pair number `place` of those."""
    while sources:
        source = lowest(sources)
        sources &= sources - ONE
        here = popcount(targets[source])
        if place < here:
            return source, lowest(without_lowest(targets[source], place))
        place -= here
    return EMPTY, EMPTY  # not reached: place is less than their number


@njit
def mark_of(position):
    """A word that is equal for equal positions, and seldom for others."""
    own, pawns, knights, diagonals, straights, kings = position[:6]
    pieces = pawns | knights | diagonals | straights | kings
    return own * _WEYL + (pieces ^ (straights << ONE)) * _ODD


@njit
def is_drawn(state, marks, length, max_length):
    """Whether a rule ends the game in a position that is no mate, as `history.judge` does after each move.

    Taking moves back, as an exact comparison must, is left for positions that have the mark of two others.
    """
    if state["clock"] >= history.FIFTY_MOVES or state["ply"] >= max_length or history.cannot_mate(state):
        return True
    window = np.int64(state["window"])
    if window < 8:  # plies from the first to the third occurrence, at the least
        return False
    if window <= length:
        row, here, count = marks[length & 1], length >> 1, 0
        mark = row[here]
        for earlier in range(here - window // 2, here - 1):
            count += row[earlier] == mark
        if count < history.THREEFOLD:
            return False
    return history.earlier_occurrences(state) >= history.THREEFOLD


@njit(cache=True)
def play_out(states, seeds, max_length, targets, marks, outcome, plies, sources=_SOURCES):
    """Plays each of `states` [B] to its end, in place, but for `terminal` and `repeats`, which stay as they were.

    seeds: [B] uint64, mixed once. Scratch: targets [64] uint64; marks [2, max_length // 2 + 1] uint64, `mark_of` each
    position of a game, those of one player in each row. Writes outcome [B] int8 for the player to move at the outset;
    adds the length of each game to plies [B] int64.
    """
    for i in range(len(states)):
        state, stream = states[i], seeds[i]
        mover, length, drawn = state["to_play"], 0, state["terminal"]
        outcome[i] = 0
        while True:
            position = kernels.load(state)
            marks[length & 1, length >> 1] = mark_of(position)
            if length:
                drawn = is_drawn(state, marks, length, max_length)
            movers = kernels.generate(position, targets)
            plain = count_targets(movers, targets)
            if plain == EMPTY and length and kernels.in_check(position):  # a mate wins, whatever else it does
                outcome[i] = -1 if state["to_play"] == mover else 1
            if plain == EMPTY or drawn:
                break
            promoting = movers & position[1] & RANK_7
            count = plain + THREE * count_targets(promoting, targets)
            stream += _WEYL
            place = ((mixed(stream) >> HALF) * count) >> HALF
            promotion = EMPTY  # a queen, if anything
            if place < plain:
                source, target = pick(movers, targets, place)
            else:
                place -= plain
                source, target = pick(promoting, targets, place // THREE)
                promotion = ONE + place % THREE
            kernels.play(state, source, target, promotion)
            length += 1
        plies[i] += length
