"""The base of alpha–beta engines: limits, iterative deepening, slices, and what was found. Knows the contract; how a
position is searched to a depth is left to each engine.

An engine keeps nothing from one question to the next, so the same position and limits give the same answer always.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from games import base

NODES_PER_SLICE = 1_000_000  # between two returns to Python, so that Ctrl-C is handled
LEVEL, NODES, ANSWER, BEST, PHASE, GENERATION = range(6)  # registers that every suspended search has


class EngineResult(NamedTuple):
    """What a search found."""

    action: int
    score: int  # for the player to move, in hundredths of a man or pawn; WIN - n: wins in n plies; n - WIN: loses
    depth: int  # searched to the end, in the engine's unit
    nodes: int


class AlphaBetaEngine:
    """Base of the engines. A subclass makes its arrays, and writes the four methods that raise here."""

    max_depth: int
    generations: int  # searches that the table tells apart

    def __init__(self, game: base.Game, table_bits: int, entry: np.dtype, num_registers: int) -> None:
        if table_bits != 0 and not 8 <= table_bits <= 30:
            raise ValueError(f"table_bits is {table_bits}; allowed are 8 to 30, or 0 for no table.")
        self._contract = game
        self._table = np.zeros(1 << table_bits if table_bits else 0, dtype=entry)
        self._registers = np.zeros(num_registers, dtype=np.int64)
        self._generation = 0

    def _forget(self, states: np.ndarray) -> None:
        """Forgets earlier searches, before a new one of states [1]."""
        raise NotImplementedError

    def _set_up(self, states: np.ndarray, depth: int) -> None:
        """Makes ready for one search to a depth."""
        raise NotImplementedError

    def _go_on(self, node_limit: int) -> bool:
        """Searches until finished (True) or until so many nodes were visited; registers ANSWER and BEST tell."""
        raise NotImplementedError

    def _best(self, finished: bool) -> int:
        """The best action of the last search, or of as much as was done; -1 where there is none."""
        raise NotImplementedError

    def _is_settled(self, score: int, depth: int) -> bool:
        """Whether no deeper search can tell more."""
        raise NotImplementedError

    def best_action(self, state: np.void, depth: int | None = None, nodes: int | None = None) -> int:
        """The action to play in a position that is not terminal: the next ply, in a longer jump too."""
        return self.analyze(state, depth, nodes).action

    def analyze(self, state: np.void, depth: int | None = None, nodes: int | None = None) -> EngineResult:
        """Searches deeper and deeper up to `depth` or `nodes` positions, whichever comes first.

        Stops early at a proven win or loss, and at once when there is one legal action and no depth asked for. The
        first depth is always finished. Raises ValueError without a limit, and where the game is over."""
        if depth is None and nodes is None:
            raise ValueError("a search needs a limit: depth, nodes or both.")
        for name, limit in (("depth", depth), ("nodes", nodes)):
            if limit is not None and limit < 1:
                raise ValueError(f"{name} is {limit}; it must be at least 1.")
        states = np.array([state], dtype=self._contract.state_dtype)
        actions, count = self._contract.legal_actions(states)
        if not count[0]:
            raise ValueError("the game is over: there is nothing to search.")
        found = EngineResult(int(actions[0, 0]), 0, 0, 0)
        if count[0] == 1 and depth is None:
            return found
        self._next_generation()
        self._forget(states)
        for deep in range(1, min(depth or self.max_depth, self.max_depth) + 1):
            self._set_up(states, deep)
            finished = self._search(None if deep == 1 else nodes)
            best, spent = self._best(finished), int(self._registers[NODES])
            if not finished:
                return found._replace(action=best if best >= 0 else found.action, nodes=spent)
            found = EngineResult(best, int(self._registers[ANSWER]), deep, spent)
            if self._is_settled(found.score, deep):
                break
        return found

    def _next_generation(self) -> None:
        self._generation += 1
        if self._generation > self.generations:
            self._generation = 1
            self._table[:] = 0
        self._registers[:] = 0
        self._registers[GENERATION] = self._generation

    def _search(self, nodes: int | None) -> bool:
        """False when it ran out of nodes."""
        while True:
            limit = int(self._registers[NODES]) + NODES_PER_SLICE
            if self._go_on(limit if nodes is None else min(limit, nodes)):
                return True
            if nodes is not None and self._registers[NODES] >= nodes:
                return False
