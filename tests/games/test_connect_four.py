"""Connect four's rules: published counts, a slow twin in plain Python, and boards drawn beside the asserts."""

from __future__ import annotations

import numpy as np
import pytest
from facets import notation_of
from numba import config as numba_config

from games import base
from games.checks import exhaustive, perft, random_play
from games.connect_four import rules

GAME = rules.ConnectFour()
SLOW_MACHINE = bool(numba_config.DISABLE_JIT)  # kernels run as plain Python: shallower counts, fewer games
PERFT = [7, 49, 343, 2401, 16807, 117649, 823536, 5673234, 39394572]
POSITIONS_BY_PLY = [1, 7, 49, 238, 1120, 4263, 16422, 54859, 184275, 558186]
TERMINAL_BY_PLY = [0, 0, 0, 0, 0, 0, 0, 728, 1892, 19412]


@pytest.mark.parametrize("depth", range(1, 6 if SLOW_MACHINE else 9))
def test_perft_is_the_published_count(depth: int) -> None:
    assert perft.perft(GAME, depth) == PERFT[depth - 1]


@pytest.mark.slow
def test_perft_nine_plies_deep() -> None:
    assert perft.perft(GAME, 9) == PERFT[8]


def test_divide_is_alike_left_and_right() -> None:
    by_move = list(perft.divide(GAME, 4 if SLOW_MACHINE else 7).values())
    assert by_move == by_move[::-1] and sum(by_move) == PERFT[3 if SLOW_MACHINE else 6]


def test_positions_and_ends_after_each_ply() -> None:
    level = GAME.initial_states(1)
    for ply in range(5 if SLOW_MACHINE else 10):
        assert len(level) == POSITIONS_BY_PLY[ply]
        assert np.count_nonzero(level["terminal"]) == TERMINAL_BY_PLY[ply]
        children = exhaustive.expand(GAME, level)[2].states
        level = children[np.unique(GAME.key(children), return_index=True)[1]]


# The slow twin: a list of columns and a look along every line.


class SlowBoard:
    """Columns as lists of 0 and 1, the player numbers, from the bottom up."""

    def __init__(self) -> None:
        self.columns: list[list[int]] = [[] for _ in range(7)]
        self.to_play = 0
        self.winner: int | None = None

    def cell(self, column: int, row: int) -> int | None:
        inside = 0 <= column < 7 and 0 <= row < len(self.columns[column])
        return self.columns[column][row] if inside else None

    def legal(self) -> list[int]:
        return [] if self.over() else [c for c in range(7) if len(self.columns[c]) < 6]

    def over(self) -> bool:
        return self.winner is not None or all(len(column) == 6 for column in self.columns)

    def play(self, column: int) -> None:
        self.columns[column].append(self.to_play)
        for c in range(7):
            for r in range(6):
                for dc, dr in ((1, 0), (0, 1), (1, 1), (1, -1)):
                    if all(self.cell(c + i * dc, r + i * dr) == self.to_play for i in range(4)):
                        self.winner = self.to_play
        self.to_play = 1 - self.to_play

    def planes(self) -> list[list[list[int]]]:
        """Own and other stones, top row first."""
        return [
            [[int(self.cell(c, r) == player) for c in range(7)] for r in range(5, -1, -1)]
            for player in (self.to_play, 1 - self.to_play)
        ]


def test_random_games_agree_with_the_slow_twin() -> None:
    for played in random_play.random_games(GAME, np.random.default_rng(7), 5 if SLOW_MACHINE else 60):
        twin = SlowBoard()
        actions, count = GAME.legal_actions(played.states)
        planes = GAME.observe(played.states)
        for ply, state in enumerate(played.states):
            board = GAME.to_string(state)
            assert actions[ply, : count[ply]].tolist() == twin.legal(), board
            assert bool(state["terminal"]) == twin.over() and state["to_play"] == twin.to_play, board
            assert planes[ply].tolist() == twin.planes(), board
            if ply < len(played.actions):
                twin.play(int(played.actions[ply]))
                assert played.reward[ply] == float(twin.winner is not None), board
                assert played.discount[ply] == (0 if twin.over() else -1), board
        assert twin.over()


