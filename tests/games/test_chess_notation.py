"""Chess in text: what comes in is checked, what goes out can be read again, and noise is refused at once."""

from __future__ import annotations

import io
import random
import time
from pathlib import Path

import chess.pgn
import numpy as np
import pytest
from facets import notation_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import config as numba_config

from games import base
from games.chess import fen as texts
from games.chess import pgn, rules

ROOT = Path(__file__).resolve().parents[2]
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
        ("", "four to six fields"),
        ("hello", "four to six fields"),
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
        ("4k3/8/8/8/8/8/8/4K2R w KQ - 0 1", "lets a king castle"),
        ("rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq e3 0 1", "en passant square"),
        ("4k3/8/8/8/8/8/8/4K2R w K - 101 90", "its clock is 101"),
        ("4k3/8/8/8/8/8/8/4K2R w K - 0 10000", "its move number is 10000"),
        ("9/8/8/8/8/8/8/8 w - - 0 1", "is no FEN"),
        ("4k3/8/8/8/8/8/8/4K2R x K - 0 1", "is no FEN"),
        ("4k3/8/8/8/8/8/8/4K2R w K - ٣ 1", "is no FEN"),
        ("4k3/8/8/8/8/8/8/4K2R w K - 0 -5", "is no FEN"),
        ("4k3/8/4r3/8/8/3n1n2/3p1p2/4K3 w - - 0 1", "check"),
    ],
)
def test_an_impossible_fen_is_refused_in_one_sentence(fen: str, reason: str) -> None:
    assert reason in refused(fen)


def test_a_fen_of_chess960_needs_to_be_called_one() -> None:
    assert "lets a king castle" in refused(SEEDS[4])
    state = texts.from_fen(GAME, SEEDS[4], chess960=True)[0]
    assert texts.to_fen(state) == SEEDS[4].replace("HFhf", "KQkq")


def test_a_fen_may_leave_out_clock_and_number() -> None:
    assert texts.to_fen(texts.from_fen(GAME, chess.STARTING_FEN[:-4])[0]) == chess.STARTING_FEN


def test_move_numbers_go_on_after_either_side_began() -> None:
    for fen, expected in (("4k3/7p/8/8/8/8/7P/4K3 w - - 0 7", "8"), ("4k3/7p/8/8/8/8/7P/4K3 b - - 0 7", "8")):
        states = texts.from_fen(GAME, fen)
        for _ in range(2):
            states = GAME.step(states, GAME.legal_actions(states)[0][:, 0]).states
        assert texts.to_fen(states[0]).split()[-1] == expected


def check_fen(text: str, chess960: bool) -> None:
    """Accepted exactly when python-chess calls it valid (and more); then moves and FEN agree with python-chess."""
    try:
        board = chess.Board(text, chess960=chess960)
        valid = board.is_valid()
    except ValueError:
        valid = False
    try:
        states = texts.from_fen(GAME, text, chess960)
    except base.IllegalMove as error:
        assert "\n" not in str(error) and len(str(error)) < 300
        if valid:
            assert any(why in str(error) for why in ("promoted", "clock", "number", "four to six")), text
        return
    assert valid, text
    assert texts.to_fen(states[0]) == board.fen(en_passant="legal")
    over = board.is_insufficient_material() or board.halfmove_clock >= 100
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


# PGN


def random_record(start: np.ndarray, rng: np.random.Generator) -> list[pgn.Ply]:
    plies, states = [], start
    while not states["terminal"][0] and len(plies) < 120:
        actions, count = GAME.legal_actions(states)
        action = int(actions[0, int(rng.random() * count[0])])
        comment, nags = f"value {len(plies)}" if len(plies) % 3 else "", (1,) if len(plies) % 5 else ()
        plies.append(pgn.Ply(action, comment, nags))
        states = GAME.step(states, np.array([action])).states
    return plies


