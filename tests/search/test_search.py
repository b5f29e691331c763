"""The tree search against its slow twin, against exact values, and against what its docstrings promise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numba
import numpy as np
import pytest
from facets import knowledge_of, notation_of
from naive_search import NaiveSearch, Node
from toy_games import Bandit, Coins

import games
from games import base
from games.checks import contract, exhaustive, random_play
from games.tic_tac_toe import TicTacToe
from selfplay.search import root_policy, search, sequential_halving, tree
from selfplay.search.config import SearchConfig
from selfplay.search.evaluators import HashEvaluator, RolloutEvaluator, UniformEvaluator
from selfplay.search.search import Leaves, Results, Search

SLOWLY = bool(numba.config.DISABLE_JIT)  # kernels run as plain Python: fewer positions, fewer simulations
TIC_TAC_TOE, CONNECT_FOUR, COINS = games.make("tic-tac-toe"), games.make("connect-four"), Coins()
GAMES = pytest.mark.parametrize("game", [TIC_TAC_TOE, CONNECT_FOUR, COINS], ids=lambda game: game.name)
PUCT, GUMBEL = SearchConfig(policy="puct"), SearchConfig(policy="gumbel", max_num_considered_actions=5)
UCT = SearchConfig(policy="uct")
POLICIES = pytest.mark.parametrize("config", [PUCT, GUMBEL, UCT], ids=["puct", "gumbel", "uct"])
BUDGETS = (1, 2, 7, 32) if SLOWLY else (1, 2, 7, 32, 100)


def positions(game: base.Game, count: int, seed: int = 0) -> np.ndarray:
    """[count] non-terminal states from random games, all plies alike, the start among them."""
    rng = np.random.default_rng(seed)
    states = [
        played.states[rng.integers(len(played.actions))] for played in random_play.random_games(game, rng, count - 1)
    ]
    return np.array([game.initial_states(1)[0], *states], dtype=game.state_dtype)


def rngs(count: int, seed: int = 0) -> list[np.random.Generator]:
    return [np.random.default_rng((seed, i)) for i in range(count)]


def crank(running: Search, evaluate: search.Evaluate) -> None:
    """Turns until every active search is done."""
    while len(running.finished()) < running.active.sum():
        leaves = running.leaves()
        if len(leaves.rows):
            running.expand(leaves, *evaluate(leaves))


def tree_shape(node: Node) -> Iterator[Node]:
    yield node
    for edge in node.edges:
        if edge.child:
            yield from tree_shape(edge.child)


def assert_same_tree(running: Search, row: int, twin: NaiveSearch) -> None:
    """Node by node: the same positions, actions, visits, sums, proofs; and no node or edge that the twin lacks."""
    t, game = running.trees, running.game
    sums: list[tuple[float, float]] = []

    def compare(index: int, node: Node) -> None:
        assert running.states[index] == node.state[0], "another position"
        record = t.nodes[index]
        assert record["visits"] == node.visits
        assert (tree.UNKNOWN if node.proven is None or node.finished else node.proven) == (
            tree.UNKNOWN if node.finished else record["proven"]
        )
        if not node.finished:
            sums.append((record["value_sum"], node.value_sum))
            sums.append((record["draw_sum"], node.draw_sum))
        assert record["num_edges"] == len(node.edges)
        for k, edge in enumerate(node.edges):
            e = record["first_edge"] + k
            assert t.actions[e] == edge.action and t.edges[e]["prior"] == edge.prior
            assert t.edges[e]["visits"] == edge.visits
            child = int(t.edges[e]["child"])
            assert (child == tree.NO_NODE) == (edge.child is None)
            if edge.child:
                assert (t.nodes[child]["parent"], t.nodes[child]["slot"]) == (index, k) and child > index
                compare(child, edge.child)

    compare(row * running.max_nodes, twin.root)
    found, expected = np.array(sums).T
    np.testing.assert_allclose(found, expected, atol=1e-4)
    nodes = list(tree_shape(twin.root))
    assert t.num_nodes[row] == len(nodes)
    assert t.num_edges[row] == sum(len(node.edges) for node in nodes)
    # Sums of priors are kept as the tree grows, and must survive when it is cut.
    base_of_row, size = row * running.max_nodes, len(nodes)
    kept = t.nodes["visited_prior"][base_of_row : base_of_row + size]
    again = np.zeros(size)
    for node in range(1, size):
        parent, slot = t.nodes[base_of_row + node][["parent", "slot"]]
        again[parent - base_of_row] += t.edges[t.nodes[parent]["first_edge"] + slot]["prior"]
    np.testing.assert_allclose(kept, again, atol=1e-5)
    assert game is twin.game


def assert_same_results(found: Results, i: int, twin: NaiveSearch) -> None:
    legal = len(twin.root.edges)
    assert found.actions[i].tolist() == [e.action for e in twin.root.edges] + [-1] * (found.actions.shape[1] - legal)
    assert found.visits[i, :legal].tolist() == twin.visits() and not found.visits[i, legal:].any()
    np.testing.assert_allclose(found.q[i, :legal], twin.q(), atol=1e-5)
    np.testing.assert_allclose(found.policy[i, :legal], twin.policy(), atol=1e-4)
    np.testing.assert_allclose(found.value[i], twin.value(), atol=1e-5)
    proofs = [e.proven if twin.config.solve else None for e in twin.root.edges]
    assert found.proven[i, :legal].tolist() == [tree.UNKNOWN if proof is None else proof for proof in proofs]
    assert found.play[i] == twin.play()


def assert_equal(a: Results, b: Results) -> None:
    for name in Results._fields:
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@pytest.mark.parametrize("game", [COINS, Bandit([0.25, -0.5, 0.75])], ids=lambda game: game.name)
def test_the_toy_games_keep_the_contract(game: base.Game) -> None:
    assert [result for result in contract.check_game(game) if not result.passed] == []


def test_coins_lets_a_player_move_three_times_in_a_row() -> None:
    states, movers = COINS.initial_states(1), []
    for action in range(8):
        movers.append(int(states["to_play"][0]))
        states = COINS.step(states, np.array([action])).states
    assert movers == [0, 1, 1, 0, 0, 0, 1, 1]


# Against the twin


@GAMES
@POLICIES
@pytest.mark.parametrize("solve", [True, False], ids=["solve", "average"])
@pytest.mark.parametrize("noisy", [False, True], ids=["quiet", "noisy"])
def test_search_grows_the_same_tree_as_its_twin(
    game: base.Game, config: SearchConfig, solve: bool, noisy: bool
) -> None:
    config = replace(config, solve=solve)
    evaluate = HashEvaluator(game, seed=3)
    for budget in BUDGETS:
        states = positions(game, 5, seed=budget)[-3 if budget > 32 else -5 :]
        B = len(states)
        together = Search(game, B, config, budget)
        found = search.run(game, states, evaluate, config, budget, rngs(B) if noisy else None, together)
        for i, state in enumerate(states):
            legal = game.legal_actions(states[i : i + 1])[1][0]
            noise = together.trees.root_noise[i, :legal].tolist() if noisy else None
            twin = NaiveSearch(game, state, evaluate, config).run(budget, noise)
            assert_same_results(found, i, twin)
            assert_same_tree(together, i, twin)


@POLICIES
@pytest.mark.parametrize(
    "values", [{"c_puct": 4.0, "c_scale": 1.0, "c_uct": 0.5}, {"fpu_reduction": 1.0, "c_visit": 0.0, "c_uct": 9.0}]
)
def test_constants_mean_the_same_to_the_twin(config: SearchConfig, values: dict) -> None:
    config = replace(config, **values)
    states, evaluate = positions(CONNECT_FOUR, 3, seed=8), HashEvaluator(CONNECT_FOUR)
    found = search.run(CONNECT_FOUR, states, evaluate, config, 60)
    for i, state in enumerate(states):
        assert_same_results(found, i, NaiveSearch(CONNECT_FOUR, state, evaluate, config).run(60))


@GAMES
@pytest.mark.parametrize("config", [PUCT, UCT], ids=["puct", "uct"])
@pytest.mark.parametrize("solve", [True, False], ids=["solve", "average"])
def test_a_reused_tree_is_the_twins_subtree_move_after_move(game: base.Game, config: SearchConfig, solve: bool) -> None:
    """Compaction keeps every node below the move played, at every move of a game, and the search goes on from it."""
    config = replace(config, solve=solve)
    evaluate = HashEvaluator(game, seed=1)
    states = positions(game, 4, seed=5)[:2]
    running = Search(game, 2, config, 50)
    rows, generators = np.arange(2), rngs(2)
    running.reset_root(rows, states, 50, generators)
    twins = [NaiveSearch(game, state, evaluate, config) for state in states]
    kept = 0
    for _ in range(7):
        crank(running, evaluate)
        found = running.results(rows)
        over = []
        for i, row in enumerate(rows):
            legal = len(running.game.legal_actions(running.states[[row * running.max_nodes]])[0][0])
            twins[row].run(50, running.trees.root_noise[row, :legal].tolist())
            assert_same_tree(running, row, twins[row])
            assert_same_results(found, i, twins[row])
            # The most visited move, whatever is proven: the deepest subtree there is.
            step = game.step(twins[row].root.state, found.actions[[i], found.visits[i].argmax()])
            over.append(bool(step.states["terminal"][0]))
        going = ~np.array(over)
        running.stop(rows[~going])
        best = found.visits.argmax(axis=1)
        actions = found.actions[np.arange(len(rows)), best][going]
        visits = found.visits[np.arange(len(rows)), best][going]
        rows = rows[going]
        if not len(rows):
            break
        running.advance(rows, actions, 50, [generators[row] for row in rows])
        for row, action, visits_of_child in zip(rows, actions, visits, strict=True):
            twins[row].advance(int(action))
            root = running.trees.nodes[row * running.max_nodes]
            if twins[row].root.edges:
                assert root["visits"] == visits_of_child
                assert_same_tree(running, row, twins[row])
                kept += 1
            else:
                assert root["visits"] == 0
    assert kept >= 3


def test_gumbel_and_reuse_off_start_every_move_with_a_new_tree() -> None:
    for config in (GUMBEL, replace(PUCT, reuse_tree=False)):
        running = Search(TIC_TAC_TOE, 1, config, 20)
        running.reset_root(np.arange(1), TIC_TAC_TOE.initial_states(1), 20)
        crank(running, HashEvaluator(TIC_TAC_TOE))
        running.advance(np.arange(1), np.array([4]), 20)
        assert running.trees.num_nodes[0] == 1 and running.trees.nodes[0]["visits"] == 0
        assert running.states[0] == notation_of(TIC_TAC_TOE).state_after("5")[0]


# One search does not know of the others


@GAMES
@POLICIES
def test_a_batch_equals_its_searches_one_by_one(game: base.Game, config: SearchConfig) -> None:
    states, evaluate = positions(game, 9), HashEvaluator(game)
    whole = search.run(game, states, evaluate, config, 32, rngs(9))
    singles = [search.run(game, states[[i]], evaluate, config, 32, [rngs(9)[i]]) for i in range(9)]
    joined = Results(*(np.concatenate(field) for field in zip(*singles, strict=True)))
    assert_equal(whole, joined)


@POLICIES
def test_searches_planted_at_different_times_with_different_budgets_find_what_they_find_alone(
    config: SearchConfig,
) -> None:
    game, evaluate = CONNECT_FOUR, HashEvaluator(CONNECT_FOUR)
    states, budgets = positions(game, 12, seed=4), [7, 30, 1, 16, 30, 0, 9, 25, 2, 30, 12, 5]
    running, waiting, owner, done = Search(game, 3, config, 30), list(range(12)), [-1] * 3, {}
    while len(done) < 12:
        for row in np.flatnonzero(~running.active)[:1]:  # at most one newcomer a turn
            if waiting:
                owner[row] = waiting.pop(0)
                mine = owner[row]
                running.reset_root(np.array([row]), states[[mine]], budgets[mine], [rngs(12)[mine]])
        leaves = running.leaves()
        if len(leaves.rows):
            running.expand(leaves, *evaluate(leaves))
        for row in running.finished():
            done[owner[row]] = running.results(np.array([row]))
            running.stop(np.array([row]))
    for i, budget in enumerate(budgets):
        assert_equal(done[i], search.run(game, states[[i]], evaluate, config, budget, [rngs(12)[i]]))


@POLICIES
def test_the_same_seed_gives_the_same_result_and_another_seed_another(config: SearchConfig) -> None:
    states, evaluate = positions(CONNECT_FOUR, 4), HashEvaluator(CONNECT_FOUR)
    first, again, other = (search.run(CONNECT_FOUR, states, evaluate, config, 40, rngs(4, seed)) for seed in (1, 1, 2))
    assert_equal(first, again)
    assert (first.visits != other.visits).any() or config is UCT, "UCT takes no noise"


def test_an_idle_search_has_no_leaves() -> None:
    running = Search(TIC_TAC_TOE, 2, PUCT, 5)
    assert len(running.leaves().rows) == 0 and len(running.finished()) == 0


# Noise


@POLICIES
def test_noise_is_new_at_each_move_and_leaves_the_stored_priors_alone(config: SearchConfig) -> None:
    game, evaluate = CONNECT_FOUR, HashEvaluator(CONNECT_FOUR)
    states = game.initial_states(1)
    running, generators = Search(game, 1, config, 40), rngs(1)
    running.reset_root(np.arange(1), states, 40, generators)
    drawn = []
    for action in (3, 2):
        crank(running, evaluate)
        found = running.results(np.arange(1))
        raw = search.run(game, states, evaluate, config, 0)
        np.testing.assert_array_equal(found.prior, raw.prior)
        drawn.append(running.trees.root_noise[0].copy())
        states = game.step(states, np.array([action])).states
        running.advance(np.arange(1), np.array([action]), 40, generators)
    assert (drawn[0] != drawn[1]).all()
    if config is PUCT:
        assert drawn[0].sum() == pytest.approx(1) and (drawn[0] >= 0).all()


@POLICIES
def test_noise_turned_down_to_nothing_is_no_noise(config: SearchConfig) -> None:
    config = replace(config, dirichlet_fraction=0.0, gumbel_scale=0.0)
    states, evaluate = positions(CONNECT_FOUR, 4), HashEvaluator(CONNECT_FOUR)
    noisy = search.run(CONNECT_FOUR, states, evaluate, config, 30, rngs(4))
    assert_equal(noisy, search.run(CONNECT_FOUR, states, evaluate, config, 30))


# What is read at the root


@POLICIES
def test_zero_simulations_give_the_raw_policy(config: SearchConfig) -> None:
    states, evaluate = positions(CONNECT_FOUR, 6), HashEvaluator(CONNECT_FOUR)
    found = search.run(CONNECT_FOUR, states, evaluate, config, 0)
    actions, count = CONNECT_FOUR.legal_actions(states)
    prior, wdl = evaluate(Leaves(np.arange(6), np.arange(6), states, actions, count))
    np.testing.assert_allclose(found.policy, prior, atol=1e-6)
    np.testing.assert_array_equal(found.play, prior.argmax(axis=1))
    np.testing.assert_allclose(found.value, wdl[:, 0] - wdl[:, 2], atol=1e-6)
    np.testing.assert_allclose(found.wdl, wdl, atol=1e-6)
    assert not found.visits.any() and not found.exact.any()


@GAMES
@POLICIES
def test_results_are_consistent(game: base.Game, config: SearchConfig) -> None:
    states, evaluate = positions(game, 30), HashEvaluator(game)
    found = search.run(game, states, evaluate, config, 40, rngs(30))
    legal = found.actions >= 0
    np.testing.assert_allclose(found.wdl.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(found.wdl[:, 0] - found.wdl[:, 2], found.value, atol=1e-6)
    np.testing.assert_allclose(found.policy.sum(axis=1), 1, atol=1e-6)
    assert (found.wdl >= -1e-6).all() and (np.abs(found.q) <= 1 + 1e-6).all() and (found.policy >= 0).all()
    assert not found.policy[~legal].any() and not found.visits[~legal].any() and not found.prior[~legal].any()
    assert legal[np.arange(30), found.play].all() and (found.policy[np.arange(30), found.play] > 0).all()
    done = found.exact | (found.visits.sum(axis=1) == 40)
    assert done.all()


def test_the_improved_policy_follows_from_the_results() -> None:
    """softmax(log prior + sigma(completed q)), with unvisited actions at the mixed value (Danihelka et al. 2022)."""
    config = replace(GUMBEL, solve=False)
    states, evaluate = positions(CONNECT_FOUR, 8), HashEvaluator(CONNECT_FOUR)
    found = search.run(CONNECT_FOUR, states, evaluate, config, 20, rngs(8))
    raw = search.run(CONNECT_FOUR, states, evaluate, config, 0).value
    seen = found.visits > 0
    total = found.visits.sum(axis=1)
    weighted = (found.prior * found.q * seen).sum(axis=1) / (found.prior * seen).sum(axis=1)
    mixed = (raw + total * weighted) / (1 + total)
    completed = np.where(seen, found.q, mixed[:, None])
    sigma = (config.c_visit + found.visits.max(axis=1, keepdims=True)) * config.c_scale * completed
    weights = found.prior * np.exp(sigma)
    np.testing.assert_allclose(found.policy, weights / weights.sum(axis=1, keepdims=True), atol=1e-5)
    assert (~seen & (found.actions >= 0)).any(), "some action should be unvisited"


# Exact knowledge


@pytest.fixture(scope="module")
def endings() -> tuple[np.ndarray, np.ndarray]:
    """Every tic-tac-toe position with one to four empty cells, and the exact value of each action [B, 9]."""
    table = exhaustive.solve(TIC_TAC_TOE)
    states = table.states[~table.states["terminal"] & (table.ply >= (7 if SLOWLY else 5))]
    return states, knowledge_of(TIC_TAC_TOE).exact_action_values(states)


def by_edge(values: np.ndarray, found: Results) -> np.ndarray:
    """[B, K]: exact values of the listed actions, ILLEGAL on the padding."""
    return np.where(found.actions >= 0, np.take_along_axis(values, np.maximum(found.actions, 0), axis=1), base.ILLEGAL)


@POLICIES
def test_every_ending_of_tic_tac_toe_is_proven(endings: tuple, config: SearchConfig) -> None:
    states, values = endings
    found = search.run(TIC_TAC_TOE, states, UniformEvaluator(), config, 200)
    exact = by_edge(values, found)
    assert found.exact.all()
    np.testing.assert_array_equal(found.value, exact.max(axis=1))
    np.testing.assert_array_equal(found.wdl, np.eye(3, dtype=np.float32)[1 - exact.max(axis=1)])
    known = found.proven != tree.UNKNOWN
    np.testing.assert_array_equal(found.proven[known], exact[known])
    np.testing.assert_array_equal(exact[np.arange(len(states)), found.play], exact.max(axis=1))
    # Shares go to moves that keep the value: never to a proven loss, and only to wins where there is one.
    assert not found.policy[(exact == -1) & (exact.max(axis=1, keepdims=True) > -1)].any()
    assert not found.policy[(exact < 1) & (exact.max(axis=1, keepdims=True) == 1)].any()


@POLICIES
def test_a_misleading_evaluator_delays_proofs_but_cannot_falsify_them(endings: tuple, config: SearchConfig) -> None:
    """Its values are arbitrary. PUCT comes round to every win and loss; Gumbel does not explore below the root, so an
    action that looked bad once may never be tried again."""
    states, values = endings
    found = search.run(TIC_TAC_TOE, states, HashEvaluator(TIC_TAC_TOE), config, 100 if SLOWLY else 800)
    exact = by_edge(values, found)
    best, known = exact.max(axis=1), found.proven != tree.UNKNOWN
    np.testing.assert_array_equal(found.proven[known], exact[known])
    np.testing.assert_array_equal(found.value[found.exact], best[found.exact])
    right = exact[np.arange(len(states)), found.play] == best
    assert right[found.exact].all() and right.mean() > 0.99 and found.exact.mean() > 0.9
    if config is PUCT:
        assert right.all() and found.exact[best != 0].all()


@POLICIES
def test_the_same_player_moving_again_keeps_the_sign_of_proofs(config: SearchConfig) -> None:
    states = positions(COINS, 60, seed=2)[1:]
    values = exhaustive.solve(COINS).action_values(COINS, states)
    found = search.run(COINS, states, HashEvaluator(COINS), config, 100 if SLOWLY else 400)
    exact = by_edge(values, found)
    known = found.proven != tree.UNKNOWN
    np.testing.assert_array_equal(found.proven[known], exact[known])
    assert found.exact.sum() > 20 and len(np.unique(found.value[found.exact])) == 3


@POLICIES
def test_without_proofs_values_converge_on_small_trees(endings: tuple, config: SearchConfig) -> None:
    states, values = (part[::40] for part in endings)
    evaluate = HashEvaluator(TIC_TAC_TOE) if config is PUCT else UniformEvaluator()
    found = search.run(TIC_TAC_TOE, states, evaluate, replace(config, solve=False), 100 if SLOWLY else 2000)
    exact = by_edge(values, found)
    played = np.arange(len(states)), found.play
    assert not found.exact.any() and (found.proven == tree.UNKNOWN).all()
    np.testing.assert_array_equal(exact[played], exact.max(axis=1))
    # UCT goes on trying everything, at every node, the logarithm of the visits often.
    np.testing.assert_allclose(found.q[played], exact[played], atol=0.35 if SLOWLY else 0.15 if config is UCT else 0.1)


def test_a_proven_win_is_played_and_a_proven_loss_avoided() -> None:
    legal = np.array([[True, True, True, False]] * 5)
    proven = np.array([[-1, 1, 2, 2], [-1, 2, 0, 2], [-1, -1, -1, 2], [2, 2, 2, 2], [-1, -1, 2, 2]])
    expected = [[0, 1, 0, 0], [0, 1, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 1, 0]]
    np.testing.assert_array_equal(root_policy.allowed_actions(legal, proven), np.array(expected, dtype=bool))

    # The evaluator prefers all other cells to 3 and 6 tenfold, and has no opinion on values.
    def misled(leaves: Leaves) -> tuple[np.ndarray, np.ndarray]:
        prior = np.where(np.isin(leaves.actions, (2, 5)), 0.1, leaves.actions >= 0).astype(np.float32)
        return prior / prior.sum(axis=1, keepdims=True), np.tile(np.float32([0, 1, 0]), (len(leaves.rows), 1))

    for config in (PUCT, GUMBEL, UCT):
        # X X .      X to move: 3 wins at once.
        # O O .
        # . . .
        found = search.run(TIC_TAC_TOE, notation_of(TIC_TAC_TOE).state_after("1425"), misled, config, 200)
        assert found.actions[0].tolist() == [2, 5, 6, 7, 8, -1, -1, -1, -1]
        assert found.play[0] == 0 and found.exact[0] and found.value[0] == 1
        assert found.policy[0].tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 0]
        # X X .      O to move: all but 3 lose.
        # . O .
        # . . .
        found = search.run(TIC_TAC_TOE, notation_of(TIC_TAC_TOE).state_after("152"), misled, config, 200)
        assert found.actions[0, found.play[0]] == 2 and (found.proven[0] == -1).sum() >= 4
        assert not found.policy[0, found.proven[0] == -1].any()


# One-step games


@POLICIES
@pytest.mark.parametrize("arms", [2, 5, 70])
def test_the_best_arm_of_a_bandit_is_found(config: SearchConfig, arms: int) -> None:
    rewards = np.linspace(-0.9, 0.8, arms)[np.random.default_rng(arms).permutation(arms)].tolist()
    game = Bandit(rewards)
    # Gumbel weighs values against priors and noise: with c_scale = 10 the values outweigh them.
    config = replace(config, max_num_considered_actions=arms, c_scale=10.0)
    for evaluate in (UniformEvaluator(), HashEvaluator(game, seed=1)):
        found = search.run(game, game.initial_states(1), evaluate, config, 600, rngs(1))
        assert found.play[0] == int(np.argmax(rewards))
        seen = found.visits[0] > 0
        np.testing.assert_allclose(found.q[0, seen], np.array(rewards)[seen], atol=1e-5)
        assert not found.exact[0], "0.8 is neither a win, a draw nor a loss"


@POLICIES
def test_a_sure_win_among_arms_is_proven(config: SearchConfig) -> None:
    game = Bandit([0.5, 1.0, -1.0])
    found = search.run(game, game.initial_states(1), UniformEvaluator(), config, 20)
    assert found.exact[0] and found.play[0] == 1 and found.value[0] == 1 and found.proven[0, 0] == tree.UNKNOWN


# UCT


def test_uct_plays_a_bandit_by_ucb1_whatever_the_priors() -> None:
    rewards = np.array([0.5, -0.25, 0.0, 0.75, 0.625])  # sums of these are exact
    game, config = Bandit(rewards.tolist()), replace(UCT, c_uct=0.5, solve=False)
    visits = np.ones(5)
    for _ in range(395):
        visits[(rewards + 0.5 * np.sqrt(np.log(visits.sum()) / visits)).argmax()] += 1
    for evaluate in (UniformEvaluator(), HashEvaluator(game, seed=4)):
        found = search.run(game, game.initial_states(1), evaluate, config, 400, rngs(1))
        np.testing.assert_array_equal(found.visits[0], visits)
        assert found.play[0] == 3


def test_uct_tries_every_action_before_any_twice_and_each_node_begins_elsewhere() -> None:
    game, arms = Bandit(np.linspace(-0.9, 0.8, 40).tolist()), np.arange(40)
    seen = [search.run(game, game.initial_states(1), UniformEvaluator(), UCT, n).visits[0] for n in range(1, 41)]
    order = [int(np.flatnonzero(now - before)[0]) for before, now in zip([0 * arms, *seen], seen, strict=False)]
    assert sorted(order) == arms.tolist() and (seen[-1] == 1).all()
    assert abs(np.corrcoef(order, arms)[0, 1]) < 0.4, "the list is not tried from one end to the other"
    # Where each node of a larger tree began: no column of connect four more than twice as often as its share.
    running = Search(CONNECT_FOUR, 1, UCT, 600)
    search.run(CONNECT_FOUR, CONNECT_FOUR.initial_states(1), HashEvaluator(CONNECT_FOUR), UCT, 600, None, running)
    t = running.trees
    nodes = [node for node in t.nodes[: t.num_nodes[0]] if node["visits"] == 2 and node["num_edges"] == 7]
    first = [int(t.edges["visits"][node["first_edge"] :][:7].argmax()) for node in nodes]
    counts = np.bincount(first, minlength=7)
    assert len(first) > 30 and counts.max() <= 2 * len(first) / 7


def test_uct_with_random_games_finds_the_move_that_wins() -> None:
    # Column 4 makes three in a row with both ends open: a win in three plies; X holds 3 and 5, O has played 3 and 5.
    states = notation_of(CONNECT_FOUR).state_after("3355")
    found = search.run(CONNECT_FOUR, states, RolloutEvaluator(CONNECT_FOUR), UCT, 100 if SLOWLY else 800)
    assert CONNECT_FOUR.action_to_string(states[0], found.actions[0, found.play[0]]) == "4"
    assert found.play[0] == found.visits[0].argmax()


# Sequential halving


@pytest.mark.parametrize("considered", [1, 2, 3, 4, 7, 16])
@pytest.mark.parametrize("num_simulations", [0, 1, 2, 7, 16, 50, 200])
def test_a_halving_sequence_visits_every_action_it_still_considers_equally(
    considered: int, num_simulations: int
) -> None:
    sequence = sequential_halving.sequence(considered, num_simulations)
    assert len(sequence) == num_simulations
    assert sequence[:considered] == ([0] * considered)[:num_simulations] or considered == 1
    # Played out, with the actions always in one order: every visit finds an action of the wanted count.
    visits = [0] * considered
    for wanted in sequence:
        visits[visits.index(wanted)] += 1
    assert sum(visits) == num_simulations and visits == sorted(visits, reverse=True)
    if considered > 2 and num_simulations >= 50:
        assert abs(visits[0] - visits[1]) <= 1, "two actions reach the final"
        assert visits[0] > visits[-1]


def test_the_halving_sequence_of_small_cases_by_hand() -> None:
    """Four actions, n simulations, log2(4) = 2 phases of n/2: first all four, then the better two."""
    assert sequential_halving.sequence(4, 8) == [0, 0, 0, 0, 1, 1, 2, 2]  # one round of four, two rounds of two
    assert sequential_halving.sequence(4, 16) == [0] * 4 + [1] * 4 + [2, 2, 3, 3, 4, 4, 5, 5]  # two rounds, four rounds
    assert sequential_halving.sequence(4, 10) == [
        0,
        0,
        0,
        0,
        1,
        1,
        2,
        2,
        3,
        3,
    ]  # n/2/4 = 1.25: one; then the final goes on
    assert sequential_halving.sequence(2, 5) == [0, 0, 1, 1, 2]
    assert sequential_halving.sequence(1, 4) == [0, 1, 2, 3]
    # Eight actions, 24 simulations, three phases of 8: one round of eight, two of four, four of two.
    assert sequential_halving.sequence(8, 24) == [0] * 8 + [1] * 4 + [2] * 4 + [3, 3, 4, 4, 5, 5, 6, 6]


@pytest.mark.parametrize(("num_simulations", "considered"), [(2, 16), (2, 2), (3, 2), (32, 2), (32, 4), (5, 1)])
def test_gumbel_tries_only_the_considered_actions_and_plays_one_of_them(num_simulations: int, considered: int) -> None:
    config = replace(GUMBEL, max_num_considered_actions=considered, solve=False)
    states, evaluate = positions(CONNECT_FOUR, 10), HashEvaluator(CONNECT_FOUR)
    running = Search(CONNECT_FOUR, 10, config, num_simulations)
    found = search.run(CONNECT_FOUR, states, evaluate, config, num_simulations, rngs(10), running)
    with np.errstate(divide="ignore"):
        scores = np.log(found.prior) + running.trees.root_noise
    for i in range(10):
        first = min(considered, num_simulations, int((found.actions[i] >= 0).sum()))
        top = set(np.argsort(-scores[i])[:first].tolist())
        assert set(np.flatnonzero(found.visits[i]).tolist()) == top and found.play[i] in top
        assert found.visits[i].sum() == num_simulations


# Capacity, and mistakes


@POLICIES
@pytest.mark.parametrize("edges_per_node", [1, 2])
def test_a_tree_without_room_ends_its_search_early_and_stays_usable(config: SearchConfig, edges_per_node: int) -> None:
    config = replace(config, edges_per_node=edges_per_node, solve=False)
    states, evaluate = positions(CONNECT_FOUR, 5), HashEvaluator(CONNECT_FOUR)
    running = Search(CONNECT_FOUR, 5, config, 60)
    found = search.run(CONNECT_FOUR, states, evaluate, config, 60, rngs(5), running)
    t = running.trees
    assert t.full.any()
    assert (t.num_edges <= running.max_edges).all() and (t.num_nodes <= running.max_nodes).all()
    assert ((found.visits.sum(axis=1) == 60) | t.full).all() and (found.visits.sum(axis=1) >= 1).all()
    np.testing.assert_allclose(found.policy.sum(axis=1), 1, atol=1e-6)
    # It is the twin's tree, stopped early: the evaluation that found no room counts, its actions do not.
    for i, state in enumerate(states):
        noise = t.root_noise[i, : (found.actions[i] >= 0).sum()].tolist()
        twin = NaiveSearch(CONNECT_FOUR, state, evaluate, config)
        twin.num_simulations, twin.noise = 60, noise
        while twin.root.visits < 1 + found.visits[i].sum():
            twin.simulate(twin.root)
        assert found.visits[i].tolist()[: len(twin.visits())] == twin.visits()


def assert_sound(running: Search, row: int) -> None:
    """Every node that was searched on has its edges to itself, and links lead there and back."""
    t, first = running.trees, row * running.max_nodes
    owners = np.zeros(running.max_edges, dtype=np.int64)
    for index in range(first, first + t.num_nodes[row]):
        node = t.nodes[index]
        mine = range(node["first_edge"], node["first_edge"] + node["num_edges"])
        owners[np.array(mine, dtype=np.int64) - row * running.max_edges] += 1
        if node["num_edges"]:
            assert node["visits"] == 1 + sum(t.edges[edge]["visits"] for edge in mine)
        for slot, edge in enumerate(mine):
            child = t.edges[edge]["child"]
            assert child == tree.NO_NODE or t.nodes[child][["parent", "slot"]].item() == (index, slot)
        if index > first:
            assert first <= node["parent"] < index
            assert node["slot"] < t.nodes[node["parent"]]["num_edges"], "a child of a node without edges"
    assert (owners[: t.num_edges[row]] == 1).all() and not owners[t.num_edges[row] :].any()


def test_full_trees_go_on_to_the_next_move() -> None:
    """The node that found no room has no actions; a search that goes on from its tree must not walk into it."""
    config = replace(PUCT, edges_per_node=1, solve=False)
    evaluate, rows = HashEvaluator(CONNECT_FOUR), np.arange(6)
    running = Search(CONNECT_FOUR, 6, config, 40)
    running.reset_root(rows, CONNECT_FOUR.initial_states(6), 40, rngs(6))
    for _ in range(6):
        crank(running, evaluate)
        assert running.trees.full.all()
        for row in rows:
            assert_sound(running, row)
        found = running.results(rows)
        np.testing.assert_allclose(found.policy.sum(axis=1), 1, atol=1e-6)
        legal, count = CONNECT_FOUR.legal_actions(running.states[rows * running.max_nodes])
        np.testing.assert_array_equal(found.actions, legal)
        assert (found.visits.sum(axis=1) >= 1).all() and (count > 0).all()
        running.advance(rows, found.actions[rows, found.play], 40, rngs(6))


def test_the_root_always_finds_room() -> None:
    game = Bandit(np.linspace(-0.5, 0.5, 40).tolist())
    for config in (PUCT, GUMBEL, UCT):
        found = search.run(game, game.initial_states(2), UniformEvaluator(), replace(config, edges_per_node=1), 0)
        assert (found.actions >= 0).all() and not found.visits.any()


def test_finished_games_are_settled_without_the_evaluator() -> None:
    asked: list[np.ndarray] = []

    def evaluate(leaves: Leaves) -> tuple[np.ndarray, np.ndarray]:
        asked.append(leaves.states)
        return UniformEvaluator()(leaves)

    search.run(TIC_TAC_TOE, positions(TIC_TAC_TOE, 20), evaluate, replace(PUCT, solve=False), 100)
    assert not np.concatenate(asked)["terminal"].any()


def test_mistakes_are_refused_by_name() -> None:
    over = notation_of(TicTacToe()).state_after("14253")
    running = Search(TIC_TAC_TOE, 1, PUCT, 10)
    with pytest.raises(ValueError, match="game is over in the position of row 0"):
        running.reset_root(np.arange(1), over, 5)
    with pytest.raises(ValueError, match="11 simulations were asked for, but room was made for 10"):
        running.reset_root(np.arange(1), TIC_TAC_TOE.initial_states(1), 11)
    with pytest.raises(ValueError, match="32-bit"):
        Search(TIC_TAC_TOE, 100_000, PUCT, 10_000)


# Looking one action ahead


class Misled:
    """Priors that point at the first listed action only, and even values."""

    def __call__(self, leaves: Leaves) -> tuple[np.ndarray, np.ndarray]:
        prior, wdl = UniformEvaluator()(leaves)
        prior = np.where(leaves.actions >= 0, np.float32(1e-6), np.float32(0))
        prior[:, 0] = 1
        return prior / prior.sum(axis=1, keepdims=True), wdl


@pytest.mark.parametrize("policy", ["puct", "uct"])
def test_looking_ahead_finds_a_win_at_once_whatever_the_prior_says(policy: str) -> None:
    won = notation_of(CONNECT_FOUR).state_after("717272")  # three in column 7 for the first player
    blind, looking = (SearchConfig(policy=policy, look_ahead=ahead) for ahead in (False, True))  # type: ignore[arg-type]
    found = search.run(CONNECT_FOUR, won, Misled(), looking, 5)
    assert found.exact[0] and found.value[0] == 1 and found.actions[0, found.play[0]] == 6
    if policy == "puct":
        assert search.run(CONNECT_FOUR, won, Misled(), blind, 5).actions[0, 0] != 6


def test_looking_ahead_proves_exactly_the_positions_that_have_a_winning_action() -> None:
    config = SearchConfig(look_ahead=True)
    for game in (TIC_TAC_TOE, CONNECT_FOUR, COINS):
        states = positions(game, 40, 5)
        running = Search(game, len(states), config, 30)
        running.reset_root(np.arange(len(states)), states, 30)
        crank(running, HashEvaluator(game))
        for row in range(len(states)):
            for node in range(int(running.trees.num_nodes[row])):
                record = running.trees.nodes[row * running.max_nodes + node]
                if not record["num_edges"]:
                    continue
                state = running.states[row * running.max_nodes + node]
                _, _, step = exhaustive.expand(game, np.array([state], dtype=game.state_dtype))
                wins = ((step.discount == 0) & (step.reward == 1)).any()
                assert record["proven"] == 1 or not wins, game.to_string(state)


def test_looking_ahead_keeps_visits_and_proofs_consistent_through_rerooting() -> None:
    config = SearchConfig(look_ahead=True)
    states = positions(CONNECT_FOUR, 16, 7)
    running = Search(CONNECT_FOUR, len(states), config, 60)
    rows = np.arange(len(states))
    running.reset_root(rows, states, 60)
    for _ in range(4):
        crank(running, HashEvaluator(CONNECT_FOUR))
        t = running.trees
        for row in rows:
            for node in range(row * running.max_nodes, row * running.max_nodes + int(t.num_nodes[row])):
                n = t.nodes[node]
                edges = t.edges[n["first_edge"] : n["first_edge"] + n["num_edges"]]
                if n["num_edges"]:
                    assert n["visits"] == edges["visits"].sum() + 1
        found = running.results(rows)
        proven = rows[found.exact]
        exact = knowledge_of(CONNECT_FOUR).exact_action_values(running.states[proven * running.max_nodes])
        assert np.array_equal(found.value[found.exact], exact.max(axis=1))
        actions = found.actions[np.arange(len(rows)), found.play]
        going = ~CONNECT_FOUR.step(running.states[rows * running.max_nodes], actions).states["terminal"]
        running.stop(rows[~going])
        rows = rows[going]
        running.advance(rows, actions[going], 60)
        if not len(rows):
            break


def test_looking_ahead_is_not_for_gumbel_or_without_proofs_and_never_overfills_a_tree() -> None:
    states = positions(CONNECT_FOUR, 30, 9)
    for config in (GUMBEL, replace(PUCT, solve=False)):
        plain, ahead = (
            search.run(CONNECT_FOUR, states, HashEvaluator(CONNECT_FOUR), replace(config, look_ahead=on), 20)
            for on in (False, True)
        )
        assert all(np.array_equal(a, b) for a, b in zip(plain, ahead, strict=True))
    tight = replace(PUCT, look_ahead=True, edges_per_node=1)
    found = search.run(CONNECT_FOUR, states, HashEvaluator(CONNECT_FOUR), tight, 40)
    assert (found.visits.sum(axis=1) <= 42).all()


# Several leaves of one tree at once


SEVERAL = pytest.mark.parametrize("config", [PUCT, UCT], ids=["puct", "uct"])


@pytest.fixture
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small trees give many leaves too, so that descents meet."""
    monkeypatch.setattr(search, "_VISITS_A_LEAF", 3)
    monkeypatch.setattr(search, "_SIMULATIONS_A_LEAF", 1)
    monkeypatch.setattr(search, "_FEW_SIMULATIONS", -100)


