"""The connect-four solver against published scores, plain minimax, itself under other settings, and its data files."""

from __future__ import annotations

import _thread
import os
import threading
from functools import cache

import numpy as np
import pytest

from games.connect_four import knowledge, solver
from games.connect_four import solver_kernels as kernels

UNCOMPILED = os.environ.get("NUMBA_DISABLE_JIT", "0") != "0"
compiled_only = pytest.mark.skipif(UNCOMPILED, reason="millions of nodes: only with compiled kernels")
LATE_POSITIONS = 5 if UNCOMPILED else 100

# --- the slow twin: a board is seven strings of "x" and "o", bottom first -------------------------------------------

LINES = [
    frozenset((column + i * right, row + i * up) for i in range(4))
    for column in range(7)
    for row in range(6)
    for right, up in ((1, 0), (0, 1), (1, 1), (1, -1))
    if column + 3 * right < 7 and 0 <= row + 3 * up < 6
]
LINES_THROUGH = {(c, r): [line for line in LINES if (c, r) in line] for c in range(7) for r in range(6)}


def twin_made_four(board: tuple[str, ...], column: int) -> bool:
    """Whether the topmost stone of the column is part of four in a line."""
    player = board[column][-1]
    lines = LINES_THROUGH[column, len(board[column]) - 1]
    return any(all(board[c][r : r + 1] == player for c, r in line) for line in lines)


def twin_children(board: tuple[str, ...]) -> dict[int, tuple[str, ...]]:
    player = "xo"[sum(map(len, board)) % 2]
    return {c: (*board[:c], board[c] + player, *board[c + 1 :]) for c in range(7) if len(board[c]) < 6}


@cache
def twin_score(board: tuple[str, ...]) -> int:
    """Score of a game that is not over: plain minimax."""
    return max(twin_move_scores(board).values())


