"""Numba kernels for runs of moves in PGN: SAN, with blanks and line ends between, and numbers with dots; and for SAN
as it is written.

Rules are those of `kernels` and `history`, whose functions are compiled into this file; `sources` tells the cache when
they have changed.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from games import base
from games.chess import geometry, history, kernels
from games.chess.kernels import EMPTY, ONE, RANK_8, lowest

_SOURCES = base.source_digest(geometry, kernels, history)
_SPACE, _NEWLINE, _DOT, _CAPTURE, _EQUALS, _CHECK, _MATE, _DASH, _CASTLE = (ord(mark) for mark in " \n.x=+#-O")
_ZERO, _NINE, _ONE, _EIGHT, _A, _H = (ord(mark) for mark in "0918ah")
_KING, _QUEEN, _ROOK, _BISHOP, _KNIGHT = (ord(letter) for letter in "KQRBN")


@njit
def is_space(mark):
    return mark in (_SPACE, _NEWLINE)


@njit
def number_at(text, at):
    """(end, value) of a number with its dots; at the place itself where there is none."""
    place, value = at, np.int64(0)
    while place < len(text) and place < at + 6 and _ZERO <= text[place] <= _NINE:
        value = 10 * value + np.int64(text[place]) - _ZERO
        place += 1
    dots = place
    while dots < len(text) and text[dots] == _DOT:
        dots += 1
    return (at, np.int64(0)) if dots == place else (dots, value)


@njit
def castling_at(text, at):
    """(end, whether it is short) of castling; at the place itself where there is none."""
    size = 0
    while size < 5 and at + size < len(text) and text[at + size] == (_DASH if size & 1 else _CASTLE):
        size += 1
    return (at + size, size == 3) if size == 3 or size == 5 else (at, False)


@njit
def squares_at(text, at):
    """(end, file, rank, target) of what follows the letter of a piece: −1 for what is not given; the end is `at` where
    there is nothing of the kind."""
    end = at
    while end < len(text) and (_A <= text[end] <= _H or _ONE <= text[end] <= _EIGHT or text[end] == _CAPTURE):
        end += 1
    file, rank, place, target = np.int64(-1), np.int64(-1), at, end - 2
    if target < at or target > at + 3 or not _A <= text[target] <= _H or not _ONE <= text[target + 1] <= _EIGHT:
        return at, file, rank, np.int64(0)
    if place < target and _A <= text[place] <= _H:
        file = np.int64(text[place]) - _A
        place += 1
    if place < target and _ONE <= text[place] <= _EIGHT:
        rank = np.int64(text[place]) - _ONE
        place += 1
    if place < target and text[place] == _CAPTURE:
        place += 1
    if place < target:
        return at, file, rank, np.int64(0)
    return end, file, rank, np.int64(text[target]) - _A + 8 * (np.int64(text[target + 1]) - _ONE)


@njit
def pieces_of(position, letter):
    """The set of own pieces of a letter; pawns for any that is no piece's."""
    own, pawns, knights, diagonals, straights, kings = position[:6]
    if letter == _KING:
        return kings & own
    if letter == _QUEEN:
        return diagonals & straights & own
    if letter == _ROOK:
        return straights & ~diagonals & own
    if letter == _BISHOP:
        return diagonals & ~straights & own
    return knights & own if letter == _KNIGHT else pawns & own


@njit
def promotion_of(letter):
    """Geometry's number; −1 for no piece that a pawn becomes."""
    if letter == _QUEEN:
        return 0
    if letter == _KNIGHT:
        return 1
    if letter == _BISHOP:
        return 2
    return 3 if letter == _ROOK else -1


@njit
def castle(position, movers, targets, short):
    """(number of ways to castle on one side, the king's square, its rook's)."""
    king = lowest(position[5] & position[0])
    if movers & (ONE << king) == EMPTY:
        return 0, king, king
    pending, count, rook = targets[king] & position[0], 0, king
    while pending:
        square = lowest(pending)
        pending &= pending - ONE
        if (square > king) == short:
            rook = square
            count += 1
    return count, king, rook


