"""Appearance: a position as cells to be drawn, and what people call pieces, players and moves. One of the five facets.

By default a board is the text of `Game.to_string` and a move its notation. Knows no terminal and no web page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import numpy as np

import games
from games.base import Game
from games.notation import Notation


class Piece(NamedTuple):
    """What may stand on a cell."""

    player: int  # 0 or 1
    name: str  # "white knight"
    symbol: str  # one character that tells it from all others where there is no colour
    shape: str  # one character for where its colour shows whose it is
    colour: str  # "white", "black", "red" or "yellow"


class Board(NamedTuple):
    """A position as R rows of C cells, the first row on top."""

    cells: list[list[str]]  # [R][C] marks, as in Appearance.pieces; "" where nothing stands
    names: list[list[str]]  # [R][C] what the cell is called in moves; "" where nothing can stand
    grounds: list[list[str]]  # [R][C] what lies under the pieces: "light", "dark" or "blue"
    left: list[str]  # [R] labels of the rows; "" where they need none
    below: list[str]  # [C] labels of the columns
    bottom: int | None = None  # whose side the last row is; None: nobody's, and the board looks the same to both
    numbered: bool = False  # moves are told by the names of cells, so that empty ones should show theirs
    stacked: bool = False  # pieces pile up in columns


class Appearance:
    """How one game looks and sounds. ``games.facet(game, Appearance)`` makes it."""

    seat_names: ClassVar[tuple[str, str]] = ("First", "Second")  # what people call the players of seats 0 and 1
    pieces: ClassVar[Mapping[str, Piece]] = {}  # by mark: what `board` puts on cells

    def __init__(self, game: Game) -> None:
        self.game = game

    def board(self, state: np.void) -> Board | None:
        """The position as cells to be drawn; None where `Game.to_string` is all there is."""
        return None

    def board_in_words(self, state: np.void) -> list[str]:
        """The position in sentences, or the lines of `Game.to_string` for a game without cells."""
        board = self.board(state)
        return self.game.to_string(state).splitlines() if board is None else in_words(board, self.pieces)

    def move_in_words(self, state: np.void, actions: Sequence[int]) -> str:
        """A whole move as it is said: "column 4", "knight g1 to f3"."""
        return games.facet(self.game, Notation).move_to_string(state, actions)


def marks_of(text: str, empty: str = ".") -> list[list[str]]:
    """[R][C] marks of a board that `Game.to_string` wrote as characters with spaces between."""
    return [["" if mark == empty else mark for mark in line.split(" ")] for line in text.splitlines()]


def in_words(board: Board, pieces: Mapping[str, Piece]) -> list[str]:
    """A sentence for each kind of piece on the board, the first player's first: "White knight: b1, g1."; where pieces
    pile up, one for each column."""
    if board.stacked:
        return _columns_in_words(board, pieces)
    where: dict[str, list[str]] = {}
    for marks, names in zip(board.cells, board.names, strict=True):
        for mark, name in zip(marks, names, strict=True):
            if mark:
                where.setdefault(mark, []).append(name)
    kinds = [mark for mark in pieces if mark in where]
    kinds.sort(key=lambda mark: pieces[mark].player)
    return [f"{pieces[mark].name.capitalize()}: {', '.join(where[mark])}." for mark in kinds] or ["The board is empty."]


def _columns_in_words(board: Board, pieces: Mapping[str, Piece]) -> list[str]:
    said = []
    for column, label in enumerate(board.below):
        pile = [pieces[row[column]].name for row in reversed(board.cells) if row[column]]
        if pile:
            said.append(f"Column {label} from below: {', '.join(pile)}.")
    return said or ["The board is empty."]