def twin_move_scores(board: tuple[str, ...]) -> dict[int, int]:
    ply = sum(map(len, board))
    scores = {}
    for column, child in twin_children(board).items():
        if twin_made_four(child, column):
            scores[column] = 22 - (ply // 2 + 1)
        else:
            scores[column] = 0 if ply == 41 else -twin_score(child)
    return scores


def twin_board(moves: str) -> tuple[str, ...]:
    board = [""] * 7
    for ply, digit in enumerate(moves):
        board[int(digit) - 1] += "xo"[ply % 2]
    return tuple(board)


def random_moves(rng: np.random.Generator, first_ply: int, last_ply: int) -> str:
    """Moves of a random game that is not over after a random number of plies in [first_ply, last_ply]."""
    while True:
        own = mask = 0
        moves = ""
        for _ in range(int(rng.integers(first_ply, last_ply + 1))):
            column = int(rng.choice([c for c in range(7) if solver.is_playable(mask, c)]))
            own, mask = solver.play(own, mask, column)
            moves += str(column + 1)
            if solver.is_over(own, mask):
                break
        else:
            return moves


def mirrored(moves: str) -> str:
    return "".join(str(8 - int(digit)) for digit in moves)


def searching_solver(table_bits: int = 16, **settings: int) -> solver.Solver:
    """A solver without the opening table."""
    return solver.Solver(table_bits, openings=solver.NO_OPENINGS, **settings)


def sign(scores: np.ndarray) -> np.ndarray:
    return np.where(scores == solver.ILLEGAL, solver.ILLEGAL, np.sign(scores)).astype(np.int8)


# --- truth ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("moves", "score"), [("4455", 18), ("44455554221", -15)])
def test_published_scores_are_found(moves: str, score: int) -> None:
    engine = searching_solver()
    position = solver.position_from_moves(moves)
    assert engine.score(*position) == score
    assert engine.value(*position) == np.sign(score)


def test_late_positions_agree_with_plain_minimax() -> None:
    rng = np.random.default_rng(1)
    engine = searching_solver()
    for _ in range(LATE_POSITIONS):
        moves = random_moves(rng, 34, 40) if UNCOMPILED else random_moves(rng, 28, 40)
        truth = np.full(7, solver.ILLEGAL, np.int8)
        for column, score in twin_move_scores(twin_board(moves)).items():
            truth[column] = score
        position = solver.position_from_moves(moves)
        best = int(truth.max())
        assert engine.score(*position) == best, moves
        assert engine.value(*position) == np.sign(best), moves
        np.testing.assert_array_equal(engine.move_scores(*position), truth, err_msg=moves)
        np.testing.assert_array_equal(engine.move_values(*position), sign(truth), err_msg=moves)
    twin_score.cache_clear()


@compiled_only
def test_earlier_positions_have_scores_and_values_of_one_sign() -> None:
    rng = np.random.default_rng(2)
    engine = searching_solver()
    for _ in range(10):
        position = solver.position_from_moves(random_moves(rng, 16, 27))
        scores = searching_solver().move_scores(*position)
        np.testing.assert_array_equal(engine.move_values(*position), sign(scores))
        assert engine.score(*position) == scores.max()


@compiled_only
def test_mirror_images_have_mirrored_values() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        moves = random_moves(rng, 15, 30)
        there = searching_solver().move_values(*solver.position_from_moves(moves))
        back = searching_solver().move_values(*solver.position_from_moves(mirrored(moves)))
        np.testing.assert_array_equal(there, back[::-1])


def test_a_win_at_once_is_scored_by_the_stones_it_takes() -> None:
    # x x x . o o o   x to move wins with its fourth stone: 22 - 4
    position = solver.position_from_moves("172635")
    engine = searching_solver()
    assert engine.score(*position) == 18
    assert engine.value(*position) == 1
    assert engine.nodes == 0  # seen without a search


def test_full_columns_are_marked_illegal() -> None:
    rng = np.random.default_rng(4)
    moves = random_moves(rng, 38, 38)
    own, mask = solver.position_from_moves(moves)
    values = searching_solver().move_values(own, mask)
    for column in range(7):
        assert (values[column] == solver.ILLEGAL) == (moves.count(str(column + 1)) == 6)


# --- the search's own promises --------------------------------------------------------------------------------------


def test_slices_of_any_length_give_the_same_answers_and_the_same_nodes() -> None:
    rng = np.random.default_rng(5)
    for _ in range(3 if UNCOMPILED else 10):
        first, last = (30, 36) if UNCOMPILED else (20, 30)
        position = solver.position_from_moves(random_moves(rng, first, last))
        whole = searching_solver()
        scores = whole.move_scores(*position)
        for nodes_per_slice in (1, 7, 64):
            sliced = searching_solver(nodes_per_slice=nodes_per_slice)
            np.testing.assert_array_equal(sliced.move_scores(*position), scores)
            assert sliced.nodes == whole.nodes


@compiled_only
def test_a_table_of_any_size_gives_the_same_scores() -> None:
    rng = np.random.default_rng(6)
    engine = searching_solver(table_bits=18)
    for _ in range(10):
        position = solver.position_from_moves(random_moves(rng, 22, 30))
        assert searching_solver(table_bits=8).score(*position) == engine.score(*position)


@compiled_only
def test_an_interrupted_search_stops_and_the_solver_stays_usable() -> None:
    engine = searching_solver(table_bits=20, nodes_per_slice=100_000)
    position = solver.position_from_moves("44455554221")
    assert engine.score(*position) == -15
    threading.Timer(0.1, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        engine.value(0, 0)
    assert engine.score(*position) == -15


@compiled_only
def test_the_kernel_is_compiled_for_one_signature() -> None:
    engine = searching_solver()
    rng = np.random.default_rng(7)
    position = solver.position_from_moves(random_moves(rng, 30, 36))
    engine.value(*position)
    engine.score(*position)
    engine.solve_many(np.array([position[0]], np.uint64), np.array([position[1]], np.uint64))
    assert len(kernels.search.signatures) == 1


def test_bit_kernels_agree_with_plain_python() -> None:
    rng = np.random.default_rng(8)
    for _ in range(20):
        moves = random_moves(rng, 0, 40)
        own, mask = (np.uint64(bits) for bits in solver.position_from_moves(moves))
        with np.errstate(over="ignore"):
            assert kernels.popcount(mask) == len(moves)
        mirror_own, mirror_mask = solver.position_from_moves(mirrored(moves))
        assert (int(kernels.mirror(own)), int(kernels.mirror(mask))) == (mirror_own, mirror_mask)
        assert kernels.canonical_key(own, mask) == solver.canonical_key(mirror_own, mirror_mask)
        completing = int(kernels.completing_cells(own, mask))
        for cell in (7 * column + row for column in range(7) for row in range(6)):
            empty = not int(mask) >> cell & 1
            assert bool(completing >> cell & 1) == (empty and solver.has_four(int(own) | 1 << cell))


# --- the caller's errors --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("own", "mask", "message"),
    [
        (*solver.position_from_moves("1212121"), "the game is over"),
        (0b1, 0b10, "must be within mask"),
        (0, 1 << 6, "on the board"),
        (0, 0b10, "hangs in the air"),
        (0b1, 0b1, "has 1 stones of 1"),
    ],
)
def test_a_position_that_cannot_be_searched_is_refused(own: int, mask: int, message: str) -> None:
    engine = searching_solver()
    for question in (engine.value, engine.score, engine.move_values, engine.move_scores):
        with pytest.raises(ValueError, match=message):
            question(own, mask)


def test_wrong_move_strings_are_refused() -> None:
    with pytest.raises(ValueError, match="columns 1 to 7"):
        solver.position_from_moves("48")
    with pytest.raises(ValueError, match=r"move 7 .* full"):
        solver.position_from_moves("4444444")


def test_solve_many_gives_the_rows_of_move_values_and_names_a_bad_row() -> None:
    rng = np.random.default_rng(9)
    positions = [solver.position_from_moves(random_moves(rng, 32, 38)) for _ in range(4)]
    own, mask = (np.array(bits, np.uint64) for bits in zip(*positions, strict=True))
    values = searching_solver().solve_many(own, mask)
    assert values.shape == (4, 7)
    assert values.dtype == np.int8
    for row, position in enumerate(positions):
        np.testing.assert_array_equal(values[row], searching_solver().move_values(*position))
    mask[2] = 0b10
    own[2] = 0
    with pytest.raises(ValueError, match=r"row 2: .*hangs"):
        searching_solver().solve_many(own, mask)


# --- the data files -------------------------------------------------------------------------------------------------


def test_the_first_player_wins_only_in_the_centre() -> None:
    engine = solver.Solver(10)
    assert engine.value(0, 0) == 1
    np.testing.assert_array_equal(engine.move_values(0, 0), [-1, -1, 0, 1, 0, -1, -1])
    assert engine.nodes == 0


def test_a_position_in_the_opening_table_is_not_searched_nor_is_its_mirror_image() -> None:
    moves = random_moves(np.random.default_rng(10), 20, 20)
    key = solver.canonical_key(*solver.position_from_moves(moves))
    table = solver.Openings(20, np.array([key], np.uint64), np.array([0], np.int8))
    engine = solver.Solver(10, openings=table)
    assert engine.value(*solver.position_from_moves(moves)) == 0
    assert engine.value(*solver.position_from_moves(mirrored(moves))) == 0
    assert engine.nodes == 0


def test_every_opening_is_worth_its_best_move() -> None:
    table = solver.load_openings()
    values = dict(zip(table.keys.tolist(), table.values.tolist(), strict=True))
    assert table.keys.dtype == np.uint64
    assert table.values.dtype == np.int8
    assert np.all(np.diff(table.keys.astype(np.int64)) > 0)
    level, seen = {(0, 0)}, set[int]()
    for ply in range(table.plies + 1):
        children: set[tuple[int, int]] = set()
        for own, mask in level:
            seen.add(solver.canonical_key(own, mask))
            replies = [solver.play(own, mask, c) for c in range(7) if solver.is_playable(mask, c)]
            children.update(reply for reply in replies if not solver.is_over(*reply))
            if ply < table.plies:
                best = max(1 if solver.is_over(*reply) else -values[solver.canonical_key(*reply)] for reply in replies)
                assert values[solver.canonical_key(own, mask)] == best
        level = children
    assert seen == set(values)


@compiled_only
def test_a_fresh_search_agrees_with_the_opening_table() -> None:
    """On random positions of its deepest ply; earlier ones follow from them by minimax, see above."""
    table = solver.load_openings()
    rng = np.random.default_rng(11)
    searching, looking_up = searching_solver(table_bits=22), solver.Solver(8, openings=table)
    for _ in range(8):
        position = solver.position_from_moves(random_moves(rng, table.plies, table.plies))
        assert searching.value(*position) == looking_up.value(*position)


def test_the_eval_set_is_what_it_says() -> None:
    data = knowledge.load_eval_set()
    own, mask, stage, values, moves = (data[name] for name in ("own", "mask", "stage", "values", "moves"))
    assert [array.shape for array in (own, mask, stage, values, moves)] == [(600,), (600,), (600,), (600, 7), (600,)]
    assert [array.dtype for array in (own, mask, stage, values)] == [np.uint64, np.uint64, np.int8, np.int8]
    assert np.array_equal(stage, np.repeat([0, 1, 2], 200))
    keys = set()
    for row, text in enumerate(moves):
        first, last = knowledge.STAGE_PLIES[stage[row]]
        assert first <= len(text) <= last
        assert solver.position_from_moves(str(text)) == (own[row], mask[row])
        solver.check_position(int(own[row]), int(mask[row]))
        keys.add(solver.canonical_key(int(own[row]), int(mask[row])))
    assert len(keys) == 600
    legal = np.ma.masked_equal(values, solver.ILLEGAL)
    mistakes = (legal.min(axis=1) < legal.max(axis=1)).filled(False)
    assert all(np.count_nonzero(mistakes[stage == number]) >= 120 for number in range(3))


def test_eval_set_labels_are_found_again() -> None:
    data = knowledge.load_eval_set()
    plies = np.char.str_len(data["moves"])
    rows = np.flatnonzero(plies >= 33)[:5] if UNCOMPILED else np.flatnonzero(plies >= 14)[::7]
    found = searching_solver(table_bits=20).solve_many(data["own"][rows], data["mask"][rows])
    np.testing.assert_array_equal(found, data["values"][rows])
