"""Numba kernels of checkers endgame tables: numbering of positions, moves out of a set, moves before a position.

A class is how many men and kings each player has, the mover's first: (own men, own kings, other men, other kings). A
position is a class and a rank in it: the set of own men among the 28 squares where men stand, the set of the other's
men among theirs, the kings among the squares without men, each by its place in the lexicographic order of sets. The two
sets of men are numbered apart, so that ranks where they meet are no positions. Knows no draws by clock or repetition.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from games import base
from games.checkers import board, kernels
from games.checkers.kernels import any_of, jumpers, moved, popcount, shifted, steppers, turn
from games.endgames import tables

_SOURCES = base.source_digest(kernels, board, tables)

_ZERO, _ONE = np.uint64(0), np.uint64(1)
_FULL = np.uint64(board.FULL)
_KING_ROW, _BACK_ROW = np.uint64(board.KING_ROW), np.uint64(board.BACK_ROW)
_OWN_MEN, _OTHER_MEN = np.uint64(board.FULL & ~board.KING_ROW), np.uint64(board.FULL & ~board.BACK_ROW)
MAX_PIECES = 5
MAX_JUMPS = 4  # pieces that one move can take
WIDTH = 4 * (MAX_PIECES - 1) + 4  # positions before one: each piece a step back in four directions
FRAME_WORDS = 4  # own, other, kings, the jumping piece


def _binomials() -> np.ndarray:
    table = np.zeros((board.SQUARES + 1, MAX_PIECES + 2), dtype=np.int64)
    table[:, 0] = 1
    for n in range(1, board.SQUARES + 1):
        table[n, 1:] = table[n - 1, 1:] + table[n - 1, :-1]
    return table


CHOOSE = _binomials()  # [n, k]: sets of k among n


@njit(cache=True)
def _rank_of(pieces, room):
    """The number of a set of squares among those of equal size within `room`."""
    rank = np.int64(0)
    k = 1
    while pieces != _ZERO:
        here = pieces & ~(pieces - _ONE)
        pieces ^= here
        rank += CHOOSE[popcount(room & (here - _ONE)), k]
        k += 1
    return rank


@njit(cache=True)
def _set_of(rank, count, room):
    """The set of `count` squares within `room` that has this number."""
    pieces = _ZERO
    place = popcount(room)
    for k in range(count, 0, -1):
        place -= 1
        while CHOOSE[place, k] > rank:
            place -= 1
        rank -= CHOOSE[place, k]
        rest = room  # its square number `place`, from below
        for _ in range(place):
            rest &= rest - _ONE
        pieces |= rest & ~(rest - _ONE)
    return pieces


@njit(cache=True)
def rank_of(own, other, kings):
    """The rank of a position in its class."""
    own_men, other_men = own & ~kings, other & ~kings
    own_kings, other_kings = own & kings, other & kings
    room = _FULL & ~(own_men | other_men)
    free = popcount(room)
    rank = _rank_of(own_men, _OWN_MEN) * CHOOSE[28, popcount(other_men)] + _rank_of(other_men, _OTHER_MEN)
    rank = rank * CHOOSE[free, popcount(own_kings)] + _rank_of(own_kings, room)
    return rank * CHOOSE[free - popcount(own_kings), popcount(other_kings)] + _rank_of(other_kings, room & ~own_kings)


@njit(cache=True)
def position_of(rank, own_men, own_kings, other_men, other_kings):
    """(own, other, kings) of a rank in a class; own and other meet where it is no position."""
    free = 32 - own_men - other_men
    size = CHOOSE[free - own_kings, other_kings]
    last, rank = rank % size, rank // size
    size = CHOOSE[free, own_kings]
    third, rank = rank % size, rank // size
    size = CHOOSE[28, other_men]
    own, other = _set_of(rank // size, own_men, _OWN_MEN), _set_of(rank % size, other_men, _OTHER_MEN)
    if own & other != _ZERO:
        return own, other, _ZERO
    room = _FULL & ~(own | other)
    mine = _set_of(third, own_kings, room)
    theirs = _set_of(last, other_kings, room & ~mine)
    return own | mine, other | theirs, mine | theirs


@njit(cache=True)
def slot_of(own, other, kings, start):
    """The slot of a position whose class has a place in start [P, P, P, P] int64, the first slot of each class; else
    -1."""
    if popcount(own | other) >= start.shape[0]:
        return np.int64(-1)
    first = start[
        popcount(own & ~kings), popcount(own & kings), popcount(other & ~kings), popcount(other & kings)
    ]  # fmt: skip
    return first + rank_of(own, other, kings) if first >= 0 else np.int64(-1)


@njit(cache=True)
def slots_of(own, other, kings, start, slots, sources=_SOURCES):
    """Writes slots [B] int64 of positions [B] uint64 each."""
    for i in range(len(own)):
        slots[i] = slot_of(own[i], other[i], kings[i], start)


@njit(cache=True)
def positions_of(ranks, own_men, own_kings, other_men, other_kings, own, other, kings, sources=_SOURCES):
    """Writes own, other and kings [B] uint64 of ranks [B] int64 in one class."""
    for i in range(len(ranks)):
        own[i], other[i], kings[i] = position_of(ranks[i], own_men, own_kings, other_men, other_kings)


@njit(cache=True)
def _leave(own, other, kings, start, solved, level, left, latest, slot):
    """Changes the three numbers of a slot by a move out of its set, to a position given from its mover's view."""
    byte = np.int64(solved[slot_of(turn(other), turn(own), turn(kings), start)])
    if byte == tables.DRAW:
        return True
    distance = byte - 1
    if distance & 1 == 0:
        if level[slot] > distance + 1:
            level[slot] = distance + 1
        return True
    if latest[slot] < distance:
        latest[slot] = distance
    return False


