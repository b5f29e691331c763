"""Boards as people see them: drawn with Unicode pieces, as text, in words, in colour."""

from __future__ import annotations

import numpy as np
import pytest
from facets import appearance_of, notation_of

import games
from games import appearance
from games.base import Game
from selfplay.cli.terminal import board

GAMES = ("tic-tac-toe", "connect-four", "checkers", "chess")

DRAWN = {  # by game: moves, the drawing without colour; what the last move changed stands in brackets
    ("tic-tac-toe", "519"): """
  O  2  3
  4  X  6
  7  8 [X]
""",
    ("connect-four", "44534"): """
  ·  ·  ·  ·  ·  ·  ·
  ·  ·  ·  ·  ·  ·  ·
  ·  ·  ·  ·  ·  ·  ·
  ·  ·  · [●] ·  ·  ·
  ·  ·  ·  ○  ·  ·  ·
  ·  ·  ○  ●  ●  ·  ·
  1  2  3  4  5  6  7
""",
    ("checkers", "11-15 22-18 15x22"): """
     ⛂     ⛂     ⛂     ⛂
  ⛂     ⛂     ⛂     ⛂
     ⛂     ⛂    11     ⛂
 13    14    15    16
    17    18    19    20
  ⛀    [⛂]    ⛀     ⛀
     ⛀     ⛀     ⛀     ⛀
  ⛀     ⛀     ⛀     ⛀
""",
    ("chess", "e2e4 d7d5 e4d5"): """
 8  ♜  ♞  ♝  ♛  ♚  ♝  ♞  ♜
 7  ♟  ♟  ♟  ·  ♟  ♟  ♟  ♟
 6  ·  ·  ·  ·  ·  ·  ·  ·
 5  ·  ·  · [♙] ·  ·  ·  ·
 4  ·  ·  ·  · [·] ·  ·  ·
 3  ·  ·  ·  ·  ·  ·  ·  ·
 2  ♙  ♙  ♙  ♙  ·  ♙  ♙  ♙
 1  ♖  ♘  ♗  ♕  ♔  ♗  ♘  ♖
    a  b  c  d  e  f  g  h
""",
}


def positions(name: str, moves: str) -> tuple[Game, np.void, np.void]:
    """(game, position, the one before)."""
    game = games.make(name)
    before = moves[:-1] if not notation_of(game).move_separator else moves.rpartition(" ")[0]
    return game, notation_of(game).state_after(moves)[0], notation_of(game).state_after(before)[0]


@pytest.mark.parametrize(("name", "moves"), DRAWN, ids=[name for name, _ in DRAWN])
def test_a_board_is_drawn_with_unicode_pieces(name: str, moves: str) -> None:
    game, state, before = positions(name, moves)
    drawn = board.draw(game, state, before, flipped=False, colour=False).plain
    assert [line.rstrip() for line in drawn.splitlines()] == DRAWN[name, moves].strip("\n").splitlines()


def test_a_board_is_turned_for_the_player_above() -> None:
    game, state, before = positions("chess", "e2e4 d7d5 e4d5")
    lines = board.draw(game, state, before, flipped=True, colour=False).plain.splitlines()
    assert lines[0] == " 1  ♖  ♘  ♗  ♔  ♕  ♗  ♘  ♖ "
    assert lines[4] == " 5  ·  ·  ·  · [♙] ·  ·  · "
    assert lines[-1].split() == list("hgfedcba")


@pytest.mark.parametrize("name", GAMES)
def test_cells_agree_with_the_board_as_text(name: str) -> None:
    """Every piece is on both, as many times."""
    game = games.make(name)
    moves = {"tic-tac-toe": "519", "connect-four": "44534", "checkers": "11-15", "chess": "g1f3"}
    state = notation_of(game).state_after(moves[name])
    cells = appearance_of(game).board(state[0])
    assert cells is not None
    marks = [mark for row in cells.cells for mark in row if mark]
    text = "\n".join(line[2:] for line in game.to_string(state[0]).splitlines()[:8])
    text = game.to_string(state[0]) if name in ("tic-tac-toe", "connect-four") else text
    assert set(marks) <= set(appearance_of(game).pieces)
    for mark in appearance_of(game).pieces:
        assert marks.count(mark) == text.count(mark), mark
    assert {len(row) for table in (cells.cells, cells.names, cells.grounds) for row in table} == {len(cells.below)}
    assert len(cells.left) == len(cells.cells)
    assert len({piece.symbol for piece in appearance_of(game).pieces.values()}) == len(appearance_of(game).pieces), (
        "told apart without colour"
    )
    drawn = {(piece.shape, piece.colour) for piece in appearance_of(game).pieces.values()}
    assert len(drawn) == len(appearance_of(game).pieces), "told apart in colour"