@GAMES
@SEVERAL
@pytest.mark.parametrize("solve", [True, False], ids=["solve", "average"])
@pytest.mark.usefixtures("eager")
def test_several_leaves_at_once_grow_the_same_tree_as_the_twin(
    game: base.Game, config: SearchConfig, solve: bool
) -> None:
    config, evaluate = replace(config, solve=solve), HashEvaluator(game, seed=3)
    for budget, most in ((7, 4), (40, 4), (40 if SLOWLY else 150, 16)):
        states = positions(game, 5, seed=budget)
        together = Search(game, 5, config, budget, most)
        found = search.run(game, states, evaluate, config, budget, rngs(5), together)
        for i, state in enumerate(states):
            legal = game.legal_actions(states[i : i + 1])[1][0]
            twin = NaiveSearch(game, state, evaluate, config)
            noise = together.trees.root_noise[i, :legal].tolist()
            twin.run_several(budget, lambda visits, most=most: min(most, 1 + visits // 3), noise)  # type: ignore[misc]
            assert_same_results(found, i, twin)
            assert_same_tree(together, i, twin)


def on_their_way(running: Search, leaves: Leaves) -> np.ndarray:
    """[edges] how many of `leaves` lie behind each edge."""
    t, expected = running.trees, np.zeros_like(running.trees.visits_in_flight)
    for node in leaves.nodes:
        while t.nodes[node]["parent"] != tree.NO_NODE:
            parent = t.nodes[node]["parent"]
            expected[t.nodes[parent]["first_edge"] + t.nodes[node]["slot"]] += 1
            node = parent
    return expected


@GAMES
@SEVERAL
@pytest.mark.parametrize("look_ahead", [False, True], ids=["plain", "ahead"])
@pytest.mark.usefixtures("eager")
def test_what_is_on_its_way_is_counted_until_it_has_landed(
    game: base.Game, config: SearchConfig, look_ahead: bool
) -> None:
    """Through four moves: while leaves wait, they and nothing else are on their way; afterwards all visits add up."""
    config, evaluate = replace(config, look_ahead=look_ahead), HashEvaluator(game)
    running, rows = Search(game, 4, config, 60, 8), np.arange(4)
    running.reset_root(rows, positions(game, 20, seed=2)[:4], 60, rngs(4))
    most = 0
    for _ in range(4):
        while len(running.finished()) < len(rows):
            leaves = running.leaves()
            if not len(leaves.rows):
                continue
            assert len(np.unique(leaves.nodes)) == len(leaves.nodes), "a position twice in one batch"
            most = max(most, np.bincount(leaves.rows).max())
            np.testing.assert_array_equal(running.trees.visits_in_flight, on_their_way(running, leaves))
            running.expand(leaves, *evaluate(leaves))
            assert not running.trees.visits_in_flight.any()
            for row in rows:
                assert_sound(running, row)
        found = running.results(rows)
        assert (found.exact | (found.visits.sum(axis=1) >= 60)).all()
        actions = found.actions[np.arange(len(rows)), found.play]
        going = ~game.step(running.states[rows * running.max_nodes], actions).states["terminal"]
        running.stop(rows[~going])
        rows = rows[going]
        if not len(rows):
            break
        running.advance(rows, actions[going], 60)
    assert most > 3


@SEVERAL
def test_the_code_for_several_leaves_finds_the_same_with_one(
    config: SearchConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_VISITS_A_LEAF", 10**6)
    states, evaluate = positions(CONNECT_FOUR, 6), HashEvaluator(CONNECT_FOUR)
    several = Search(CONNECT_FOUR, 6, config, 60, 8)
    found = search.run(CONNECT_FOUR, states, evaluate, config, 60, rngs(6), several)
    assert_equal(found, search.run(CONNECT_FOUR, states, evaluate, config, 60, rngs(6)))


def test_a_small_search_gives_few_leaves_and_gumbel_always_one() -> None:
    def largest(config: SearchConfig, budget: int) -> int:
        running, asked = Search(CONNECT_FOUR, 1, config, budget, 16), [0]
        running.reset_root(np.arange(1), CONNECT_FOUR.initial_states(1), budget)
        while not len(running.finished()):
            leaves = running.leaves()
            asked.append(len(leaves.rows))
            running.expand(leaves, *UniformEvaluator()(leaves))
        return max(asked)

    assert largest(PUCT, 60) == 1 and largest(PUCT, 200) == 2 and largest(PUCT, 1000) == 16
    assert largest(replace(GUMBEL, max_num_considered_actions=16), 200) == 1


@SEVERAL
@pytest.mark.usefixtures("eager")
def test_several_leaves_prove_no_falsehood(endings: tuple, config: SearchConfig) -> None:
    states, values = (part[:: 20 if SLOWLY else 1] for part in endings)
    together = Search(TIC_TAC_TOE, len(states), config, 200, 8)
    found = search.run(TIC_TAC_TOE, states, HashEvaluator(TIC_TAC_TOE), config, 200, None, together)
    exact = by_edge(values, found)
    known = found.proven != tree.UNKNOWN
    np.testing.assert_array_equal(found.proven[known], exact[known])
    assert found.exact.mean() > 0.8
    np.testing.assert_array_equal(found.value[found.exact], exact.max(axis=1)[found.exact])


@SEVERAL
@pytest.mark.parametrize("room", ["nodes", "edges"])
@pytest.mark.usefixtures("eager")
def test_several_leaves_meet_the_end_of_the_room(config: SearchConfig, room: str) -> None:
    config = replace(config, edges_per_node=1 if room == "edges" else 48, solve=False)
    evaluate, rows = HashEvaluator(CONNECT_FOUR), np.arange(5)
    running = Search(CONNECT_FOUR, 5, config, 60, 8)
    running.reset_root(rows, CONNECT_FOUR.initial_states(5), 60, rngs(5))
    for _ in range(4):
        if room == "nodes":
            running.trees.num_simulations[rows] = 1000
        asked = set()
        while len(running.finished()) < 5:
            leaves = running.leaves()
            asked |= set(CONNECT_FOUR.key(leaves.states).tolist())
            np.testing.assert_array_equal(leaves.states, running.states[leaves.nodes])
            for state, parent, slot in zip(leaves.states, *_above(running, leaves), strict=True):
                if parent != tree.NO_NODE:
                    t = running.trees
                    action = t.actions[t.nodes[parent]["first_edge"] + slot]
                    assert CONNECT_FOUR.step(running.states[[parent]], np.array([action])).states[0] == state
            running.expand(leaves, *evaluate(leaves))
        assert running.trees.full.all() and not running.trees.visits_in_flight.any() and len(asked) > 5
        for row in rows:
            assert_sound(running, row)
        found = running.results(rows)
        running.advance(rows, found.actions[rows, found.play], 60, rngs(5))


def _above(running: Search, leaves: Leaves) -> tuple[np.ndarray, np.ndarray]:
    records = running.trees.nodes[leaves.nodes]
    return records["parent"], records["slot"]


@pytest.mark.usefixtures("eager")
def test_a_tree_planted_after_a_turn_that_was_broken_off_starts_clean() -> None:
    states, evaluate = CONNECT_FOUR.initial_states(1), HashEvaluator(CONNECT_FOUR)
    running = Search(CONNECT_FOUR, 1, PUCT, 50, 8)
    running.reset_root(np.arange(1), states, 50)
    while True:
        leaves = running.leaves()
        if len(leaves.rows) > 3:
            break
        running.expand(leaves, *evaluate(leaves))
    assert running.trees.visits_in_flight.any()
    again = search.run(CONNECT_FOUR, states, evaluate, PUCT, 50, None, running)
    fresh = Search(CONNECT_FOUR, 1, PUCT, 50, 8)
    assert_equal(again, search.run(CONNECT_FOUR, states, evaluate, PUCT, 50, None, fresh))


def test_the_depth_of_a_tree_is_its_longest_path() -> None:
    states, evaluate = positions(CONNECT_FOUR, 5), HashEvaluator(CONNECT_FOUR)
    running = Search(CONNECT_FOUR, 5, PUCT, 40)
    search.run(CONNECT_FOUR, states, evaluate, PUCT, 40, None, running)

    def depth(node: Node) -> int:
        return max((1 + depth(edge.child) for edge in node.edges if edge.child), default=0)

    for row, state in enumerate(states):
        twin = NaiveSearch(CONNECT_FOUR, state, evaluate, PUCT).run(40)
        assert running.depth(row) == depth(twin.root) > 0
