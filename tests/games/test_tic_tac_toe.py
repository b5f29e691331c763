"""Tic-tac-toe against its known numbers: every game, every position, every value."""

from __future__ import annotations

import numpy as np
import pytest
from facets import knowledge_of, notation_of

from games import base
from games.checks import exhaustive, perft
from games.tic_tac_toe import TicTacToe

GAME = TicTacToe()
PERFT = [9, 72, 504, 3024, 15120, 54720, 148176, 200448, 127872]
POSITIONS_BY_PLY = [1, 9, 72, 252, 756, 1260, 1520, 1140, 390, 78]


@pytest.fixture(scope="module")
def table() -> exhaustive.ValueTable:
    return exhaustive.solve(GAME)


@pytest.mark.parametrize("depth", range(1, 10))
def test_perft_is_the_published_count(depth: int) -> None:
    assert perft.perft(GAME, depth) == PERFT[depth - 1]


def test_divide_splits_perft_by_first_move() -> None:
    by_move = perft.divide(GAME, 6)
    assert list(by_move) == list("123456789") and sum(by_move.values()) == PERFT[5]
    # Corners, edges and the centre are alike among themselves.
    assert len({by_move[corner] for corner in "1379"}) == len({by_move[edge] for edge in "2468"}) == 1
    assert sum(perft.divide(GAME, 1).values()) == 9
    assert perft.divide(GAME, 1, notation_of(GAME).state_after("12435687")) == {"9": 1}


def test_all_games_by_length_and_result() -> None:
    """Each position once, with the number of move orders that lead to it."""
    length: dict[int, int] = {}
    result = {"X": 0, "O": 0, "draw": 0}
    states, ways = GAME.initial_states(1), np.ones(1, dtype=np.int64)
    for ply in range(1, 10):
        row, _, step = exhaustive.expand(GAME, states)
        over = step.states["terminal"]
        length[ply] = int(ways[row][over].sum())
        result["X" if ply % 2 else "O"] += int(ways[row][over & (step.reward == 1)].sum())
        result["draw"] += int(ways[row][over & (step.reward == 0)].sum())
        _, first, inverse = np.unique(GAME.key(step.states[~over]), return_index=True, return_inverse=True)
        states, ways = step.states[~over][first], np.bincount(inverse, ways[row][~over]).astype(np.int64)
    assert result == {"X": 131_184, "O": 77_904, "draw": 46_080} and sum(result.values()) == 255_168
    assert length == {1: 0, 2: 0, 3: 0, 4: 0, 5: 1440, 6: 5328, 7: 47_952, 8: 72_576, 9: 127_872}


def test_positions_by_ply(table: exhaustive.ValueTable) -> None:
    assert np.bincount(table.ply).tolist() == POSITIONS_BY_PLY
    assert len(table.states) == 5_478


def test_positions_up_to_symmetry(table: exhaustive.ValueTable) -> None:
    n = len(table.states)
    keys = [GAME.key(GAME.symmetric_states(table.states, np.full(n, turn))) for turn in range(8)]
    assert len(np.unique(np.min(keys, axis=0))) == 765


def test_terminal_positions_by_result(table: exhaustive.ValueTable) -> None:
    ends = table.states[table.states["terminal"]]
    boards = [GAME.to_string(state) for state in ends]
    won = np.array([_winner(board) for board in boards])
    assert (np.count_nonzero(won == "X"), np.count_nonzero(won == "O"), np.count_nonzero(won == "")) == (626, 316, 16)
    assert len(ends) == 958


def _winner(board: str) -> str:
    """Read off the drawing, so that it is independent of the bit sets."""
    cells = [cell.strip() for line in board.split("\n") for cell in line.split("|")]
    lines = [cells[0:3], cells[3:6], cells[6:9], cells[0::3], cells[1::3], cells[2::3], cells[0::4], cells[2:7:2]]
    return next((line[0] for line in lines if len(set(line)) == 1), "")


def test_values_of_all_positions(table: exhaustive.ValueTable) -> None:
    live = table.values[~table.states["terminal"]]
    counts = [np.count_nonzero(live == value) for value in (1, 0, -1)]
    assert counts == [2836, 1052, 632]
    assert table.values[table.find(GAME.key(GAME.initial_states(1)))].tolist() == [0]


def test_the_eval_set_is_every_position_in_play() -> None:
    eval_set = knowledge_of(GAME).eval_set()
    assert len(eval_set.states) == 2836 + 1052 + 632 and not eval_set.states["terminal"].any()
    assert np.array_equal(np.max(eval_set.values, axis=1) == 1, _best(eval_set.states) == 1)
    legal = (eval_set.values != base.ILLEGAL).sum(axis=1)
    assert np.array_equal(legal, GAME.legal_actions(eval_set.states)[1])


def _best(states: np.ndarray) -> np.ndarray:
    return knowledge_of(GAME).exact_action_values(states).max(axis=1)


def test_exact_values_see_a_fork() -> None:
    """
    X | 2 | 3
    4 | O | 6      O has taken the centre, X the opposite corner: an edge holds the draw for O, a corner loses.
    7 | 8 | X
    """
    values = knowledge_of(GAME).exact_action_values(notation_of(GAME).state_after("159"))[0]
    no = base.ILLEGAL
    assert values.tolist() == [no, 0, -1, 0, no, 0, -1, 0, no]


def test_a_row_wins_for_the_player_who_made_it() -> None:
    """
    X | X | 3
    O | O | 6
    7 | 8 | 9
    """
    state = notation_of(GAME).state_after("1425")[0]
    step = GAME.play(state, notation_of(GAME).action_from_string(state, "3"))
    assert (step.reward[0], step.discount[0], bool(step.states["terminal"][0])) == (1, 0, True)
    assert GAME.to_string(step.states[0]) == " X | X | X\n O | O | 6\n 7 | 8 | 9"


def test_a_full_board_without_a_row_is_a_draw() -> None:
    """
    X | O | X
    X | O | O
    O | X | X
    """
    before = notation_of(GAME).state_after("12354687")[0]
    step = GAME.play(before, 8)
    assert GAME.to_string(step.states[0]) == " X | O | X\n X | O | O\n O | X | X"
    assert (step.reward[0], step.discount[0]) == (0, 0)


def test_the_last_stone_can_still_win() -> None:
    """
    X | O | X
    O | X | O
    O | X | 9      X completes the diagonal on the last free cell.
    """
    state = notation_of(GAME).state_after("12345687")[0]
    step = GAME.play(state, 8)
    assert (step.reward[0], step.discount[0]) == (1, 0)


def test_planes_are_the_movers_stones_first() -> None:
    """
    X | 2 | 3      O to move: his stones (none but the centre) come first.
    4 | O | 6
    7 | 8 | X
    """
    own, other = GAME.observe(notation_of(GAME).state_after("159"))[0]
    assert own.tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert other.tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 1]]


def test_an_illegal_move_in_a_record_names_ply_and_choices() -> None:
    with pytest.raises(base.IllegalMove, match=r"move 3: '5' is not a legal move here.*Legal moves: 2, 3, 4, 6, 7"):
        notation_of(GAME).state_after("155")
    with pytest.raises(base.IllegalMove, match="the game is over"):
        notation_of(GAME).state_after("142536")
    with pytest.raises(base.IllegalMove, match="at most 9 plies"):
        notation_of(GAME).state_after("1234567891")
