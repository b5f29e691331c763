"""Numba kernels of chess endgame tables: numbering of positions, moves out of a table, moves before a position.

An endgame is a king with one or two pieces, which are of different kinds, against a lone king. Everything is seen by
the side that has the pieces, the strong one. A slot is the side to move (0 the strong one), the strong king's square,
the lone king's and those of the pieces. Without pawns the board is mirrored until the strong king stands on a1–d4, with
a pawn until it stands on the files a–d: no position is its own mirror image, so that moves stay as many as they are.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from games import base
from games.chess import geometry, kernels
from games.chess.geometry import KING, KNIGHT
from games.chess.kernels import flip, generate, in_check, load, lowest, make, popcount, slide_diagonal, slide_straight
from games.endgames import tables

_SOURCES = base.source_digest(kernels, geometry, tables)

_ZERO, _ONE = np.uint64(0), np.uint64(1)
PAWN, KNIGHT_KIND, BISHOP, ROOK, QUEEN = 1, 2, 3, 4, 7  # the sum over the boards that hold a piece, as in kernels.py
WIDTH = 36  # positions before one: a king's 8 squares, a queen's 27; or 8, a bishop's 13 and a knight's 8
SIDE = 64  # squares


@njit(cache=True)
def slot_of(side, king, lone, first, second, kinds):
    """The slot of squares 0–63 seen by the strong side. kinds [2] int64: of the pieces; 0 for no second one."""
    turn = 7 if king & 4 else 0
    if kinds[0] == PAWN:
        region, place = 32, (king ^ turn) >> 3 << 2 | (king ^ turn) & 3
    else:
        turn ^= 56 if king & 32 else 0
        region, place = 16, (king ^ turn) >> 3 << 2 | (king ^ turn) & 3
    slot = ((side * region + place) * SIDE + (lone ^ turn)) * SIDE + (first ^ turn)
    return slot * SIDE + (second ^ turn) if kinds[1] else slot


@njit(cache=True)
def squares_of(slot, kinds):
    """(side to move, strong king, lone king, first piece, second piece or -1) of a slot."""
    second = np.int64(-1)
    if kinds[1]:
        second, slot = slot % SIDE, slot // SIDE
    first, slot = slot % SIDE, slot // SIDE
    lone, slot = slot % SIDE, slot // SIDE
    region = 32 if kinds[0] == PAWN else 16
    side, place = slot // region, slot % region
    return side, (place >> 2) * 8 + (place & 3), lone, first, second


@njit(cache=True)
def bit(square):
    return _ONE << np.uint64(square)


@njit(cache=True)
def holding(kinds, first, second, kind, other):
    """The set of the pieces that are of one of two kinds."""
    found = bit(first) if kinds[0] == kind or kinds[0] == other else _ZERO
    if kinds[1] and (kinds[1] == kind or kinds[1] == other):
        found |= bit(second)
    return found


@njit(cache=True)
def position_of(side, king, lone, first, second, kinds):
    """The position as `games.chess.kernels` has it, seen by `side`, the one to move."""
    strong = bit(king) | bit(first)
    if kinds[1]:
        strong |= bit(second)
    pawns, knights = holding(kinds, first, second, PAWN, PAWN), holding(kinds, first, second, KNIGHT_KIND, KNIGHT_KIND)
    diagonals, straights = holding(kinds, first, second, BISHOP, QUEEN), holding(kinds, first, second, ROOK, QUEEN)
    kings = bit(king) | bit(lone)
    if side == 0:
        return strong, pawns, knights, diagonals, straights, kings, _ZERO, _ZERO
    return (
        flip(bit(lone)), flip(pawns), flip(knights), flip(diagonals), flip(straights), flip(kings), _ZERO, _ZERO,
    )  # fmt: skip


@njit(cache=True)
def is_position(side, king, lone, first, second, kinds):
    """Whether no two pieces meet, no pawn stands where none can, and who is not to move is not in check."""
    if king in (lone, first) or lone == first or (kinds[0] == PAWN and (first < 8 or first >= 56)):
        return False
    if kinds[1] and second in (king, lone, first):
        return False
    return not in_check(position_of(1 - side, king, lone, first, second, kinds))


@njit(cache=True)
def _promotes(king, lone, target, promotion, queen, rook):
    """The byte of the position after a promotion. queen, rook: the tables KQK and KRK."""
    if promotion == 0:
        return queen[slot_of(1, king, lone, target, 0, (np.int64(QUEEN), np.int64(0)))]
    if promotion == 3:
        return rook[slot_of(1, king, lone, target, 0, (np.int64(ROOK), np.int64(0)))]
    return np.uint8(tables.DRAW)  # a lone minor piece


@njit(cache=True)
def begin(first_slot, end, kinds, queen, rook, targets, level, left, latest, sources=_SOURCES):
    """What `retrograde.Positions.begin` says. queen, rook: the tables KQK and KRK, used where there is a pawn;
    targets [64] uint64 scratch. A lone king that takes leaves too little to win with, by the rules a draw."""
    for slot in range(first_slot, end):
        side, king, lone, first, second = squares_of(slot, kinds)
        if not is_position(side, king, lone, first, second, kinds):
            level[slot] = tables.NOTHING
            continue
        level[slot] = tables.OPEN
        latest[slot] = 0
        position = position_of(side, king, lone, first, second, kinds)
        inside, safe, moves = 0, 0, 0
        movers = generate(position, targets)
        pieces = popcount(position[1] | position[2] | position[3] | position[4])
        while movers:
            source = lowest(movers)
            movers &= movers - _ONE
            pending = targets[source]
            while pending:
                target = lowest(pending)
                pending &= pending - _ONE
                moves += 1
                if (position[1] & position[0]) >> source & _ONE and target >= np.uint64(56):
                    for promotion in range(4):
                        byte = np.int64(_promotes(king, lone, np.int64(target), promotion, queen, rook))
                        distance = byte - 1
                        if byte == tables.DRAW:
                            safe = 1
                        elif distance & 1 == 0:
                            safe = 1
                            level[slot] = min(np.int64(level[slot]), distance + 1)
                        else:
                            latest[slot] = max(np.int64(latest[slot]), distance)
                else:
                    after = make(position, source, target, _ZERO)
                    if popcount(after[1] | after[2] | after[3] | after[4]) < pieces:
                        safe = 1
                    else:
                        inside += 1
        left[slot] = inside + safe
        if moves == 0:
            if in_check(position):
                level[slot] = 0
            else:
                left[slot] = 1  # stalemate: drawn, whatever comes
        elif inside + safe == 0:
            level[slot] = latest[slot] + 1


@njit(cache=True)
def _retreats(kind, square, occupied):
    """Whence a piece that is not a pawn can have come, without taking."""
    if kind == KNIGHT_KIND:
        return KNIGHT[square] & ~occupied
    found = _ZERO
    if kind in (BISHOP, QUEEN):
        found |= slide_diagonal(np.uint64(square), occupied)
    if kind in (ROOK, QUEEN):
        found |= slide_straight(np.uint64(square), occupied)
    return found & ~occupied


@njit(cache=True)
def before(slots, kinds, found, sources=_SOURCES):
    """Writes found [M · WIDTH] int64, the slots from which a move that takes and promotes nothing leads to slots [M];
    returns how many. Slots that are no position may be among them."""
    count = 0
    for i in range(len(slots)):
        side, king, lone, first, second = squares_of(slots[i], kinds)
        occupied = bit(king) | bit(lone) | bit(first)
        if kinds[1]:
            occupied |= bit(second)
        if side == 0:  # the lone king moved
            pending = KING[lone] & ~occupied
            while pending:
                found[count] = slot_of(1, king, np.int64(lowest(pending)), first, second, kinds)
                pending &= pending - _ONE
                count += 1
            continue
        pending = KING[king] & ~occupied
        while pending:
            found[count] = slot_of(0, np.int64(lowest(pending)), lone, first, second, kinds)
            pending &= pending - _ONE
            count += 1
        if kinds[0] == PAWN:
            if first >= 16 and not occupied & bit(first - 8):
                found[count] = slot_of(0, king, lone, first - 8, second, kinds)
                count += 1
                if first >> 3 == 3 and not occupied & bit(first - 16):
                    found[count] = slot_of(0, king, lone, first - 16, second, kinds)
                    count += 1
        else:
            pending = _retreats(kinds[0], first, occupied)
            while pending:
                found[count] = slot_of(0, king, lone, np.int64(lowest(pending)), second, kinds)
                pending &= pending - _ONE
                count += 1
        if kinds[1]:
            pending = _retreats(kinds[1], second, occupied)
            while pending:
                found[count] = slot_of(0, king, lone, first, np.int64(lowest(pending)), kinds)
                pending &= pending - _ONE
                count += 1
    return count


@njit(cache=True)
def positions_of(slots, kinds, states, sources=_SOURCES):
    """Writes the boards of records states [B] of slots [B] that are positions."""
    for i in range(len(slots)):
        side, king, lone, first, second = squares_of(slots[i], kinds)
        kernels.store(states[i], position_of(side, king, lone, first, second, kinds))


@njit(cache=True)
def slots_of(states, kinds, slots, sources=_SOURCES):
    """Writes slots [B] int64 of records [B], -1 where a position is not of the endgame with these kinds."""
    for i in range(len(states)):
        own, pawns, knights, diagonals, straights, kings, castling, _ = load(states[i])
        slots[i] = -1
        pieces = pawns | knights | diagonals | straights
        if castling or popcount(pieces) != (2 if kinds[1] else 1):
            continue
        strong = own if pieces & own else (pieces | kings) ^ own
        if pieces & ~strong:
            continue  # both have some
        side = 0 if pieces & own else 1
        turn = 56 if side else 0
        squares = [np.int64(-1), np.int64(-1)]
        for k in range(2):
            if kinds[k] == PAWN:
                here = pawns
            elif kinds[k] == KNIGHT_KIND:
                here = knights
            elif kinds[k] == BISHOP:
                here = diagonals & ~straights
            elif kinds[k] == ROOK:
                here = straights & ~diagonals
            else:
                here = straights & diagonals
            if kinds[k] and popcount(here) == 1:
                squares[k] = np.int64(lowest(here)) ^ turn
        if squares[0] < 0 or (kinds[1] and squares[1] < 0):
            continue
        king, lone = np.int64(lowest(kings & strong)) ^ turn, np.int64(lowest(kings & ~strong)) ^ turn
        slots[i] = slot_of(side, king, lone, squares[0], squares[1], kinds)


@njit(cache=True)
def checked(states, found, sources=_SOURCES):
    """Writes found [B] bool: whether the player to move is in check."""
    for i in range(len(states)):
        found[i] = in_check(load(states[i]))
