"""Boards for a terminal, drawn from the cells that a game describes: with colours, or with Unicode pieces alone.

Knows no game. A game without cells, and a terminal without Unicode, gets `Game.to_string`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import games
from games.appearance import Appearance

if TYPE_CHECKING:
    import numpy as np
    from rich.text import Text

    from games.appearance import Board
    from games.base import Game

# Every piece has a contrast of 3 or more to every ground that it may stand on.
GROUNDS = {"light": "#a08a66", "dark": "#75603f", "blue": "#1f3c8a"}
TOUCHED = {"light": "#8d8b25", "dark": "#7c7414", "blue": "#2a4f9f"}  # cells that the last move changed
PIECES = {"white": "#ffffff", "black": "#000000", "red": "#ff857c", "yellow": "#ffd83b"}
FAINT = {"light": "#3d3220", "dark": "#cdbfa4", "blue": "#8fa6e6"}  # names of empty cells, on their ground
BARE = {"light": " ", "dark": " ", "blue": "·"}  # on cells without a name
BAR = {"white": "grey93", "black": "grey23", "red": "red", "yellow": "yellow"}


def draw(game: Game, state: np.void, before: np.void | None, flipped: bool, colour: bool) -> Text:
    """The board; cells that differ from `before`, the position before the last move, stand out: by their ground, or
    without colour in brackets. flipped: turned by half."""
    from rich.text import Text

    looks = games.facet(game, Appearance)
    board = looks.board(state)
    if board is None:
        return Text(game.to_string(state))
    old = board.cells
    if before is not None:
        seen = looks.board(before)
        old = seen.cells if seen is not None else old
    if flipped:
        board, old = _turned(board), _turn(old)
    margin = max(map(len, board.left), default=0)
    lines = []
    for row, marks in enumerate(board.cells):
        text = Text(f" {board.left[row]:>{margin}} " if margin else " ")
        for column, mark in enumerate(marks):
            touched = mark != old[row][column]
            if colour:
                _coloured(text, looks, board, row, column, touched)
            else:
                symbol = looks.pieces[mark].symbol if mark else _empty(board, row, column, "·")
                text.append(f"[{symbol}]" if touched and (mark or not board.numbered) else f"{symbol:^3}")
        lines.append(text)
    if any(board.below):
        lines.append(Text(" " * (margin + 2 if margin else 1) + "".join(f"{label:^3}" for label in board.below)))
    return Text("\n").join(lines)


def _coloured(text: Text, looks: Appearance, board: Board, row: int, column: int, touched: bool) -> None:
    mark, ground = board.cells[row][column], board.grounds[row][column]
    back = (TOUCHED if touched else GROUNDS)[ground]
    if mark:
        piece = looks.pieces[mark]
        text.append(f" {piece.shape} ", f"bold {PIECES[piece.colour]} on {back}")
    else:
        text.append(f"{_empty(board, row, column, BARE[ground]):^3}", f"{FAINT[ground]} on {back}")


def _empty(board: Board, row: int, column: int, bare: str) -> str:
    name = board.names[row][column]
    return name if board.numbered else bare if name else " "


def _turn(rows: list[list[str]]) -> list[list[str]]:
    return [row[::-1] for row in rows[::-1]]


def _turned(board: Board) -> Board:
    return board._replace(
        cells=_turn(board.cells), names=_turn(board.names), grounds=_turn(board.grounds), left=board.left[::-1],
        below=board.below[::-1],
    )  # fmt: skip


def bar(game: Game, shares: tuple[float, float, float], unicode: bool, colour: bool, width: int = 40) -> Text:
    """Chances as a bar. shares: seat 0 wins, draw, seat 1 wins; they sum to 1."""
    from rich.text import Text

    first = round(width * shares[0])
    last = min(width - first, round(width * shares[2]))
    looks = games.facet(game, Appearance)
    colours = [BAR[next((p.colour for p in looks.pieces.values() if p.player == seat), "white")] for seat in (0, 1)]
    marks = "███" if colour else "█▒░" if unicode else "#-."
    text = Text()
    for mark, length, style in zip(marks, (first, width - first - last, last), (colours[0], "grey50", colours[1]),
                                   strict=True):  # fmt: skip
        text.append(mark * length, style if colour else "")
    names = looks.seat_names
    text.append(f"  {names[0]} wins {shares[0]:.0%}, draw {shares[1]:.0%}, {names[1]} wins {shares[2]:.0%}")
    return text