def drawn(picture: str) -> tuple[np.ndarray, int]:
    """A position from a drawing: ([1] state_dtype, column of the `*`, the cell that the player to move plays)."""
    rows = [line.split() for line in picture.strip().split("\n")]
    stones, star = {"X": 0, "O": 0}, -1
    for height, row in enumerate(reversed(rows)):
        for column, cell in enumerate(row):
            if cell in stones:
                stones[cell] |= 1 << (column * rules.STRIDE + height)
            elif cell == "*":
                star = column
    to_play = stones["X"].bit_count() - stones["O"].bit_count()
    assert to_play in (0, 1), "X moves first, then they take turns"
    state = GAME.initial_states(1)
    state["own"], state["mask"], state["to_play"] = stones["XO"[to_play]], stones["X"] | stones["O"], to_play
    return state, star


FOURS = {
    "on the ground, left edge": """
        O O O . . . .
        X X X * . . .
    """,
    "on the ground, right edge": """
        . . . . O O O
        . . . * X X X
    """,
    "made by the second player": """
        . X X . . . .
        O O O * . X X
    """,
    "closed in the middle": """
        . O . O . O .
        . X * X X . .
    """,
    "upright from the ground": """
        * . . . . . .
        X O . . . . .
        X O . . . . .
        X O . . . . .
    """,
    "upright under the top": """
        . . . . . . *
        . . . . . . X
        . . . . . . X
        . . . . . . X
        . . . . . . O
        . . . . . O O
    """,
    "rising": """
        . . . * . . .
        . . X O . . .
        . X X O . . .
        X O O X . . O
    """,
    "falling": """
        . . . * . . .
        . . . O X . .
        . . . O X X .
        O . . X O O X
    """,
}


@pytest.mark.parametrize("picture", FOURS.values(), ids=FOURS.keys())
def test_four_in_a_line_wins_for_its_maker(picture: str) -> None:
    state, column = drawn(picture)
    step = GAME.play(state[0], column)
    assert (step.reward[0], step.discount[0], bool(step.states["terminal"][0])) == (1, 0, True)


NO_FOURS = {
    # In the bitboard the top of one column is near the bottom of the next.
    "upright over the edge of a column": """
        X . . . . . .
        X . . . . . .
        X . . . . . .
        O . . . . . .
        O . . . . . .
        O * . . . . .
    """,
    "level over the edge of the board": """
        X . . . . . .
        O . . . X X *
        X . . . O O X
        O . . . X O O
    """,
    "three and a gap": """
        O O . O . . .
        X X . X * . .
    """,
}


@pytest.mark.parametrize("picture", NO_FOURS.values(), ids=NO_FOURS.keys())
def test_what_only_looks_like_four_does_not_win(picture: str) -> None:
    state, column = drawn(picture)
    step = GAME.play(state[0], column)
    assert (step.reward[0], step.discount[0], bool(step.states["terminal"][0])) == (0, -1, False)


def test_the_board_is_drawn_from_the_top() -> None:
    state = notation_of(GAME).state_after("44455")[0]
    assert GAME.to_string(state) == "\n".join(
        [
            ". . . . . . .",
            ". . . . . . .",
            ". . . . . . .",
            ". . . X . . .",
            ". . . O X . .",
            ". . . X O . .",
            "1 2 3 4 5 6 7",
        ]
    )


