"""PGN: files as people have them, what is refused and where, and what is written. python-chess is the oracle."""

from __future__ import annotations

import io
import random
import time

import chess.pgn
import numpy as np
import pytest
from facets import notation_of
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numba import config as numba_config

from games import base
from games.chess import fen, rules
from games.text.records import GameRecord, RecordError

GAME = rules.Chess()
EXAMPLES = 10 if numba_config.DISABLE_JIT else 100
HEAD = '[Event "Club"]\n[Result "*"]\n\n'


def read(text: str) -> list[GameRecord]:
    return notation_of(GAME).read_records(text)


def moves_of(record: GameRecord) -> list[str]:
    return notation_of(GAME).record_moves(record)


def refused(text: str) -> RecordError:
    with pytest.raises(RecordError) as caught:
        read(text)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 400 and message.endswith(".")
    return caught.value


# Structure


@pytest.mark.parametrize(
    "text",
    [
        '[Event "Club"]\n[Result "1-0"]\n\n1. e4 e5 2. Nf3 Nc6 1-0\n',
        '[Event "Club"][Result "1-0"] 1.e4 e5 2.Nf3 Nc6 1-0',
        '\ufeff  [Event "Club"]\n\n\n [ Result  "1-0" ]\n\n\n1. e4\n\ne5 2.\n\n\tNf3 Nc6\n\n1-0\n\n\n',
        '% made by hand\n[Event "Club"]\n[Result "1-0"]\n\n1 e4 e5 2 Nf3 ; best\nNc6 1-0',
        '[Event "Club"]\n[Result "1-0"]\n\n1. e4! e5?? (1... c5 {(open} (1... e6) ) $13 2. Nf3 +- 2... Nc6 $1 1-0',
        '[Event "Club"]\n[Result "1-0"]\n\n1. e2-e4 e7e5 2. \u2658f3 \u265ec6 1\u20130',
        '[Event "Club"]\n[Result "1-0"]\n\n1. Pe2-e4 Pe7e5 2. Ng1-f3 Nb8c6 1-0 {White won} 1-0',
    ],
    ids=range(7),
)
def test_lines_blanks_and_signs_mean_nothing(text: str) -> None:
    (record,) = read(text)
    assert moves_of(record) == ["e4", "e5", "Nf3", "Nc6"] and record.result == 1.0
    assert record.tags == {"Event": "Club", "Result": "1-0"}


def test_a_game_ends_at_its_result_or_at_the_next_tag() -> None:
    text = '1. c4 c5 *[Event "B"]\n1. g3 [Event "C"] [Event "D"] 1. h3 0-1 1. a3 *'
    games = read(text)
    assert [moves_of(one) for one in games] == [["c4", "c5"], ["g3"], [], ["h3"], ["a3"]]
    assert [one.tags for one in games] == [{}, {"Event": "B"}, {"Event": "C"}, {"Event": "D"}, {}]
    assert [one.result for one in games] == [None, None, None, 0.0, None]


def test_files_of_either_line_end_are_read_alike() -> None:
    text = '[Event "A"]\n\n1. e4 {two\nlines} e5 ; rest\n2. d4 *\n\n[Event "B"]\n\n1. d4 *\n'
    for end in ("\n", "\r\n", "\r"):
        first, second = read(text.replace("\n", end))
        assert first.comments == {0: "two lines", 1: "rest"} and second.line == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("My games\n" + HEAD + "1. e4 *", "text before the first tag, from 'My' on"),
        ("[event Club]\n\n1. e4 *", "no quotes around 'Club'"),
        ('[Round "1"]\n[Round "2"]\n\n1. e4 *', "Round is given twice"),
        ('[Result "1-0"]\n\n1. e4 0-1', "the tag Result says 1-0, but the moves end with 0-1"),
        ("1. f3 e5 2. g4 Qh4# 1-0", "1-0 is kept, but on the board it is 0-1"),
        ("1. e4 (1. d4 d5) e5 (1... c5 (1... e6)) *", "variations were passed over: 2"),
        ("1. e4+ e5 2. Ba6# *", "e4+ in line 1, and 1 more"),
        ("1. e4 e5\n\n1. d4 d5 *", "the number of a move is 1 where 2 is due"),
        ('[FEN "8/P6k/8/8/8/8/8/K7 w - - 0 1"]\n\n1. a8 *', "'a8' names no piece"),
        ('[FEN "4k3/8/8/8/8/8/8/4K2R w KQ e6 0 1"]\n\n1. O-O *', "the right Q, which is dropped"),
        ("1. Nf3 Nf6 2. Ng1 Ng8 3. Nf3 Nf6 4. Ng1 Ng8 5. e4 1-0", "drawn after 8 plies; nobody did"),
        ('[Result "won"]\n\n1. e4 *', "'won', none of 1-0"),
    ],
    ids=range(12),
)
def test_what_is_read_otherwise_than_it_stands_is_said(text: str, words: str) -> None:
    (record,) = read(text)
    assert words in " ".join(record.warnings)


