"""Chess in text: what comes in is checked, what goes out can be read again, and noise is refused at once."""

from __future__ import annotations

import chess
import pytest
from facets import notation_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import config as numba_config

from games import base
from games.chess import fen as texts
from games.chess import rules
from games.text.records import GameRecord

GAME = rules.Chess()
EXAMPLES = 30 if numba_config.DISABLE_JIT else 300
SEEDS = [
    chess.STARTING_FEN,
    "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1",
    "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1",
    "rnbqkbnr/ppp1pppp/8/8/3pP3/8/PPPP1PPP/RNBQKBNR b KQkq e3 0 3",
    "bbqnnrkr/pppppppp/8/8/8/8/PPPPPPPP/BBQNNRKR w HFhf - 0 1",
]


def refused(text: str, chess960: bool = False) -> str:
    with pytest.raises(base.IllegalMove) as caught:
        texts.from_fen(GAME, text, chess960)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message and len(message) < 300
    return message


# FEN


@pytest.mark.parametrize(
    ("fen", "reason"),
    [
        ("", "two to six fields"),
        ("hello", "two to six fields"),
        ("x" * 5_000_000, "at most 120 characters"),
        ("8/8/8/8/8/8/8/8 w - - 0 1", "the board is empty"),
        ("rnbq1bnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQ - 0 1", "black has no king"),
        ("4k3/8/8/8/8/8/8/4KK2 w - - 0 1", "more than one king"),
        ("4k2P/8/8/8/8/8/8/4K3 w - - 0 1", "a pawn stands on the first or last rank"),
        ("4k3/8/8/8/8/P7/PPPPPPPP/4K3 w - - 0 1", "white has more than eight pawns"),
        ("qqqqkqqq/qqqqqqqq/q7/8/8/8/8/4K3 b - - 0 1", "black has more than sixteen pieces"),
        ("qqqqkqqq/qqqqqqq1/8/8/8/8/PPPPPPP1/K7 b - - 0 1", "black has more promoted pieces than missing pawns"),
        ("4k3/8/8/8/8/8/4R3/4K3 w - - 0 1", "the side that is not to move is in check"),
        ("8/8/8/8/8/4k3/4K3/8 w - - 0 1", "in check"),
        ("4k3/8/8/8/8/8/8/4K2R w K - 0 10000", "its move number is 10000"),
        ("9/8/8/8/8/8/8/8 w - - 0 1", "is no FEN"),
        ("4k3/8/8/8/8/8/8/4K2R x K - 0 1", "is no FEN"),
        ("4k3/8/8/8/8/8/8/4K2R w X - 0 1", "no castling rights such as KQkq"),
        ("4k3/8/8/8/8/8/8/4K2R w K i9 0 1", "no en passant square such as e3"),
        ("4k3/8/8/8/8/8/8/4K2R w K - 0 1 2 3", "two to six fields"),
        ("4k3/8/8/8/8/8/8/4K2R w K - ٣ 1", "is no FEN"),
        ("4k3/8/8/8/8/8/8/4K2R w K - 0 -5", "its move number is '-5'"),
        ("4k3/8/4r3/8/8/3n1n2/3p1p2/4K3 w - - 0 1", "check"),
    ],
)
def test_an_impossible_fen_is_refused_in_one_sentence(fen: str, reason: str) -> None:
    assert reason in refused(fen)


def test_chess960_is_told_from_the_fen() -> None:
    for chess960 in (False, True):
        assert texts.to_fen(texts.from_fen(GAME, SEEDS[4], chess960)[0]) == SEEDS[4].replace("HFhf", "KQkq")
    assert texts.to_fen(texts.from_fen(GAME, "1r3k2/8/8/8/8/8/8/1R3K2 w Qq - 0 1")[0]).split()[2] == "Qq"


