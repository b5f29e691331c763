"""One game searched: what is kept between moves, what ends a search, what is shown."""

from __future__ import annotations

import threading
import time

import numba
import numpy as np
import pytest
from facets import knowledge_of
from toy_games import Coins

import games
from games import base
from games.checks import random_play
from selfplay.search import analyzer, search, tree
from selfplay.search.analyzer import Analyzer, Limit, SearchInfo
from selfplay.search.config import SearchConfig
from selfplay.search.evaluators import HashEvaluator, UniformEvaluator
from selfplay.search.search import Leaves

SLOWLY = bool(numba.config.DISABLE_JIT)
PUCT = SearchConfig()
FOUR = games.make("connect-four")
ALL = [games.make(name) for name in games.available()]


def made(game: base.Game, config: SearchConfig = PUCT, room: int = 5000, leaves: int = analyzer.LEAVES) -> Analyzer:
    return Analyzer(game, HashEvaluator(game), config, room, leaves)


def at(thinking: Analyzer, game: base.Game, actions: list[int]) -> np.ndarray:
    """Sets the position after `actions` from the start, and returns it [1]."""
    states = game.initial_states(1)
    thinking.set_position(states, actions)
    for action in actions:
        states = game.step(states, np.array([action])).states
    return states


class Slow:
    """Even answers, each batch so many seconds late. Counts batches."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.batches, self.asked = seconds, 0, threading.Event()

    def __call__(self, leaves: Leaves) -> tuple[np.ndarray, np.ndarray]:
        time.sleep(self.seconds)
        self.batches += 1
        self.asked.set()
        return HashEvaluator(FOUR)(leaves)


# What is thought


@pytest.mark.parametrize("game", [*ALL, Coins()], ids=lambda game: game.name)
@pytest.mark.parametrize("simulations", [0, 1, 60])
def test_lines_are_legal_and_shares_add_up_in_every_game(game: base.Game, simulations: int) -> None:
    thinking, rng = made(game), np.random.default_rng(1)
    for played in random_play.random_games(game, rng, 3):
        actions = played.actions[: rng.integers(len(played.actions))]
        states = at(thinking, game, list(actions))
        thought = thinking.analyze(Limit(simulations))
        legal = set(game.legal_actions(states)[0][0].tolist()) - {-1}
        assert {line.actions[0] for line in thought.lines} == legal and len(thought.lines) == len(legal)
        assert sum(line.policy for line in thought.lines) == pytest.approx(1, abs=1e-5)
        assert sum(thought.wdl) == pytest.approx(1, abs=1e-5)
        assert thought.visits == sum(line.visits for line in thought.lines)
        assert thought.visits >= simulations or thought.exact
        assert thought.lines[0].policy == max(line.policy for line in thought.lines)
        assert thought.evaluations >= 1 and 0 <= thought.mean_depth <= thought.depth
        for line in thought.lines:
            after = states
            for action in line.actions:
                assert not after["terminal"][0] and action in game.legal_actions(after)[0][0]
                after = game.step(after, np.array([action])).states
            assert len(line.actions) <= thought.depth or not line.visits


@pytest.mark.parametrize("policy", ["puct", "uct"])
def test_one_leaf_at_a_time_finds_what_a_search_of_many_games_finds(policy: str) -> None:
    config = SearchConfig(policy=policy, dirichlet_fraction=0.0)  # type: ignore[arg-type]
    thinking = made(FOUR, config, leaves=1)
    states = at(thinking, FOUR, [3, 3, 2])
    thought = thinking.analyze(Limit(80))
    found = search.run(FOUR, states, HashEvaluator(FOUR), config, 80)
    assert {line.actions[0]: line.visits for line in thought.lines} == dict(
        zip(found.actions[0].tolist(), found.visits[0].tolist(), strict=True)
    )
    assert thought.lines[0].actions[0] == found.actions[0, found.play[0]]
    assert thought.value == pytest.approx(float(found.value[0]))


def test_a_proven_win_is_shown_first_and_to_its_end_and_proven_losses_last() -> None:
    # X has three in column 1 and O three in column 7; X to move wins at once.
    thinking = made(FOUR)
    at(thinking, FOUR, [0, 6, 0, 6, 0, 6])
    thought = thinking.analyze(Limit(200))
    assert thought.exact and thought.value == 1 and thought.lines[0].actions == [0] and thought.lines[0].proven == 1
    # O has three in column 7: whatever X plays elsewhere loses at once.
    at(thinking, FOUR, [0, 6, 0, 6, 1, 6])
    thought = thinking.analyze(Limit(400))
    lost = [line for line in thought.lines if line.proven == -1]
    assert thought.lines[0].actions[0] == 6 and lost and thought.lines[-len(lost) :] == lost
    assert all(line.actions[1] == 6 for line in lost if len(line.actions) > 1)


def test_variations_follow_proofs_below_the_root() -> None:
    """Tic-tac-toe solved: every line of the best value keeps that value to the end of the game."""
    game = games.make("tic-tac-toe")
    thinking = Analyzer(game, UniformEvaluator(), PUCT, 50_000)
    states = at(thinking, game, [0, 1])  # X took a corner, O an edge beside it: X wins
    thought = thinking.analyze(Limit(300 if SLOWLY else 5000))
    assert thought.exact and thought.value == 1
    for action in thought.lines[0].actions:
        exact = knowledge_of(game).exact_action_values(states)
        assert exact is not None and exact[0, action] == exact.max(), game.to_string(states[0])
        states = game.step(states, np.array([action])).states


def test_a_lone_legal_action_is_a_line() -> None:
    game = games.make("tic-tac-toe")
    thinking = made(game)
    at(thinking, game, [0, 1, 2, 4, 3, 5, 7, 6])
    (line,) = thinking.analyze(Limit(10)).lines
    assert line.actions == [8] and line.policy == 1


# What is kept between moves


@pytest.mark.parametrize("game", [FOUR, games.make("checkers"), Coins()], ids=lambda game: game.name)
def test_the_subtree_of_the_moves_played_is_kept(game: base.Game) -> None:
    thinking, actions = made(game), []
    at(thinking, game, actions)
    thought = thinking.analyze(Limit(200))
    for _ in range(4):
        best = thought.lines[0]
        if thought.exact:
            break
        actions.append(best.actions[0])
        at(thinking, game, actions)
        kept = thinking.analyze(Limit(0))
        assert kept.visits == best.visits - 1 and kept.evaluations <= 1
        thought = thinking.analyze(Limit(200))
        assert thought.visits >= 200 or thought.exact
    assert len(actions) > 2


def test_two_plies_at_once_keep_the_tree_too() -> None:
    thinking = made(FOUR)
    at(thinking, FOUR, [])
    line = thinking.analyze(Limit(400)).lines[0]
    at(thinking, FOUR, line.actions[:2])
    assert thinking.analyze(Limit(0)).visits > 10


def test_undo_and_a_jump_to_another_position_start_anew_and_find_the_same_as_ever() -> None:
    thinking = made(FOUR)
    for actions in ([3], [3, 3, 2], [3], [], [6, 6, 6, 6], [3, 2], [3, 2, 1]):
        states = at(thinking, FOUR, actions)
        thought = thinking.analyze(Limit(50))
        np.testing.assert_array_equal(thinking._search.states[:1], states)
        if actions != [3, 2, 1] and actions != [3, 3, 2]:
            fresh = made(FOUR)
            at(fresh, FOUR, actions)
            again = fresh.analyze(Limit(50))
            assert thought.lines == again.lines and thought.wdl == again.wdl


def test_the_same_position_again_goes_on_where_it_was() -> None:
    thinking = made(FOUR)
    at(thinking, FOUR, [3])
    thinking.analyze(Limit(50))
    at(thinking, FOUR, [3])
    thought = thinking.analyze(Limit(51))
    assert thought.evaluations == 1 and thought.visits == 51


def test_positions_before_and_after_the_end_of_a_game_are_told_apart() -> None:
    thinking, won = made(FOUR), [0, 6, 0, 6, 0, 6, 0]
    with pytest.raises(ValueError, match="over"):
        thinking.analyze(Limit(10))
    for _ in range(2):
        at(thinking, FOUR, won[:-1])
        assert thinking.analyze(Limit(50)).lines[0].actions == [0]
        at(thinking, FOUR, won)
        with pytest.raises(ValueError, match="the game is over in this position"):
            thinking.analyze(Limit(10))
    at(thinking, FOUR, [3])
    assert thinking.analyze(Limit(20)).visits == 20


def test_a_full_tree_ends_the_search_and_the_next_position_is_searched_all_the_same() -> None:
    thinking, actions = made(FOUR, room=100), []
    for _ in range(4):
        at(thinking, FOUR, actions)
        thought = thinking.analyze(Limit())
        assert thought.full and 50 < thought.visits < 4000
        actions.append(thought.lines[0].actions[0])


def test_gumbel_thinks_by_puct_which_needs_no_end() -> None:
    thinking, plain = made(FOUR, SearchConfig(policy="gumbel")), made(FOUR)
    for one in (thinking, plain):
        at(one, FOUR, [3])
    assert thinking.analyze(Limit(100)).lines == plain.analyze(Limit(100)).lines


def test_an_interrupted_search_does_not_spoil_the_next() -> None:
    class Interrupted:
        left = 12

        def __call__(self, leaves: Leaves) -> tuple[np.ndarray, np.ndarray]:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
            return HashEvaluator(FOUR)(leaves)

    thinking, fresh = Analyzer(FOUR, Interrupted(), PUCT, 1000), made(FOUR)
    for one in (thinking, fresh):
        at(one, FOUR, [3])
    with pytest.raises(KeyboardInterrupt):
        thinking.analyze(Limit(300))
    assert thinking.analyze(Limit(300)).lines == fresh.analyze(Limit(300)).lines


def test_nothing_is_shown_before_there_is_anything() -> None:
    thinking = made(FOUR)
    with pytest.raises(ValueError, match="not been analyzed"):
        thinking.info()
    at(thinking, FOUR, [3])
    with pytest.raises(ValueError, match="not been analyzed"):
        thinking.info()
    thinking.analyze(Limit(0))
    assert len(thinking.info().lines) == 7


# Several leaves at once


def test_several_leaves_make_exactly_the_simulations_asked_for_and_fewer_batches() -> None:
    counted = {}
    for leaves in (1, 16):
        slow = Slow(0.0)
        thinking = Analyzer(FOUR, slow, SearchConfig(solve=False), 5000, leaves)
        at(thinking, FOUR, [])
        assert thinking.analyze(Limit(800)).visits == 800
        counted[leaves] = slow.batches
    assert counted[16] < counted[1] / 6


# When it ends


def test_time_is_kept_to_within_a_batch() -> None:
    thinking = Analyzer(FOUR, Slow(0.02), PUCT, 100_000)
    at(thinking, FOUR, [])
    began = time.perf_counter()
    thought = thinking.analyze(Limit(seconds=0.3))
    took = time.perf_counter() - began
    assert 0.3 <= took < 0.6 and thought.seconds <= took and not thought.full
    assert thinking.analyze(Limit(seconds=0.0)).evaluations <= 16


def test_a_search_that_meets_only_finished_games_keeps_to_its_time() -> None:
    game = games.make("tic-tac-toe")
    thinking = Analyzer(game, UniformEvaluator(), SearchConfig(solve=False), 1000)
    at(thinking, game, [0, 1, 2, 4, 3, 5])
    began = time.perf_counter()
    thought = thinking.analyze(Limit(seconds=0.2))
    assert time.perf_counter() - began < (10 if SLOWLY else 1) and thought.visits > 1000 and thought.evaluations < 20


def test_reports_come_while_it_thinks() -> None:
    told: list[SearchInfo] = []
    thinking = Analyzer(FOUR, Slow(0.01), PUCT, 100_000)
    at(thinking, FOUR, [])
    last = thinking.analyze(Limit(seconds=0.5), told.append, every=0.1)
    assert 2 <= len(told) <= 6
    assert [thought.visits for thought in told] == sorted(thought.visits for thought in told)
    assert told[0].seconds < told[-1].seconds <= last.seconds


def in_the_background(thinking: Analyzer, limit: Limit) -> tuple[threading.Thread, list[SearchInfo]]:
    found: list[SearchInfo] = []
    thread = threading.Thread(target=lambda: found.append(thinking.analyze(limit)), daemon=True)
    thread.start()
    return thread, found


def test_another_thread_stops_a_search_without_limit() -> None:
    slow = Slow(0.005)
    thinking = Analyzer(FOUR, slow, PUCT, 1_000_000)
    at(thinking, FOUR, [])
    thread, found = in_the_background(thinking, Limit())
    assert slow.asked.wait(30)
    thinking.stop()
    thread.join(30)
    assert not thread.is_alive() and len(found) == 1 and found[0].lines


def test_a_stop_before_the_search_ends_it_and_only_it() -> None:
    thinking = made(FOUR)
    at(thinking, FOUR, [])
    thinking.stop()
    assert thinking.analyze(Limit(500)).visits == 0
    assert thinking.analyze(Limit(500)).visits == 500


def test_a_stop_that_comes_too_late_is_forgotten_on_demand() -> None:
    thinking = made(FOUR)
    at(thinking, FOUR, [])
    thinking.analyze(Limit(10))
    thinking.stop()
    thinking.limit(Limit(20))
    thinking.clear()
    assert thinking.analyze(Limit(50)).visits == 50


def test_the_limit_can_change_while_it_thinks() -> None:
    """As when the opponent plays the move that was pondered about: from then on the clock runs."""
    slow = Slow(0.005)
    thinking = Analyzer(FOUR, slow, PUCT, 1_000_000)
    at(thinking, FOUR, [])
    thread, found = in_the_background(thinking, Limit())
    assert slow.asked.wait(30)
    began = time.perf_counter()
    thinking.limit(Limit(seconds=0.2))
    thread.join(30)
    assert len(found) == 1 and 0.19 <= time.perf_counter() - began < 2
    thinking.limit(Limit(100_000, seconds=0.05))  # before the search begins: it is for the next one, and only for it
    assert thinking.analyze(Limit(200_000)).visits < 100_000
    visits = thinking.info().visits
    assert thinking.analyze(Limit(visits + 100)).visits == visits + 100


def test_an_early_end_comes_when_the_best_action_cannot_be_overtaken() -> None:
    thinking = made(FOUR, SearchConfig(solve=False))
    at(thinking, FOUR, [3, 3])
    early = thinking.analyze(Limit(2000, early=True))
    most, second = sorted((line.visits for line in early.lines), reverse=True)[:2]
    assert early.visits < 2000 and most - second > 2000 - early.visits
    late = made(FOUR, SearchConfig(solve=False))
    at(late, FOUR, [3, 3])
    assert late.analyze(Limit(2000)).lines[0].actions[0] == early.lines[0].actions[0]


def test_an_early_end_comes_at_once_where_only_one_action_is_legal() -> None:
    game = games.make("tic-tac-toe")
    thinking = made(game, SearchConfig(solve=False))
    at(thinking, game, [0, 1, 2, 4, 3, 5, 7, 6])
    assert thinking.analyze(Limit(seconds=60, early=True)).seconds < 5


def test_an_early_end_goes_by_the_clock_too() -> None:
    thinking = Analyzer(FOUR, Slow(0.01), SearchConfig(solve=False), 100_000, 1)
    at(thinking, FOUR, [3, 3])
    thought = thinking.analyze(Limit(seconds=2.0, early=True))
    most, second = sorted((line.visits for line in thought.lines), reverse=True)[:2]
    assert thought.seconds < 2.1 and (thought.seconds >= 2 or most > second)


def test_room_for_a_million_nodes_costs_nothing_until_it_is_used() -> None:
    began = time.perf_counter()
    thinking = made(games.make("chess"), room=1_000_000)
    at(thinking, thinking.game, [])
    thinking.analyze(Limit(0))
    assert time.perf_counter() - began < (30 if SLOWLY else 2)
    assert tree.zeros(10, np.dtype("i4")).tolist() == [0] * 10
    huge = tree.zeros(2**27 + 1, np.dtype("u1"))
    huge[-1] = 7
    assert len(huge) == 2**27 + 1 and huge[0] == 0 and huge.flags.carray
