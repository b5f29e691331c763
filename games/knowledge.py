"""Knowledge: what is known of a game beyond its rules, exact or rough. One of the five facets of a game.

Exact: values of actions, an eval set, which boards can arise. Rough: a heuristic, an engine, openings. Reference
players, training and measurements use it; a game without any of it can be trained. By default there is nothing but the
count of the move tree. Knows no player and no network.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

import games
from games.base import Game
from games.checks import perft
from games.endgames import samples, store
from games.endgames.tables import Endgames, Exact, exact


class EvalSet(NamedTuple):
    """Positions with exact values of all moves: what the strength of an agent is measured against."""

    states: np.ndarray  # [B] state_dtype, none of them terminal
    values: np.ndarray  # [B, A] int8: +1 win, 0 draw, -1 loss for the player to move; base.ILLEGAL where not legal
    stage: np.ndarray  # [B] int8, index into stage_names
    stage_names: tuple[str, ...]


class KnownResult(NamedTuple):
    """A game whose result the rulebook tells: ``selfplay games check`` compares it with what `step` pays."""

    moves: str  # one after the other, as `Notation.split` reads them
    points: float  # of seat 0: 1, 0.5 or 0
    start: str = ""  # FEN; "": the game's start


class Engine(Protocol):
    """A game's own opponent, such as alpha–beta: asked about one position at a time."""

    def best_action(self, state: np.void, depth: int | None = None, nodes: int | None = None) -> int:
        """The action to play in a position that is not terminal, found within `depth` moves and `nodes` positions."""


class Knowledge:
    """What is known of one game. ``games.facet(game, Knowledge)`` makes it."""

    known_results: tuple[KnownResult, ...] = ()  # a win of each seat is enough

    def __init__(self, game: Game) -> None:
        self.game = game

    # -- exact -------------------------------------------------------------------------------------------

    def exact_action_values(self, states: np.ndarray) -> np.ndarray | None:
        """[B, A] int8 game-theoretic values of the actions for the player to move (base.ILLEGAL where not legal), or
        None when the game has no exact solver."""
        return None

    def exact(self, states: np.ndarray) -> Exact | None:
        """What is known for certain of states [B], none of them over: by the solver, of all; or by the endgame tables
        that were built on this machine, of some. None where there is neither."""
        values = self.exact_action_values(states)
        if values is not None:
            return Exact(np.ones(len(states), dtype=bool), values, None)
        endgames = games.facet(self.game, Endgames)
        tables = store.available(endgames)
        return exact(endgames, tables, states) if tables else None

    def endgame_set(self, of_a_table: int = 100) -> EvalSet | None:
        """Fixed positions of the endgame tables that were built on this machine, at most `of_a_table` of each, all of
        which have an action that worsens the result; the stages are the tables. None where nothing is built."""
        endgames = games.facet(self.game, Endgames)
        tables = store.available(endgames)
        drawn = {name: samples.contested(endgames, tables, name, of_a_table) for name in tables}
        names = tuple(name for name, (states, _) in drawn.items() if len(states))
        if not names:
            return None
        states, values = (np.concatenate([drawn[name][part] for name in names]) for part in (0, 1))
        stage = np.repeat(np.arange(len(names), dtype=np.int8), [len(drawn[name][0]) for name in names])
        return EvalSet(states, values, stage, names)

    @property
    def has_solver(self) -> bool:
        """Whether `exact_action_values` answers."""
        return self.exact_action_values(self.game.initial_states(0)) is not None

    def eval_set(self) -> EvalSet | None:
        """A fixed set of positions with exact values, or None when the game has no exact solver."""
        return None

    def stones(self, states: np.ndarray) -> np.ndarray | None:
        """[B, R, C] int8: the boards as stones, 0 empty, +1 of seat 0, −1 of seat 1, rows and columns as in `observe`;
        None where a position is more than that."""
        return None

    def faults(self, stones: np.ndarray) -> np.ndarray | None:
        """[B] str: what keeps each of the boards [B, R, C] of such stones from coming up in a game, "" where nothing
        does; exact. None where a game cannot tell."""
        return None

    def can_win(self, states: np.ndarray, seat: int) -> np.ndarray:
        """[B] bool: whether `seat` could still win by some sequence of legal moves of both. Where it could not, the
        other draws who runs out of time. True wherever a game cannot tell."""
        return np.ones(len(states), dtype=bool)

    # -- rough -------------------------------------------------------------------------------------------

    def heuristic(self, states: np.ndarray) -> np.ndarray:
        """[B] float32 in [-1, 1]: who is ahead at a glance, for the player to move; by material, say. 0: no idea."""
        return np.zeros(len(states), dtype=np.float32)

    def engine(self) -> Engine | None:
        """A new engine of the game's own, or None where it has none."""
        return None

    def openings(self) -> np.ndarray | None:
        """[N] state_dtype: positions that matches begin from, by custom; None where a game has no such list."""
        return None

    def perft(self, state: np.void, depth: int) -> int:
        """Number of sequences of `depth` whole moves from `state`. A game may count faster than this does, and then
        looks past draws that depend on a game's history, as published counts do."""
        return perft.perft(self.game, depth, np.array([state], dtype=self.game.state_dtype))
