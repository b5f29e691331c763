"""Endgame tables of checkers: published counts, a slow twin that shares no code, and every position by its moves."""

from __future__ import annotations

import numpy as np
import pytest
from naive_checkers import NaiveCheckers

import games
from games.checkers import fen
from games.checkers.rules import Checkers
from games.endgames import tables, verify
from games.endgames.tables import DRAW, NOTHING, Endgames

CHECKERS = games.make("checkers")
ENDGAMES = games.facet(CHECKERS, Endgames)

# Positions before side to move: the Chinook project's database statistics (Schaeffer et al., "Building the Checkers
# 10-Piece Endgame Databases", 2003, table 1).
CHINOOK = {"1-piece": 120, "2-piece": 6_972, "3-piece": 261_224, "4-piece": 7_092_774}


def silent(share: float) -> None:
    pass


@pytest.fixture(scope="module")
def built() -> dict[str, np.ndarray]:
    """Tables of up to three pieces."""
    found: dict[str, np.ndarray] = {}
    for name in ENDGAMES.default[:3]:
        found[name] = ENDGAMES.build(name, found, silent)
    return found


@pytest.fixture(scope="module")
def four(built: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {**built, "4-piece": ENDGAMES.build("4-piece", built, silent)}


def position(text: str) -> np.ndarray:
    return fen.read(text, CHECKERS)


def test_tables_hold_as_many_positions_as_chinooks(built: dict[str, np.ndarray]) -> None:
    assert {name: int((table != NOTHING).sum()) for name, table in built.items()} == {
        name: CHINOOK[name] for name in built
    }


def test_king_against_king_is_won_drawn_and_lost_as_published(built: dict[str, np.ndarray]) -> None:
    # E. Trice, World Draughts Forum (damforum.nl), 2-piece database report: 992 positions, 230 / 654 / 108, 11 plies.
    (found,) = [one for one in verify.counts(ENDGAMES, "2-piece", built["2-piece"]) if one.kind == "1K v 1K"]
    assert found == verify.Counts("1K v 1K", 992, 230, 654, 108, 11, 10)


def test_every_position_follows_from_its_moves(built: dict[str, np.ndarray]) -> None:
    assert [fault for name in built for fault in verify.faults(ENDGAMES, name, built, silent)] == []


def test_the_proof_finds_each_changed_byte(built: dict[str, np.ndarray]) -> None:
    table = built["2-piece"].copy()
    slots = np.random.default_rng(1).choice(np.flatnonzero(table != NOTHING), 40, replace=False)
    for slot in slots.tolist():
        wrong = table.copy()
        wrong[slot] = DRAW if table[slot] != DRAW else 2
        found = {fault.slot for fault in verify.faults(ENDGAMES, "2-piece", {**built, "2-piece": wrong}, silent)}
        assert slot in found


def test_a_position_and_its_slot_name_each_other(built: dict[str, np.ndarray]) -> None:
    for index, name in enumerate(built):
        slots = np.flatnonzero(built[name] != NOTHING)
        table, found = ENDGAMES.locate(ENDGAMES.positions(name, slots))
        assert (table == index).all() and (found == slots).all()


def test_positions_in_the_middle_of_a_jump_and_of_more_pieces_are_in_no_table() -> None:
    start = CHECKERS.initial_states(1)
    jumping = position("B:W18,10:BK22")
    jumping = CHECKERS.step(jumping, CHECKERS.legal_actions(jumping)[0][:, 0]).states
    assert jumping["jumper"][0]
    assert ENDGAMES.locate(np.concatenate([start, jumping]))[0].tolist() == [-1, -1]


def value_of(position_text: str, built: dict[str, np.ndarray]) -> tuple[int, int]:
    states = position(position_text)
    known, values, distance = tables.look_up(ENDGAMES, built, states)
    assert known[0]
    return int(values[0]), int(distance[0])


def test_the_game_is_lost_by_who_has_no_move(built: dict[str, np.ndarray]) -> None:
    #  . w . .     White's man on 5 is blocked by the king on 1, which cannot be taken:
    #  the square behind it is off the board.
    assert value_of("W:W5:BK1", built) == (-1, 0)
    assert value_of("W:W32:B27", built) == (1, 1)  # takes the last piece


def test_a_jump_over_two_pieces_counts_as_one_move(built: dict[str, np.ndarray]) -> None:
    states = position("B:W18,10:BK22")  # 22x15 takes 18, then 15x6 takes 10
    assert value_of("B:W18,10:BK22", built) == (1, 1)
    jumping = CHECKERS.step(states, CHECKERS.legal_actions(states)[0][:, 0]).states
    found = tables.exact(ENDGAMES, built, jumping)
    assert found.known.tolist() == [True] and found.result(0) == (1, 1)


def key_of(game: NaiveCheckers) -> tuple:
    return game.mover, tuple(sorted(game.board.items()))


def all_positions(marks: str) -> dict[tuple, NaiveCheckers]:
    """Every position of one piece of Black and one of White, by its key."""
    found = {}
    squares = range(1, 33)
    for mover in "BW":
        for first in squares:
            for second in squares:
                crowned = (marks[0] == "b" and first > 28) or (marks[1] == "w" and second < 5)
                if first == second or crowned:
                    continue
                black, white = ("K" * mark.isupper() + str(n) for mark, n in zip(marks, (first, second), strict=True))
                game = NaiveCheckers.from_fen(f"{mover}:W{white}:B{black}")
                found[key_of(game)] = game
    return found


def successors(game: NaiveCheckers) -> list[NaiveCheckers]:
    found = []
    for text in game.moves():
        after = game.copy()
        after.play(text)
        found += successors(after) if after.jumping is not None else [after]
    return found


@pytest.mark.slow
def test_a_slow_twin_agrees_about_every_position_of_two_pieces(built: dict[str, np.ndarray]) -> None:
    todo: dict = {}
    for marks in ("BW", "bW", "Bw", "bw"):
        todo |= all_positions(marks)
    after = {key: [key_of(one) for one in successors(game)] for key, game in todo.items()}
    won = {}
    for key, moves in after.items():
        if not moves:
            won[key] = (-1, 0)
        for move in moves:
            if move not in after:  # one side has nothing left
                won[move] = (-1, 0)
    for distance in range(1, 40):
        for key, moves in after.items():
            if key in won:
                continue
            results = [won.get(move) for move in moves]
            if any(result == (-1, distance - 1) for result in results):
                won[key] = (1, distance)
            elif None not in results and min(results)[0] == 1 and max(results)[1] == distance - 1:
                won[key] = (-1, distance)
    assert len(after) == 2 * 3_488
    for mover, pieces in after:
        sides: dict[str, list[str]] = {"w": [], "b": []}
        for (row, column), mark in pieces:
            sides[mark.lower()].append(f"{'K' if mark.isupper() else ''}{4 * row + column // 2 + 1}")
        text = f"{mover.upper()}:W{','.join(sides['w'])}:B{','.join(sides['b'])}"
        assert value_of(text, built) == won.get((mover, pieces), (0, 0)), text


def test_wins_that_the_clock_may_cut_short_are_not_called_known(built: dict[str, np.ndarray]) -> None:
    kings = ENDGAMES.kinds("3-piece").index("2K v 1K")
    slots = np.flatnonzero(built["3-piece"] == 1 + 9)  # won, by the ninth move of either side
    slot = slots[ENDGAMES.kind_of("3-piece", slots) == kings][:1]
    states = ENDGAMES.positions("3-piece", slot)
    found = tables.exact(ENDGAMES, built, states)
    assert found.known[0] and found.result(0) == (1, 9)
    longest = int(found.distance.max())
    for quiet_plies, known in ((longest, True), (longest - 1, False)):
        endgames = games.facet(Checkers(quiet_plies=quiet_plies), Endgames)
        assert tables.exact(endgames, built, states).known.tolist() == [known]


def test_nothing_is_known_without_a_table_that_a_move_leads_to(built: dict[str, np.ndarray]) -> None:
    states = position("B:WK1:BK18,K23")
    assert tables.exact(ENDGAMES, built, states).known.tolist() == [True]
    without = {name: table for name, table in built.items() if name != "3-piece"}
    assert tables.exact(ENDGAMES, without, states).known.tolist() == [False]


def test_values_and_distances_lie_on_the_legal_actions(built: dict[str, np.ndarray]) -> None:
    states = position("B:WK1:BK18,K23")
    found = tables.exact(ENDGAMES, built, states)
    legal = CHECKERS.legal_actions(states)[0][0]
    assert found.values.shape == (1, CHECKERS.num_actions)
    assert set(np.flatnonzero(found.values[0] != games.base.ILLEGAL)) == set(legal[legal >= 0])


@pytest.mark.slow
def test_four_pieces_have_chinooks_count_and_follow_from_their_moves(four: dict[str, np.ndarray]) -> None:
    assert int((four["4-piece"] != NOTHING).sum()) == CHINOOK["4-piece"]
    assert list(verify.faults(ENDGAMES, "4-piece", four, silent)) == []
