"""The checkers board in numbers: squares, bits, directions. Constants and plain Python; knows no rules and no Numba.

Squares are 0–31 here and 1–32 in text, four to a row; square 1 is the left one of Black's back row when White sits at
the bottom. Black's men walk to higher numbers. A position is always seen by the player to move: for White the board
is turned by 180°, square s becoming 31 − s, so that the mover's men walk to higher numbers whoever moves.

Bits. Square s is bit s + s // 8 of a word: after every two rows one bit stays empty. So every step is the same shift on
all rows, steps over an edge land on an empty bit, and the half turn still reverses the word (bit b becomes 34 − b).
"""

from __future__ import annotations

import numpy as np

SQUARES = 32
SIDE = 8  # rows and columns
WIDTH = 35  # bits of a word
DIRECTIONS = 4  # 0 and 1 forward, 2 and 3 back; 3 - d is the opposite of d, and what d is called by the other player

BIT_OF = np.array([square + square // 8 for square in range(SQUARES)])  # [32] bit number
ROW_OF = np.arange(SQUARES) // 4  # [32] counted from the mover's back row
COLUMN_OF = 2 * (np.arange(SQUARES) % 4) + (ROW_OF + 1) % 2  # [32]

BLACK_START = range(12)
WHITE_START = range(20, 32)


def bits(squares: range | list[int]) -> int:
    """The word with these squares (0–31) set."""
    return sum(1 << int(BIT_OF[square]) for square in squares)


def squares(word: int) -> list[int]:
    """Squares (0–31) of a word, ascending."""
    return [square for square in range(SQUARES) if int(word) >> int(BIT_OF[square]) & 1]


def number(square: int, to_play: int) -> int:
    """Square number 1–32 in text of a square 0–31 from the view of `to_play`; and back, less one, for White."""
    return square + 1 if to_play == 0 else SQUARES - square


FULL = bits(range(SQUARES))
KING_ROW = bits(range(28, 32))  # where the mover's men are crowned
BACK_ROW = bits(range(4))  # the mover's own, where the other player's men are crowned


def _neighbours() -> np.ndarray:
    """[32, 4] int: the square one step away in each direction, -1 over the edge."""
    found = np.full((SQUARES, DIRECTIONS), -1)
    for square in range(SQUARES):
        for direction, (down, right) in enumerate(((1, -1), (1, 1), (-1, -1), (-1, 1))):
            row, column = ROW_OF[square] + down, COLUMN_OF[square] + right
            if 0 <= row < SIDE and 0 <= column < SIDE:
                found[square, direction] = 4 * row + column // 2
    return found


NEIGHBOUR = _neighbours()


def action(start: int, direction: int, jump: bool) -> int:
    """Action number 0–255; start: square from the mover's view."""
    return start * 8 + direction * 2 + int(jump)


def squares_of(action: int) -> tuple[int, int, int]:
    """(start, target, square jumped over or -1) of an action that stays on the board, from the mover's view."""
    start, direction, jump = action >> 3, action >> 1 & 3, action & 1
    near = int(NEIGHBOUR[start, direction])
    return (start, int(NEIGHBOUR[near, direction]), near) if jump else (start, near, -1)
