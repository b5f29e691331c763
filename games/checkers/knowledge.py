"""Knowledge of checkers: a material heuristic, an engine, openings, and a fast count of the move tree.

Whole moves are counted in one of two ways, which differ from depth 12 on (from the start position): a king that goes
round four men can take them both ways round, which is two moves with equal start, end and captures. `keep=True` counts
every path, as OEIS A133046 does and as single-jump actions do by nature; `keep=False` counts such moves once.
"""

from __future__ import annotations

import numpy as np

from games.checkers import board, engine, kernels, openings, rules
from games.knowledge import Engine, Knowledge, KnownResult

MAX_ROUND_TRIPS = 4096  # jumps of four and more that one position is given room for


class CheckersKnowledge(Knowledge):
    game: rules.Checkers
    known_results = (
        KnownResult("1x10", 1, start="B:W6:B1"),  # takes the last piece
        KnownResult("32x23", 0, start="W:W32:B27"),
    )

    def heuristic(self, states: np.ndarray) -> np.ndarray:
        """Material, a king counting half as much again as a man: tanh(lead / 3 men)."""
        own, other = (
            np.bitwise_count(states[field]) + 0.5 * np.bitwise_count(states[field] & states["kings"])
            for field in ("own", "other")
        )
        lead: np.ndarray = np.tanh((own - other) / 3).astype(np.float32)
        return lead

    def engine(self) -> Engine:
        return engine.CheckersEngine(self.game)

    def openings(self) -> np.ndarray:
        """[174] state_dtype: the three-move openings of `openings.py`."""
        return openings.states(self.game)

    def perft(self, state: np.void, depth: int, keep: bool = True) -> int:
        """Sequences of `depth` whole moves, rules of draw aside. keep: see above."""
        return perft(np.array([state], dtype=self.game.state_dtype), depth, keep)


def perft(states: np.ndarray, depth: int, keep: bool = True) -> int:
    """Number of sequences of `depth` whole moves from [1] state_dtype; draw rules are not looked at, as is usual."""
    (state,) = states
    if depth <= 0 or state["terminal"]:
        return int(depth <= 0)
    jumper = np.uint64(board.bits([int(state["jumper"]) - 1]) if state["jumper"] else 0)
    levels = depth + 26  # every frame but the first follows a whole move or one of at most 24 captures
    frames = np.empty((levels, kernels.WORDS), dtype=np.uint64)
    numbers = np.empty((levels, kernels.NUMBERS), dtype=np.int64)
    seen = np.empty((levels, 1 if keep else MAX_ROUND_TRIPS, 3), dtype=np.uint64)
    num_seen = np.zeros(levels, dtype=np.int64)
    with np.errstate(over="ignore"):  # uncompiled kernels wrap around on purpose
        count = kernels.perft(
            state["own"], state["other"], state["kings"], jumper, depth, keep, frames, numbers, seen, num_seen
        )
    assert count != kernels.TOO_MANY, "a position has more ways to jump than there is room for"
    return int(count)
