"""The connect-four yardstick: 600 fixed positions with exact move values, to measure players against the truth.

It is data and its loader; how players are judged by it is not known here. The positions come from uniformly random
legal play, 200 from each stage of the game; no two are equal or mirror images, none is over, and in at least 120 of
each stage some legal move worsens the result. `scripts/make_connect_four_yardstick.py` builds the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

YARDSTICK_FILE = Path(__file__).with_name("eval_set.npz")
STAGE_NAMES = ("opening", "middle", "end")
STAGE_PLIES = ((6, 13), (14, 27), (28, 38))  # stones on the board, both ends included


class Yardstick(NamedTuple):
    """Positions and the truth about their moves; rows are sorted by stage. Bitboards as in `solver.py`."""

    own: np.ndarray  # [600] uint64: stones of the side to move
    mask: np.ndarray  # [600] uint64: all stones
    stage: np.ndarray  # [600] int8: index into STAGE_NAMES
    values: np.ndarray  # [600, 7] int8: 1, 0, -1 for the side to move after each column; solver.ILLEGAL where full
    moves: np.ndarray  # [600] unicode: how the position came about, columns 1–7


def load() -> Yardstick:
    """Reads the packaged file. FileNotFoundError if it was not built."""
    with np.load(YARDSTICK_FILE, allow_pickle=False) as file:
        return Yardstick(**{name: file[name] for name in Yardstick._fields})
