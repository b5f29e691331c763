"""Files of positions with scores, as Pascal Pons's: what is read of them, and what is refused with its line."""

from __future__ import annotations

import numpy as np
import pytest

import games
from games import scored_positions
from games.connect_four import knowledge, solver

GAME = games.make("connect-four")


def test_moves_and_scores_are_read_in_their_order_and_empty_lines_are_skipped() -> None:
    moves = [str(text) for text in knowledge.load_eval_set()["moves"][400:408]]
    scores = [solver.Solver().score(*solver.position_from_moves(text)) for text in moves]
    lines = [f"{text} {score}\n" for text, score in zip(moves, scores, strict=True)]
    lines.insert(3, "\n")
    found = scored_positions.read(GAME, lines)
    assert found.scores.tolist() == scores and found.lines.tolist() == [1, 2, 3, 5, 6, 7, 8, 9]
    for state, text in zip(found.states, moves, strict=True):
        assert (int(state["own"]), int(state["mask"])) == solver.position_from_moves(text)
        assert state["to_play"] == len(text) % 2
    values = scored_positions.exact_values(GAME, found)
    assert np.where(values == solver.ILLEGAL, -1, values).max(axis=1).tolist() == np.sign(scores).tolist()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["4453 1", "445"], "line 2 is '445': expected moves, a blank and a whole number."),
        (["4453 x"], "line 1 is '4453 x'"),
        (["4453 1.5"], "line 1 is '4453 1.5'"),
        (["4453 ٣"], "line 1 is"),
        (["", "4458 2"], "line 2: move 4: '8' is not a legal move here."),
        (["44444441 0"], "line 1: move 7"),
        (["1212121 3"], "line 1: the game is over after '1212121'"),
        (["1" * 500 + " 0"], "line 1: 500 moves were given"),
        ([], "there is no position in it"),
        (["", "  "], "there is no position in it"),
    ],
)
def test_what_is_no_position_with_a_score_is_refused_with_its_line(lines: list[str], expected: str) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]+$") as caught:
        scored_positions.read(GAME, lines)
    assert expected in str(caught.value) and len(str(caught.value)) < 300


def test_a_score_that_the_solver_contradicts_is_refused_with_its_line() -> None:
    # Three in a column each: whoever is to move wins at once, with the fourth of 22 − 18 stones.
    right = scored_positions.read(GAME, ["121212 18"])
    assert scored_positions.exact_values(GAME, right).tolist()[0][0] == 1
    wrong = scored_positions.read(GAME, ["121212 18", "121212 -3"])
    with pytest.raises(ValueError, match="line 2: the score -3 says lost, but the position is won"):
        scored_positions.exact_values(GAME, wrong)


def test_a_game_whose_moves_have_blanks_between_them_is_read_too_and_one_without_a_solver_refused() -> None:
    checkers = games.make("checkers")
    found = scored_positions.read(checkers, ["11-15 22-18 0"])
    assert found.states[0]["to_play"] == 0 and found.scores.tolist() == [0]
    with pytest.raises(ValueError, match="checkers has no solver"):
        scored_positions.exact_values(checkers, found)
