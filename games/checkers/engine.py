"""The reference opponent for checkers: alpha–beta with iterative deepening, a transposition table and forced captures
searched to their end. Knows the rules' records; its kernels are in `engine_kernels.py`.

An engine keeps nothing from one question to the next, so the same position and limits give the same answer always.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from games.checkers import board, rules
from games.checkers import engine_kernels as kernels

MAX_DEPTH = 100
NODES_PER_SLICE = 1_000_000  # between two looks at the world, so that Ctrl-C gets through


class Analysis(NamedTuple):
    """What a search found."""

    action: int
    score: int  # for the player to move, in hundredths of a man; WIN - n: wins in n plies; n - WIN: loses
    depth: int  # whole moves searched to the end
    nodes: int


class Engine:
    """Owns the transposition table and the stack of a search."""

    def __init__(self, game: rules.Checkers | None = None, table_bits: int = 20, exact_depth: bool = False) -> None:
        """table_bits: 2 ** table_bits positions of 16 bytes, or 0 for none. exact_depth: take from the table only what
        was searched as deep as asked, so that scores are those of plain minimax (for tests; slower)."""
        if table_bits != 0 and not 8 <= table_bits <= 30:
            raise ValueError(f"table_bits is {table_bits}; allowed are 8 to 30, or 0 for no table.")
        self.game, self.exact_depth = game or rules.Checkers(), exact_depth
        self._table = np.zeros(1 << table_bits if table_bits else 0, dtype=kernels.ENTRY)
        self._frames = np.zeros(kernels.MAX_LEVELS, dtype=kernels.FRAME)
        self._moves = np.zeros((kernels.MAX_LEVELS, kernels.MAX_MOVES), dtype=np.int32)
        self._scores = np.zeros(kernels.MAX_MOVES, dtype=np.int64)
        self._killers = np.zeros(kernels.MAX_LEVELS, dtype=np.int64)
        self._history = np.zeros(self.game.num_actions, dtype=np.int64)
        self._registers = np.zeros(kernels.NUM_REGISTERS, dtype=np.int64)
        self._generation = 0

    def best_action(self, state: np.void, depth: int | None = None, nodes: int | None = None) -> int:
        """The action to play in a position that is not terminal: the next ply, in a longer jump too."""
        return self.analyze(state, depth, nodes).action

    def best_move(self, state: np.void, depth: int | None = None, nodes: int | None = None) -> list[int]:
        """The actions of the whole move, up to the opponent's turn or the end."""
        states = np.array([state], dtype=self.game.state_dtype)
        actions: list[int] = []
        while not actions or states["jumper"][0]:
            actions.append(self.best_action(states[0], depth, nodes))
            states = self.game.step(states, np.array(actions[-1:])).states
        return actions

    def analyze(self, state: np.void, depth: int | None = None, nodes: int | None = None) -> Analysis:
        """Searches deeper and deeper up to `depth` whole moves or `nodes` positions, whichever comes first.

        Stops early at a proven win or loss, and at once when there is one legal action and no depth asked for. The
        first depth is always finished."""
        if depth is None and nodes is None:
            raise ValueError("a search needs a limit: depth, nodes or both.")
        for name, limit in (("depth", depth), ("nodes", nodes)):
            if limit is not None and limit < 1:
                raise ValueError(f"{name} is {limit}; it must be at least 1.")
        states = np.array([state], dtype=self.game.state_dtype)
        actions, count = self.game.legal_actions(states)
        if not count[0]:
            raise ValueError("the game is over: there is nothing to search.")
        found = Analysis(int(actions[0, 0]), 0, 0, 0)
        if count[0] == 1 and depth is None:
            return found
        with np.errstate(over="ignore"):  # uncompiled kernels wrap around on purpose
            past = self._begin(states)
            for deep in range(1, min(depth or MAX_DEPTH, MAX_DEPTH) + 1):
                finished = self._search(states, past, deep, None if deep == 1 else nodes)
                best = int(self._registers[kernels.BEST] if finished else self._frames[0]["best_action"])
                spent = int(self._registers[kernels.NODES])
                if not finished:
                    return found._replace(action=best if best >= 0 else found.action, nodes=spent)
                found = Analysis(best, int(self._registers[kernels.ANSWER]), deep, spent)
                if abs(found.score) > kernels.WON:
                    break
        return found

    def _begin(self, states: np.ndarray) -> np.ndarray:
        """Forgets earlier searches; returns the hashes of earlier positions that may come back."""
        self._generation += 1
        if self._generation > kernels.GENERATIONS:
            self._generation = 1
            self._table[:] = 0
        self._killers[:] = -1
        self._history[:] = 0
        self._registers[:] = 0
        self._registers[kernels.GENERATION] = self._generation
        state, clock = states[0], int(states["clock"][0])
        past = np.zeros(clock, dtype=np.uint64)
        kernels.before(state["own"], state["other"], state["kings"], state["history"].copy(), clock, past)
        return past

    def _search(self, states: np.ndarray, past: np.ndarray, depth: int, nodes: int | None) -> bool:
        """One search to a fixed depth; False when it ran out of nodes."""
        state, registers = states[0], self._registers
        root = self._frames[:1]
        for field in ("own", "other", "kings", "clock"):
            root[field] = state[field]
        root["jumper"] = board.bits([int(state["jumper"]) - 1]) if state["jumper"] else 0
        root["hash"] = kernels.hash_of(state["own"], state["other"], state["kings"], root["jumper"][0])
        root["alpha"], root["beta"], root["depth"] = -kernels.INFINITE, kernels.INFINITE, depth
        root["best_action"] = -1
        registers[kernels.LEVEL], registers[kernels.PHASE] = 0, kernels.ENTER
        while True:
            limit = int(registers[kernels.NODES]) + NODES_PER_SLICE
            status = kernels.search(
                self._frames, self._moves, self._scores, self._table, self._killers, self._history, past, registers,
                limit if nodes is None else min(limit, nodes), self.game.quiet_plies, self.exact_depth,
            )  # fmt: skip
            if status == kernels.FINISHED:
                return True
            if nodes is not None and registers[kernels.NODES] >= nodes:
                return False
