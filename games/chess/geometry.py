"""Tables that follow from the shape of the chessboard: lines, leaps, and the numbering of moves. Knows no position.

Squares are 0–63, a1 = 0, b1 = 1, …, h8 = 63, from the view of the player to move, whose pawns go up. A set of squares
is a uint64 whose bit s stands for square s.

The kernels bake these tables in when they are compiled, and Numba's cache sees edits of the kernels' file only: after
an edit here, empty the cache (or touch a kernel).
"""

from __future__ import annotations

import numpy as np

SQUARES = 64
NO_PROMOTION, TO_KNIGHT, TO_BISHOP, TO_ROOK = range(4)  # a pawn that reaches the last rank otherwise becomes a queen
NUM_CODES = 1858

_KNIGHT_STEPS = [(1, 2), (2, 1), (2, -1), (1, -2), (-1, -2), (-2, -1), (-2, 1), (-1, 2)]
_STRAIGHT_STEPS = [(1, 0), (0, 1), (-1, 0), (0, -1)]
_DIAGONAL_STEPS = [(1, 1), (1, -1), (-1, -1), (-1, 1)]


def _ray(square: int, step: tuple[int, int]) -> list[int]:
    """Squares met from `square` on, without it, going by `step` = (files, ranks) to the edge of the board."""
    file, rank = square % 8 + step[0], square // 8 + step[1]
    met = []
    while 0 <= file < 8 and 0 <= rank < 8:
        met.append(rank * 8 + file)
        file, rank = file + step[0], rank + step[1]
    return met


def _set_of(squares: list[int]) -> int:
    return sum(1 << square for square in squares)


def _leaps(steps: list[tuple[int, int]]) -> np.ndarray:
    """[64] uint64: squares one step away."""
    return np.array([_set_of([s for step in steps for s in _ray(square, step)[:1]]) for square in range(64)], np.uint64)


def _lines(steps: list[tuple[int, int]]) -> np.ndarray:
    """[64] uint64: squares any number of steps away."""
    return np.array([_set_of([s for step in steps for s in _ray(square, step)]) for square in range(64)], np.uint64)


KNIGHT = _leaps(_KNIGHT_STEPS)
KING = _leaps(_STRAIGHT_STEPS + _DIAGONAL_STEPS)
PAWN = _leaps([(-1, 1), (1, 1)])  # what a pawn of the player to move attacks; equally, whence enemy pawns attack
FILE = _lines([(0, 1), (0, -1)])
DIAGONAL = _lines([(1, 1), (-1, -1)])
ANTIDIAGONAL = _lines([(1, -1), (-1, 1)])
STRAIGHTS = _lines(_STRAIGHT_STEPS)
DIAGONALS = _lines(_DIAGONAL_STEPS)


def _rank_attacks() -> np.ndarray:
    """[8 * 64] uint64: at file * 64 + occupation of files b–g, what a rook attacks on the first rank."""
    table = np.zeros(8 * 64, dtype=np.uint64)
    for file in range(8):
        for occupation in range(64):
            attacked = []
            for step in (1, -1):
                for other in _ray(file, (step, 0)):
                    attacked.append(other)
                    if (occupation << 1) >> other & 1:
                        break
            table[file * 64 + occupation] = _set_of(attacked)
    return table


def _pairs() -> tuple[np.ndarray, np.ndarray]:
    """BETWEEN and LINE, [64, 64] uint64: squares strictly between two, and the whole line through both; else 0."""
    between, line = (np.zeros((64, 64), dtype=np.uint64) for _ in range(2))
    for a in range(64):
        for files, ranks in _STRAIGHT_STEPS + _DIAGONAL_STEPS:
            ray = _ray(a, (files, ranks))
            whole = _set_of([a, *ray, *_ray(a, (-files, -ranks))])
            for i, b in enumerate(ray):
                between[a, b] = _set_of(ray[:i])
                line[a, b] = whole
    return between, line


RANK = _rank_attacks()
BETWEEN, LINE = _pairs()


def _codes() -> tuple[np.ndarray, np.ndarray]:
    """CODE and MOVE: see below."""
    moves = []
    for source in range(SQUARES):
        reach = int(STRAIGHTS[source] | DIAGONALS[source] | KNIGHT[source])
        moves += [(source, target, NO_PROMOTION) for target in range(SQUARES) if reach >> target & 1]
    for file in range(8):
        for target in range(56 + max(file - 1, 0), 56 + min(file + 1, 7) + 1):
            moves += [(48 + file, target, piece) for piece in (TO_KNIGHT, TO_BISHOP, TO_ROOK)]
    code = np.full((4, SQUARES, SQUARES), -1, dtype=np.int16)
    for number, (source, target, promotion) in enumerate(moves):
        code[promotion, source, target] = number
    return code, np.array(moves, dtype=np.uint8)


# The numbering of moves, from the mover's view. First every way a queen or a knight can go on an empty board, by source
# and then target: 1,792 codes, which serve all pieces; a pawn that arrives on the last rank by one of them becomes a
# queen, and castling is the king's move onto its own rook. Then, for the 22 ways a pawn can arrive there, one code for
# each of knight, bishop and rook: 66 more. In all 1,858, in which legal moves listed by source and target ascend.
CODE, MOVE = _codes()  # CODE: [promotion, source, target] int16, -1 for none; MOVE: [1858, 3] uint8, its inverse


def _planes() -> np.ndarray:
    """PLANE: see below."""
    steps = _STRAIGHT_STEPS + _DIAGONAL_STEPS
    planes = np.empty(NUM_CODES, dtype=np.int64)
    for number, (source, target, promotion) in enumerate(MOVE.tolist()):
        files, ranks = target % 8 - source % 8, target // 8 - source // 8
        distance = max(abs(files), abs(ranks))
        if promotion:
            planes[number] = 64 + 3 * (files + 1) + promotion - 1
        elif (files, ranks) in _KNIGHT_STEPS:
            planes[number] = 56 + _KNIGHT_STEPS.index((files, ranks))
        else:
            planes[number] = 7 * steps.index((files // distance, ranks // distance)) + distance - 1
    return planes


# Which way each move goes: eight directions by seven distances, eight knight's moves, and three pieces to become by
# three files to arrive on, 73 in all.
PLANE = _planes()  # [1858] int64
