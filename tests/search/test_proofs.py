"""Proofs near the end of a game: exact against solvers and exhaustive play, within their budget, and in the search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numba
import numpy as np
import pytest
from facets import knowledge_of
from toy_games import Bandit, Coins

import games
from games import base
from games.checks import random_play
from games.tic_tac_toe import TicTacToe
from selfplay.alphazero import presets
from selfplay.alphazero.agent import AlphaZero
from selfplay.errors import ConfigError
from selfplay.search import proof_kernels, search, tree
from selfplay.search.config import SearchConfig
from selfplay.search.evaluators import HashEvaluator
from selfplay.search.proofs import Proofs
from selfplay.search.search import Search

CONNECT_FOUR = games.make("connect-four")
PROVING = SearchConfig(proof_nodes=50, root_proof_nodes=500)
COMPILED = not numba.config.DISABLE_JIT


def with_plain_rules(game: base.Game) -> base.Game:
    """The game with compiled rules that are its own methods."""

    def step(states: np.ndarray, actions: np.ndarray, reward: np.ndarray, discount: np.ndarray) -> None:
        states[:], reward[:], discount[:] = game.step(states, actions)

    def legal_actions(states: np.ndarray, actions: np.ndarray, count: np.ndarray) -> None:
        actions[:], count[:] = game.legal_actions(states)

    game.compiled_rules = lambda: base.CompiledRules(step, legal_actions)  # type: ignore[method-assign]
    return game


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The kernel as plain Python, which takes any game's rules."""
    monkeypatch.setattr(proof_kernels, "compiled", lambda states, word: proof_kernels.prove)
    yield


def played(game: base.Game, number: int, plies: range, seed: int = 0) -> np.ndarray:
    """[number] positions of random games that go on, after as many plies as `plies` names, in turn."""
    rng, found = np.random.default_rng(seed), []
    while len(found) < number:
        (one,) = random_play.random_games(game, rng, 1)
        after = plies[len(found) % len(plies)]
        if after < len(one.actions):
            found.append(one.states[after])
    return np.array(found, game.state_dtype)


def exact_value(game: base.Game, state: np.void) -> int:
    """By trying everything."""
    states = np.array([state], game.state_dtype)
    actions, count = game.legal_actions(states)
    step = game.step(states.repeat(count[0]), actions[0, : count[0]])
    values = [
        int(reward) if discount == 0 else int(discount) * exact_value(game, after)
        for after, reward, discount in zip(step.states, step.reward, step.discount, strict=True)
    ]
    return max(values)


def test_what_is_proven_of_connect_four_is_what_the_solver_says() -> None:
    states = played(CONNECT_FOUR, 120, range(20, 40, 2))
    proofs = Proofs(CONNECT_FOUR, len(states), 400)
    values = proofs.prove(np.arange(len(states)), states)
    known = values != tree.UNKNOWN
    truth = np.sign(knowledge_of(CONNECT_FOUR).exact_action_values(states).max(axis=1))
    np.testing.assert_array_equal(values[known], truth[known])
    assert known.mean() > 0.7 and set(values[known].tolist()) == {-1, 0, 1}


@pytest.mark.usefixtures("uncompiled")
def test_players_who_move_several_times_in_a_row_are_proven_as_by_trying_everything() -> None:
    for game, plies in (
        (with_plain_rules(Coins()), range(3, 8)),
        (with_plain_rules(TicTacToe()), range(4, 9)),
    ):
        states = played(game, 24, plies, seed=3)
        values = Proofs(game, len(states), 100_000).prove(np.arange(len(states)), states)
        assert values.tolist() == [exact_value(game, state) for state in states]
        assert len(set(values.tolist())) > 1


@pytest.mark.skipif(not COMPILED, reason="both would be plain Python")
def test_the_compiled_kernel_does_what_plain_python_does(monkeypatch: pytest.MonkeyPatch) -> None:
    states, rows = played(CONNECT_FOUR, 12, range(22, 34)), np.repeat(np.arange(4), 3)
    fast = Proofs(CONNECT_FOUR, 4, 30)
    monkeypatch.setattr(proof_kernels, "compiled", lambda states, word: proof_kernels.prove)
    slow = Proofs(CONNECT_FOUR, 4, 30)
    for _ in range(2):  # the second time they remember
        np.testing.assert_array_equal(fast.prove(rows, states), slow.prove(rows, states))
    assert np.array_equal(fast._tables, slow._tables) and np.array_equal(fast._history, slow._history)
    assert fast._tables.any() and fast._history.any()


