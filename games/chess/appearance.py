"""Appearance of chess: pieces on a checkered board with White below, and moves in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from games.appearance import Appearance, Board, Piece, marks_of
from games.chess import geometry
from games.chess.rules import PROMOTIONS, piece_at, square_name

_NAMES = {"p": "pawn", "n": "knight", "b": "bishop", "r": "rook", "q": "queen", "k": "king"}
_SHAPES = {"p": "♟", "n": "♞", "b": "♝", "r": "♜", "q": "♛", "k": "♚"}
_OUTLINES = {"p": "♙", "n": "♘", "b": "♗", "r": "♖", "q": "♕", "k": "♔"}


class ChessAppearance(Appearance):
    seat_names = ("White", "Black")
    pieces = {
        **{m.upper(): Piece(0, f"white {_NAMES[m]}", _OUTLINES[m], _SHAPES[m], "white") for m in _NAMES},
        **{m: Piece(1, f"black {_NAMES[m]}", _SHAPES[m], _SHAPES[m], "black") for m in _NAMES},
    }

    def board(self, state: np.void) -> Board:
        """White below, for both players."""
        cells = [row[1:] for row in marks_of(self.game.to_string(state))[:8]]
        names = [[square_name(rank * 8 + file) for file in range(8)] for rank in range(7, -1, -1)]
        grounds = [[("light", "dark")[(row + file) % 2] for file in range(8)] for row in range(8)]
        return Board(cells, names, grounds, list("87654321"), list("abcdefgh"), bottom=0)

    def move_in_words(self, state: np.void, actions: Sequence[int]) -> str:
        """ "knight g1 to f3", "pawn e4 takes d5", "castles short"."""
        source, target, promotion = map(int, geometry.MOVE[actions[0]])
        if int(state["own"]) >> target & 1:  # the king goes onto its own rook
            return "castles short" if target > source else "castles long"
        turn = 56 if state["to_play"] else 0
        kind = piece_at(state, source ^ turn).lower()
        takes = piece_at(state, target ^ turn) != "." or (kind == "p" and (target - source) % 8)
        becomes = f", becomes a {_NAMES[PROMOTIONS[promotion]]}" if kind == "p" and target >= 56 else ""
        link = "takes" if takes else "to"
        return f"{_NAMES[kind]} {square_name(source ^ turn)} {link} {square_name(target ^ turn)}{becomes}"