@pytest.mark.parametrize("number", [518, 0, 100, 959])
def test_a_written_game_is_read_back_with_its_annotations(number: int) -> None:
    start = GAME.chess960_states([number])
    plies = random_record(start, np.random.default_rng(number))
    text = pgn.write_pgn(GAME, start, plies, {"White": "a", "Black": "b"})
    found = pgn.read_pgn(GAME, text)
    assert found.plies == plies and found.start.tobytes() == start.tobytes()
    assert found.headers["White"] == "a" and (found.headers.get("Variant") == "Chess960") == (number != 518)
    tree = chess.pgn.read_game(io.StringIO(text))
    assert not tree.errors and len(list(tree.mainline_moves())) == len(plies)


def test_a_game_from_a_position_keeps_its_fen_and_result() -> None:
    start = texts.from_fen(GAME, "7k/8/6K1/8/8/8/8/R7 w - - 0 50")
    text = pgn.write_pgn(GAME, start, [pgn.Ply(notation_of(GAME).action_from_string(start[0], "a1a8"))])
    assert '[FEN "7k/8/6K1/8/8/8/8/R7 w - - 0 50"]' in text and "50. Ra8# 1-0" in text
    assert pgn.read_pgn(GAME, text).start.tobytes() == start.tobytes()
    usual = GAME.initial_states(1)
    usual.view(np.uint8)[-1] = 77  # a byte between or behind the fields: no field has it
    assert usual == GAME.initial_states(1) and "FEN" not in pgn.write_pgn(GAME, usual, [])
    with pytest.raises(base.IllegalMove, match="ply 1: action 100 is not legal"):
        pgn.write_pgn(GAME, start, [pgn.Ply(100)])


def test_comments_glyphs_and_variations_are_told_apart() -> None:
    record = pgn.read_pgn(GAME, '[Event "x"]\n\n1. e4! {best} e5 (1... c5 {no} 2. Nf3) {solid} 2. Nf3 $3 Nc6 *')
    assert [(ply.comment, ply.nags) for ply in record.plies] == [("best", (1,)), ("solid", ()), ("", (3,)), ("", ())]


NOISE = random.Random(1)
LETTERS = "".join(chr(NOISE.randrange(1, 1000)) for _ in range(100_000))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LETTERS * 50, "5000000 characters"),
        ("1. e4 e5 " * 600_000, "5400000 characters"),
        (LETTERS * 9, "ply 1|no chess game"),
        ("(" * 900_000, "no chess game"),
        ("[" * 900_000, "no chess game|ply 1"),
        ("{" * 900_000, "no chess game"),
        ("1. e4 e5 2. Nf3 Nc6 " * 40_000, "ply 5: illegal san"),
        ("1. Nf3 Nf6 2. Ng1 Ng8 " * 40_000, "ply 513: a game has at most 512 plies"),
        ("", "no chess game"),
        ("1. e4 e5 2. Ke3", "ply 3: illegal san: 'Ke3'"),
        ("1. e4 e5 2. -- d5", "ply 3: it is no move"),
        ('[FEN "8/8/8/8/8/8/8/8 w - - 0 1"]\n\n1. e4', "the board is empty"),
        ('[FEN "hello"]\n\n1. e4', "four to six fields"),
        ('[Variant "Atomic"]\n\n1. e4', "the variant 'atomic'"),
        ("1. Nf3 Nf6 2. Ng1 Ng8 3. Nf3 Nf6 4. Ng1 Ng8 5. e4", "ply 9: the game had ended before"),
        ("1. f3 e5 2. g4 Qh4# 3. a3", "ply 5"),
    ],
    ids=range(16),
)
def test_bad_pgn_is_refused_quickly_in_one_sentence(text: str, reason: str) -> None:
    began = time.perf_counter()
    with pytest.raises(base.IllegalMove, match=reason) as caught:
        pgn.read_pgn(GAME, text)
    assert time.perf_counter() - began < 10  # about 0.1 s; busy machines are slow
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
