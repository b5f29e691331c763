"""Runs of moves read by compiled code: what they hold, where they end, and that the reader would have read the same."""

from __future__ import annotations

import io
import random

import chess
import numpy as np
import pytest
from facets import notation_of
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import config as numba_config

from games import base
from games.chess import fen, rules
from games.chess.pgn import movetext, movetext_kernels
from games.text.records import GameRecord, RecordError

GAME = rules.Chess()
STARTS = (
    chess.STARTING_FEN,
    "r3k2r/pPpp1p2/8/3Pp3/4P3/2N2N2/P1PP2pP/R3K2R w KQkq e6 0 7",
    "4k3/1P1P4/8/1q3q2/8/1q3q2/6p1/R3K2R b KQ - 3 40",
    "bbqnnkr1/pppppppp/8/8/8/8/PPPPPPPP/BBQNNKR1 w Gg - 2 9",
)


def run(text: str, position: str = chess.STARTING_FEN, half: int = 0, first: int = 1) -> tuple[str, int]:
    """(what is left of the text, number of moves)."""
    states = notation_of(GAME).from_fen(position).copy()
    end, actions = movetext.Run(GAME).read(text, 0, states, half, first)
    return text[end:].lstrip(), len(actions)


@pytest.mark.parametrize(
    ("text", "left", "plies"),
    [
        ("1. e4 e5 2. Nf3 Nc6\n3. Bb5", "", 5),
        ("e4\n\n  e5 ", "", 2),
        ("1.e4 1...e5 2.Nf3", "", 3),
        ("1. e4 e5 3. Nf3", "3. Nf3", 2),
        ("1. e4 e5 {so} 2. Nf3", "{so} 2. Nf3", 2),
        ("1. e4 e5! 2. Nf3", "e5! 2. Nf3", 1),
        ("1. e4 Nf6 2. Ng4", "Ng4", 2),
        ("1. e4\te5", "e4\te5", 0),
        ("1. e2e4 e5", "e2e4 e5", 0),
        ("1. Pe4 e5", "Pe4 e5", 0),
        ("1. e4 e5 1-0", "1-0", 2),
        ("1. e4+ e5", "e4+ e5", 0),
        ("1. f3 e5 2. g4 Qh4# 3. a3", "3. a3", 4),
        ("1. f3 e5 2. g4 Qh4+ 0-1", "0-1", 4),
        ("1. f3 e5 2. a3 Qh4# 0-1", "Qh4# 0-1", 3),
        ("1. e4 e5 2. Nf3 Nc6 3. Bb5 a6 4. O-O Nf6", "", 8),
        ("1. O-O e5", "O-O e5", 0),
        ("1. Nf3 a6 2. d3 a5 3. Nd2", "Nd2", 4),
        ("1. Nf3 a6 2. d3 a5 3. Nbd2 a4", "", 6),
        ("Nf3 Nf6 Ng1 Ng8 Nf3 Nf6 Ng1 Ng8 e4", "e4", 8),
        ("1. \u00e94", "1. \u00e94", 0),
        ("", "", 0),
    ],
)
def test_a_run_ends_where_something_is_not_as_usual(text: str, left: str, plies: int) -> None:
    assert run(text) == (left, plies)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("b8=Q+ Kd7", ""), ("b8 Ke7", "b8 Ke7"), ("b8=K", "b8=K"), ("b8=", "b8="), ("b8=N Kc7", ""), ("Kd2", ""),
        ("bxa8=R+", "bxa8=R+"), ("f8=R+ Kc7", ""), ("Kf2=Q", "Kf2=Q"), ("Rb1", ""), ("Ke1", "Ke1"), ("O-O-O+", ""),
        ("O-O-O", ""), ("O-O+", "O-O+"), ("Kxh1", "Kxh1"),
    ],
)  # fmt: skip
def test_promotions_and_castling_in_a_run(text: str, left: str) -> None:
    assert run(text, "3k4/1P3P2/8/8/8/8/8/R3K2R w KQ - 0 1")[0] == left


