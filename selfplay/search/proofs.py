"""Exact results of positions near the end of a game, for the rows of a tree search: the budget of a proof, the memory
of each row, and how often it is worth trying.

A position that is proven needs no evaluation, so that trees end where alpha–beta takes over from the network; a root
that is proven needs no search. Early in a game proofs fail, and cost their budget; so after each failure of a row twice
as many of its positions go untried, up to a limit, and after a success none. Roots are counted apart.
"""

from __future__ import annotations

import numpy as np

from games.base import Game
from selfplay.search import proof_kernels
from selfplay.search.tree import UNKNOWN

LEAF, ROOT = 0, 1
_LONGEST_PAUSES = np.array([8, 2])  # positions that go untried after a failure, at most
_SMALLEST, _LARGEST = 2**10, 2**16  # positions that each row can remember


class Proofs:
    """Proofs for B searches of one game. Each row has a memory of its own: what it finds does not depend on others."""

    def __init__(self, game: Game, batch: int, nodes: int, root_nodes: int = 0) -> None:
        """game: one with compiled rules. nodes, root_nodes: positions whose actions are all tried, at most, for one
        proof of a leaf and of a root."""
        rules = game.compiled_rules()
        assert rules is not None
        self.nodes = nodes, root_nodes
        self._dtype = game.state_dtype
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
        self._tables = np.zeros((batch, table_size(nodes, root_nodes)), np.uint64)
        self._history = np.zeros((batch, 2, game.num_actions), np.int64)
        self._pause = np.zeros((2, batch), np.int64)  # of the next failure, in positions
        self._untried = np.zeros((2, batch), np.int64)  # positions still to go untried

    def forget(self, rows: np.ndarray) -> None:
        """Rows [M] begin anew."""
        self._tables[rows] = 0
        self._history[rows] = 0
        self._pause[:, rows] = self._untried[:, rows] = 0

    def attempt(self, rows: np.ndarray, states: np.ndarray, kind: int = LEAF) -> np.ndarray:
        """As `prove`, where it is worth trying; UNKNOWN elsewhere."""
        pause, untried = self._pause[kind], self._untried[kind]
        values = np.full(len(rows), UNKNOWN, np.int8)
        untried[rows] -= 1
        worth = np.flatnonzero(untried[rows] < 0)
        if len(worth):
            of = rows[worth]
            values[worth] = found = self.prove(of, states.take(worth), kind)
            untried[of] = pause[of] = np.where(found == UNKNOWN, np.clip(2 * pause[of], 1, _LONGEST_PAUSES[kind]), 0)
        return values

    @np.errstate(over="ignore")  # uncompiled kernels wrap around on purpose
    def prove(self, rows: np.ndarray, states: np.ndarray, kind: int = LEAF) -> np.ndarray:
        """[M] int8: the exact value of each position, for its player to move, or UNKNOWN. rows: [M] int64, whose memory
        to use; states: [M] state_dtype, of games that go on."""
        values = np.empty(len(rows), np.int8)
        clean = np.zeros(len(states), self._dtype)
        clean[:] = states  # without whatever lies between fields, as memory is by bytes
        self._prove(*self._rules, clean, rows, self.nodes[kind], *self._scratch, self._tables, self._history,
                    values)  # fmt: skip
        return values


def table_size(nodes: int, root_nodes: int) -> int:
    """Positions that each row can remember: what some proofs come by."""
    wanted = 4 * max(nodes, root_nodes)
    return min(max(1 << (wanted - 1).bit_length(), _SMALLEST), _LARGEST)


def size_of(game: Game, batch: int, nodes: int, root_nodes: int) -> int:
    """Bytes of the memory of `batch` rows; 0 without proofs."""
    return batch * (8 * table_size(nodes, root_nodes) + 16 * game.num_actions) if nodes or root_nodes else 0
