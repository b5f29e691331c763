"""English checkers: published counts, a slow twin in plain Python, draws, and boards drawn beside the asserts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import naive_checkers as naive
import numpy as np
import pytest
from facets import notation_of
from numba import config as numba_config

from games import base
from games.checkers import board, fen, kernels, knowledge, moves, rules
from games.checks import contract, perft, random_play

GAME = rules.Checkers()
START = GAME.initial_states(1)
ROOT = Path(__file__).resolve().parents[2]
SLOW_MACHINE = bool(numba_config.DISABLE_JIT)  # kernels run as plain Python: shallower counts, fewer games
PERFT = [7, 49, 302, 1469, 7361, 36768, 179740, 845931, 3963680, 18391564, 85242128]  # OEIS A133046
PERFT_12 = {True: 388623673, False: 388617999}  # every path counted; paths over the same men counted once
DIVIDE_6 = {"9-13": 6638, "9-14": 4133, "10-14": 4265, "10-15": 4659, "11-15": 4289, "11-16": 6805, "12-16": 5979}
# A king that can go round four men both ways, and come to the same square over the same men.
ROUNDABOUT = "B:W6,7,14,15:BK2"


def state_of(text: str, game: rules.Checkers = GAME) -> np.void:
    return fen.read(text, game)[0]


def after(text: str, plies: str, game: rules.Checkers = GAME) -> np.ndarray:
    states = np.array([state_of(text, game)])
    for ply in plies.split():
        states = game.step(states, np.array([notation_of(game).action_from_string(states[0], ply)])).states
    return states


# Counts


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("depth", range(1, 5 if SLOW_MACHINE else 10))
def test_perft_is_the_published_count(depth: int, keep: bool) -> None:
    assert knowledge.perft(START, depth, keep) == PERFT[depth - 1]


@pytest.mark.slow
@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("depth", [10, 11])
def test_perft_is_the_published_count_deep(depth: int, keep: bool) -> None:
    assert knowledge.perft(START, depth, keep) == PERFT[depth - 1]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("keep", [True, False])
def test_perft_twelve_depends_on_whether_paths_over_the_same_men_count_apart(keep: bool) -> None:
    assert knowledge.perft(START, 12, keep) == PERFT_12[keep]


@pytest.mark.parametrize("depth", range(1, 4 if SLOW_MACHINE else 8))
def test_counting_by_the_contract_is_the_same(depth: int) -> None:
    assert perft.perft(GAME, depth) == PERFT[depth - 1]


def test_divide_adds_up_and_agrees_with_the_contract() -> None:
    depth = 4 if SLOW_MACHINE else 6
    found = perft.divide(GAME, depth)
    assert sum(found.values()) == PERFT[depth - 1]
    if depth == 6:
        assert found == DIVIDE_6


def test_counts_are_not_those_of_related_games() -> None:
    """Known signs of wrong rules: the numbers are what those rules count."""
    assert naive.perft(naive.NaiveCheckers(forced=False), 3) == 379 != PERFT[2]  # captures optional
    assert knowledge.perft(START, 3) != 379
    if not SLOW_MACHINE:
        assert knowledge.perft(START, 5) not in (7473, 7482)  # Brazilian; Russian and pool
        assert knowledge.perft(START, 8) != 845925  # captures told apart by their ends alone
        assert knowledge.perft(START, 9) != 3963648  # Thai


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(SLOW_MACHINE, reason="nothing is compiled")
def test_telling_captures_apart_by_their_ends_alone_loses_six_moves_at_depth_eight() -> None:
    level = START
    for _ in range(6):
        level = np.concatenate([move.states for state in level for move in moves.legal(GAME, state)])
    total = 0
    for state in level:
        by_ends = {move.ends: move.states for move in moves.legal(GAME, state)}
        total += sum(len({move.ends for move in moves.legal(GAME, last[0])}) for last in by_ends.values())
    assert total == 845925


def test_two_ways_round_are_two_moves_or_one() -> None:
    """
     1-4     .   B   .   .        2x9x18x11x2 and 2x11x18x9x2
     5-8   .   w   w   .
     9-12    .   .   .   .
    13-16  .   w   w   .
    """
    state = state_of(ROUNDABOUT)
    assert [move.path for move in moves.legal(GAME, state)] == ["2x9x18x11x2", "2x11x18x9x2"]
    states = np.array([state])
    assert (knowledge.perft(states, 1), knowledge.perft(states, 1, keep=False)) == (2, 1)
    assert naive.perft(naive.NaiveCheckers.from_fen(ROUNDABOUT), 1) == 2


OTHER_POSITIONS = [ROUNDABOUT, "W:W27,K19,10:BK1,2,12,K32", "B:WK1,K5:BK28,K32", "B:W22,23,24,15:B6,K8,9"]


@pytest.mark.parametrize("text", OTHER_POSITIONS)
def test_counts_from_other_positions_are_the_twins(text: str) -> None:
    states, twin = np.array([state_of(text)]), naive.NaiveCheckers.from_fen(text)
    for depth in range(1, 4):
        assert knowledge.perft(states, depth) == naive.perft(twin, depth)


def test_counting_goes_on_in_the_middle_of_a_jump() -> None:
    states = after(ROUNDABOUT, "2x9")
    assert states["jumper"] and knowledge.perft(states, 1) == 1
    assert perft.divide(GAME, 1, states) == {"9x18x11x2": 1}
    assert knowledge.perft(after("B:W6:B1", "1x10"), 3) == 0  # the game is over


def test_the_bound_on_legal_actions_is_reached() -> None:
    """Twelve kings alone, four to every other row: found as the best of all ways to place them."""
    kings = [5, 6, 7, 8, 13, 14, 15, 16, 21, 22, 23, 24]
    states = fen.read(f"B:W:B{','.join(f'K{king}' for king in kings)}", GAME)
    states["other"] = 0
    assert GAME.legal_actions(states)[1] == rules.MAX_LEGAL_ACTIONS


# The slow twin


def compare_game(game: rules.Checkers, twin: naive.NaiveCheckers, states: np.ndarray, rng: np.random.Generator) -> str:
    """Plays one random game on both; returns how it ended. A favourite action makes kings go to and fro."""
    favour = rng.random() < 0.5
    while True:
        drawing = game.to_string(states[0])
        legal = game.legal_moves(states[0])
        assert sorted(legal) == sorted(twin.legal()), drawing
        assert bool(states["terminal"][0]) == twin.over() and "bw"[states["to_play"][0]] == twin.mover, drawing
        assert states["clock"][0] == twin.clock and np.all(states["history"][0, twin.clock :] == 0), drawing
        planes = game.observe(states)[0]
        assert planes[[0, 1, 2, 3, 4, 6]].tolist() == twin.planes(), drawing
        assert np.all(planes[5] == twin.clock * 8 // game.quiet_plies / 8), drawing
        if twin.over():
            return twin.winner() or "draw"
        texts = sorted(legal)
        text = texts[0] if favour and rng.random() < 0.8 else texts[rng.integers(len(texts))]
        mover = twin.mover
        step = game.step(states, np.array([legal[text]]))
        twin.play(text)
        assert step.reward[0] == float(twin.winner() == mover), drawing
        assert step.discount[0] == (0 if twin.over() else 1 if twin.mover == mover else -1), drawing
        if twin.jumping is None and not twin.over():
            assert step.states["repetitions"][0] == twin.seen[twin.position()] - 1, drawing
        states = step.states


def test_random_games_agree_with_the_slow_twin() -> None:
    rng = np.random.default_rng(11)
    ends = [compare_game(GAME, naive.NaiveCheckers(), START, rng) for _ in range(3 if SLOW_MACHINE else 60)]
    assert SLOW_MACHINE or {"b", "w"} <= set(ends)


@pytest.mark.parametrize(("quiet_plies", "occurrences"), [(80, 3), (12, 0), (9, 2), (120, 4)])
def test_kings_at_the_end_agree_with_the_slow_twin(quiet_plies: int, occurrences: int) -> None:
    game, rng = rules.Checkers(quiet_plies, occurrences), np.random.default_rng(12)
    ends = []
    for text in ["B:WK1,K5:BK28,K32", "W:WK30,21:BK2,12", "B:WK15:BK18,K22,K31"] * (1 if SLOW_MACHINE else 10):
        twin = naive.NaiveCheckers.from_fen(text, quiet_plies=quiet_plies, occurrences=occurrences)
        ends.append(compare_game(game, twin, np.array([state_of(text, game)]), rng))
    assert SLOW_MACHINE or "draw" in ends


def test_the_game_keeps_the_contract() -> None:
    results = contract.check_game(GAME, np.random.default_rng(3), 5 if SLOW_MACHINE else 40)
    assert [result for result in results if not result.passed] == []
    other = contract.check_game(rules.Checkers(10, 2), np.random.default_rng(3), 5 if SLOW_MACHINE else 20)
    assert [result for result in other if not result.passed] == []


# Single rules


def test_black_begins_and_the_board_is_drawn_with_white_below() -> None:
    state = after(fen.write(START[0]), "11-15 22-18")[0]
    assert GAME.to_string(state) == "\n".join(
        [
            " 1-4     b   b   b   b",
            " 5-8   b   b   b   b",
            " 9-12    b   b   .   b",
            "13-16  .   .   b   .",
            "17-20    .   w   .   .",
            "21-24  w   .   w   w",
            "25-28    w   w   w   w",
            "29-32  w   w   w   w",
        ]
    )
    assert list(GAME.legal_moves(state)) == ["15x22"] and state["to_play"] == 0


def test_a_jump_that_goes_on_keeps_the_move_and_names_the_piece() -> None:
    """
     1-4     .   .   b   .
     5-8   .   .   w   .
     9-12    .   b   .   .      10x17 over 14 goes on over 22; 10 left empty, 3 could now jump over 7, but may not.
    13-16  .   w   .   .
    17-20    .   .   .   .
    21-24  .   w   .   .
    """
    state = state_of("B:W14,22,7:B10,3")
    step = GAME.play(state, notation_of(GAME).action_from_string(state, "10x17"))
    assert (step.discount[0], step.reward[0], step.states["to_play"][0]) == (1, 0, 0)
    assert list(GAME.legal_moves(step.states[0])) == ["17x26"], "3 may not jump now"
    assert GAME.to_string(step.states[0]).endswith("17 jumps on")
    done = GAME.play(step.states[0], notation_of(GAME).action_from_string(step.states[0], "17x26"))
    assert done.discount[0] == -1 and done.states["to_play"][0] == 1 and done.states["jumper"][0] == 0


def test_a_man_that_is_crowned_stops_though_a_king_could_jump_on() -> None:
    state = state_of("B:W26,27:B22")
    step = GAME.play(state, notation_of(GAME).action_from_string(state, "22x31"))
    assert step.discount[0] == -1 and rules.marks_of(step.states[0])[30] == "B"
    assert list(GAME.legal_moves(step.states[0])), "27 stands and moves"


def test_kings_step_one_square_and_jump_backwards_while_men_do_not() -> None:
    assert sorted(GAME.legal_moves(state_of("B:W32:BK14"))) == ["14-10", "14-17", "14-18", "14-9"]
    assert sorted(GAME.legal_moves(state_of("B:W9,32:BK14"))) == ["14x5"]
    assert sorted(GAME.legal_moves(state_of("B:W9,32:B14"))) == ["14-17", "14-18"]


def test_who_cannot_move_loses_even_when_the_game_would_be_drawn() -> None:
    """
     1-4     .   .   b   B
     5-8   .   .   .   .        4-8 shuts in the man on 12, at the last quiet ply; 31-27 does not.
     9-12    .   .   .   w
    29-32  .   .   B   .
    """
    game = rules.Checkers(quiet_plies=1)
    state = state_of("B:W12:B3,K4,K31", game)
    for move, reward in (("4-8", 1), ("31-27", 0)):
        step = game.play(state, notation_of(game).action_from_string(state, move))
        assert (step.reward[0], step.discount[0]) == (reward, 0) and step.states["terminal"][0]


def test_a_record_may_name_a_jump_as_one_move_or_ply_by_ply() -> None:
    opening = "11-16 21-17 8-11 23-18 16-19"
    path, ends, plies = (
        notation_of(GAME).state_after(f"{opening} {jump}") for jump in ("24x15x8", "24x8", "24x15 15x8")
    )
    assert random_play.same(path, ends) and random_play.same(ends, plies) and plies["to_play"] == 0
    assert notation_of(GAME).state_after(f"{opening} 24x15")["jumper"] == 32 - 15 + 1
    with pytest.raises(base.IllegalMove, match=r"move 6: '24-20' is not a legal move here. A jump is forced."):
        notation_of(GAME).state_after(f"{opening} 24-20")
    with pytest.raises(base.IllegalMove, match="13521 moves were given, but a game has at most 13520"):
        notation_of(GAME).state_after("11-15 " * 13521)


def test_a_lost_last_piece_loses() -> None:
    state = state_of("B:W6:B1")
    step = GAME.play(state, notation_of(GAME).action_from_string(state, "1x10"))
    assert (step.reward[0], step.discount[0]) == (1, 0) and step.states["terminal"][0]


TO_AND_FRO = "4-8 29-25 8-4 25-29"


def test_the_third_occurrence_is_a_draw() -> None:
    """Kings go to and fro: the first position stands on the board for the second time after 4 plies, then after 8."""
    text = "B:WK29:BK4"
    twice = after(text, TO_AND_FRO)
    assert twice["repetitions"] == 1 and not twice["terminal"] and twice["clock"] == 4
    almost = after(text, f"{TO_AND_FRO} {TO_AND_FRO[:-6]}")
    assert not almost["terminal"]
    thrice = GAME.play(almost[0], notation_of(GAME).action_from_string(almost[0], "25-29"))
    assert thrice.states["terminal"] and thrice.states["repetitions"] == 2
    assert (thrice.reward[0], thrice.discount[0]) == (0, 0)
    free = rules.Checkers(occurrences=0)
    assert not after(text, f"{TO_AND_FRO} {TO_AND_FRO} {TO_AND_FRO}", free)["terminal"]


def test_the_same_board_with_the_other_player_to_move_is_no_repetition() -> None:
    """The planes are the same for both colours, so caches share nothing but keys must differ."""
    states = after("B:WK29:BK4", "4-8 29-25 8-4 25-29")
    assert states["repetitions"] == 1
    turned = after("W:WK29:BK4", "29-25 4-8 25-29 8-4")
    assert GAME.key(states) != GAME.key(turned)
    assert np.array_equal(GAME.observe(states), GAME.observe(turned))


def test_eighty_plies_without_capture_or_mans_move_are_a_draw() -> None:
    game = rules.Checkers(occurrences=0)
    states = np.array([state_of("B:WK29,21:BK4,12", game)])
    for ply in range(79):
        states = game.step(
            states, np.array([notation_of(game).action_from_string(states[0], TO_AND_FRO.split()[ply % 4])])
        ).states
        assert not states["terminal"] and states["clock"] == ply + 1
    ended = game.step(states, np.array([notation_of(game).action_from_string(states[0], "25-29")]))
    assert ended.states["terminal"] and (ended.reward[0], ended.discount[0]) == (0, 0)
    moved = game.step(states, np.array([notation_of(game).action_from_string(states[0], "21-17")])).states
    assert moved["clock"] == 0 and not moved["terminal"] and not moved["history"].any()


def test_keys_tell_apart_what_the_planes_show() -> None:
    """Same board: fresh, after a repetition, and with the clock an eighth on."""
    game = rules.Checkers(occurrences=0)
    fresh = np.array([state_of("B:WK29:BK4", game)])
    repeated, later = after("B:WK29:BK4", TO_AND_FRO, game), after("B:WK29:BK4", " ".join([TO_AND_FRO] * 3), game)
    keys = [int(game.key(states)[0]) for states in (fresh, repeated, later)]
    assert len(set(keys)) == 3 and 0 not in keys
    same_eighth = after("B:WK29:BK4", f"{TO_AND_FRO} {TO_AND_FRO}", game)
    assert game.key(same_eighth) == game.key(repeated) and np.all(game.observe(same_eighth) == game.observe(repeated))


def test_positions_have_keys_of_their_own() -> None:
    """Each word of a position reaches the key, its highest bits too."""
    rng, base_state = np.random.default_rng(5), START.copy()
    states = np.repeat(base_state, 35 * 3 + 1)
    for i, (field, bit) in enumerate((field, bit) for field in ("own", "other", "kings") for bit in range(35)):
        states[field][i] ^= np.uint64(1 << bit)
    states["jumper"][-1] = rng.integers(1, 33)
    assert len(np.unique(GAME.key(states))) == len(states)


def test_impossible_limits_are_refused() -> None:
    with pytest.raises(ValueError, match="quiet_plies is 0; allowed are 1 to 255"):
        rules.Checkers(quiet_plies=0)
    with pytest.raises(ValueError, match="occurrences is 1"):
        rules.Checkers(occurrences=1)


# Machinery


def test_bits_and_squares() -> None:
    assert board.squares(board.FULL) == list(range(32)) and board.FULL.bit_count() == 32
    for square in range(32):
        for direction in range(4):
            near = board.NEIGHBOUR[square, direction]
            assert near < 0 or board.NEIGHBOUR[near, 3 - direction] == square
            word = kernels.shifted(np.uint64(board.bits([square])), direction) & np.uint64(board.FULL)
            assert board.squares(int(word)) == ([near] if near >= 0 else [])
        turned = kernels.turn(np.uint64(board.bits([square])))
        assert board.squares(int(turned)) == [31 - square]


def test_playouts_end_by_the_rules_and_repeat_with_their_seed() -> None:
    states = np.repeat(START, 4 if SLOW_MACHINE else 200)
    seeds = np.arange(len(states), dtype=np.uint64)
    outcome = GAME.playouts(states, seeds)
    assert np.array_equal(outcome[::-1], GAME.playouts(states, seeds[::-1]))
    assert outcome.dtype == np.int8 and (SLOW_MACHINE or set(np.unique(outcome)) == {-1, 0, 1})
    assert SLOW_MACHINE or abs(outcome.mean()) < 0.3
    lost = fen.read("B:W5:B", GAME)
    assert GAME.playouts(lost, seeds[:1]) == [0], "it is over already"
    one_move_from_a_win = fen.read("B:W6:B1", GAME)
    assert GAME.playouts(one_move_from_a_win, seeds[:1]) == [1]
    assert np.array_equal(states, np.repeat(START, len(states)))


def test_positions_inside_packed_rows_are_read_right() -> None:
    """A replay row may put a position at an odd address, where compiled code must not look without a copy."""
    states = np.concatenate([played.states for played in random_play.random_games(GAME, np.random.default_rng(2), 2)])
    rows = np.zeros(len(states), dtype=[("tag", "u1"), ("state", GAME.state_dtype)])
    rows["state"] = states
    packed = rows["state"]
    assert not packed.flags.aligned and base.kernel_ready(packed).flags.aligned
    assert np.array_equal(GAME.observe(packed), GAME.observe(states))
    assert np.array_equal(GAME.legal_actions(packed)[0], GAME.legal_actions(states)[0])
    assert np.array_equal(GAME.key(packed), GAME.key(states))


FRESH = """
import numpy as np
from games.checks import random_play as sample
from games.checkers import engine, kernels, knowledge, rules
game = rules.Checkers()
played = sample.random_games(game, np.random.default_rng(4), 3)
print([one.actions.sum() for one in played], knowledge.perft(game.initial_states(1), 5))
value = game.playouts(played[0].states[:9], np.arange(9))
print(engine.CheckersEngine(game, 12).analyze(game.initial_states(1)[0], 5), value.tolist())
print(sum(kernels.step.stats.cache_hits.values()) + sum(kernels.perft.stats.cache_hits.values()), "loaded")
"""


@pytest.mark.slow  # compiles everything anew in processes of its own
@pytest.mark.skipif(SLOW_MACHINE, reason="nothing is compiled")
def test_kernels_loaded_from_the_cache_give_the_same_again() -> None:
    """Some mistakes compile and run, and crash only when loaded in the next process."""
    outputs = []
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", FRESH], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, timeout=110, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        outputs.append(done.stdout.splitlines())
    assert outputs[1][:2] == outputs[2][:2] == outputs[0][:2]
    assert outputs[1][2] == outputs[2][2] == "2 loaded"


def test_each_kernel_is_compiled_once() -> None:
    """Read-only, strided and int64 input must not add signatures: each costs seconds and a file in the cache."""
    if SLOW_MACHINE:
        pytest.skip("nothing is compiled")
    states = np.repeat(START, 8)
    states.flags.writeable = False
    for view in (states, states[::2], states.copy()):
        for dtype in (np.int32, np.int64):
            GAME.step(view, GAME.legal_actions(view)[0][:, 0].astype(dtype))
        GAME.observe(view)
    code = (
        "import numpy as np\nfrom games.checkers import rules, kernels\ngame = rules.Checkers()\n"
        "states = np.repeat(game.initial_states(1), 8)\nstates.flags.writeable = False\n"
        "for view in (states, states[::2], states.copy()):\n"
        "    for dtype in (np.int32, np.int64):\n"
        "        game.step(view, game.legal_actions(view)[0][:, 0].astype(dtype))\n"
        "    game.observe(view)\n    game.playouts(view, np.arange(len(view)))\n"
        "print([len(k.signatures) for k in (kernels.step, kernels.legal_actions, kernels.observe, kernels.playout)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=110, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[1, 1, 1, 1]"
