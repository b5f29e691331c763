"""Appearance of checkers: men and kings on the dark squares of a board with White at the bottom."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import games
from games.appearance import Appearance, Board, Piece
from games.checkers import board, rules
from games.notation import Notation


class CheckersAppearance(Appearance):
    seat_names = ("Black", "White")
    pieces = {
        "b": Piece(0, "black man", "⛂", "●", "black"),
        "B": Piece(0, "black king", "⛃", "♛", "black"),
        "w": Piece(1, "white man", "⛀", "●", "white"),
        "W": Piece(1, "white king", "⛁", "♛", "white"),
    }

    def board(self, state: np.void) -> Board:
        cells, names, grounds = ([[fill] * board.SIDE for _ in range(board.SIDE)] for fill in ("", "", "light"))
        for square, mark in enumerate(rules.marks_of(state)):
            row, column = int(board.ROW_OF[square]), int(board.COLUMN_OF[square])
            cells[row][column] = "" if mark == "." else mark
            names[row][column], grounds[row][column] = str(square + 1), "dark"
        return Board(cells, names, grounds, [""] * board.SIDE, [""] * board.SIDE, bottom=1, numbered=True)

    def move_in_words(self, state: np.void, actions: Sequence[int]) -> str:
        """ "11 to 15", "22 jumps to 15, 8"."""
        move = games.facet(self.game, Notation).move_to_string(state, actions)
        start, _, others = move.replace("-", "x").partition("x")
        return f"{start} {'jumps to' if 'x' in move else 'to'} {others.replace('x', ', ')}"
