"""Draws that end a game of chess for everybody, as mate does: the fifth occurrence of a position, and 75 moves of both
sides without a capture or a pawn's move (FIDE 9.6). Those that a player has to claim come before them and end nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from games.chess.rules import Chess

FIVEFOLD, THREEFOLD = 5, 3
QUIET_PLIES, FIFTY_MOVES = 150, 100


class Watch:
    """What has to be known of a game in which a draw was not claimed."""

    def __init__(self, game: Chess, start: np.ndarray, actions: Iterable[int]) -> None:
        """start: [1]. A clock that is beyond the end at the start counts from there."""
        self.game = game
        self.occurrences: Counter[int] = Counter()
        self.quiet = clock if (clock := int(start["clock"][0])) < QUIET_PLIES else 0
        states = start
        self._count(states)
        for action in actions:
            going = game.unclaimed(states) if states["terminal"][0] else states
            states = game.step(going, np.array([action])).states
            self.add(states)

    def add(self, states: np.ndarray) -> None:
        """The position [1] after the next move."""
        self.quiet = self.quiet + 1 if states["clock"][0] else 0
        self._count(states)

    def _count(self, states: np.ndarray) -> None:
        self.last = int(self.game.position_key(states)[0])
        self.occurrences[self.last] += 1

    def claimable(self) -> bool:
        """Whether the player to move may claim a draw."""
        return self.occurrences[self.last] >= THREEFOLD or self.quiet >= FIFTY_MOVES

    def over(self) -> str:
        """How the game is over, "" while it goes on."""
        if self.occurrences[self.last] >= FIVEFOLD:
            return "drawn by the fifth occurrence of a position"
        return "drawn by 75 moves without a capture or a pawn's move" if self.quiet >= QUIET_PLIES else ""
