"""Exact results of positions near the end of a game, for the rows of a tree search: the budget of a proof, the memory
of each row, and how often it is worth trying.

A position that is proven needs no evaluation, so that trees end where alpha–beta takes over from the network. Early in
a game proofs fail, and cost their budget; so after each failure of a row twice as many of its positions go untried, up
to a limit, and after a success none.
"""

from __future__ import annotations

import numpy as np

from games.base import Game
from selfplay.search import proof_kernels
from selfplay.search.tree import UNKNOWN

TABLE = 2**12  # positions that each row remembers
_LONGEST_PAUSE = 8  # positions that go untried after a failure, at most


class Proofs:
    """Proofs for B searches of one game. Each row has a memory of its own: what it finds does not depend on others."""

    def __init__(self, game: Game, batch: int, nodes: int) -> None:
        """game: one with compiled rules. nodes: positions whose actions are all tried, at most, for one proof."""
        rules = game.compiled_rules()
        assert rules is not None
        self.nodes = nodes
        word, width, depth = proof_kernels.word_of(game), game.max_legal_actions, proof_kernels.DEPTH
        self._prove = proof_kernels.compiled(game.state_dtype, word)
        stack = np.zeros(1 + depth * width, game.state_dtype)
        integers = (np.zeros(depth, np.int64) for _ in range(5))
        self._scratch = (
            stack, stack.view(word).reshape(len(stack), -1), np.zeros((depth, width), np.int32),
            np.zeros(depth, np.int32), np.zeros(len(stack), np.float32), np.zeros(len(stack), np.float32),
            np.zeros((depth, width), np.int8), np.zeros((depth, width), np.bool_), *integers,
        )  # fmt: skip
        self._rules = rules
        self._tables = np.zeros((batch, TABLE), np.uint64)
        self._history = np.zeros((batch, 2, game.num_actions), np.int64)
        self._pause = np.zeros(batch, np.int64)  # of the next failure, in positions
        self._untried = np.zeros(batch, np.int64)  # positions still to go untried

    def forget(self, rows: np.ndarray) -> None:
        """Rows [M] begin anew."""
        self._tables[rows] = 0
        self._history[rows] = 0
        self._pause[rows] = self._untried[rows] = 0

    def attempt(self, rows: np.ndarray, states: np.ndarray) -> np.ndarray:
        """As `prove`, where it is worth trying; UNKNOWN elsewhere."""
        values = np.full(len(rows), UNKNOWN, np.int8)
        self._untried[rows] -= 1
        worth = np.flatnonzero(self._untried[rows] < 0)
        if len(worth):
            of = rows[worth]
            values[worth] = found = self.prove(of, states.take(worth))
            failed = found == UNKNOWN
            self._untried[of] = self._pause[of] = np.where(failed, np.clip(2 * self._pause[of], 1, _LONGEST_PAUSE), 0)
        return values

    @np.errstate(over="ignore")  # uncompiled kernels wrap around on purpose
    def prove(self, rows: np.ndarray, states: np.ndarray) -> np.ndarray:
        """[M] int8: the exact value of each position, for its player to move, or UNKNOWN. rows: [M] int64, whose memory
        to use; states: [M] state_dtype, of games that go on."""
        values, spent = np.empty(len(rows), np.int8), np.empty(len(rows), np.int64)
        clean = np.zeros(len(states), states.dtype)
        clean[:] = states  # without whatever lies between fields, as memory is by bytes
        self._prove(*self._rules, clean, rows, self.nodes, *self._scratch, self._tables, self._history,
                    values, spent)  # fmt: skip
        return values


def size_of(game: Game, batch: int) -> int:
    """Bytes of the memory of `batch` rows."""
    return batch * (8 * TABLE + 16 * game.num_actions)
