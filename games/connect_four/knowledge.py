"""Knowledge of connect four: exact values by the solver, an eval set, and which boards can arise.

The eval set is 600 fixed positions with exact values of their moves, from uniformly random legal play, 200 from each
stage of the game; no two are equal or mirror images, none is over, and in at least 120 of each stage some legal move
worsens the result. `scripts/make_connect_four_eval_set.py` builds its file.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from games.connect_four import legality, solver
from games.knowledge import EvalSet, Knowledge, KnownResult

EVAL_SET_FILE = Path(__file__).with_name("eval_set.npz")
STAGE_NAMES = ("opening", "middle", "end")
STAGE_PLIES = ((6, 13), (14, 27), (28, 38))  # stones on the board, both ends included


def load_eval_set() -> dict[str, np.ndarray]:
    """The packaged file as it is; rows are sorted by stage. FileNotFoundError if it was not built.

    own, mask: [600] uint64, bitboards as in `solver.py`; stage: [600] int8, index into STAGE_NAMES; values: [600, 7]
    int8, 1, 0 or -1 for the side to move after each column, solver.ILLEGAL where full; moves: [600] text, how the
    position came about, columns 1–7.
    """
    with np.load(EVAL_SET_FILE, allow_pickle=False) as file:
        return dict(file)


class ConnectFourKnowledge(Knowledge):
    known_results = (KnownResult("1122334", 1), KnownResult("31212131", 0))

    def exact_action_values(self, states: np.ndarray) -> np.ndarray:
        return _solver().solve_many(states["own"], states["mask"])

    def eval_set(self) -> EvalSet:
        """600 positions, 200 each of opening, middle and end, labelled by the exact solver."""
        labelled = load_eval_set()
        states = self.game.initial_states(len(labelled["own"]))
        states["own"], states["mask"] = labelled["own"], labelled["mask"]
        states["to_play"] = np.bitwise_count(labelled["mask"]) & 1
        return EvalSet(states, labelled["values"], labelled["stage"], STAGE_NAMES)

    def stones(self, states: np.ndarray) -> np.ndarray:
        own, other = self.game.observe(states).astype(np.int8).transpose(1, 0, 2, 3)
        return (own - other) * (1 - 2 * states["to_play"])[:, None, None]

    def faults(self, stones: np.ndarray) -> np.ndarray:
        return legality.faults(stones)


@cache
def _solver() -> solver.Solver:
    """One solver with one transposition table a process, made when first asked."""
    return solver.Solver()
