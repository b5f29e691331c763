"""Draws that a player has to claim do not end what others played on; and who could not win by any moves does not win on
time."""

from __future__ import annotations

import random

import chess
import numpy as np
import pytest
from facets import knowledge_of, notation_of

import games
from games.chess import fen
from games.text import records, whole_moves
from games.text.records import GameRecord
from selfplay.play import session

GAME = games.make("chess")
SHUFFLE = "b1c3 b8c6 c3b1 c6b8"


def played(moves: str, start: str | None = None) -> np.ndarray:
    notation = notation_of(GAME)
    return notation.state_after(moves, None if start is None else notation.from_fen(start))


def test_moves_after_a_third_occurrence_are_played() -> None:
    drawn = played(f"{SHUFFLE} {SHUFFLE}")
    assert drawn["terminal"][0]
    on = played(f"{SHUFFLE} {SHUFFLE} {SHUFFLE} {SHUFFLE} {SHUFFLE} d2d4")
    assert not on["terminal"][0]
    assert fen.to_fen(on[0]) == "rnbqkbnr/pppppppp/8/8/3P4/8/PPP1PPPP/RNBQKBNR b KQkq - 0 11"


@pytest.mark.parametrize(
    ("position", "number"),
    [("4k3/8/8/8/8/8/R7/4K3 w - - 100 77", 77), ("4k3/8/8/8/8/8/R7/4K3 b - - 100 300", 300)],
    ids=["white", "black"],
)
def test_fifty_moves_are_played_on_with_the_same_side_and_number(position: str, number: int) -> None:
    states = GAME.settled(notation_of(GAME).from_fen(position))
    assert states["terminal"][0]
    going = GAME.unclaimed(states)
    assert not going["terminal"][0] and GAME.legal_actions(going)[1][0] > 0
    assert fen.to_fen(going[0]).split()[1::4] == [position.split()[1], str(number)]
    assert states["terminal"][0], "the input is left alone"


@pytest.mark.parametrize(
    "position",
    ["7k/5Q2/6K1/8/8/8/8/8 b - - 0 1", "6rk/6pp/7N/8/8/8/8/K7 b - - 0 1", "4k3/8/8/8/8/8/8/4KB2 w - - 3 9",
     "R5k1/5ppp/8/8/8/8/8/4K3 b - - 100 60"],
    ids=["stalemate", "not over", "dead", "mate at fifty moves"],
)  # fmt: skip
def test_what_is_over_for_everybody_stays_so(position: str) -> None:
    states = notation_of(GAME).from_fen(position)
    assert GAME.unclaimed(states)["terminal"][0] == states["terminal"][0]


def test_a_game_longer_than_ours_goes_on_from_its_last_position() -> None:
    short = games.make("chess", max_game_length=3)
    notation = notation_of(short)
    states = notation.state_after("e2e4 e7e5 g1f3")
    assert states["terminal"][0]
    going = short.unclaimed(states)
    assert notation.to_fen(going[0]) == "rnbqkbnr/pppp1ppp/8/4p3/4P3/5N2/PPPP1PPP/RNBQKB1R b KQkq - 0 2"


@pytest.mark.parametrize("name", ["chess", "checkers"])
def test_any_mixture_of_positions_is_taken_up_one_by_one(name: str) -> None:
    game = games.make(name)
    rng, states = np.random.default_rng(3), game.initial_states(256)
    for _ in range(400):
        actions, count = game.legal_actions(states)
        chosen = actions[np.arange(len(states)), (rng.random(len(states)) * np.maximum(count, 1)).astype(int)]
        states = game.step(states, np.where(count > 0, chosen, 0)).states
    together = game.unclaimed(states)
    alone = np.concatenate([game.unclaimed(states[i : i + 1]) for i in range(len(states))])
    assert (together == alone).all()
    assert (together["terminal"] == (game.legal_actions(together)[1] == 0)).all()


def test_the_result_of_a_record_is_that_of_its_end() -> None:
    moves = f"{SHUFFLE} {SHUFFLE} f2f3 e7e5 g2g4 d8h4".split()
    states, actions = GAME.initial_states(1), []
    for text in moves:
        states = GAME.unclaimed(states)
        actions.append(notation_of(GAME).action_from_string(states[0], text))
        states = GAME.step(states, np.array(actions[-1:])).states
    assert records.score(GAME, GAME.initial_states(1), actions) == 0.0
    assert records.score(GAME, GAME.initial_states(1), actions[:8]) == 0.5
    assert records.score(GAME, GAME.initial_states(1), actions[:9]) is None
    found = list(whole_moves.split(GAME, GAME.initial_states(1), actions, checked=True))
    assert len(found) == len(actions) and found[-1].last.reward[0] == 1
    table = session.GameSession(GAME)
    table.load(GameRecord(GAME.initial_states(1), actions, {}, {}))
    assert table.points == 0.0 and len(table.moves) == len(moves)


# Who could still win


def test_who_could_win_by_some_moves_is_what_pythonchess_says() -> None:
    rng = random.Random(6)
    seen = set()
    for _ in range(3000):
        board = chess.Board(None)
        squares = rng.sample(range(8, 56), 2 + rng.randrange(5))
        for square, side in zip(squares, (True, False), strict=False):
            board.set_piece_at(square, chess.Piece(chess.KING, side))
        for square in squares[2:]:
            board.set_piece_at(square, chess.Piece(rng.randrange(1, 6), rng.random() < 0.5))
        board.turn = rng.random() < 0.5
        state = fen._state_of(GAME, board)
        for seat, colour in enumerate((chess.WHITE, chess.BLACK)):
            expected = not board.has_insufficient_material(colour)
            seen.add(expected)
            assert knowledge_of(GAME).can_win(state, seat)[0] == expected, (board.fen(), seat)
    assert seen == {True, False}


@pytest.mark.parametrize("name", ["checkers", "connect-four", "tic-tac-toe"])
def test_either_side_of_other_games_can_win(name: str) -> None:
    game = games.make(name)
    states = game.initial_states(3)
    assert all(knowledge_of(game).can_win(states, seat).tolist() == [True] * 3 for seat in (0, 1))


@pytest.mark.parametrize(
    ("position", "late", "points", "reason"),
    [
        ("8/6k1/8/8/2R5/5K2/8/8 w - - 0 1", 0, 0.5, "White ran out of time, and the other side cannot win"),
        ("8/6k1/8/8/2R5/5K2/8/8 b - - 0 1", 1, 1.0, "Black ran out of time"),
        ("8/6k1/8/8/2R5/5K2/8/8 w - - 0 1", 1, 1.0, "Black ran out of time"),
        ("8/6kp/8/8/2N5/5K2/8/8 b - - 0 1", 1, 1.0, "Black ran out of time"),
        ("8/6kq/8/8/2N5/5K2/8/8 b - - 0 1", 1, 0.5, "Black ran out of time, and the other side cannot win"),
    ],
    ids=["a rook against a bare king", "the bare king", "the bare king waiting", "a knight and a pawn to block",
         "a knight alone"],
)  # fmt: skip
def test_a_clock_that_runs_out_loses_only_to_who_can_win(position: str, late: int, points: float, reason: str) -> None:
    table = session.GameSession(GAME)
    table.set_up(notation_of(GAME).from_fen(position))
    table.run_out_of_time(late, ("White", "Black")[late])
    assert (table.points, table.reason, table.over) == (points, reason, True)