def test_a_full_column_is_closed() -> None:
    """
    . . . O . . .
    . . . X . . .
    . . . O . . .
    . . . X . . .
    . . . O . . .
    . . . X . . .
    """
    states = notation_of(GAME).state_after("444444")
    actions, count = GAME.legal_actions(states)
    assert actions[0].tolist() == [0, 1, 2, 4, 5, 6, -1] and count[0] == 6
    with pytest.raises(base.IllegalMove, match=r"move 7: '4' is not a legal move here"):
        notation_of(GAME).state_after("4444444")
    with pytest.raises(base.IllegalMove, match="action 3 is not legal"):
        GAME.play(states[0], 3)


def test_a_full_board_without_four_is_a_draw() -> None:
    state = notation_of(GAME).state_after("24713563455523512446622236134541667317777")[0]
    step = GAME.play(state, 0)
    assert GAME.to_string(step.states[0]) == "\n".join(
        [
            "O O O X O O X",
            "X X O X X X O",
            "O O X X O O X",
            "X X O O X X O",
            "O X O X O O X",
            "O X X O O X X",
            "1 2 3 4 5 6 7",
        ]
    )
    assert (step.reward[0], step.discount[0], bool(step.states["terminal"][0])) == (0, 0, True)


def test_the_mirror_exchanges_left_and_right() -> None:
    """
    . O . . . . .          . . . . . O .
    X O X . . . .    ⇄     . . . . X O X
    """
    states, expected = notation_of(GAME).state_after("1232"), notation_of(GAME).state_after("7656")
    mirrored = GAME.symmetric_states(states, np.array([1]))
    assert GAME.to_string(mirrored[0]) == GAME.to_string(expected[0])
    assert GAME.key(mirrored) == GAME.key(expected) != GAME.key(states)
    assert GAME.symmetric_actions(np.array([[0, 3, 6, -1]]), np.array([1])).tolist() == [[6, 3, 0, -1]]


def test_positions_halve_when_mirror_images_count_once() -> None:
    """Every position of ply 5 and its image are both reached; those equal to their image stand alone."""
    level = GAME.initial_states(1)
    for _ in range(3 if SLOW_MACHINE else 5):
        children = exhaustive.expand(GAME, level)[2].states
        level = children[np.unique(GAME.key(children), return_index=True)[1]]
    keys = GAME.key(level)
    images = GAME.key(GAME.symmetric_states(level, np.ones(len(level), dtype=np.int64)))
    assert np.array_equal(np.sort(images), np.sort(keys))
    alone = np.count_nonzero(images == keys)
    assert len(np.unique(np.minimum(images, keys))) == (len(keys) + alone) // 2


def test_positions_inside_packed_rows_are_read_right() -> None:
    """A replay row may put a position at an odd address, where compiled code must not look without a copy."""
    states = np.concatenate([notation_of(GAME).state_after(moves) for moves in ("", "4", "44444", "1234567")])
    rows = np.zeros(len(states), dtype=[("tag", "u1"), ("state", GAME.state_dtype)])
    rows["state"] = states
    for n in (1, len(states)):
        packed = rows["state"][:n]
        assert not packed.flags.aligned and base.kernel_ready(packed).flags.aligned
        assert np.array_equal(GAME.observe(packed), GAME.observe(states[:n]))
        assert np.array_equal(GAME.legal_actions(packed)[0], GAME.legal_actions(states[:n])[0])
        assert np.array_equal(GAME.key(packed), GAME.key(states[:n]))


def test_each_kernel_is_compiled_once() -> None:
    """Read-only, strided and int64 input must not add signatures: each costs seconds and a file in the cache."""
    if SLOW_MACHINE:
        pytest.skip("nothing is compiled")
    states = np.repeat(GAME.initial_states(4), 2)
    states.flags.writeable = False
    for view in (states, states[::2], states.copy()):
        GAME.step(view, np.zeros(len(view), dtype=np.int64))
        GAME.step(view, np.zeros(len(view), dtype=np.int32))
        GAME.legal_actions(view)
        GAME.observe(view)
    for kernel in (rules._step, rules._legal_actions, rules._observe):
        assert len(kernel.signatures) == 1, kernel.__name__
