"""Positions and moves as UCI has them: round trips through every game, and what engines of others make of them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from facets import knowledge_of, notation_of, protocols_of
from hypothesis import given, settings
from hypothesis import strategies as st

import games
from games import base, protocols
from games.base import Game

TIC_TAC_TOE, CONNECT_FOUR, CHESS = games.make("tic-tac-toe"), games.make("connect-four"), games.make("chess")
ALL = [TIC_TAC_TOE, CONNECT_FOUR, CHESS, games.make("chess", chess960=True)]
FAIRY = shutil.which("fairy-stockfish", path="/usr/games:/usr/bin:/usr/local/bin")
needs_fairy = pytest.mark.skipif(FAIRY is None, reason="fairy-stockfish is not installed")


def text_of(game: Game) -> protocols.UciText:
    text = protocols_of(game).uci()
    assert text is not None
    return text


def random_game(game: Game, rng: np.random.Generator) -> list[np.ndarray]:
    """Every position of a random game, the last one over."""
    path = [game.initial_states(1)]
    while not path[-1]["terminal"][0]:
        actions, count = game.legal_actions(path[-1])
        path.append(game.step(path[-1], actions[:, rng.integers(count[0])]).states)
    return path


@pytest.mark.parametrize("game", ALL, ids=lambda game: f"{game.name}{'960' * getattr(game, 'chess960', False)}")
def test_every_position_and_every_move_of_random_games_comes_back(game: Game) -> None:
    rng, text = np.random.default_rng(7), text_of(game)
    for _ in range({"tic-tac-toe": 30, "connect-four": 20, "chess": 1}[game.name]):
        for states in random_game(game, rng):
            again = text.from_fen(text.to_fen(states[0]))
            assert text.to_fen(again[0]) == text.to_fen(states[0])
            np.testing.assert_array_equal(game.observe(again)[:, :2], game.observe(states)[:, :2])
            assert again["to_play"] == states["to_play"]
            if game.name != "chess":  # the drawing rules of chess look at more than a FEN says
                assert again.tobytes() == states.tobytes()
            actions, count = game.legal_actions(states)
            told = [text.move(states[0], int(action)) for action in actions[0, : count[0]]]
            assert len(set(told)) == len(told)
            assert [text.action(states[0], move) for move in told] == actions[0, : count[0]].tolist()


def test_all_positions_of_tic_tac_toe_come_back() -> None:
    text, seen = text_of(TIC_TAC_TOE), knowledge_of(TIC_TAC_TOE).eval_set().states
    assert len({text.to_fen(state) for state in seen}) == len(seen)
    assert all(text.from_fen(text.to_fen(state)).tobytes() == state.tobytes() for state in seen)


def test_connect_four_is_written_as_fairy_stockfish_writes_it() -> None:
    """
    . . . . . . .
    . . . O . . .   (the lowest two of six rows)
    X . . X . . .
    """
    text, state = text_of(CONNECT_FOUR), notation_of(CONNECT_FOUR).state_after("441")[0]
    assert text.variant == "cfour"
    assert text.to_fen(state) == f"7/7/7/7/3p3/P2P3[{'P' * 19}{'p' * 20}] b - - 3 2"
    assert [text.move(state, column) for column in range(7)] == ["P@a2", "P@b1", "P@c1", "P@d3", "P@e1", "P@f1", "P@g1"]


def test_tic_tac_toe_is_written_as_fairy_stockfish_writes_it() -> None:
    """
    1 | 2 | O
    4 | X | 6
    7 | 8 | 9
    """
    text, state = text_of(TIC_TAC_TOE), notation_of(TIC_TAC_TOE).state_after("53")[0]
    assert (text.variant, text.to_fen(state)) == ("tictactoe", "2p/1P1/3[PPPPppp] w - - 2 2")
    assert [text.move(state, cell) for cell in (0, 3, 8)] == ["P@a3", "P@a2", "P@c1"]


def test_castling_is_written_as_the_game_says() -> None:
    fen = "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1"
    for game, written in ((CHESS, "e1g1"), (games.make("chess", chess960=True), "e1h1")):
        text = text_of(game)
        state = text.from_fen(fen)[0]
        assert text.move(state, text.action(state, "e1g1")) == written
        assert text.action(state, "e1h1") == text.action(state, "e1g1")


@pytest.mark.parametrize(
    ("fen", "why"),
    [
        ("", "is not a position; one looks like '3/3/3[PPPPPpppp] w - - 0 1'"),
        ("3/3/3 w - - 0 1 2", "is not a position"),
        ("3/3/3 w KQ - 0 1", "is not a position"),
        ("3/3/3 x", "is not a position"),
        ("3/3 w", "does not have 3 rows of 3 squares"),
        ("3/4/2 w", "does not have 3 rows of 3 squares"),
        ("3/1K1/3 w", "names 'K'"),
        ("3/.../3 w", "names '.'"),
        ("3/1P1/3 w", "1 P and 0 p, which cannot be where w is to move"),
        ("3/1p1/3 b", "0 P and 1 p"),
        ("3/1P1/3[PPPPPpppp] b", "wrong stones in hand: [PPPPpppp] are left"),
        ("3/1P1/3[PPPPpppp b", "wrong stones in hand"),
        ("PPP/ppp/3 w", "was over before its last stone"),
        ("PPP/pp1/P1p w", "4 P and 3 p"),
        ("PPP/2p/ppp w", "4 p"),
    ],
)
def test_a_position_that_cannot_be_is_refused_with_a_reason(fen: str, why: str) -> None:
    with pytest.raises(base.IllegalMove, match=r".*") as refused:
        text_of(TIC_TAC_TOE).from_fen(fen)
    assert why in str(refused.value)


def test_stones_do_not_float_and_lines_end_games() -> None:
    text = text_of(CONNECT_FOUR)
    with pytest.raises(base.IllegalMove, match="nothing below it"):
        text.from_fen("7/7/7/7/3P3/7 b")
    with pytest.raises(base.IllegalMove, match="over before its last stone"):  # no stone of the row came last
        text.from_fen("7/7/7/7/pppp3/PPPP3 w")
    won = text.from_fen("7/7/7/7/ppp4/PPPP3 b")
    assert won["terminal"][0] and CONNECT_FOUR.legal_actions(won)[1][0] == 0
    two_lines_by_one_stone = text_of(TIC_TAC_TOE).from_fen("PPP/Ppp/Ppp b")
    assert two_lines_by_one_stone["terminal"][0]


@pytest.mark.parametrize("game", ALL[:3], ids=lambda game: game.name)
def test_a_move_that_is_not_legal_is_refused_and_the_legal_ones_are_named(game: Game) -> None:
    text, state = text_of(game), game.initial_states(1)[0]
    first = text.move(state, int(game.legal_actions(game.initial_states(1))[0][0, 0]))
    for wrong in ("", "z9", "e2e5", "P@d9", "0000", "\x00" * 50):
        with pytest.raises(base.IllegalMove, match="Legal moves:") as refused:
            text.action(state, wrong)
        assert first in str(refused.value)
    over = random_game(game, np.random.default_rng(1))[-1]
    with pytest.raises(base.IllegalMove, match="the game is over"):
        text.action(over[0], first)


FEN_LIKE = st.text("Pp[]/-wb 0123456789.Kk", max_size=60) | st.text(max_size=40)


@settings(deadline=None)
@given(FEN_LIKE)
def test_any_text_is_a_position_or_an_illegal_move(noise: str) -> None:
    for game in (TIC_TAC_TOE, CONNECT_FOUR):
        for fen in (noise, f"{noise} w", f"3/3/{noise}[PPPPpppp] b - - 1 1"):
            try:
                states = text_of(game).from_fen(fen)
            except base.IllegalMove:
                continue
            assert text_of(game).from_fen(text_of(game).to_fen(states[0])).tobytes() == states.tobytes()


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from("Pp[]/-wb 0123456789")), max_size=4), st.integers(0, 9))
def test_a_damaged_position_is_a_position_or_an_illegal_move(edits: list[tuple[int, str]], ply: int) -> None:
    for game, moves in ((TIC_TAC_TOE, "513746289"), (CONNECT_FOUR, "444444123")):
        fen = list(text_of(game).to_fen(notation_of(game).state_after(moves[:ply])[0]))
        for place, mark in edits:
            fen[place % len(fen)] = mark
        try:
            states = text_of(game).from_fen("".join(fen))
        except base.IllegalMove:
            continue
        assert (game.legal_actions(states)[1][0] == 0) == bool(states["terminal"][0])


def fairy(lines: list[str]) -> str:
    """What fairy-stockfish answers."""
    assert FAIRY is not None
    script = "\n".join([*lines, "quit", ""])
    return subprocess.run([FAIRY], input=script, capture_output=True, text=True, timeout=60, check=True).stdout


@needs_fairy
@pytest.mark.parametrize(
    ("game", "depth", "count"),
    [(CONNECT_FOUR, 6, 117_649), (CONNECT_FOUR, 7, 823_536), (TIC_TAC_TOE, 9, 127_872)],
    ids=["cfour 6", "cfour 7", "tictactoe 9"],
)  # fmt: skip
def test_fairy_stockfish_counts_the_same_tree(tmp_path: Path, game: Game, depth: int, count: int) -> None:
    answer = fairy([*variant(tmp_path, game), "position startpos", f"go perft {depth}"])
    assert f"Nodes searched: {count}" in answer


@needs_fairy
@pytest.mark.parametrize("game", [CONNECT_FOUR, TIC_TAC_TOE], ids=lambda game: game.name)
def test_fairy_stockfish_reaches_the_same_positions_with_the_same_moves(tmp_path: Path, game: Game) -> None:
    text, rng = text_of(game), np.random.default_rng(4)
    lines, expected = variant(tmp_path, game), []
    for _ in range(20):
        path = random_game(game, rng)
        stop = rng.integers(len(path) - 1)
        moves = [move_between(game, path[ply], path[ply + 1]) for ply in range(stop)]
        fen = text.to_fen(path[stop][0])
        lines += [f"position startpos moves {' '.join(moves)}", "d", f"position fen {fen}", "d", "go perft 1"]
        expected.append((fen, int(game.legal_actions(path[stop])[1][0])))
    answer = fairy(lines)
    fens = [line.removeprefix("Fen: ") for line in answer.splitlines() if line.startswith("Fen: ")]
    counts = [int(line.split()[-1]) for line in answer.splitlines() if line.startswith("Nodes searched")]
    assert list(zip(fens[0::2], counts, strict=True)) == expected
    assert fens[1::2] == [fen for fen, _ in expected]


def variant(folder: Path, game: Game) -> list[str]:
    """Lines that teach fairy-stockfish the game."""
    text, path = text_of(game), folder / "variants.ini"
    path.write_text(text.definition)
    return [f"setoption name VariantPath value {path}", f"setoption name UCI_Variant value {text.variant}"]


def move_between(game: Game, before: np.ndarray, after: np.ndarray) -> str:
    """The move that leads from one position to the next."""
    for action in range(game.num_actions):
        if game.step(before, np.array([action])).states.tobytes() == after.tobytes():
            return text_of(game).move(before[0], action)
    raise AssertionError("no move leads there")