# Moves


@pytest.mark.parametrize(
    ("position", "text", "move"),
    [
        ("r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1", "O-O 0-0 o-o O\u2011O e1g1 Ke1-g1 e1h1", "O-O"),
        ("r3k2r/8/8/8/8/8/8/R3K2R b KQkq - 0 1", "O-O-O 0-0-0 e8c8 Ke8c8 e8a8", "O-O-O"),
        ("8/P6k/8/8/8/8/8/K7 w - - 0 1", "a8=Q a8Q a8(Q) a8/Q a7a8q a7-a8=Q a8=q a8=\u2655", "a8=Q"),
        ("8/8/7k/8/8/8/pP6/1N5K b - - 0 1", "axb1=N axb1N a2xb1(N) ab1N a:b1N a2b1n axb1\u265e", "axb1=N"),
        ("4k3/8/8/3pP3/8/8/8/4K3 w - d6 0 1", "exd6 ed6 exd6e.p. e5xd6 exd6+ e5d6 xd6", "exd6"),
        ("4k3/8/8/8/8/1N6/8/4KN2 w - - 0 1", "Nbd2 N3d2 Nb3d2 Nb3-d2 Nb3xd2 b3d2", "Nbd2"),
        ("4k3/p7/8/8/8/8/4N3/4K3 w - - 0 1", "Nc3 Nec3 N2c3 Ne2c3 \u2658c3 \u265ec3 Nc3!? Nc3\u2020", "Nc3"),
    ],
    ids=range(7),
)
def test_a_move_is_read_in_every_way_people_write_it(position: str, text: str, move: str) -> None:
    for word in text.split():
        (record,) = read(f'[FEN "{position}"]\n\n{word} *')
        assert moves_of(record)[0].rstrip("+") == move, word


@pytest.mark.parametrize(
    ("moves", "column", "words"),
    [
        ("1. d4 Sf6 2. Lf4", 7, "S is a piece in German"),
        ("1. e4 Pc6", 7, "'Pc6' is not a legal move here"),
        ("1. e4 e5 2. -- d5", 13, "a null move is no move"),
        ("1. e4 e5 2. Nd2", 13, "'Nd2' is not a legal move here. Legal moves like it: Na3, Nc3, Ne2, Nf3, Nh3."),
        ("1. e4 e5 2. O-O", 13, "castling is not possible here"),
        ("1. e4=Q", 4, "names a promotion"),
        ("1. e4 e5 foo 2. Nf3", 10, "'foo' is not PGN"),
        ("1. e4 <x> e5", 7, "'<x>' is not PGN"),
        ("1. e4 e5 ) 2. Nf3", 10, "closes a variation"),
        ("1. f3 e5 2. g4 Qh4# 3. a3", 24, "the game had ended before, by mate"),
        ("1. e4 { open", 7, "a comment begins with { and does not end"),
        ("1. e4 ( 1. d4 {x} d5", 7, "a variation begins with ( and does not end"),
    ],
    ids=range(12),
)
def test_a_word_that_is_no_move_is_refused_with_its_place(moves: str, column: int, words: str) -> None:
    error = refused('[Event "A"]\n\n1. d4 *\n\n' + HEAD + moves)
    assert (error.game, error.line, error.column) == (2, 8, column)
    assert words in error.message


def test_an_ambiguous_move_is_refused_with_what_it_can_mean() -> None:
    error = refused('[FEN "4k3/8/8/8/8/1N6/8/4KN2 w - - 0 1"]\n\n1. Nd2 *')
    assert "can mean Nfd2 or Nbd2" in error.message and error.word == "Nd2"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no game of chess"),
        ("hello", "'hello' is not PGN"),
        ('[FEN "8/8/8/8/8/8/8/8 w - - 0 1"]\n\n1. e4', "the board is empty"),
        ('[Variant "Atomic"]\n\n1. e4', "the variant 'Atomic', not of chess"),
        ('[Event "A" "B"]\n\n1. e4 *', "is not a tag"),
        ('[Event "A"]\n1. e4 {x\n[Event "B"]\n1. d4 *', "is still open where line 3 has a tag"),
    ],
)
def test_what_is_no_game_of_chess_is_refused(text: str, words: str) -> None:
    assert words in refused(text).message


