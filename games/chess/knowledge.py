"""Knowledge of chess: a material heuristic, an engine, and a fast count of the move tree. Knows no text."""

from __future__ import annotations

import numpy as np

from games.chess import engine, geometry, history, kernels, rules
from games.knowledge import Engine, Knowledge, KnownResult


class ChessKnowledge(Knowledge):
    game: rules.Chess
    known_results = (
        KnownResult("e2e4 e7e5 d1h5 b8c6 f1c4 g8f6 h5f7", 1),
        KnownResult("f2f3 e7e5 g2g4 d8h4", 0),
    )

    def heuristic(self, states: np.ndarray) -> np.ndarray:
        """Material by the usual 1, 3, 3, 5, 9: tanh(lead / 6 pawns)."""
        worth = [np.zeros(len(states)), np.zeros(len(states))]
        for side, mine in enumerate((states["own"], ~states["own"])):
            for field, value in (("pawns", 1), ("knights", 3), ("diagonals", 3), ("straights", 5)):
                worth[side] += value * np.bitwise_count(states[field] & mine).astype(np.float64)
            worth[side] += np.bitwise_count(states["diagonals"] & states["straights"] & mine)  # a queen is worth 9
        lead: np.ndarray = np.tanh((worth[0] - worth[1]) / 6).astype(np.float32)
        return lead

    def can_win(self, states: np.ndarray, seat: int) -> np.ndarray:
        """By material, as python-chess's `has_insufficient_material` has it (FIDE 6.9, as far as pieces alone tell).

        Not with a bare king; with one knight only where a piece of the other may block its own king: any but queens;
        with bishops of one colour of squares where there is a pawn, a knight, or a bishop of the other colour."""
        mine = np.where(states["to_play"] == seat, states["own"], ~states["own"])
        pawns, knights, diagonals, straights = (states[name] for name in ("pawns", "knights", "diagonals", "straights"))
        own_knights, bishops = mine & knights, diagonals & ~straights
        pieces = pawns | knights | diagonals | straights
        blockers = pieces & ~mine & ~(diagonals & straights)
        knight_mates = (np.bitwise_count(mine & pieces) > 1) | (blockers != 0)
        both_colours = ((bishops & history.LIGHT) != 0) & ((bishops & ~history.LIGHT) != 0)
        bishop_mates = ((mine & bishops) != 0) & (both_colours | ((pawns | knights) != 0))
        able: np.ndarray = np.where(own_knights != 0, knight_mates, bishop_mates)
        able |= (mine & (pawns | straights)) != 0
        return able

    def engine(self) -> Engine:
        return engine.ChessEngine(self.game)

    def perft(self, state: np.void, depth: int, bulk: bool = True) -> int:
        """Move sequences of `depth` moves, rules of draw aside. With bulk the last moves are counted, not made."""
        if depth <= 0:
            return 1
        stack = np.zeros(depth + 1, dtype=kernels.PERFT_LEVEL)
        for name, _ in kernels.POSITION:
            stack[0][name] = state[name]
        return int(kernels.perft(stack, np.empty((depth, geometry.SQUARES), dtype=np.uint64), depth, bulk))
