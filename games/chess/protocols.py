"""Protocols of chess: UCI, with the FEN and moves of `notation.py`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

import games
from games.chess import rules
from games.notation import Notation
from games.protocols import Protocols


class ChessUciText:
    """A `games.protocols.UciText`. Castling is the king's move onto its rook where the game says chess960."""

    variant = "chess"
    definition = ""  # every engine knows it

    def __init__(self, game: rules.Chess) -> None:
        self.game, self.notation = game, games.facet(game, Notation)

    @property
    def options(self) -> Mapping[str, str]:
        """That an engine must have set for this notation."""
        return {"UCI_Chess960": "true"} if self.game.chess960 else {}

    def to_fen(self, state: np.void) -> str:
        return str(self.notation.to_fen(state))

    def from_fen(self, text: str) -> np.ndarray:
        """[1] state_dtype. Raises IllegalMove."""
        return self.notation.from_fen(text)

    def remarks(self, text: str) -> tuple[str, ...]:
        return self.notation.read_position(text)[2]

    def move(self, state: np.void, action: int) -> str:
        return self.game.uci(state, action, self.game.chess960)

    def action(self, state: np.void, text: str) -> int:
        """Takes either way to write castling, and capitals. Raises IllegalMove, naming the legal moves."""
        return self.notation.action_from_string(state, text.lower())


class ChessProtocols(Protocols):
    game: rules.Chess

    def uci(self) -> ChessUciText:
        return ChessUciText(self.game)
