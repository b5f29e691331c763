"""Whole moves of checkers: the plies of one side in a row, a step or a jump to its end. Knows the rules, no notation
but a move's own."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from games import base
from games.checkers import board


class Move(NamedTuple):
    """A whole move from some position."""

    squares: tuple[int, ...]  # numbers 1–32: start, every landing square
    actions: tuple[int, ...]  # one a ply
    states: np.ndarray  # [1] state_dtype after it
    jump: bool

    @property
    def path(self) -> str:
        """All squares: "11-15", "22x15x8"."""
        return ("x" if self.jump else "-").join(map(str, self.squares))

    @property
    def ends(self) -> str:
        """First and last square: "11-15", "22x8"."""
        return f"{self.squares[0]}{'x' if self.jump else '-'}{self.squares[-1]}"


def whole_moves(game: base.Game, state: np.void) -> list[Move]:
    """Every whole move in order of its actions; in the middle of a jump, every way to end it."""
    found = []
    pending = [Move((), (), np.array([state], dtype=game.state_dtype), False)]
    while pending:
        part = pending.pop()
        actions, count = game.legal_actions(part.states)
        longer = []
        for action in actions[0, : count[0]].tolist():
            start, target, over = board.squares_of(action)
            to_play = int(part.states["to_play"][0])
            squares = part.squares or (board.number(start, to_play),)
            step = game.step(part.states, np.array([action]))
            move = Move((*squares, board.number(target, to_play)), (*part.actions, action), step.states, over >= 0)
            if step.discount[0] > 0:
                longer.append(move)
            else:
                found.append(move)
        pending.extend(reversed(longer))
    return sorted(found, key=lambda move: move.actions)