def nasty(seed: int, plies: int) -> str:
    """A game in which something is not as usual here and there, or wrong."""
    rng = random.Random(seed)
    start = rng.choice(STARTS)
    board = chess.Board(start, chess960=True)
    words = [f'[FEN "{start}"]' if start != chess.STARTING_FEN else '[White "a"]']
    strange = rng.choice((0.0, 0.02, 0.3))
    while len(board.move_stack) < plies and (legal := list(board.legal_moves)):
        move = rng.choice([move for move in legal if board.is_capture(move) or board.gives_check(move)] or legal)
        text = board.san(move)
        if rng.random() < strange:
            text = rng.choice((
                text.rstrip("+#"), text + "+", text + "#", text + "!", board.uci(move), text.replace("=Q", ""),
                text.replace("x", ""), text[0] + "x" + text[1:], text + " {x}", text + " $3", text + " (e4)", "Nf3",
                text + "\t", text.replace("O", "0"), text + "=Q", text + " e.p.", "a1" + text, text + "\n%x\n",
                "\u2658f3",
            ))  # fmt: skip
        if board.turn or rng.random() < 0.2:
            number = board.fullmove_number + (rng.random() < strange / 4)
            text = f"{number}{'.' if board.turn else '...'}{rng.choice(('', ' ', ' '))}{text}"
        words.append(text)
        board.push(move)
    return "".join(word + rng.choice("  \n") for word in words) + rng.choice(("1-0", "*", "", "1/2-1/2 {end}"))


def told(text: str) -> list[GameRecord] | str:
    try:
        found = list(notation_of(GAME).iterate_records(io.StringIO(text)))
    except RecordError as error:
        return str(error)
    return [record._replace(start=record.start.tobytes()) for record in found]


@settings(max_examples=10 if numba_config.DISABLE_JIT else 40, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 120), st.sampled_from([20, 45, 8192]))
def test_the_reader_reads_the_same_with_runs_and_without(seed: int, plies: int, window: int) -> None:
    text = nasty(seed, plies) + "\n" + nasty(seed + 1, plies // 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(movetext, "_WINDOW", window)
        quickly = told(text)
        patch.setattr(movetext.Run, "read", lambda self, text, begin, states, half, first: (begin, []))
        slowly = told(text)
    assert quickly == slowly


@pytest.mark.skipif(bool(numba_config.DISABLE_JIT), reason="nothing is compiled")
def test_one_signature_is_compiled() -> None:
    for text in ("1. e4 e5", "", "{"):
        run(text)
        run(text, STARTS[3], 16, 1)
    movetext.written(GAME, GAME.initial_states(1), [])
    movetext.written(GAME, GAME.initial_states(1), GAME.legal_actions(GAME.initial_states(1))[0][0, :1].tolist())
    assert len(movetext_kernels.read_moves.signatures) == len(movetext_kernels.write_moves.signatures) == 1
    assert np.frombuffer(b"e4", np.uint8).flags.writeable is False


@settings(max_examples=10 if numba_config.DISABLE_JIT else 60, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 150))
def test_moves_are_written_as_python_chess_writes_them(seed: int, plies: int) -> None:
    rng = random.Random(seed)
    board = chess.Board(rng.choice((*STARTS, "6k1/8/q5q1/8/q5q1/8/3p4/2R4K b - - 0 1")), chess960=True)
    start = notation_of(GAME).from_fen(board.fen())
    states, actions, expected = start, list[int](), list[str]()
    while len(actions) < plies and not board.is_insufficient_material() and (legal := list(board.legal_moves)):
        move = rng.choice([move for move in legal if board.piece_type_at(move.from_square) != chess.KING] or legal)
        states = GAME.unclaimed(states)
        actions.append(fen.action_of(board, move))
        expected.append(board.san(move))
        board.push(move)
        states = GAME.step(states, np.array(actions[-1:])).states
    texts, end = movetext.written(GAME, start, actions)
    assert texts == expected and fen.to_fen(end[0]).split()[:4] == board.fen().split()[:4]


@pytest.mark.parametrize("action", [-1, 0, 5000])
def test_an_action_that_is_not_legal_is_refused_with_its_ply(action: int) -> None:
    states = GAME.initial_states(1)
    legal = int(GAME.legal_actions(states)[0][0, 0])
    with pytest.raises(base.IllegalMove, match="ply 2: "):
        movetext.written(GAME, states, [legal, action, legal])
    assert states.tobytes() == GAME.initial_states(1).tobytes()
