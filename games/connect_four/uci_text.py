"""Connect four in UCI: the variant that interfaces such as Cute Chess call cfour.

The notation is in `games.text.drops`.
"""

from __future__ import annotations

import numpy as np

from games.connect_four import rules
from games.text import drops


def make(game: rules.ConnectFour) -> drops.Text:
    """A `base.UciText`."""
    rows, columns = np.mgrid[rules.ROWS - 1 : -1 : -1, : rules.COLUMNS]
    return drops.Text(game, "cfour", bits=columns * rules.STRIDE + rows, in_a_row=4, falls=True)