@pytest.mark.parametrize("name", GAMES)
def test_all_colours_of_a_board_are_known(name: str) -> None:
    game = games.make(name)
    state = game.initial_states(1)[0]
    drawn = board.draw(game, state, state, flipped=False, colour=True)
    cells = appearance_of(game).board(state)
    assert cells is not None and len(drawn.spans) >= len(cells.cells) * len(cells.below)
    assert {piece.colour for piece in appearance_of(game).pieces.values()} <= set(board.PIECES) & set(board.BAR)


def _contrast(one: str, other: str) -> float:
    """Of two colours "#rrggbb", 1 to 21, as the WCAG 2.1 defines it."""

    def luminance(colour: str) -> float:
        shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        red, green, blue = (s / 12.92 if s <= 0.03928 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", GAMES)
def test_pieces_stand_out_from_the_board(name: str) -> None:
    game = games.make(name)
    cells = appearance_of(game).board(game.initial_states(1)[0])
    assert cells is not None
    for ground in {ground for row in cells.grounds for ground in row}:
        for piece in appearance_of(game).pieces.values():
            for back in (board.GROUNDS[ground], board.TOUCHED[ground]):
                assert _contrast(board.PIECES[piece.colour], back) >= 3, (piece.name, ground)


def test_boards_are_said_in_words() -> None:
    def said(name: str, moves: str) -> list[str]:
        game = games.make(name)
        cells = appearance_of(game).board(notation_of(game).state_after(moves)[0])
        assert cells is not None
        return appearance.in_words(cells, appearance_of(game).pieces)

    assert said("tic-tac-toe", "519") == ["X: 5, 9.", "O: 1."]
    assert said("tic-tac-toe", "") == ["The board is empty."]
    assert said("connect-four", "443") == ["Column 3 from below: red.", "Column 4 from below: red, yellow."]
    assert said("checkers", "11-15")[0] == "Black man: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15."
    assert said("chess", "e2e4")[0] == "White pawn: e4, a2, b2, c2, d2, f2, g2, h2."


def test_moves_are_said_in_words() -> None:
    def said(name: str, start: str, move: str) -> str:
        game = games.make(name)
        state = (
            notation_of(game).state_after(start)[0]
            if "/" not in start and ":" not in start
            else notation_of(game).from_fen(start)[0]
        )
        return appearance_of(game).move_in_words(state, [notation_of(game).action_from_string(state, move)])

    assert said("tic-tac-toe", "", "5") == "cell 5"
    assert said("connect-four", "44", "4") == "column 4"
    assert said("checkers", "", "11-15") == "11 to 15"
    assert said("checkers", "11-15 22-18", "15x22") == "15 jumps to 22"
    assert said("chess", "e2e4 d7d5", "e4d5") == "pawn e4 takes d5"
    assert said("chess", "e2e4 a7a6 e4e5 d7d5", "e5d6") == "pawn e5 takes d6"
    assert said("chess", "", "g1f3") == "knight g1 to f3"
    assert said("chess", "4k3/P7/8/8/8/8/8/R3K2R w KQ - 0 1", "a7a8n") == "pawn a7 to a8, becomes a knight"
    assert said("chess", "4k3/P7/8/8/8/8/8/R3K2R w KQ - 0 1", "e1g1") == "castles short"
    assert said("chess", "r3k3/8/8/8/8/8/8/4K3 b q - 0 1", "e8c8") == "castles long"


def test_chances_are_a_bar_of_the_whole_width() -> None:
    game = games.make("chess")
    for shares in [(1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.334, 0.333, 0.333), (0.49, 0.02, 0.49), (0.01, 0.98, 0.01)]:
        bar = board.bar(game, shares, unicode=False, colour=False).plain
        assert len(bar.partition("  ")[0]) == 40, bar
    assert board.bar(game, (0.5, 0.25, 0.25), unicode=False, colour=False).plain == (
        "####################----------..........  White wins 50%, draw 25%, Black wins 25%"
    )
