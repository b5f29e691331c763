"""Runs of moves as most files have them, read and played by compiled code, for as long as all is as usual.

Nothing is refused here, and nothing is warned of: what is not as usual, or needs a word said about it, ends a run and
is left to `reader.py`, which would have read the run itself to the same effect, token by token.
"""

from __future__ import annotations

import numpy as np

from games.chess import geometry, rules
from games.chess.pgn import movetext_kernels

ROOM = 1024  # plies in one call
_WINDOW = 8192  # characters in one call, as a line may be a whole file


class Run:
    """Reads runs, one after the other."""

    def __init__(self, game: rules.Chess) -> None:
        self._max_length = game.max_game_length
        self._actions = np.empty(ROOM, dtype=np.int32)
        self._targets = np.empty(geometry.SQUARES, dtype=np.uint64)
        self._discount = np.empty(1, dtype=np.float32)

    def read(self, text: str, begin: int, states: np.ndarray, half: int, first: int) -> tuple[int, list[int]]:
        """(where the run from `begin` on ends; its actions, ROOM at most), played in place in states [1]. half: plies
        since White's move number `first`."""
        stop = begin + _WINDOW
        piece = text[begin:] if stop >= len(text) else text[begin : text.rfind(" ", begin, stop) + 1]
        if not piece.isascii():
            return begin, []
        size, count = movetext_kernels.read_moves(
            np.frombuffer(piece.encode("ascii"), dtype=np.uint8), states, half, first, self._max_length,
            geometry.CODE, self._actions, self._targets, self._discount,
        )  # fmt: skip
        return begin + size, self._actions[:count].tolist()
