"""Appearance of connect four: red and yellow stones piled up in columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from games.appearance import Appearance, Board, Piece, marks_of
from games.connect_four.rules import COLUMNS, ROWS


class ConnectFourAppearance(Appearance):
    seat_names = ("Red", "Yellow")
    pieces = {"X": Piece(0, "red", "●", "●", "red"), "O": Piece(1, "yellow", "○", "●", "yellow")}

    def board(self, state: np.void) -> Board:
        rows, columns = range(ROWS, 0, -1), range(1, COLUMNS + 1)
        cells = marks_of(self.game.to_string(state))[:ROWS]
        names = [[f"column {column} row {row}" for column in columns] for row in rows]
        grounds, below = [["blue"] * COLUMNS] * ROWS, [str(column) for column in columns]
        return Board(cells, names, grounds, [""] * ROWS, below, stacked=True)

    def move_in_words(self, state: np.void, actions: Sequence[int]) -> str:
        return f"column {actions[0] + 1}"