def test_a_larger_budget_proves_more_and_none_proves_only_what_is_remembered() -> None:
    states = played(CONNECT_FOUR, 60, range(14, 26))
    rows, shares = np.arange(len(states)), []
    for nodes in (1, 20, 400):
        found = Proofs(CONNECT_FOUR, len(states), nodes).prove(rows, states)
        shares.append((found != tree.UNKNOWN).mean())
    assert shares[0] < shares[1] < shares[2]
    proofs = Proofs(CONNECT_FOUR, len(states), 400)
    first = proofs.prove(rows, states)
    proofs.nodes = 0, 0
    np.testing.assert_array_equal(proofs.prove(rows, states), first)
    proofs.forget(rows)
    assert (proofs.prove(rows, states) == tree.UNKNOWN).all()


def test_failures_are_followed_by_pauses_that_a_success_ends() -> None:
    proofs, rows = Proofs(CONNECT_FOUR, 1, 5), np.zeros(1, np.int64)
    hopeless, won = CONNECT_FOUR.initial_states(1), played(CONNECT_FOUR, 1, range(39, 40))
    tried = []
    real = proofs.prove

    def counted(rows: np.ndarray, states: np.ndarray, kind: int) -> np.ndarray:
        tried.append(len(rows))
        return real(rows, states, kind)

    proofs.prove = counted  # type: ignore[method-assign]
    for _ in range(24):
        proofs.attempt(rows, hopeless)
    assert len(tried) == 5  # at 0, 2, 5, 10 and 19
    while proofs.attempt(rows, won)[0] == tree.UNKNOWN:
        pass
    before = len(tried)
    proofs.attempt(rows, hopeless)
    assert len(tried) == before + 1


def crank(running: Search) -> None:
    evaluate = HashEvaluator(CONNECT_FOUR)
    while len(running.finished()) < running.active.sum():
        leaves = running.leaves()
        if len(leaves.rows):
            running.expand(leaves, *evaluate(leaves))


@pytest.mark.parametrize("policy", ["puct", "uct", "gumbel"])
@pytest.mark.parametrize("roots", [0, 500])
@pytest.mark.parametrize("leaves", [1, 8], ids=["one leaf", "leaves together"])
def test_all_that_a_search_has_proven_is_true_move_after_move(policy: str, roots: int, leaves: int) -> None:
    config = replace(PROVING, policy=policy, root_proof_nodes=roots)  # type: ignore[arg-type]
    states, budget = played(CONNECT_FOUR, 12, range(16, 28)), 200 if leaves > 1 else 60
    running = Search(CONNECT_FOUR, len(states), config, budget, leaves)
    rows = np.arange(len(states))
    running.reset_root(rows, states, budget)
    settled = 0
    for _ in range(5):
        crank(running)
        t = running.trees
        for row in rows:
            for node in range(row * running.max_nodes, row * running.max_nodes + int(t.num_nodes[row])):
                n = t.nodes[node]
                edges = t.edges[n["first_edge"] : n["first_edge"] + n["num_edges"]]
                if n["num_edges"] and n["proven"] == tree.UNKNOWN:  # one that is proven counts visits for itself
                    assert n["visits"] == edges["visits"].sum() + 1
        nodes = np.concatenate([row * running.max_nodes + np.arange(t.num_nodes[row]) for row in rows])
        proven = nodes[(t.nodes["proven"][nodes] != tree.UNKNOWN) & ~running.states["terminal"][nodes]]
        settled += (t.nodes["num_edges"][proven] == 0).sum()
        values = knowledge_of(CONNECT_FOUR).exact_action_values(running.states[proven])
        np.testing.assert_array_equal(t.nodes["proven"][proven], np.sign(values.max(axis=1)))
        found = running.results(rows)
        actions = found.actions[np.arange(len(rows)), found.play]
        values = np.sign(knowledge_of(CONNECT_FOUR).exact_action_values(running.states[rows * running.max_nodes]))
        kept = values[np.arange(len(rows)), actions] == values.max(axis=1)
        assert kept[found.exact].all(), "a move gives away a proven result"
        going = ~CONNECT_FOUR.step(running.states[rows * running.max_nodes], actions).states["terminal"]
        running.stop(rows[~going])
        rows = rows[going]
        running.advance(rows, actions[going], budget)
    assert settled > 50


