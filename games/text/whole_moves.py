"""Whole moves: the actions of one player in a row, which in most games are a single one. Knows the contract, no game.

A whole move ends when the opponent is to move or the game is over (discount −1 or 0). A jump over several pieces is one
whole move, of an action a piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from games.base import Game, Step


class WholeMove(NamedTuple):
    """A whole move, or the beginning of one."""

    before: np.ndarray  # [1] state_dtype
    actions: tuple[int, ...]  # at least one
    last: Step  # of the last action, B = 1

    @property
    def after(self) -> np.ndarray:
        """[1] state_dtype."""
        return self.last.states

    @property
    def complete(self) -> bool:
        """False where the same player moves on."""
        return bool(self.last.discount[0] <= 0)


def split(game: Game, states: np.ndarray, actions: Iterable[int], checked: bool = False) -> Iterator[WholeMove]:
    """Actions from states [1] on as whole moves; the last one may be incomplete. They may go on after a draw that
    nobody claimed.

    checked: raise IllegalMove for an action that is not legal. Without it the actions are trusted.
    """
    before = states
    begun: WholeMove | None = None
    for action in actions:
        if states["terminal"][0]:
            before = states = game.unclaimed(states)
        step = game.play(states[0], int(action)) if checked else game.step(states, np.array([action]))
        states = step.states
        begun = WholeMove(before, (*(begun.actions if begun else ()), int(action)), step)
        if begun.complete:
            yield begun
            before, begun = states, None
    if begun is not None:
        yield begun


def legal(game: Game, states: np.ndarray, beginnings: bool = False) -> Iterator[WholeMove]:
    """Every whole move from states [1], by ascending actions; with `beginnings`, what each begins with as well."""
    pending: list[tuple[tuple[int, ...], Step]] = [((), Step(states, np.zeros(1), np.ones(1)))]
    while pending:
        begun, last = pending.pop()
        if last.discount[0] <= 0 or (begun and beginnings):
            yield WholeMove(states, begun, last)
        if last.discount[0] > 0:
            actions, count = game.legal_actions(last.states)
            following = reversed(actions[0, : count[0]].tolist())
            pending.extend(((*begun, each), game.step(last.states, np.array([each]))) for each in following)
