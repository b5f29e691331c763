"""Exact knowledge of positions that have been expanded: actions that win at once, and actions that are proven.

The tree carries it upwards by itself (kernels.py).
"""

from __future__ import annotations

import numpy as np

from games.base import Game, Step
from selfplay.search.proofs import ROOT, Proofs
from selfplay.search.tree import UNKNOWN

Known = tuple[np.ndarray, np.ndarray, Step, np.ndarray]
"""N actions of M positions whose results are known: position [N], slot among its actions [N], what the action leads to,
and the value [N] int8 of the position there for its player to move; UNKNOWN where the game is over."""


def wins(game: Game, states: np.ndarray, actions: np.ndarray) -> Known:
    """The first action of each of `states` [M] that wins at once, where there is one. actions: [M, K], −1: none."""
    place, slot = np.nonzero(actions >= 0)
    step = game.step(states.take(place), actions[place, slot])
    found = np.flatnonzero((step.discount == 0) & (step.reward == 1))
    first = found[np.unique(place[found], return_index=True)[1]]
    return place[first], slot[first], _part(step, first), np.full(len(first), UNKNOWN, np.int8)


def proven(game: Game, proofs: Proofs, rows: np.ndarray, states: np.ndarray, actions: np.ndarray) -> Known:
    """All actions that can be proven of each of the roots `states` [M] that can be proven itself. rows: [M], whose
    memory to use. actions: [M, K], −1: none."""
    provable = np.flatnonzero(proofs.attempt(rows, states, ROOT) != UNKNOWN)
    place, slot = np.nonzero(actions[provable] >= 0)
    place = provable[place]
    step = game.step(states.take(place), actions[place, slot])
    values, going = np.full(len(place), UNKNOWN, np.int8), np.flatnonzero(step.discount != 0)
    values[going] = proofs.prove(rows[place[going]], step.states.take(going), ROOT)
    known = np.flatnonzero((step.discount == 0) | (values != UNKNOWN))
    return place[known], slot[known], _part(step, known), values[known]


def _part(step: Step, some: np.ndarray) -> Step:
    return Step(step.states.take(some), step.reward[some], step.discount[some])