@pytest.mark.parametrize(
    ("fen", "taken", "warned"),
    [
        (chess.STARTING_FEN[:-4], chess.STARTING_FEN, ""),
        ("rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w", chess.STARTING_FEN.replace("KQkq", "-"), "are not given"),
        ("r3k2r/8/8/8/8/8/8/R3K2R w kqKQ - 0 1", "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1", ""),
        ("4k3/8/8/8/8/8/8/4K2R w KQkq - 5 9", "4k3/8/8/8/8/8/8/4K2R w K - 5 9", "the right Qkq, which is dropped"),
        ("4k3/8/8/8/8/8/8/1R2K3 w Q - 5 9", "4k3/8/8/8/8/8/8/1R2K3 w - - 5 9", "the right Q, which is dropped"),
        ("4k3/p7/8/8/8/8/P7/4K3 w - e3 0 1", "4k3/p7/8/8/8/8/P7/4K3 w - - 0 1", "square e3, which is dropped"),
        ("4k3/p7/8/8/4P3/8/8/4K3 b - e3 0 1", "4k3/p7/8/8/4P3/8/8/4K3 b - - 0 1", ""),
        ("7k/8/1NB2K2/8/8/2r2N2/8/8 w - - 197 162", "7k/8/1NB2K2/8/8/2r2N2/8/8 w - - 197 162", ""),
        ("7k/8/8/5K2/8/2r5/8/8 w - - 900 162", "7k/8/8/5K2/8/2r5/8/8 w - - 250 162", "the clock 900 is read as 250"),
        ("4k3/p7/8/8/8/8/P7/4K3 b - - - -", "4k3/p7/8/8/8/8/P7/4K3 b - - 0 1", ""),
        ("4k3/p7/8/8/8/8/P7/4K3 b - - 3 0;", "4k3/p7/8/8/8/8/P7/4K3 b - - 3 1", ""),
        ("4k3/p7/8/8/8/8/P7/4K3 b - - hmvc 3; fmvn 12;", "4k3/p7/8/8/8/8/P7/4K3 b - - 3 12", ""),
        ("4k3/p7/8/8/8/8/P7/4K3 b - - 7 8 id 1;", "4k3/p7/8/8/8/8/P7/4K3 b - - 7 8", ""),
    ],
    ids=range(13),
)  # fmt: skip
def test_fens_are_read_as_people_write_them(fen: str, taken: str, warned: str) -> None:
    found = texts.parse(GAME, fen)
    assert texts.to_fen(found.states[0]) == taken and not found.states["terminal"][0]
    assert warned in " ".join(found.warnings) and bool(warned) == bool(found.warnings)


def test_operations_of_epd_are_read() -> None:
    found = texts.parse(GAME, '4k3/p7/8/8/8/8/P7/4K3 b - - bm a5 Kd7; id "a; name"; ce -12')
    assert found.operations == {"bm": "a5 Kd7", "id": "a; name", "ce": "-12"} and not found.warnings


def test_move_numbers_go_on_after_either_side_began() -> None:
    for fen, expected in (("4k3/7p/8/8/8/8/7P/4K3 w - - 0 7", "8"), ("4k3/7p/8/8/8/8/7P/4K3 b - - 0 7", "8")):
        states = texts.from_fen(GAME, fen)
        for _ in range(2):
            states = GAME.step(states, GAME.legal_actions(states)[0][:, 0]).states
        assert texts.to_fen(states[0]).split()[-1] == expected


def check_fen(text: str, chess960: bool) -> None:
    """What python-chess calls valid is taken, and never with a warning; then moves and FEN agree with python-chess."""
    try:
        board = chess.Board(text, chess960=chess960)
        valid = board.is_valid()
    except ValueError:
        valid = False
    try:
        found = texts.parse(GAME, text, chess960)
    except base.IllegalMove as error:
        assert "\n" not in str(error) and len(str(error)) < 300
        if valid:
            assert any(why in str(error) for why in ("promoted", "number", "two to six")), text
        return
    if valid:
        assert all("clock" in each or "right" in each for each in found.warnings), text  # which it drops in silence
    else:  # read all the same: what was taken is valid
        board = chess.Board(texts.to_fen(found.states[0]), chess960=True)
        assert board.is_valid(), text
    states = found.states
    assert texts.to_fen(states[0]).split()[:4] == board.fen(en_passant="legal").split()[:4]
    over = board.is_insufficient_material()
    expected = set() if over else {chess.Move.uci(move) for move in texts.board_of(states[0]).legal_moves}
    actions, count = GAME.legal_actions(states)
    assert {GAME.uci(states[0], int(action), chess960=True) for action in actions[0, : count[0]]} == expected
    assert over or board.legal_moves.count() == count[0]


