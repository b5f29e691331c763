"""Searches restricted to some actions at the root, against the search of a game in which only these are legal there."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

import games
from games.base import Game
from games.checks import random_play
from selfplay.search import search
from selfplay.search.analyzer import Analyzer, Limit
from selfplay.search.config import SearchConfig
from selfplay.search.evaluators import HashEvaluator, UniformEvaluator

CONNECT_FOUR, CHECKERS = games.make("connect-four"), games.make("checkers")
CONFIGS = [
    SearchConfig(policy="puct"), SearchConfig(policy="gumbel", max_num_considered_actions=4),
    SearchConfig(policy="uct"), SearchConfig(policy="puct", look_ahead=True),
]  # fmt: skip


def restricted(game: Game, root: np.ndarray, allowed: Sequence[int]) -> Game:
    """The slow twin: a copy of the game in which only `allowed` is legal in the position `root` [1]."""
    key, fewer = game.key(root)[0], copy.copy(game)

    def legal_actions(states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        actions, count = game.legal_actions(states)
        for row in np.flatnonzero(game.key(states) == key):
            actions[row] = -1
            actions[row, : len(allowed)] = allowed
            count[row] = len(allowed)
        return actions, count

    fewer.legal_actions = legal_actions  # type: ignore[method-assign]
    return fewer


def positions(game: Game, number: int) -> np.ndarray:
    """[number] positions with two legal actions or more."""
    played = random_play.random_games(game, np.random.default_rng(3), number)
    states = np.concatenate([one.states[: len(one.actions)] for one in played])
    return states[game.legal_actions(states)[1] >= 2][:: len(states) // (2 * number)][:number]


@pytest.mark.parametrize("game", [CONNECT_FOUR, CHECKERS], ids=lambda game: game.name)
@pytest.mark.parametrize("config", CONFIGS, ids=["puct", "gumbel", "uct", "look-ahead"])
def test_a_restricted_root_is_the_root_of_a_game_with_fewer_actions(game: Game, config: SearchConfig) -> None:
    rng = np.random.default_rng(1)
    states = positions(game, 6)
    actions, count = game.legal_actions(states)
    chosen = [
        sorted(rng.choice(row[:number], size=rng.integers(1, number), replace=False).tolist())
        for row, number in zip(actions, count, strict=True)
    ]
    rngs = [np.random.default_rng(k) for k in range(len(states))]
    together = search.run(game, states, HashEvaluator(game), config, 60, copy.deepcopy(rngs), root_actions=chosen)
    for k, only in enumerate(chosen):
        fewer = restricted(game, states[k : k + 1], only)
        alone = search.run(fewer, states[k : k + 1], HashEvaluator(game), config, 60, [rngs[k]])
        for mine, twins in zip(together, alone, strict=True):
            np.testing.assert_array_equal(mine[k], twins[0])
        assert together.actions[k, together.play[k]] in only


def test_the_restriction_ends_with_the_search_that_it_was_for() -> None:
    running = search.Search(CONNECT_FOUR, 1, SearchConfig(), 50)
    evaluate, states = HashEvaluator(CONNECT_FOUR), CONNECT_FOUR.initial_states(1)
    one = search.run(CONNECT_FOUR, states, evaluate, SearchConfig(), 50, search=running, root_actions=[[2, 5]])
    assert one.actions[0].tolist() == [2, 5, -1, -1, -1, -1, -1]
    after = search.run(CONNECT_FOUR, states, evaluate, SearchConfig(), 50, search=running)
    before = search.run(CONNECT_FOUR, states, evaluate, SearchConfig(), 50)
    for mine, fresh in zip(after, before, strict=True):
        np.testing.assert_array_equal(mine, fresh)


@pytest.mark.parametrize("only", [[], [7], [0, 0, 9]])
def test_root_actions_that_are_not_legal_are_refused(only: list[int]) -> None:
    with pytest.raises(ValueError, match=r"not legal actions of row 0: \[0, 1, 2, 3, 4, 5, 6\]"):
        search.run(
            CONNECT_FOUR, CONNECT_FOUR.initial_states(1), UniformEvaluator(), SearchConfig(), 5, root_actions=[only]
        )


def test_an_analyzer_looks_at_the_chosen_actions_alone_and_then_at_all_again() -> None:
    start = CONNECT_FOUR.initial_states(1)
    analyzer = Analyzer(CONNECT_FOUR, HashEvaluator(CONNECT_FOUR), SearchConfig(), 500, 4)
    analyzer.set_position(start, [3], [0, 6])
    few = analyzer.analyze(Limit(200))
    assert {line.actions[0] for line in few.lines} == {0, 6} and few.visits >= 200
    analyzer.forget()
    analyzer.set_position(start, [3])
    fresh = Analyzer(CONNECT_FOUR, HashEvaluator(CONNECT_FOUR), SearchConfig(), 500, 4)
    fresh.set_position(start, [3])
    again, other = analyzer.analyze(Limit(200)), fresh.analyze(Limit(200))
    assert again.lines == other.lines and len(again.lines) == 7


def test_noise_at_the_root_is_drawn_for_the_chosen_actions() -> None:
    config = replace(SearchConfig(), dirichlet_fraction=1.0)
    running = search.Search(CONNECT_FOUR, 1, config, 10)
    running.reset_root(
        np.arange(1), CONNECT_FOUR.initial_states(1), 10, [np.random.default_rng(0)], root_actions=[[1, 4]]
    )
    assert running.trees.root_noise[0, :2].sum() == pytest.approx(1) and not running.trees.root_noise[0, 2:].any()
