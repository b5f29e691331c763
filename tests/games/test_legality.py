"""Connect-four boards that can arise, told from those that cannot: against the rules themselves, and a slow twin."""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np
import pytest
from facets import knowledge_of, notation_of
from numba import config as numba_config

import games
from games.checks import exhaustive
from games.connect_four import legality

GAME = games.make("connect-four")
SLOW_MACHINE = bool(numba_config.DISABLE_JIT)  # kernels run as plain Python
POSITIONS_BY_PLY = [1, 7, 49, 238, 1120, 4263, 16422, 54859, 184275]  # published: A212693 of the OEIS
MARKS = {"X": 1, "O": -1, ".": 0}


def drawn(text: str) -> np.ndarray:
    """[1, 6, 7] int8 of the lowest rows of a board, as text."""
    rows = [[MARKS[mark] for mark in line] for line in text.split()]
    board = np.zeros((1, 6, 7), dtype=np.int8)
    board[0, 6 - len(rows) :] = rows
    return board


def fault(text: str) -> str:
    return str(legality.faults(drawn(text))[0])


def codes(boards: np.ndarray) -> np.ndarray:
    """[N] bytes: a name for each board."""
    return np.ascontiguousarray(boards).reshape(len(boards), -1).view("V42")[:, 0]


def fillings(count: int) -> np.ndarray:
    """[N, 6, 7] int8: all boards of `count` stones, half of each player, the first one's more, with none floating."""
    first = list(itertools.combinations(range(count), (count + 1) // 2))
    colours = -np.ones((len(first), count), dtype=np.int8)
    np.put_along_axis(colours, np.array(first, dtype=np.int64).reshape(len(first), -1), 1, axis=1)
    found = []
    for heights in itertools.product(range(min(count, 6) + 1), repeat=7):
        if sum(heights) == count:
            cells = [7 * (5 - row) + column for column, height in enumerate(heights) for row in range(height)]
            boards = np.zeros((len(first), 42), dtype=np.int8)
            boards[:, cells] = colours
            found.append(boards)
    return np.concatenate(found).reshape(-1, 6, 7)


def positions_by_ply(plies: int) -> list[np.ndarray]:
    """The boards [N, 6, 7] after each ply, by the rules of the game."""
    level = GAME.initial_states(1)
    found = [knowledge_of(GAME).stones(level)]
    for _ in range(plies):
        children = exhaustive.expand(GAME, level)[2].states
        level = children[np.unique(GAME.key(children), return_index=True)[1]]
        found.append(knowledge_of(GAME).stones(level))
    return found


def assert_accepts_exactly_what_play_reaches(plies: int) -> None:
    for ply, reached in enumerate(positions_by_ply(plies)):
        assert len(reached) == POSITIONS_BY_PLY[ply]
        candidates = fillings(ply)
        accepted = candidates[legality.faults(candidates) == ""]
        assert sorted(codes(accepted).tolist()) == sorted(codes(reached).tolist()), f"after {ply} plies"


def test_exactly_the_boards_that_play_reaches_are_accepted() -> None:
    assert_accepts_exactly_what_play_reaches(5 if SLOW_MACHINE else 7)


@pytest.mark.slow
def test_exactly_the_boards_that_play_reaches_are_accepted_where_games_have_ended_before() -> None:
    # After 8 plies, boards with a four made at ply 7 are not reached: 206,780 fillings, 184,275 positions.
    assert len(fillings(8)) == 206_780
    assert_accepts_exactly_what_play_reaches(8)


# The slow twin: from the empty board up, every order of moves, in tuples.


def twin_accepts(board: np.ndarray) -> bool:
    columns = [[int(stone) for stone in board[::-1, c] if stone] for c in range(7)]
    total = sum(map(len, columns))

    def won(heights: tuple[int, ...]) -> bool:
        for c, r in itertools.product(range(7), range(6)):
            for dc, dr in ((1, 0), (0, 1), (1, 1), (1, -1)):
                line = [(c + i * dc, r + i * dr) for i in range(4)]
                there = all(0 <= x < 7 and 0 <= y < heights[x] for x, y in line)
                if there and len({columns[x][y] for x, y in line}) == 1:
                    return True
        return False

    @cache
    def reaches(heights: tuple[int, ...]) -> bool:
        if sum(heights) == total:
            return True
        if won(heights):
            return False
        mover = 1 if sum(heights) % 2 == 0 else -1
        nexts = [c for c in range(7) if heights[c] < len(columns[c]) and columns[c][heights[c]] == mover]
        return any(reaches((*heights[:c], heights[c] + 1, *heights[c + 1 :])) for c in nexts)

    return reaches((0,) * 7)


def random_fillings(number: int, rng: np.random.Generator) -> np.ndarray:
    """[N, 6, 7]: 4 to 14 stones, none floating, right counts, colours in any order."""
    boards = np.zeros((number, 6, 7), dtype=np.int8)
    for board in boards:
        stones = int(rng.integers(4, 15))
        colours, heights = rng.permutation(np.where(np.arange(stones) % 2 == 0, 1, -1)), np.zeros(7, dtype=np.int64)
        for colour in colours:
            column = rng.choice(np.flatnonzero(heights < 6)[: int(rng.integers(2, 8))])
            board[5 - heights[column], column] = colour
            heights[column] += 1
    return boards


def test_random_fillings_are_judged_as_by_the_slow_twin() -> None:
    boards = random_fillings(100 if SLOW_MACHINE else 250, np.random.default_rng(1))
    expected = np.array([twin_accepts(board) for board in boards])
    assert ((legality.faults(boards) == "") == expected).all()
    assert 5 <= np.count_nonzero(~expected)


def random_game_boards(number: int, seed: int) -> np.ndarray:
    """[N, 6, 7]: every position of random games."""
    states, rng, found = GAME.initial_states(number), np.random.default_rng(seed), []
    while True:
        found.append(knowledge_of(GAME).stones(states))
        states = states[~states["terminal"]]
        if not len(states):
            return np.concatenate(found)
        actions, count = GAME.legal_actions(states)
        states = GAME.step(states, actions[np.arange(len(states)), rng.integers(count)]).states


def test_every_position_of_random_games_is_accepted_to_the_last() -> None:
    boards = random_game_boards(20 if SLOW_MACHINE else 500, seed=2)
    assert (legality.faults(boards) == "").all()


def test_one_stone_changed_anywhere_is_noticed_by_the_counts_or_by_gravity() -> None:
    boards = random_game_boards(10 if SLOW_MACHINE else 100, seed=3)
    rng, rows = np.random.default_rng(4), np.arange(len(boards))
    changed = boards.reshape(len(boards), -1).copy()
    cells = rng.integers(42, size=len(boards))
    changed[rows, cells] = (changed[rows, cells] + 1 + rng.integers(2, size=len(boards)) + 1) % 3 - 1
    faults = legality.faults(changed.reshape(boards.shape))
    surplus = changed.sum(axis=1)
    wrong_counts = ~np.isin(surplus, (0, 1))
    above, below = changed.reshape(boards.shape)[:, :-1], changed.reshape(boards.shape)[:, 1:]
    floating = ((above != 0) & (below == 0)).any(axis=(1, 2))
    assert (faults[floating] == legality.FLOATING).all() and floating.any()
    assert (faults[wrong_counts & ~floating] == legality.COUNTS).all() and wrong_counts.any()
    assert not np.isin(faults[~floating & ~wrong_counts], (legality.FLOATING, legality.COUNTS)).any()


def test_colours_dealt_anew_over_a_played_board_are_judged_as_by_the_slow_twin() -> None:
    boards, rng = random_game_boards(4 if SLOW_MACHINE else 30, seed=5), np.random.default_rng(6)
    boards = boards[np.count_nonzero(boards, axis=(1, 2)) < 16]
    for board in boards:
        board[board != 0] = rng.permutation(board[board != 0])
    assert ((legality.faults(boards) == "") == [twin_accepts(board) for board in boards]).all()


def test_each_fault_has_its_name() -> None:
    assert fault(".......") == "" and fault("..X....") == "" and fault("..XO...") == ""
    assert fault("...O... ...X...") == ""
    assert fault("..O.... ...X...") == legality.FLOATING
    assert fault("..O....") == legality.COUNTS  # the player who begins has none
    assert fault("XX.....") == legality.COUNTS
    assert fault("OOOO... XXXX...") == legality.TWO_WINNERS
    assert fault("...X... ...O...") == legality.UNREACHABLE  # the first stone of all is the first player's


def test_the_first_fault_names_the_board() -> None:
    assert fault("OOOO... XXXX... .......") == legality.FLOATING
    assert fault("OOOO..X XXXX..X") == legality.COUNTS


def test_a_four_that_was_not_made_by_the_last_move_cannot_be() -> None:
    assert fault("OOO.... XXXX...") == ""  # X moved last
    assert fault("OOO.... XXXX..O") == legality.UNREACHABLE  # O did, after the end
    # X moved last, but the four stood there already: no X of it is on top.
    assert fault("OOXO... XXXX..O") == legality.UNREACHABLE
    # A column of four X lies under an O.
    assert fault(".O..... .X..... .X..... XX.O.O. OXOO.X.") == legality.UNREACHABLE


def test_two_fours_that_share_the_last_stone_can_be() -> None:
    # The last stone is the X at the top of the left column: a diagonal down from it, and the column itself.
    assert fault("X...... XX..... XOX.... XOOXO.. OXOOOX.") == ""
    # Under one more stone of the other player, both are older than the last move.
    assert fault("O...... X...... XX..... XOX.... XOOXO.. OXOOOX.") == legality.UNREACHABLE


def test_full_boards_of_drawn_games_are_accepted() -> None:
    states, rng = GAME.initial_states(4_000), np.random.default_rng(7)
    for _ in range(42):
        actions, count = GAME.legal_actions(states)
        states = GAME.step(states, actions[np.arange(len(states)), rng.integers(np.maximum(count, 1))]).states
    boards = knowledge_of(GAME).stones(states)
    drawn_games = boards[(boards != 0).all(axis=(1, 2)) & ~legality.has_four(boards == 1)]
    drawn_games = drawn_games[~legality.has_four(drawn_games == -1)]
    assert len(drawn_games) >= 3
    assert (legality.faults(drawn_games) == "").all()


def test_no_boards_have_no_faults() -> None:
    assert legality.faults(np.zeros((0, 6, 7), dtype=np.int8)).tolist() == []


def test_stones_are_told_by_who_began_whoever_is_to_move() -> None:
    boards = np.concatenate([knowledge_of(GAME).stones(notation_of(GAME).state_after(moves)) for moves in ("4", "44")])
    # The first stone lies at the bottom of the middle column in both, the second player's on it.
    assert boards[:, 5, 3].tolist() == [1, 1] and boards[:, 4, 3].tolist() == [0, -1]
    assert np.count_nonzero(boards) == 3 and boards.dtype == np.int8


def test_a_game_that_cannot_tell_says_so() -> None:
    chess = games.make("chess")
    assert (
        knowledge_of(chess).stones(chess.initial_states(1)) is None
        and knowledge_of(chess).faults(np.zeros((1, 8, 8), dtype=np.int8)) is None
    )
