"""The reference opponent for chess: alpha–beta with iterative deepening, a transposition table and captures searched to
their end. Knows the rules' records and what pieces are worth where; its kernels are in `engine_kernels.py`.

An engine keeps nothing from one question to the next, so the same position and limits give the same answer always.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from games.chess import engine_kernels as kernels
from games.chess import geometry, rules
from games.chess.kernels import MEMORY

MAX_DEPTH = 80
NODES_PER_SLICE = 1_000_000  # between two looks at the world, so that Ctrl-C gets through


class Analysis(NamedTuple):
    """What a search found."""

    action: int
    score: int  # for the player to move, in hundredths of a pawn; WIN - n: mates in n plies; n - WIN: is mated
    depth: int  # plies searched to the end; checks and captures are followed further
    nodes: int


class Engine:
    """Owns the transposition table and the stack of a search."""

    def __init__(self, game: rules.Chess | None = None, table_bits: int = 20, exact_depth: bool = False) -> None:
        """table_bits: 2 ** table_bits positions of 16 bytes, or 0 for none. exact_depth: take from the table only what
        was searched as deep as asked, so that scores are those of plain minimax (for tests; slower)."""
        if table_bits != 0 and not 8 <= table_bits <= 30:
            raise ValueError(f"table_bits is {table_bits}; allowed are 8 to 30, or 0 for no table.")
        self.game, self.exact_depth = game or rules.Chess(), bool(exact_depth)
        most = self.game.max_legal_actions
        self._table = np.zeros(1 << table_bits if table_bits else 0, dtype=kernels.ENTRY)
        self._frames = np.zeros(kernels.MAX_LEVELS, dtype=kernels.FRAME)
        self._moves = np.zeros((kernels.MAX_LEVELS, most), dtype=np.int32)
        self._scores = np.zeros((kernels.MAX_LEVELS, most), dtype=np.int32)
        self._past = np.zeros(MEMORY, dtype=np.uint64)
        self._targets = np.zeros(geometry.SQUARES, dtype=np.uint64)
        self._killers = np.zeros((kernels.MAX_LEVELS, 2), dtype=np.int32)
        self._merit = np.zeros((2, kernels.MOVES_PER_SIDE), dtype=np.int32)
        self._registers = np.zeros(kernels.NUM_REGISTERS, dtype=np.int64)
        self._generation = 0

    def best_action(self, state: np.void, depth: int | None = None, nodes: int | None = None) -> int:
        """The action to play in a position that is not terminal."""
        return self.analyze(state, depth, nodes).action

    def analyze(self, state: np.void, depth: int | None = None, nodes: int | None = None) -> Analysis:
        """Searches deeper and deeper up to `depth` plies or `nodes` positions, whichever comes first.

        Stops early at a mate than which none can be shorter, and at once when there is one legal action and no depth
        asked for. The first depth is always finished."""
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
        self._forget()
        for deep in range(1, min(depth or MAX_DEPTH, MAX_DEPTH) + 1):
            finished = self._search(states, deep, None if deep == 1 else nodes)
            best = int(self._registers[kernels.BEST] if finished else self._frames[0]["best_move"])
            spent = int(self._registers[kernels.NODES])
            if not finished:
                return found._replace(action=action_of(best) if best >= 0 else found.action, nodes=spent)
            found = Analysis(action_of(best), int(self._registers[kernels.ANSWER]), deep, spent)
            if abs(found.score) > kernels.WON and deep >= kernels.WIN - abs(found.score):
                break
        return found

    def _forget(self) -> None:
        """Forgets earlier searches."""
        self._generation += 1
        if self._generation > kernels.GENERATIONS:
            self._generation = 1
            self._table[:] = 0
        self._killers[:] = -1
        self._merit[:] = 0
        self._registers[:] = 0
        self._registers[kernels.GENERATION], self._registers[kernels.BEST] = self._generation, -1

    def _search(self, states: np.ndarray, depth: int, nodes: int | None) -> bool:
        """One search to a fixed depth; False when it ran out of nodes."""
        root, registers = self._frames[:1], self._registers
        root["alpha"], root["beta"], root["depth"] = -kernels.INFINITE, kernels.INFINITE, depth
        registers[kernels.PHASE] = kernels.START
        while True:
            limit = int(registers[kernels.NODES]) + NODES_PER_SLICE
            status = kernels.search(
                states, SQUARE_WORTH, PASSED_WORTH, self._frames, self._moves, self._scores, self._past, self._targets,
                self._table, self._killers, self._merit, registers, limit if nodes is None else min(limit, nodes),
                self.game.max_game_length, self.exact_depth,
            )  # fmt: skip
            if status == kernels.FINISHED:
                return True
            if nodes is not None and registers[kernels.NODES] >= nodes:
                return False


def action_of(move: int) -> int:
    """The action of a move as the kernels write it."""
    return int(geometry.CODE[move >> 12, move & 63, (move >> 6) & 63])


def _square_worth() -> np.ndarray:
    """[8, 64] int64: what a piece of a kind (the sum of its boards) is worth on a square, for the side going up; two
    numbers in one, middle * PAIR + end."""
    worth = np.zeros((8, 64), dtype=np.int64)
    advance = ((0, 0, 3, 6, 12, 22, 40, 0), (0, 0, 4, 10, 22, 40, 70, 0))
    shelter = (22, 28, 4, -12)  # for a king by files from the edge, while there are pieces to attack him
    for square in range(64):
        rank, edge = square // 8, min(square % 8, 7 - square % 8)
        centre = edge + min(rank, 7 - rank)  # 0 in the corner, 6 in the centre
        if edge < 2:
            occupies = 0
        else:
            occupies = (0, -8 * (edge - 2), 5 * (edge - 1), 10 * (edge - 1), 8 * (edge - 1), 0, 0, 0)[rank]
        pairs = {
            1: (88 + advance[0][rank] + occupies, 104 + advance[1][rank]),
            2: (305 + 9 * centre - 12 * (rank == 0) + 6 * (rank in (4, 5)), 275 + 7 * centre),
            3: (327 + 4 * centre - 10 * (rank == 0), 308 + 3 * centre),
            4: (470 + 4 * edge + 16 * (rank == 6), 515 + 10 * (rank == 6)),
            5: (shelter[edge] - 18 * min(rank, 4), 11 * centre - 33),
            7: (970 + 2 * centre - 6 * (rank == 0), 950 + 7 * centre),
        }
        for kind, (middle, end) in pairs.items():
            worth[kind, square] = middle * kernels.PAIR + end
    return worth


SQUARE_WORTH = _square_worth()
# [8] int64: what a passed pawn is worth more, by rank; pairs too.
PASSED_WORTH = np.array([0, 4, 8, 16, 32, 60, 95, 0]) * kernels.PAIR + np.array([0, 10, 16, 32, 58, 95, 150, 0])
