"""The reference opponent for checkers: alpha–beta with iterative deepening, a transposition table and forced captures
searched to their end. Knows the rules' records; its kernels are in `engine_kernels.py`.
"""

from __future__ import annotations

import numpy as np

from games.checkers import board, rules
from games.checkers import engine_kernels as kernels
from games.engines import deepening


class CheckersEngine(deepening.AlphaBetaEngine):
    """Owns the transposition table and the stack of a search. Depths are whole moves, scores hundredths of a man."""

    max_depth = 100
    generations = kernels.GENERATIONS

    def __init__(self, game: rules.Checkers | None = None, table_bits: int = 20, exact_depth: bool = False) -> None:
        """table_bits: 2 ** table_bits positions of 16 bytes, or 0 for none. exact_depth: take from the table only what
        was searched as deep as asked, so that scores are those of plain minimax (for tests; slower)."""
        self.game, self.exact_depth = game or rules.Checkers(), exact_depth
        super().__init__(self.game, table_bits, kernels.ENTRY, kernels.NUM_REGISTERS)
        self._frames = np.zeros(kernels.MAX_LEVELS, dtype=kernels.FRAME)
        self._moves = np.zeros((kernels.MAX_LEVELS, kernels.MAX_MOVES), dtype=np.int32)
        self._scores = np.zeros(kernels.MAX_MOVES, dtype=np.int64)
        self._killers = np.zeros(kernels.MAX_LEVELS, dtype=np.int64)
        self._history = np.zeros(self.game.num_actions, dtype=np.int64)
        self._past = np.zeros(0, dtype=np.uint64)  # hashes of earlier positions that may come back

    def best_move(self, state: np.void, depth: int | None = None, nodes: int | None = None) -> list[int]:
        """The actions of the whole move, up to the opponent's turn or the end."""
        states = np.array([state], dtype=self.game.state_dtype)
        actions: list[int] = []
        while not actions or states["jumper"][0]:
            actions.append(self.best_action(states[0], depth, nodes))
            states = self.game.step(states, np.array(actions[-1:])).states
        return actions

    @np.errstate(over="ignore")  # uncompiled kernels wrap around on purpose
    def analyze(self, state: np.void, depth: int | None = None, nodes: int | None = None) -> deepening.EngineResult:
        return super().analyze(state, depth, nodes)

    def _forget(self, states: np.ndarray) -> None:
        self._killers[:] = -1
        self._history[:] = 0
        state, clock = states[0], int(states["clock"][0])
        self._past = np.zeros(clock, dtype=np.uint64)
        kernels.before(state["own"], state["other"], state["kings"], state["history"].copy(), clock, self._past)

    def _set_up(self, states: np.ndarray, depth: int) -> None:
        state, root = states[0], self._frames[:1]
        for field in ("own", "other", "kings", "clock"):
            root[field] = state[field]
        root["jumper"] = board.bits([int(state["jumper"]) - 1]) if state["jumper"] else 0
        root["hash"] = kernels.hash_of(state["own"], state["other"], state["kings"], root["jumper"][0])
        root["alpha"], root["beta"], root["depth"] = -kernels.INFINITE, kernels.INFINITE, depth
        root["best_action"] = -1
        self._registers[deepening.LEVEL], self._registers[deepening.PHASE] = 0, kernels.ENTER

    def _go_on(self, node_limit: int) -> bool:
        status = kernels.search(
            self._frames, self._moves, self._scores, self._table, self._killers, self._history, self._past,
            self._registers, node_limit, self.game.quiet_plies, self.exact_depth,
        )  # fmt: skip
        return bool(status == kernels.FINISHED)

    def _best(self, finished: bool) -> int:
        return int(self._registers[deepening.BEST] if finished else self._frames[0]["best_action"])

    def _is_settled(self, score: int, depth: int) -> bool:
        return abs(score) > kernels.WON
