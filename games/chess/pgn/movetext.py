"""Runs of moves as most files have them, read and played by compiled code, for as long as all is as usual; and SAN
written in the same way.

Nothing is refused in reading, and nothing is warned of: what is not as usual, or needs a word said about it, ends a run
and is left to `reader.py`, which would have read the run itself to the same effect, token by token.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from games import base
from games.chess import geometry, rules
from games.chess.pgn import movetext_kernels

ROOM = 1024  # plies in one call
_LONGEST = 9  # characters of a move and a space: "axb8=Q# ", "Qa1xb2# "
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


def written(game: rules.Chess, start: np.ndarray, actions: Sequence[int]) -> tuple[list[str], np.ndarray]:
    """(SAN of actions from start [1], which may go on after a draw that nobody claimed; the last position [1]). Raises
    IllegalMove, naming the ply, for an action that is not legal."""
    states, texts = start.copy(), list[str]()
    left = np.array(actions, dtype=np.int32)
    text = np.empty(_LONGEST * len(left), dtype=np.uint8)
    targets, discount = np.empty(geometry.SQUARES, dtype=np.uint64), np.empty(1, dtype=np.float32)
    while len(left):
        if states["terminal"][0]:
            states = game.unclaimed(states)
        end, count = movetext_kernels.write_moves(
            left, states, game.max_game_length, geometry.MOVE, text, targets, discount
        )
        if not count:
            try:
                game.play(states[0], int(left[0]))
            except base.IllegalMove as error:
                raise base.IllegalMove(f"ply {len(texts) + 1}: {error}") from None
        texts += text[:end].tobytes().decode("ascii").split()
        left = left[count:]
    return texts, states