def test_a_position_that_is_proven_at_the_root_says_which_actions_keep_its_result() -> None:
    states = played(CONNECT_FOUR, 40, range(26, 34))
    found = search.run(CONNECT_FOUR, states, HashEvaluator(CONNECT_FOUR), PROVING, 3)
    truth = np.sign(knowledge_of(CONNECT_FOUR).exact_action_values(states).astype(int))
    assert found.exact.mean() > 0.8
    for row in np.flatnonzero(found.exact):
        assert found.value[row] == truth[row].max()
        listed = found.policy[row] > 0
        assert (truth[row, found.actions[row, listed]] == truth[row].max()).all()


def test_roots_that_go_on_from_a_tree_are_proven_too() -> None:
    states = played(CONNECT_FOUR, 30, range(20, 24))
    shares = []
    for nodes in (0, 4000):
        running = Search(CONNECT_FOUR, len(states), SearchConfig(root_proof_nodes=nodes), 30)
        rows = np.arange(len(states))
        running.reset_root(rows, states, 30)
        for _ in range(2):
            crank(running)
            found = running.results(rows)
            actions = found.actions[np.arange(len(rows)), found.play]
            going = ~CONNECT_FOUR.step(running.states[rows * running.max_nodes], actions).states["terminal"]
            running.stop(rows[~going])
            rows, actions = rows[going], actions[going]
            running.advance(rows, actions, 30)
        assert (running.trees.nodes["num_edges"][rows * running.max_nodes] > 0).any()  # these kept their trees
        crank(running)
        shares.append(running.results(rows).exact.mean())
    assert shares[1] > shares[0] + 0.2


def test_rows_do_not_depend_on_one_another() -> None:
    states = played(CONNECT_FOUR, 8, range(12, 28))
    evaluate = HashEvaluator(CONNECT_FOUR)
    together = search.run(CONNECT_FOUR, states, evaluate, PROVING, 40)
    for i in range(len(states)):
        alone = search.run(CONNECT_FOUR, states[i : i + 1], evaluate, PROVING, 40)
        assert all(np.array_equal(one[0], all_[i]) for one, all_ in zip(alone, together, strict=True))


def test_proofs_take_the_place_of_evaluations() -> None:
    states, evaluated = played(CONNECT_FOUR, 30, range(20, 30)), []
    for nodes in (0, 100):
        evaluate, number = HashEvaluator(CONNECT_FOUR), 0
        running = Search(CONNECT_FOUR, len(states), SearchConfig(proof_nodes=nodes), 60)
        running.reset_root(np.arange(len(states)), states, 60)
        while len(running.finished()) < len(states):
            leaves = running.leaves()
            number += len(leaves.rows)
            running.expand(leaves, *evaluate(leaves))
        evaluated.append(number)
    assert evaluated[1] < evaluated[0] / 2


def test_games_without_compiled_rules_and_searches_that_do_not_solve_are_left_as_they_are() -> None:
    tic_tac_toe, bandit = games.make("tic-tac-toe"), Bandit([0.0, 0.5])
    for game, config in (
        (tic_tac_toe, SearchConfig()),
        (bandit, SearchConfig()),
        (CONNECT_FOUR, SearchConfig(solve=False)),
    ):
        states = game.initial_states(2)
        plain, proving = (
            search.run(game, states, HashEvaluator(game), replace(config, proof_nodes=nodes), 20) for nodes in (0, 50)
        )
        assert all(np.array_equal(a, b) for a, b in zip(plain, proving, strict=True))


def test_training_with_proofs_in_a_game_without_compiled_rules_is_refused() -> None:
    config = replace(presets.TIC_TAC_TOE, search=replace(presets.TIC_TAC_TOE.search, proof_nodes=10))
    with pytest.raises(ConfigError, match=r"search\.proof_nodes needs rules that are compiled"):
        AlphaZero(config)
