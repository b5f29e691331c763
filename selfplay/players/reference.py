"""Reference players, which need no training: for measurements, matches and play in any game.

random                  uniformly random legal actions
greedy                  the action after which `Knowledge.heuristic` is best, ties drawn
uct:1000                UCT with as many simulations, a random game each (Kocsis & Szepesvári 2006)
alphabeta:6             the game's own alpha–beta engine, so many moves deep
alphabeta:nodes=20000   the same, as deep as it gets in so many positions
solver                  perfect play where the game has an exact solver; equal actions drawn
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import games
from games.base import Game
from games.knowledge import Engine, Knowledge
from selfplay.errors import ConfigError
from selfplay.players import player, player_spec
from selfplay.players.player import Choice, Turn
from selfplay.search import evaluators
from selfplay.search.config import SearchConfig


class RandomPlayer:
    """Plays uniformly random legal actions. All classes here are as `player.Player` says."""

    name = "random"

    def __init__(self, game: Game) -> None:
        self.game = game

    def choose(self, turn: Turn) -> Choice:
        actions, count = self.game.legal_actions(turn.states)
        drawn = [rng.integers(number) for rng, number in zip(turn.rngs, count, strict=True)]
        return player.without_values(actions[np.arange(len(actions)), drawn])


class GreedyPlayer:
    """Looks one action ahead: takes a win, else the action after which the game's heuristic is best; ties are drawn."""

    name = "greedy"

    def __init__(self, game: Game) -> None:
        self.game, self.knowledge = game, games.facet(game, Knowledge)

    def choose(self, turn: Turn) -> Choice:
        actions, count = self.game.legal_actions(turn.states)
        rows = np.repeat(np.arange(len(actions)), count)
        step = self.game.step(turn.states[rows], actions[actions >= 0])
        worth = np.full(actions.shape, -np.inf)
        worth[actions >= 0] = step.reward + step.discount * self.knowledge.heuristic(step.states)
        return player.without_values(_best_of(actions, worth, turn.rngs))


class SolverPlayer:
    """Keeps the best result that a position offers; among equal actions it draws."""

    name = "solver"

    def __init__(self, game: Game) -> None:
        self.knowledge = games.facet(game, Knowledge)

    def choose(self, turn: Turn) -> Choice:
        values = self.knowledge.exact_action_values(turn.states)
        assert values is not None, "`make` looks for a solver first"
        actions = np.broadcast_to(np.arange(values.shape[1]), values.shape)
        return Choice(_best_of(actions, values.astype(np.float64), turn.rngs), values.max(axis=1).astype(np.float32))


class AlphaBetaPlayer:
    """The game's own engine, position by position."""

    def __init__(self, name: str, engine: Engine, depth: int | None, nodes: int | None) -> None:
        self.name, self.engine, self.depth, self.nodes = name, engine, depth, nodes

    def choose(self, turn: Turn) -> Choice:
        found = [self.engine.best_action(state, self.depth, self.nodes) for state in turn.states]
        return player.without_values(np.array(found))


class RolloutPlayer:
    """UCT: the tree grows by one position a simulation, which a random game from there values."""

    def __init__(self, name: str, game: Game, num_simulations: int) -> None:
        self.name, self.game, self.num_simulations = name, game, num_simulations
        self._config = SearchConfig(policy="uct")

    def choose(self, turn: Turn) -> Choice:
        # Rollouts are a function of position and seed, so one draw a call gives new ones at each move.
        evaluate = evaluators.RolloutEvaluator(self.game, int(turn.rngs[0].integers(2**62)))
        found = player.choices(self.game, turn.states, evaluate, self._config, self.num_simulations)
        return Choice(found.actions[np.arange(len(turn.states)), found.play].astype(np.int64), found.value)


def _best_of(actions: np.ndarray, worth: np.ndarray, rngs: Sequence[np.random.Generator]) -> np.ndarray:
    """[B] int64: one of the actions [B, K] whose worth [B, K] is greatest, drawn where there are several."""
    best = worth == worth.max(axis=1, keepdims=True)
    drawn = [rng.choice(np.flatnonzero(row)) for rng, row in zip(rngs, best, strict=True)]
    chosen: np.ndarray = actions[np.arange(len(actions)), drawn].astype(np.int64)
    return chosen


def make(game: Game, text: str) -> player.Player:
    """The reference player that `text` names; see the module docstring. Raises ConfigError for one that is not known,
    or that the game does not offer."""
    named = player_spec.reference(text)
    knowledge = games.facet(game, Knowledge)
    if named.kind == "random":
        return RandomPlayer(game)
    if named.kind == "greedy":
        return GreedyPlayer(game)
    if named.kind == "uct":
        return RolloutPlayer(text, game, named.number)
    if named.kind == "alphabeta":
        engine = knowledge.engine()
        if engine is None:
            raise ConfigError(f"{game.name} has no alpha–beta engine; 'uct:1000' plays every game.")
        depth, nodes = (None, named.number) if named.nodes else (named.number, None)
        return AlphaBetaPlayer(text, engine, depth, nodes)
    if not knowledge.has_solver:
        raise ConfigError(f"{game.name} has no exact solver; 'uct:1000' plays every game.")
    return SolverPlayer(game)
