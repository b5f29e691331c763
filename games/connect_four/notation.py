"""Notation and protocols of connect four: columns written one after the other, and UCI, which calls the game cfour."""

from __future__ import annotations

import numpy as np

from games.connect_four import rules
from games.notation import Notation
from games.protocols import Protocols
from games.text import drops


class ConnectFourNotation(Notation):
    """Columns 1–7, as in "4453"."""

    move_separator = ""


class ConnectFourProtocols(Protocols):
    def uci(self) -> drops.DropUciText:
        rows, columns = np.mgrid[rules.ROWS - 1 : -1 : -1, : rules.COLUMNS]
        return drops.DropUciText(self.game, "cfour", bits=columns * rules.STRIDE + rows, in_a_row=4, falls=True)
