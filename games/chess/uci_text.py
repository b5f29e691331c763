"""Chess in UCI, which was made for it: FEN from `notation`, moves from `rules`."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from games.chess import rules


class Text:
    """A `base.UciText`. Castling is written as the king's move onto his rook where the game says chess960."""

    variant = "chess"
    definition = ""  # every engine knows it

    def __init__(self, game: rules.Chess) -> None:
        self.game = game

    @property
    def options(self) -> Mapping[str, str]:
        """That an engine must have set for this notation."""
        return {"UCI_Chess960": "true"} if self.game.chess960 else {}

    def to_fen(self, state: np.void) -> str:
        return self.game.to_fen(state)

    def from_fen(self, text: str) -> np.ndarray:
        """[1] state_dtype. Raises IllegalMove."""
        return self.game.from_fen(text)

    def move(self, state: np.void, action: int) -> str:
        return self.game.uci(state, action, self.game.chess960)

    def action(self, state: np.void, text: str) -> int:
        """Takes either way to write castling. Raises IllegalMove, naming the legal moves."""
        return self.game.action_from_string(state, text)
