"""Random play: whole games, and the positions and moves that they meet. Knows the contract, not the game.

`games.checks.contract` looks at what is gathered here; nothing is checked in this file.
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from games import base


class RandomGame(NamedTuple):
    """One game of T plies between players who choose uniformly among the legal actions."""

    states: np.ndarray  # [T + 1] state_dtype
    actions: np.ndarray  # [T] int32
    reward: np.ndarray  # [T] float32
    discount: np.ndarray  # [T] float32


def random_games(game: base.Game, rng: np.random.Generator, num_games: int) -> list[RandomGame]:
    """`num_games` random games, stepped side by side.

    A game stops at its end, after `max_game_length` plies, or where there is no legal action; nothing is checked here.
    """
    states = game.initial_states(num_games)
    going = np.arange(num_games)  # rows of `history` that still go on
    history: list[tuple[list, list, list, list]] = [([state], [], [], []) for state in states.copy()]
    for _ in range(game.max_game_length):
        actions, count = game.legal_actions(states)
        can_move = (count > 0) & ~states["terminal"]
        states, actions, count, going = states[can_move], actions[can_move], count[can_move], going[can_move]
        if not len(going):
            break
        chosen = actions[np.arange(len(going)), (rng.random(len(going)) * count).astype(np.int64)]
        after, reward, discount = game.step(states, chosen)
        for i, row in enumerate(going):
            for column, value in zip(history[row], (after[i].copy(), chosen[i], reward[i], discount[i]), strict=True):
                column.append(value)
        states = after
    return [
        RandomGame(
            np.array(positions, dtype=game.state_dtype),
            np.array(actions, dtype=np.int32),
            np.array(rewards, dtype=np.float32),
            np.array(discounts, dtype=np.float32),
        )
        for positions, actions, rewards, discounts in history
    ]


class Sample:
    """Positions and moves of some random games, handed out as copies."""

    def __init__(self, game: base.Game, rng: np.random.Generator, num_games: int) -> None:
        self.game, self.rng = game, rng
        self.games = random_games(game, rng, num_games)

    @cached_property
    def _states(self) -> np.ndarray:
        return np.concatenate([played.states for played in self.games], dtype=self.game.state_dtype)

    @property
    def states(self) -> np.ndarray:
        """[N] state_dtype: every position met, ends included."""
        return self._states.copy()

    def some(self, at_most: int) -> np.ndarray:
        """[B] state_dtype: a start, an end where there is one, and a random choice of the others."""
        picked = self.rng.permutation(len(self._states))[:at_most]
        picked[0] = 0
        picked[-1] = len(self.games[0].states) - 1
        return self._states[picked]

    def moves(self) -> tuple[np.ndarray, np.ndarray, base.Step]:
        """Every move made: (states [M] before it, actions [M], Step of M)."""
        before = np.concatenate([played.states[:-1] for played in self.games], dtype=self.game.state_dtype)
        after = np.concatenate([played.states[1:] for played in self.games], dtype=self.game.state_dtype)
        actions = np.concatenate([played.actions for played in self.games])
        reward = np.concatenate([played.reward for played in self.games])
        discount = np.concatenate([played.discount for played in self.games])
        return before, actions, base.Step(after, reward, discount)


def same(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """[B] bool: which rows are equal. Records are compared by field: the bytes between fields have no meaning."""
    assert a.shape == b.shape and a.dtype == b.dtype, f"{a.dtype}{a.shape} is not {b.dtype}{b.shape}"
    if a.dtype.names is not None:
        return np.logical_and.reduce([same(a[name], b[name]) for name in a.dtype.names])
    return (a == b).reshape(len(a), -1).all(axis=1)