# Whole games


def test_more_than_three_occurrences_and_fifty_moves_are_played_on() -> None:
    shuffle = "Nf3 Nf6 Ng1 Ng8 " * 3
    (record,) = read(f"{HEAD}{shuffle} e4 e5 1/2-1/2")
    assert len(record.actions) == 14 and record.result == 0.5
    (record,) = read('[FEN "4k3/8/8/8/8/8/R7/4K3 w - - 99 90"]\n\nRa1 Kd8 Ra2 Kd7 Ra7+ Kd8 1-0')
    assert len(record.actions) == 6 and record.result == 1.0
    assert notation_of(GAME).read_records(notation_of(GAME).write_record(record))[0].actions == record.actions


def test_games_longer_than_ours_are_read() -> None:
    notation = notation_of(rules.Chess(max_game_length=4))
    (record,) = notation.read_records(HEAD + "Nf3 Nf6 Ng1 Ng8 e4 e5 d4 d5 c4 c5 *")
    assert len(record.actions) == 10 and not record.warnings, "nobody could have claimed anything"


@pytest.mark.parametrize(
    "fen_text", ["bbqnnkr1/pppppppp/8/8/8/8/PPPPPPPP/BBQNNKR1 w Gg - 2 9", "1r3k2/8/8/8/8/8/8/1R3K2 w Qq - 0 1"]
)
def test_chess960_is_told_from_the_position(fen_text: str) -> None:
    (record,) = read(f'[FEN "{fen_text}"]\n\n1. {"O-O" if "G" in fen_text else "O-O-O"} *')
    assert not record.warnings
    text = notation_of(GAME).write_record(record)
    game = chess.pgn.read_game(io.StringIO(text))
    assert game is not None and not game.errors and len(list(game.mainline_moves())) == 1


def any_game(rng: random.Random, plies: int) -> list[chess.Move]:
    board, played = chess.Board(), []
    while len(played) < plies and any(board.legal_moves) and not board.is_insufficient_material():
        played.append(rng.choice(list(board.legal_moves)))
        board.push(played[-1])
    return played


def scrawled(rng: random.Random, played: list[chess.Move]) -> str:
    """A game as nobody would write it."""
    board, words = chess.Board(), []
    for move in played:
        san, number = board.san(move), f"{board.fullmove_number}."
        plain = f"{chess.square_name(move.from_square)}-{chess.square_name(move.to_square)}"
        promotion = f"={chess.piece_symbol(move.promotion).upper()}" if move.promotion else ""
        piece = board.piece_at(move.from_square)
        assert piece is not None
        letter = "" if piece.piece_type == chess.PAWN else piece.symbol().upper()
        ways = [san, san.rstrip("+#"), san.replace("O", "0"), san.replace("=", ""), move.uci()]
        if not board.is_castling(move):
            ways.append(letter + plain + promotion)
        words.append(number + rng.choice(["", " ", "\n"]) if board.turn else rng.choice(["", f"{number}.. ", "... "]))
        words.append(
            rng.choice(ways) + rng.choice(["", "", "!", "?!", " $14", " +-", " {c (} ", " ; r }\n", " (1. e4 {)} x) "])
        )
        words.append(rng.choice([" ", " ", "\n", "\n\n\t"]))
        board.push(move)
    return "".join(words)


def test_random_games_in_nasty_dress_are_those_of_python_chess() -> None:
    rng, notation = random.Random(14), notation_of(GAME)
    truth = [any_game(rng, plies) for plies in (0, 1, 7, 40, 120)]
    text = "".join(f'[Event "{k}"] [Result "*"]{scrawled(rng, played)}*' for k, played in enumerate(truth))
    found = read(text)
    written = "".join(map(notation.write_record, found))
    again, stream = notation.read_records(written), io.StringIO(written)
    for record, other, played in zip(found, again, truth, strict=True):
        assert (other.actions, other.tags, other.result) == (record.actions, record.tags, record.result)
        game = chess.pgn.read_game(stream)
        assert game is not None and not game.errors and list(game.mainline_moves()) == played
        states, board = record.start, chess.Board()
        for action, move in zip(record.actions, played, strict=True):
            states = GAME.unclaimed(states)
            assert GAME.uci(states[0], action) == move.uci()
            states = GAME.step(states, np.array([action])).states
            board.push(move)
    assert max(map(len, written.split("\n"))) <= 80


# Writing


