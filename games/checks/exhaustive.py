"""Exact solution of a tiny game by visiting every position it can reach. Knows the contract, not the game.

Positions are gathered ply by ply, each kept once by its `key`, then valued backwards from the end. Tic-tac-toe takes
milliseconds; connect four has 4.5e12 positions and its own solver.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from games import base


class ValueTable(NamedTuple):
    """Every position reachable from the start, once."""

    states: np.ndarray  # [N] state_dtype, by ply
    ply: np.ndarray  # [N] int32, plies played
    keys: np.ndarray  # [N] uint64, sorted
    order: np.ndarray  # [N] int64: keys[i] belongs to states[order[i]]
    values: np.ndarray  # [N] int8: +1, 0, -1 for the player to move; 0 where the game is over

    def find(self, keys: np.ndarray) -> np.ndarray:
        """[B] int64 indices into `states`. Raises KeyError for a position that play cannot reach."""
        slot = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        if not np.array_equal(self.keys[slot], keys):
            raise KeyError("a position is not reachable from the start of the game")
        return self.order[slot]

    def action_values(self, game: base.Game, states: np.ndarray) -> np.ndarray:
        """[B, A] int8: value of each action for the player to move, base.ILLEGAL where the action is not legal."""
        values = np.full((len(states), game.num_actions), base.ILLEGAL, dtype=np.int8)
        row, actions, step = expand(game, states)
        values[row, actions] = step.reward + step.discount * self.values[self.find(game.key(step.states))]
        return values


def expand(game: base.Game, states: np.ndarray) -> tuple[np.ndarray, np.ndarray, base.Step]:
    """All M children of B positions: (row [M] of the parent, action [M], Step of M)."""
    actions, count = game.legal_actions(states)
    row = np.repeat(np.arange(len(states)), count)
    chosen = actions[actions >= 0]
    return row, chosen, game.step(states[row], chosen)


def solve(game: base.Game, max_positions: int = 1_000_000) -> ValueTable:
    """Visits and values every reachable position. Raises ValueError when there are more than `max_positions`.

    A position must be reached at one ply only (true of games that fill a board), or values of cycles would be wrong;
    this is checked.
    """
    plies = [game.initial_states(1)]
    while len(plies[-1]):
        children = expand(game, plies[-1])[2].states
        _, first = np.unique(game.key(children), return_index=True)
        plies.append(children[np.sort(first)])
        if sum(map(len, plies)) > max_positions:
            raise ValueError(f"{game.name} has more than {max_positions} positions: too many to visit all.")
    states = np.concatenate(plies)
    ply = np.repeat(np.arange(len(plies), dtype=np.int32), [len(level) for level in plies])
    keys = game.key(states)
    order = np.argsort(keys)
    keys = keys[order]
    if len(np.unique(keys)) < len(keys):
        raise ValueError(f"{game.name} reaches one position at two plies; its values need a loop-aware solver.")
    table = ValueTable(states, ply, keys, order, np.zeros(len(states), dtype=np.int8))
    for level in range(len(plies) - 1, -1, -1):
        here = np.flatnonzero((ply == level) & ~states["terminal"])
        if len(here):
            table.values[here] = table.action_values(game, states[here]).max(axis=1)
    return table
