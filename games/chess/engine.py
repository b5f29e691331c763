"""The reference opponent for chess: alpha–beta with iterative deepening, a transposition table and captures searched to
their end. Knows the rules' records and what pieces are worth where; its kernels are in `engine_kernels.py`.
"""

from __future__ import annotations

import numpy as np

from games.chess import engine_kernels as kernels
from games.chess import geometry, rules
from games.chess.kernels import MEMORY
from games.engines import deepening


class ChessEngine(deepening.AlphaBetaEngine):
    """Owns the transposition table and the stack of a search. Depths are plies, beyond which checks and captures are
    followed; scores are hundredths of a pawn."""

    max_depth = 80
    generations = kernels.GENERATIONS

    def __init__(self, game: rules.Chess | None = None, table_bits: int = 20, exact_depth: bool = False) -> None:
        """table_bits: 2 ** table_bits positions of 16 bytes, or 0 for none. exact_depth: take from the table only what
        was searched as deep as asked, so that scores are those of plain minimax (for tests; slower)."""
        self.game, self.exact_depth = game or rules.Chess(), bool(exact_depth)
        super().__init__(self.game, table_bits, kernels.ENTRY, kernels.NUM_REGISTERS)
        most = self.game.max_legal_actions
        self._frames = np.zeros(kernels.MAX_LEVELS, dtype=kernels.FRAME)
        self._moves = np.zeros((kernels.MAX_LEVELS, most), dtype=np.int32)
        self._scores = np.zeros((kernels.MAX_LEVELS, most), dtype=np.int32)
        self._past = np.zeros(MEMORY, dtype=np.uint64)
        self._targets = np.zeros(geometry.SQUARES, dtype=np.uint64)
        self._killers = np.zeros((kernels.MAX_LEVELS, 2), dtype=np.int32)
        self._merit = np.zeros((2, kernels.MOVES_PER_SIDE), dtype=np.int32)
        self._states = self.game.initial_states(1)

    def _forget(self, states: np.ndarray) -> None:
        self._killers[:] = -1
        self._merit[:] = 0
        self._registers[deepening.BEST] = -1

    def _set_up(self, states: np.ndarray, depth: int) -> None:
        root, self._states = self._frames[:1], states
        root["alpha"], root["beta"], root["depth"] = -kernels.INFINITE, kernels.INFINITE, depth
        self._registers[deepening.PHASE] = kernels.START

    def _go_on(self, node_limit: int) -> bool:
        status = kernels.search(
            self._states, SQUARE_WORTH, PASSED_WORTH, self._frames, self._moves, self._scores, self._past,
            self._targets, self._table, self._killers, self._merit, self._registers, node_limit,
            self.game.max_game_length, self.exact_depth,
        )  # fmt: skip
        return bool(status == kernels.FINISHED)

    def _best(self, finished: bool) -> int:
        move = int(self._registers[deepening.BEST] if finished else self._frames[0]["best_move"])
        return action_of(move) if move >= 0 else -1

    def _is_settled(self, score: int, depth: int) -> bool:
        return abs(score) > kernels.WON and depth >= kernels.WIN - abs(score)


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