@njit(cache=True)
def begin(
    first, end, offset, own_men, own_kings, other_men, other_kings, start, solved, frames, level, left, latest,
    sources=_SOURCES,
):  # fmt: skip
    """What `retrograde.Positions.begin` says, for ranks first … end - 1 of a class whose slots begin at `offset`.

    start: see `slot_of`; solved: all tables up to now, flat, by these slots; frames [MAX_JUMPS + 1, FRAME_WORDS + 4]
    uint64 scratch: a position in the middle of a jump, and the directions still to be tried."""
    for rank in range(first, end):
        slot = offset + rank
        own, other, kings = position_of(rank, own_men, own_kings, other_men, other_kings)
        if own & other != _ZERO:
            level[slot] = tables.NOTHING
            continue
        level[slot] = tables.OPEN
        latest[slot] = 0
        inside, safe, moves = 0, False, 0
        movers = jumpers(own, other, kings)
        if any_of(movers) == _ZERO:
            movers = steppers(own, other, kings)
            for direction in range(4):
                pending = movers[direction]
                while pending != _ZERO:
                    here = pending & ~(pending - _ONE)
                    pending ^= here
                    moves += 1
                    after = moved(own, other, kings, here, direction, False)
                    if after[4]:
                        safe |= _leave(after[0], after[1], after[2], start, solved, level, left, latest, slot)
                    else:
                        inside += 1
        else:
            depth = 0
            frames[0, 0], frames[0, 1], frames[0, 2] = own, other, kings
            for direction in range(4):
                frames[0, FRAME_WORDS + direction] = movers[direction]
            while depth >= 0:
                direction = 0
                while direction < 4 and frames[depth, FRAME_WORDS + direction] == _ZERO:
                    direction += 1
                if direction == 4:
                    depth -= 1
                    continue
                pending = frames[depth, FRAME_WORDS + direction]
                here = pending & ~(pending - _ONE)
                frames[depth, FRAME_WORDS + direction] ^= here
                mine, theirs, crowns, target, crowned = moved(
                    frames[depth, 0], frames[depth, 1], frames[depth, 2], here, direction, True
                )
                movers = jumpers(mine, theirs, crowns)
                if not crowned and any_of(movers) & target != _ZERO:
                    depth += 1
                    frames[depth, 0], frames[depth, 1], frames[depth, 2] = mine, theirs, crowns
                    for way in range(4):
                        frames[depth, FRAME_WORDS + way] = movers[way] & target
                else:
                    moves += 1
                    safe |= _leave(mine, theirs, crowns, start, solved, level, left, latest, slot)
        left[slot] = inside + safe
        if moves == 0:
            level[slot] = 0
        elif inside + safe == 0:
            level[slot] = latest[slot] + 1


@njit(cache=True)
def before(slots, split, classes, offset, start, found, sources=_SOURCES):
    """Writes found [M · WIDTH] int64, the slots from which a step that crowns nobody leads to slots [M]; returns how
    many. classes [2, 4] int64: the class of the slots below `split`, and of the rest; offset: of the set's first slot.
    """
    count = 0
    for i in range(len(slots)):
        which = 0 if slots[i] < split else 1
        rank = slots[i] - (0 if which == 0 else split)
        own, other, kings = position_of(
            rank, classes[which, 0], classes[which, 1], classes[which, 2], classes[which, 3]
        )
        empty = _FULL & ~(own | other)
        for direction in range(4):  # in which the other player's piece went back, as the mover sees it
            pieces = other if direction < 2 else other & kings
            pending = pieces
            while pending != _ZERO:
                here = pending & ~(pending - _ONE)
                pending ^= here
                # The other's men walk to lower numbers: whence they came is forward, for the mover.
                origin = shifted(here, direction)
                if origin & empty == _ZERO:
                    continue
                theirs = other ^ here ^ origin
                crowns = kings ^ here ^ origin if kings & here != _ZERO else kings
                player, opponent, crowns = turn(theirs), turn(own), turn(crowns)
                if any_of(jumpers(player, opponent, crowns)) != _ZERO:
                    continue  # would have had to jump
                found[count] = slot_of(player, opponent, crowns, start) - offset
                count += 1
    return count
