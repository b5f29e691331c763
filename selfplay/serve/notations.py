"""Notations of the protocols: positions and whole moves as the texts of UCI and of Hub. Knows no search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from games.protocols import HubText, UciText


class ProtocolNotation(Protocol):
    """Positions and whole moves of one game in a protocol's words."""

    def read(self, text: str) -> np.ndarray:
        """[1] state_dtype. Raises IllegalMove."""

    def remarks(self, text: str) -> Sequence[str]:
        """What `read` takes otherwise than it stands, a sentence each."""

    def write(self, state: np.void) -> str:
        """A position at the beginning of a whole move."""

    def move(self, state: np.void, actions: Sequence[int]) -> str:
        """A whole move."""

    def actions(self, state: np.void, text: str) -> list[int]:
        """The inverse of `move`. Raises IllegalMove."""


class UciNotation:
    """See `ProtocolNotation`."""

    def __init__(self, text: UciText) -> None:
        self.read, self.remarks, self.write = text.from_fen, text.remarks, text.to_fen
        self._text = text

    def move(self, state: np.void, actions: Sequence[int]) -> str:
        return self._text.move(state, actions[0])

    def actions(self, state: np.void, text: str) -> list[int]:
        return [self._text.action(state, text)]


class HubNotation:
    """See `ProtocolNotation`."""

    def __init__(self, text: HubText) -> None:
        self.read, self.write, self.move, self.actions = text.from_position, text.position, text.move, text.actions

    def remarks(self, text: str) -> Sequence[str]:
        return ()