def test_names_with_quotes_and_breaks_are_written_so_that_others_read_them() -> None:
    tags = {"First": 'uci:"stockfish"?nodes=5', "Second": "a\\b\nc", "Event": "x"}
    text = notation_of(GAME).write_record(GameRecord(GAME.initial_states(1), [], tags, {-1: "50% [%eval 1]\n{x}"}))
    assert '[White "uci:\\"stockfish\\"?nodes=5"]' in text and '[Black "a\\\\b c"]' in text
    game = chess.pgn.read_game(io.StringIO(text))
    assert game is not None and game.headers["White"].replace('\\"', '"') == tags["First"]  # which it leaves escaped
    (record,) = read(text)
    assert record.tags["First"] == tags["First"] and record.comments == {-1: "50% [%eval 1] (x)"}
    with pytest.raises(base.IllegalMove, match="is no name for a tag"):
        notation_of(GAME).write_record(GameRecord(GAME.initial_states(1), [], {"a b": "x"}, {}))


def test_no_line_of_a_comment_begins_like_an_escape_or_a_tag() -> None:
    comment = "word " * 14 + "% of all [Event] " * 20
    text = notation_of(GAME).write_record(GameRecord(GAME.initial_states(1), [], {}, {-1: comment}))
    assert not [line for line in text.split("\n\n")[1].split("\n") if line.startswith(("%", "["))]
    assert read(text)[0].comments[-1] == comment.strip()


def test_a_game_from_a_position_keeps_its_fen_and_result() -> None:
    start = fen.from_fen(GAME, "7k/8/6K1/8/8/8/8/R7 w - - 0 50")
    action = notation_of(GAME).action_from_string(start[0], "a1a8")
    text = notation_of(GAME).write_record(GameRecord(start, [action], {}, {}))
    assert '[FEN "7k/8/6K1/8/8/8/8/R7 w - - 0 50"]' in text and "50. Ra8# 1-0" in text
    assert read(text)[0].start.tobytes() == start.tobytes()
    usual = GAME.initial_states(1)
    usual.view(np.uint8)[-1] = 77  # a byte between or behind the fields: no field has it
    assert usual == GAME.initial_states(1)
    assert "FEN" not in notation_of(GAME).write_record(GameRecord(usual, [], {}, {}))
    with pytest.raises(base.IllegalMove, match="ply 1: action 100 is not legal"):
        notation_of(GAME).write_record(GameRecord(start, [100], {}, {}))


# Noise

NOISE = random.Random(1)
LETTERS = "".join(chr(NOISE.randrange(1, 1000)) for _ in range(100_000))


@pytest.mark.parametrize(
    "text",
    [
        LETTERS * 50, "1. e4 e5 " * 600_000, "(" * 5_000_000, "[" * 5_000_000, "{" * 5_000_000, "a" * 5_000_000,
        "1. e4 e5 2. Nf3 Nc6 " * 250_000, "1-" * 2_500_000, "\n" * 5_000_000 + "x", '[A "' + "\\" * 5_000_000,
        "1. e4 " + "(" * 5_000_000, "1. e4 " + "{}" * 2_500_000, "1. e4 " + "()" * 2_500_000, "1. " + "=" * 5_000_000,
    ],
    ids=range(14),
)  # fmt: skip
def test_five_megabytes_of_noise_are_refused_in_one_sentence(text: str) -> None:
    began = time.perf_counter()
    refused(text)
    assert time.perf_counter() - began < 10  # at most about a second; busy machines are slow


GOOD = (
    '[Event "x"]\n[FEN "r3k2r/8/8/8/8/8/P7/R3K2R w KQkq - 0 1"]\n\n'
    "1. O-O {c} Kd8 (1... Ke7) 2. a4 $1 Rh5 ; r\n3. Rfd1+ 1-0\n"
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200), st.characters()), max_size=4))
@example([(13, "\x00")])
def test_records_with_letters_changed_are_read_or_refused(edits: list) -> None:
    text = GOOD
    for place, letter in edits:
        place %= len(text)
        text = text[:place] + letter + text[place + 1 :]
    try:
        found = read(text)
    except base.IllegalMove as error:
        assert "\n" not in str(error)
        return
    written = "".join(map(notation_of(GAME).write_record, found))
    again = read(written)
    assert [(one.actions, one.result, one.start.tobytes()) for one in again] == [
        (one.actions, one.result, one.start.tobytes()) for one in found
    ]


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.text(max_size=300))
def test_any_text_is_games_or_a_sentence(text: str) -> None:
    try:
        read(text)
    except base.IllegalMove as error:
        assert "\n" not in str(error)