@njit
def sources_of(pieces, targets, file, rank, target, turn):
    """(number of pieces that may go to the target, the last one's square)."""
    count, found = 0, EMPTY
    while pieces:
        square = lowest(pieces)
        pieces &= pieces - ONE
        if (targets[square] >> target) & ONE == EMPTY or (file >= 0 and np.int64(square & np.uint64(7)) != file):
            continue
        if rank < 0 or np.int64((square ^ turn) >> np.uint64(3)) == rank:
            found = square
            count += 1
    return count, found


@njit
def move_at(text, at, position, movers, targets, turn):
    """(end, source, target, promotion) of the one legal move that stands there; the end is `at` where there is none, or
    not only one, or not as usual. Marks of check are left."""
    king = EMPTY
    end, short = castling_at(text, at)
    if end > at:
        count, source, target = castle(position, movers, targets, short)
        return (end if count == 1 else at), source, target, 0
    letter = text[at]
    named = letter in (_KING, _QUEEN, _ROOK, _BISHOP, _KNIGHT)
    begin = at + 1 if named else at
    end, file, rank, square = squares_at(text, begin)
    if end == begin or (not named and rank >= 0):
        return at, king, king, 0
    target = np.uint64(square) ^ turn
    pieces = pieces_of(position, letter) & movers
    if letter == _KING and (position[0] >> target) & ONE:
        return at, king, king, 0  # onto its rook: castling
    count, source = sources_of(pieces, targets, file, rank, target, turn)
    promotion = 0
    arrives = not named and (RANK_8 >> target) & ONE != EMPTY
    if arrives:
        if end + 1 >= len(text) or text[end] != _EQUALS:
            return at, king, king, 0
        promotion = promotion_of(text[end + 1])
        end += 2
    return (end if count == 1 and promotion >= 0 else at), source, target, promotion


@njit
def is_marked_rightly(position, mark):
    """Whether a position is check, or mate, as a mark behind the move to it says."""
    if not kernels.in_check(position):
        return False
    return mark == _CHECK or kernels.count_moves(position) == EMPTY


@njit(cache=True)
def read_moves(text, states, half, first, max_length, code, actions, targets, discount, sources=_SOURCES):
    """Plays the moves of text [N] uint8 in states [1], in place, and writes their actions. Returns (end of the run,
    number of moves): behind the last move and the blanks after it.

    half: plies since White's move number `first`. Scratch: targets [64], discount [1].
    """
    state, place, end, count = states[0], 0, 0, 0
    while count < len(actions) and not state["terminal"]:
        while place < len(text) and is_space(text[place]):
            place += 1
        end = place
        if place == len(text):
            break
        after, number = number_at(text, place)
        if after > place:
            due = (half + count) // 2
            if number != first + due and number != 1 + due:
                break
            place = after
            continue
        position = kernels.load(state)
        movers = kernels.generate(position, targets)
        turn = np.uint64(56) if state["to_play"] else EMPTY
        after, source, target, promotion = move_at(text, place, position, movers, targets, turn)
        if after == place:
            break
        place = after
        if place < len(text) and (text[place] == _CHECK or text[place] == _MATE):
            if not is_marked_rightly(kernels.make(position, source, target, np.uint64(promotion)), text[place]):
                break
            place += 1
        if place < len(text) and not is_space(text[place]):
            break
        end = place
        actions[count] = code[promotion, source, target]
        count += 1
        if kernels.count_moves(kernels.play(state, source, target, np.uint64(promotion))) == EMPTY:
            state["terminal"] = True
        history.judge(states, max_length, discount)
    return end, count


# Writing


