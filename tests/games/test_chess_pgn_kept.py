"""PGN: what is kept of a game besides its moves, where a game ends, and which games of a file are read."""

from __future__ import annotations

import io
import random

import chess.pgn
import pytest
from facets import notation_of

from games.chess import rules
from games.text.records import GameRecord, RecordError

GAME = rules.Chess()


def read(text: str) -> list[GameRecord]:
    return notation_of(GAME).read_records(text)


# Glyphs


def test_glyphs_are_kept_and_written_by_their_numbers() -> None:
    (record,) = read("1. e4!! e5 $2 $14 {x} 2. Nf3 +- Nc6 (2... Nf6!?) ?! 3. Bb5 \u2047 N a6 3. ... $255 4. Ba4 = *")
    assert record.glyphs == {0: (3,), 1: (2, 14), 2: (18,), 3: (6,), 4: (4, 146), 5: (255,), 6: (10,)}
    text = notation_of(GAME).write_record(record)
    assert "1. e4 $3 e5 $2 $14 {x}" in text
    (again,) = read(text)
    assert again.glyphs == record.glyphs and again.actions == record.actions
    game = chess.pgn.read_game(io.StringIO(text))
    assert game is not None and [node.nags for node in game.mainline()] == [set(g) for g in record.glyphs.values()]


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("1. e4!!! e5 *", "line 1: the mark '!!!' has no number, and is left out"),
        ('[White "a"] $3 1. e4 e5 *', "line 1: the mark '$3' follows no move, and is left out"),
    ],
    ids=["no number", "no move"],
)
def test_a_glyph_that_cannot_be_kept_is_said(text: str, warning: str) -> None:
    (record,) = read(text)
    assert record.warnings == (warning,) and not record.glyphs


# Games that cannot be read, and those around them


@pytest.mark.parametrize(
    ("text", "kept", "places"),
    [
        ('[White "a"]\n1. e4 *\n[White "b"]\n1. Sf6 d4 1-0\n\n[White "c"]\n1. d4 *', "ac", [(2, 4, 4)]),
        ('[White "a"]\n[FEN "8/8"]\n[Black "x"]\n\n1. e4 *\n[White "b"]\n1. c4 *', "b", [(1, 2, 1)]),
        ('[White "a"]\n[Black \'x\'\n[Round "1"]\n\n1. e4 *\n[White "b"]\n1. c4 *', "b", [(1, 2, 1)]),
        ('[White "a"]\n1. e4 {open\n[White "b"]\n1. d4 *\n', "b", [(1, 2, 7)]),
        ('[White "a"]\n1. e4 {open\nfor ever', "", [(1, 2, 7)]),
        ('[White "a"] 1. e5 * [White "b"] 1. c4 *  [White "c"] 1. e4 e4 *', "b", [(1, 1, 16), (3, 1, 60)]),
        ('[White "a"] 1. e4 * )\n[White "b"] 1. c4 *', "ab", [(2, 1, 21)]),
        ("1. e4 e4 d4 *\n1. c4 c5 1-0\n\n1. d4 d4 {a} 1-0", "?", [(1, 1, 7), (3, 4, 7)]),
        ('[White "a"] 1. f3 e5 2. g4 Qh4# 3. e4 e5 *\n\n\n[White "b"] 1. c4 *', "b", [(1, 1, 36)]),
        ('1. e4 [_a "b"] [_c "d"]\n[White "b"] 1. c4 *', "b", [(1, 1, 7)]),
    ],
    ids=["a word", "a FEN", "a tag", "an open comment", "an open comment at the end", "one line", "between games",
         "no tags", "after mate", "tags of no name"],
)  # fmt: skip
def test_the_games_around_one_that_cannot_be_read(text: str, kept: str, places: list[tuple[int, int, int]]) -> None:
    wrong: list[RecordError] = []
    found = list(notation_of(GAME).iterate_records(io.StringIO(text), wrong.append))
    assert "".join(record.tags.get("First", "?") for record in found) == kept
    assert [(error.game, error.line, error.column) for error in wrong] == places
    with pytest.raises(RecordError) as caught:
        read(text)
    assert str(caught.value) == str(wrong[0])


# Draws that end a game


def refused(text: str) -> str:
    with pytest.raises(RecordError) as caught:
        read(text)
    return str(caught.value)


SHUFFLE = "Nf3 Nf6 Ng1 Ng8 "
ROOKS = "r3k2r/8/8/8/8/8/8/R3K2R w - -"


def shuffled(plies: int) -> str:
    """Moves of kings and rooks without a capture, by which no position occurs often."""
    board, rng = chess.Board(f"{ROOKS} 0 1"), random.Random(5)
    seen: dict[str, int] = {}
    for _ in range(plies):
        following = {}
        for move in board.legal_moves:
            board.push(move)
            following[move] = (seen.get(board.board_fen(), 0), rng.random())
            board.pop()
        board.push(min((move for move in following if not board.is_capture(move)), key=lambda move: following[move]))
        seen[board.board_fen()] = seen.get(board.board_fen(), 0) + 1
    return chess.Board(f"{ROOKS} 0 1").variation_san(board.move_stack)


@pytest.mark.parametrize(
    ("text", "result", "warning", "message"),
    [
        (SHUFFLE * 2 + "e4 1-0", 1.0, "could have been claimed as drawn after 8 plies", ""),
        (SHUFFLE * 3 + "Nf3 Nf6 Ng1 e4 *", None, "after 8 plies", "ply 16"),
        (SHUFFLE * 4 + "1-0", 1.0, "on the board it is 1/2-1/2", ""),
        (
            SHUFFLE * 4 + "e4 *",
            None,
            "",
            "ply 17: 'e4' cannot be played: the game had ended before, drawn by the fifth",
        ),
        ("e4 e5 Ke2 Ke7 " + "Ke1 Ke8 Ke2 Ke7 " * 4 + "d4 *", None, "", "ply 21: 'd4' cannot be played"),
    ],
    ids=["third", "fourth, an illegal move", "fifth at the end", "fifth goes on", "fifth of a later position"],
)
def test_the_fifth_occurrence_of_a_position_ends_a_game(
    text: str, result: float | None, warning: str, message: str
) -> None:
    if message:
        assert message in refused(text)
        return
    (record,) = read(text)
    assert record.result == result and any(warning in each for each in record.warnings)


@pytest.mark.parametrize(
    ("clock", "plies", "ends"),
    [(0, 148, False), (0, 150, True), (40, 108, False), (40, 110, True), (200, 120, False)],
    ids=["148", "150", "148 with the clock", "150 with the clock", "a clock beyond it counts from the start"],
)
def test_75_moves_of_both_sides_end_a_game(clock: int, plies: int, ends: bool) -> None:
    head = f'[FEN "{ROOKS} {clock} 1"]\n'
    (record,) = read(f"{head}{shuffled(plies)} 0-1")
    assert any("on the board it is 1/2-1/2" in each for each in record.warnings) == ends
    longer = f"{head}{shuffled(plies + 1)} 0-1"
    if ends:
        assert f"ply {plies + 1}: " in refused(longer) and "drawn by 75 moves" in refused(longer)
    else:
        assert len(read(longer)[0].actions) == plies + 1
