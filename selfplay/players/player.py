"""The interface of a player, which chooses actions in many positions at once; and the player that searches with any
evaluator. Knows no network and no file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np

from games.base import Game
from selfplay.search import search
from selfplay.search.config import SearchConfig

BATCH = 256  # positions searched at once


class Turn(NamedTuple):
    """The request to a player: B positions of as many games, none of them over, and how each came about."""

    states: np.ndarray  # [B] state_dtype
    rngs: Sequence[np.random.Generator]  # each game's own stream, for players that choose at random
    starts: np.ndarray  # [B] state_dtype, where each game began
    actions: Sequence[Sequence[int]]  # of each game since its start, by both players


class Choice(NamedTuple):
    """A player's answer to a turn."""

    actions: np.ndarray  # [B] int64, legal
    values: np.ndarray  # [B] float32 in [-1, 1]: the outcome the player expects for itself; NaN where it says nothing


class Player(Protocol):
    """Takes part in many games at once, and keeps nothing of them from one move to the next.

    Every player can be pickled, and plays the same in the other process."""

    name: str

    def choose(self, turn: Turn) -> Choice:
        """One action in each position."""


def without_values(actions: np.ndarray) -> Choice:
    """A choice without expected outcomes. actions: [B] int."""
    return Choice(actions.astype(np.int64), np.full(len(actions), np.nan, dtype=np.float32))


class SearchPlayer:
    """Plays the best action of a tree search with some evaluator. Deterministic: no noise, no temperature."""

    def __init__(
        self, name: str, game: Game, evaluate: search.Evaluate, config: SearchConfig, num_simulations: int,
    ) -> None:  # fmt: skip
        self.name, self.game, self.evaluate = name, game, evaluate
        self.config, self.num_simulations = config, num_simulations
        self.simulations = 0  # of all searches so far

    def choose(self, turn: Turn) -> Choice:
        """See `Player`."""
        found = choices(self.game, turn.states, self.evaluate, self.config, self.num_simulations)
        self.simulations += int(found.visits.sum())
        return Choice(found.actions[np.arange(len(turn.states)), found.play].astype(np.int64), found.value)

    def values(self, states: np.ndarray) -> np.ndarray:
        """[B] float32 in [-1, 1]: what the evaluator expects, without search, for the player to move in states [B]."""
        return choices(self.game, states, self.evaluate, self.config, 0).value


def choices(
    game: Game, states: np.ndarray, evaluate: search.Evaluate, config: SearchConfig, num_simulations: int,
) -> search.Results:  # fmt: skip
    """Results of searching all of `states` [B] in batches, without noise."""
    quiet = replace(config, dirichlet_fraction=0.0, gumbel_scale=0.0)
    parts = [
        search.run(game, states[start : start + BATCH], evaluate, quiet, num_simulations)
        for start in range(0, len(states), BATCH)
    ]
    return search.Results(*(np.concatenate(column) for column in zip(*parts, strict=True)))