@njit
def letter_of(position, source):
    """The letter of the piece on a square; 0 for a pawn."""
    bit = ONE << source
    if position[5] & bit:
        return _KING
    if position[3] & position[4] & bit:
        return _QUEEN
    if position[4] & bit:
        return _ROOK
    if position[3] & bit:
        return _BISHOP
    return _KNIGHT if position[2] & bit else 0


@njit
def rivals_of(pieces, targets, source, target):
    """The set of other pieces that may go to the target."""
    found = EMPTY
    while pieces:
        square = lowest(pieces)
        pieces &= pieces - ONE
        if square != source and (targets[square] >> target) & ONE:
            found |= ONE << square
    return found


@njit
def write_square(text, at, square):
    text[at] = _A + np.int64(square & np.uint64(7))
    text[at + 1] = _ONE + np.int64(square >> np.uint64(3))
    return at + 2


@njit
def write_castling(text, at, short):
    size = 3 if short else 5
    for place in range(size):
        text[at + place] = _DASH if place & 1 else _CASTLE
    return at + size


@njit
def write_move(text, at, position, movers, targets, source, target, promotion, turn):
    """Writes a legal move, without marks of check; returns its end."""
    if (position[0] >> target) & ONE:
        return write_castling(text, at, target > source)
    letter = letter_of(position, source)
    pawns = letter == 0
    taken = (position[1] | position[2] | position[3] | position[4]) >> target & ONE != EMPTY
    taken = taken or (pawns and (position[7] >> target) & ONE != EMPTY)
    home = source ^ turn
    file, rank = pawns and taken, False
    if not pawns:
        text[at] = letter
        at += 1
        rivals = rivals_of(pieces_of(position, letter) & movers, targets, source, target)
        if rivals:
            rank = rivals & (np.uint64(0x0101010101010101) << (source & np.uint64(7))) != EMPTY
            file = not rank or rivals & (np.uint64(0xFF) << (source & np.uint64(56))) != EMPTY
    if file:
        text[at] = _A + np.int64(home & np.uint64(7))
        at += 1
    if rank:
        text[at] = _ONE + np.int64(home >> np.uint64(3))
        at += 1
    if taken:
        text[at] = _CAPTURE
        at += 1
    at = write_square(text, at, target ^ turn)
    if pawns and (RANK_8 >> target) & ONE:
        text[at] = _EQUALS
        text[at + 1] = _QUEEN if promotion == 0 else _KNIGHT if promotion == 1 else _BISHOP if promotion == 2 else _ROOK
        at += 2
    return at


@njit(cache=True)
def write_moves(actions, states, max_length, moves, text, targets, discount, sources=_SOURCES):
    """Writes actions [N] int32 from states [1], in which they are played in place, as SAN with a space behind each.
    Returns (end in text [9 * N] uint8, number of moves): up to an action that is not legal, or the end of the game.

    moves: [A, 3] uint8, source, target and promotion of each action. Scratch: targets [64], discount [1].
    """
    state, end, count = states[0], 0, 0
    while count < len(actions) and not state["terminal"] and 0 <= actions[count] < len(moves):
        move = moves[actions[count]]
        source, target, promotion = np.uint64(move[0]), np.uint64(move[1]), np.uint64(move[2])
        position = kernels.load(state)
        movers = kernels.generate(position, targets)
        arrives = (position[1] >> source) & (RANK_8 >> target) & ONE
        if ((movers >> source) & (targets[source] >> target) & ONE) == EMPTY or (promotion and not arrives):
            break
        turn = np.uint64(56) if state["to_play"] else EMPTY
        end = write_move(text, end, position, movers, targets, source, target, promotion, turn)
        after = kernels.play(state, source, target, promotion)
        stuck = kernels.count_moves(after) == EMPTY
        if kernels.in_check(after):
            text[end] = _MATE if stuck else _CHECK
            end += 1
        text[end] = _SPACE
        end += 1
        if stuck:
            state["terminal"] = True
        history.judge(states, max_length, discount)
        count += 1
    return end, count