SQUARES = st.integers(0, 63)
PIECES = st.sampled_from("PPPPPNNBBRRQKpppppnnbbrrqk")
FIELDS = st.tuples(
    st.sampled_from("wb"), st.sampled_from(["-", "KQkq", "K", "q", "HAha"]), st.sampled_from(["-", "e3", "d6", "a6"]),
    st.integers(0, 120), st.integers(0, 12000),
)  # fmt: skip


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.dictionaries(SQUARES, PIECES, max_size=24), SQUARES, SQUARES, FIELDS, st.booleans())
def test_boards_set_up_at_random_are_taken_or_refused(pieces, white, black, fields, chess960) -> None:
    board = chess.Board(None)
    kings = {white: "K", black: "k"}
    for square, symbol in {**{k: v for k, v in pieces.items() if v not in "Kk"}, **kings}.items():
        board.set_piece_at(square, chess.Piece.from_symbol(symbol))
    check_fen(" ".join([board.board_fen(), *map(str, fields)]), chess960)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.sampled_from(SEEDS), st.lists(st.tuples(st.integers(0, 99), st.characters()), max_size=3), st.booleans())
def test_fens_with_letters_changed_are_taken_or_refused(fen: str, edits: list, chess960: bool) -> None:
    for place, letter in edits:
        place %= len(fen)
        fen = fen[:place] + letter + fen[place + 1 :]
    check_fen(fen, chess960)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text(max_size=200))
@example("\x00" * 100)
def test_any_text_is_a_position_or_a_sentence(text: str) -> None:
    check_fen(text, False)


# SAN


def test_san_is_read_and_wrong_san_names_the_legal_moves() -> None:
    states = texts.from_fen(GAME, "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1")
    for text in ("O-O", "O-O-O", "Rxa8+", "Kd2"):
        assert texts.san(states[0], texts.action_from_san(GAME, states[0], text)) == text
    for wrong in ("Kd3", "--", "", "Z0", "O-O-O-O", "x" * 5_000_000):
        with pytest.raises(base.IllegalMove, match=r"is not a legal move here. Legal moves: .*Rxh8\+"):
            texts.action_from_san(GAME, states[0], wrong)
    over = notation_of(GAME).state_after("f2f3 e7e5 g2g4 d8h4")
    with pytest.raises(base.IllegalMove, match="the game is over"):
        texts.action_from_san(GAME, over[0], "a3")
    assert texts.result(over[0]) == "0-1"


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        (r'id "the \"best\" move"; bm Kd2;', {"id": 'the "best" move', "bm": "Kd2"}),
        (r'c0 "a; \"b\"; c"; id "C:\\dir";', {"c0": 'a; "b"; c', "id": "C:\\dir"}),
        (r'c0 "folder C:\dir\"; id "x";', {"c0": "folder C:\\dir\\", "id": "x"}),
        ('id "";', {"id": ""}),
    ],
    ids=["escaped quotes", "semicolons and escaped backslash", "a backslash that escapes nothing", "empty"],
)
def test_strings_of_epd_may_hold_escaped_quotes(operations: str, expected: dict[str, str]) -> None:
    notation = notation_of(GAME)
    states, found, warnings = notation.read_position(f"4k3/8/8/8/8/8/8/4K2R w K - {operations}")
    assert found == expected and not warnings
    (again,) = notation.read_records(notation.write_record(GameRecord(states, [], found, {})))
    assert {name: again.tags[name] for name in expected} == expected
