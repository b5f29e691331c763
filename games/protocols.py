"""Protocols: how a game is written in the protocols of engines and their interfaces. One of the five facets of a game.

UCI is for games of many kinds, Hub for draughts. By default a game has neither. Knows positions and moves, no process
and no engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from games.base import Game


class UciText(Protocol):
    """How a game is written in the Universal Chess Interface."""

    variant: str  # the value of UCI_Variant, "chess" for chess

    @property
    def definition(self) -> str:
        """The variant as Fairy-Stockfish's variants file has it; empty where engines know it."""

    @property
    def options(self) -> Mapping[str, str]:
        """What an engine must have set for this notation, besides UCI_Variant."""

    def to_fen(self, state: np.void) -> str:
        """The position."""

    def from_fen(self, text: str) -> np.ndarray:
        """[1] state_dtype. Raises IllegalMove, saying what is wrong."""

    def remarks(self, text: str) -> Sequence[str]:
        """What `from_fen` reads otherwise than it stands, a sentence each."""

    def move(self, state: np.void, action: int) -> str:
        """A legal action, as "e2e4" or "P@d1"."""

    def action(self, state: np.void, text: str) -> int:
        """The inverse. Raises IllegalMove, naming the legal moves."""


class HubText(Protocol):
    """How a game is written in the Hub protocol of draughts programs. Moves are whole moves, of one or more actions."""

    variant: str

    def position(self, state: np.void) -> str:
        """The side to move and the squares, as "Wbbbb…"."""

    def from_position(self, text: str) -> np.ndarray:
        """[1] state_dtype. Raises IllegalMove, saying what is wrong."""

    def move(self, state: np.void, actions: Sequence[int]) -> str:
        """A whole move, as "22-18" or "22x15x18" (from, to, then the squares of what was captured)."""

    def actions(self, state: np.void, text: str) -> list[int]:
        """The inverse. Raises IllegalMove, naming the legal moves."""


class Protocols:
    """The protocols of one game. ``games.facet(game, Protocols)`` makes it."""

    def __init__(self, game: Game) -> None:
        self.game = game

    def uci(self) -> UciText | None:
        """How the game is written in UCI, for engines and interfaces of others; None where there is no such way."""
        return None

    def hub(self) -> HubText | None:
        """How the game is written in the Hub protocol; None where there is no such way."""
        return None
