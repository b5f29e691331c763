"""Numba kernels for what the moves of a record tell: draws by rule, planes of past positions, keys. Makes no moves.

A record remembers its last moves (`kernels.MEMORY` of them) instead of positions or their hashes: 200 bytes, from which
any earlier position can be had by taking moves back. Repetitions are thereby found exactly.

This file compiles nothing of `kernels.py` into itself but the numbering of kinds of moves.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from games.chess.kernels import CASTLING, EN_PASSANT, MEMORY, PROMOTION

EMPTY, ONE = np.uint64(0), np.uint64(1)
LIGHT = np.uint64(0x55AA55AA55AA55AA)

FIFTY_MOVES = 100  # plies without capture or pawn move that end the game
THREEFOLD = 2  # earlier occurrences that make the third
PER_POSITION = 14  # planes of one position: six kinds of own pieces, six of the other's, met once before, twice before
CONSTANT_PLANES = 7  # castling: own short and long, the other's short and long; en passant; plies played; clock

PLANE_OF_KIND = np.array([-1, 0, 1, 2, 3, 5, -1, 4])  # by the sum of boards: pawn, knight, bishop, rook, king, queen
CASTLING_ROW, EN_PASSANT_ROW, OTHER_ROW = 16, 17, 18  # of the Zobrist table, after two rows of eight for the pieces
NEAR_END, BUCKET = 40, 8  # plies


@njit(cache=True)
def kind_at(pawns, knights, diagonals, straights, kings, square):
    """0 for none, 1 pawn, 2 knight, 3 bishop, 4 rook, 5 king, 7 queen: the sum over the boards that hold the piece."""
    return (
        ((pawns >> square) & ONE)
        + (((knights >> square) & ONE) << ONE)
        + ((diagonals >> square) & ONE) * np.uint64(3)
        + ((straights >> square) & ONE) * np.uint64(4)
        + ((kings >> square) & ONE) * np.uint64(5)
    )


@njit(cache=True)
def moved(board, source, both):
    """`board` with the piece on `source`, if it is one of its own, on the other square of the set `both`."""
    return board ^ (both & (EMPTY - ((board >> source) & ONE)))


@njit(cache=True)
def take_back(boards, move, mine):
    """(own, pawns, knights, diagonals, straights, kings) before a remembered move, seen by the same side as after it.

    mine: whether the side that sees the board made the move; the other's squares are upside down.
    """
    own, pawns, knights, diagonals, straights, kings = boards
    turn = EMPTY if mine else np.uint64(56)
    source, target = np.uint64(move & 63) ^ turn, np.uint64((move >> 6) & 63) ^ turn
    kind = move >> 12
    start, end = ONE << source, ONE << target
    if kind == CASTLING:
        first = target & np.uint64(56)  # of the rank
        king = ONE << (first | (np.uint64(6) if target > source else np.uint64(2)))
        rook = ONE << (first | (np.uint64(5) if target > source else np.uint64(3)))
        if mine:
            own = (own & ~(king | rook)) | start | end
        return own, pawns, knights, diagonals, straights ^ rook ^ end, kings ^ king ^ start
    both = start | end
    if mine:
        own ^= both
    if kind >= PROMOTION:
        pawns, knights, diagonals, straights = pawns | start, knights & ~end, diagonals & ~end, straights & ~end
        kind -= PROMOTION
    else:
        pawns, knights = moved(pawns, target, both), moved(knights, target, both)
        diagonals, straights = moved(diagonals, target, both), moved(straights, target, both)
        kings = moved(kings, target, both)
    taken = ONE << (target ^ np.uint64(8)) if kind == EN_PASSANT else end
    if kind and not mine:
        own |= taken
    if kind == 1 or kind == EN_PASSANT:
        pawns |= taken
    elif kind == 2:
        knights |= taken
    if kind == 3 or kind == 7:
        diagonals |= taken
    if kind == 4 or kind == 7:
        straights |= taken
    return own, pawns, knights, diagonals, straights, kings


@njit(cache=True)
def boards_of(state):
    return (
        state["own"], state["pawns"], state["knights"], state["diagonals"], state["straights"], state["kings"],
    )  # fmt: skip


# Draws


@njit(cache=True)
def earlier_occurrences(state):
    """How often the position stood before, in the `window` of moves that can be taken back to comparable positions.

    The piece that moved last is traced back first: only where it stood on its square can the positions be the same.
    """
    moves, ply, window = state["moves"], np.int64(state["ply"]), np.int64(state["window"])
    last = moves[(ply - 1) % MEMORY]
    arrived, at = (last >> 6) & 63, last & 63
    furthest = 0
    for back in range(3, window, 2):
        move = moves[(ply - back) % MEMORY]
        if (move >> 6) & 63 == at:
            at = move & 63
        if at == arrived:
            furthest = back + 1
    now = boards_of(state)
    then = now
    count = 0
    for back in range(1, furthest + 1):
        then = take_back(then, moves[(ply - back) % MEMORY], back & 1 == 0)
        if back & 1 == 0 and then == now:
            count += 1
    return count


@njit(cache=True)
def cannot_mate(state):
    """Bare kings, a lone minor piece, or bishops on squares of one colour only."""
    knights, diagonals = state["knights"], state["diagonals"]
    if state["pawns"] | state["straights"]:
        return False
    if knights:
        return diagonals == EMPTY and knights & (knights - ONE) == EMPTY
    return diagonals & LIGHT == EMPTY or diagonals & ~LIGHT == EMPTY


@njit(cache=True)
def judge(states, max_length, discount):
    """Ends, in place, the games [B] that a rule makes a draw; sets discount [B] to 0 there.

    Called once after each move, since it also notes how often each position stood before.
    """
    for i in range(len(states)):
        state = states[i]
        if state["terminal"]:
            continue
        before = earlier_occurrences(state) if state["window"] >= 4 else 0
        state["repeats"] = ((np.int64(state["repeats"]) << 2) | min(before, 3)) & 0xFFFF
        out_of_time = state["clock"] >= FIFTY_MOVES or state["ply"] >= max_length
        if out_of_time or before >= THREEFOLD or cannot_mate(state):
            state["terminal"] = True
            discount[i] = 0.0


# Planes


@njit(cache=True)
def observe(states, history, max_length, planes):
    """Writes planes [B, 8, 8, P], P = PER_POSITION * history + CONSTANT_PLANES; row 0 is the far side of the board."""
    for i in range(len(states)):
        state = states[i]
        planes[i] = 0.0
        boards = boards_of(state)
        ply = np.int64(state["ply"])
        for back in range(min(history, ply + 1)):
            if back:
                boards = take_back(boards, state["moves"][(ply - back) % MEMORY], back & 1 == 0)
            draw_pieces(boards, planes[i], back * PER_POSITION)
            repeats = (np.int64(state["repeats"]) >> (2 * back)) & 3
            if repeats >= 1:
                planes[i, :, :, back * PER_POSITION + 12] = 1.0
            if repeats >= 2:
                planes[i, :, :, back * PER_POSITION + 13] = 1.0
        first = history * PER_POSITION
        rooks, kings, own = state["castling"], state["kings"], state["own"]
        for square in range(64):
            bit = ONE << np.uint64(square)
            if rooks & bit:
                mine = own & bit != EMPTY
                king = kings & own if mine else kings & ~own
                planes[i, :, :, first + (0 if mine else 2) + (0 if bit > king else 1)] = 1.0
            if state["en_passant"] & bit:
                planes[i, 7 - square // 8, square % 8, first + 4] = 1.0
        planes[i, :, :, first + 5] = np.float32(min(ply, max_length) / max_length)
        planes[i, :, :, first + 6] = np.float32(min(state["clock"], FIFTY_MOVES) / FIFTY_MOVES)


@njit(cache=True)
def draw_pieces(boards, planes, first):
    """Writes the twelve piece planes from number `first` on. planes: [8, 8, P], zero there."""
    own, pawns, knights, diagonals, straights, kings = boards
    for square in range(64):
        kind = kind_at(pawns, knights, diagonals, straights, kings, np.uint64(square))
        if kind:
            theirs = 0 if (own >> np.uint64(square)) & ONE else 6
            planes[7 - square // 8, square % 8, first + theirs + PLANE_OF_KIND[kind]] = 1.0


# Keys


@njit(cache=True)
def zobrist(states, table, keys):
    """Writes keys [B]: pieces as the mover sees them, rights, and who moves. table: [OTHER_ROW + 1, 64] uint64."""
    for i in range(len(states)):
        state = states[i]
        own, pawns, knights, diagonals, straights, kings = boards_of(state)
        key = table[OTHER_ROW, state["to_play"]]
        for number in range(64):
            square = np.uint64(number)
            kind = kind_at(pawns, knights, diagonals, straights, kings, square)
            if kind:
                theirs = ((own >> square) & ONE) ^ ONE
                key ^= table[(theirs << np.uint64(3)) | kind, square]
            if (state["castling"] >> square) & ONE:
                key ^= table[CASTLING_ROW, square]
            if (state["en_passant"] >> square) & ONE:
                key ^= table[EN_PASSANT_ROW, square]
        keys[i] = key


@njit(cache=True)
def distinguish(states, table, max_length, keys):
    """Changes keys [B] by what else the rest of the game depends on; see `Chess.key`. No key is left 0."""
    for i in range(len(states)):
        state = states[i]
        left = min(FIFTY_MOVES - np.int64(state["clock"]), max_length - np.int64(state["ply"]))
        bucket = max(left, 0) // BUCKET if left < NEAR_END else NEAR_END // BUCKET
        key = keys[i] ^ table[OTHER_ROW, 8 + (np.int64(state["repeats"]) & 3)] ^ table[OTHER_ROW, 16 + bucket]
        keys[i] = key if key else ONE
