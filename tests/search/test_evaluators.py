"""Evaluators without a network: uniform, rollout, hash and cache keep their contract."""

from __future__ import annotations

import numpy as np
import pytest
from facets import notation_of
from toy_games import Bandit, Coins

import games
from games import base
from games.checks import random_play
from selfplay.search import search
from selfplay.search.config import SearchConfig
from selfplay.search.evaluators import CachedEvaluator, Evaluator, HashEvaluator, RolloutEvaluator, UniformEvaluator
from selfplay.search.search import Leaves

CONNECT_FOUR = games.make("connect-four")


def leaves_of(game: base.Game, states: np.ndarray) -> Leaves:
    number = np.arange(len(states))
    return Leaves(number, number, states, *game.legal_actions(states))


def different_positions(game: base.Game, count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    states = np.concatenate([played.states[:-1] for played in random_play.random_games(game, rng, count // 4)])
    _, first = np.unique(game.key(states), return_index=True)
    return states[np.sort(first)][:count]


class Counting:
    """HashEvaluator that remembers how many positions it was asked about."""

    def __init__(self, game: base.Game) -> None:
        self.inner, self.asked = HashEvaluator(game), 0

    def __call__(self, leaves: Leaves) -> tuple[np.ndarray, np.ndarray]:
        self.asked += len(leaves.rows)
        return self.inner(leaves)


@pytest.mark.parametrize(
    "game", [CONNECT_FOUR, Coins(), *(Bandit([0.0] * arms) for arms in (1, 63, 64, 65, 66, 100))],
    ids=lambda game: f"{game.name}-{game.max_legal_actions}",
)  # fmt: skip
@pytest.mark.parametrize("kind", ["uniform", "rollout", "hash", "cached"])
def test_an_answer_sums_to_one_over_the_legal_actions(game: base.Game, kind: str) -> None:
    evaluate: Evaluator = UniformEvaluator() if kind == "uniform" else HashEvaluator(game, seed=12345)
    evaluate = RolloutEvaluator(game, seed=1) if kind == "rollout" else evaluate
    evaluate = CachedEvaluator(evaluate, game, 8) if kind == "cached" else evaluate
    leaves = leaves_of(game, different_positions(game, 40))
    for _ in range(2):
        prior, wdl = evaluate(leaves)
        assert prior.dtype == wdl.dtype == np.float32
        assert prior.shape == leaves.actions.shape and wdl.shape == (len(leaves.rows), 3)
        np.testing.assert_allclose(prior.sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(wdl.sum(axis=1), 1, atol=1e-6)
        assert ((prior > 0) == (leaves.actions >= 0)).all() and (wdl >= 0).all()
        if kind in ("uniform", "rollout"):
            np.testing.assert_allclose(prior.max(axis=1), 1 / leaves.count, atol=1e-7)
            assert (wdl == [0, 1, 0]).all() if kind == "uniform" else np.isin(wdl, (0, 1)).all()


def test_a_uniform_answer_can_be_written_to() -> None:
    leaves = leaves_of(CONNECT_FOUR, CONNECT_FOUR.initial_states(2))
    prior, wdl = UniformEvaluator()(leaves)
    prior[:], wdl[:] = 0, 0
    prior, wdl = UniformEvaluator()(leaves)
    assert prior.sum() == pytest.approx(2) and wdl.sum() == 2


def test_hash_answers_depend_on_position_and_seed_only() -> None:
    states = different_positions(CONNECT_FOUR, 50)
    whole = HashEvaluator(CONNECT_FOUR, 7)(leaves_of(CONNECT_FOUR, states))
    for i in (0, 13, 49):
        single = HashEvaluator(CONNECT_FOUR, 7)(leaves_of(CONNECT_FOUR, states[[i]]))
        for a, b in zip(whole, single, strict=True):
            np.testing.assert_array_equal(a[[i]], b)
    assert len(np.unique(whole[1][:, 0])) == 50
    assert (HashEvaluator(CONNECT_FOUR, 8)(leaves_of(CONNECT_FOUR, states))[1] != whole[1]).all()


def test_a_rollout_is_one_random_game_by_position_and_seed() -> None:
    states = different_positions(CONNECT_FOUR, 50)
    wdl = RolloutEvaluator(CONNECT_FOUR, 7)(leaves_of(CONNECT_FOUR, states))[1]
    backwards = RolloutEvaluator(CONNECT_FOUR, 7)(leaves_of(CONNECT_FOUR, states[::-1]))[1][::-1]
    np.testing.assert_array_equal(wdl, backwards)
    for i in (0, 13, 49):
        np.testing.assert_array_equal(
            wdl[[i]], RolloutEvaluator(CONNECT_FOUR, 7)(leaves_of(CONNECT_FOUR, states[[i]]))[1]
        )
    assert (RolloutEvaluator(CONNECT_FOUR, 8)(leaves_of(CONNECT_FOUR, states))[1] != wdl).any()
    seeds = base.mix64(CONNECT_FOUR.key(states) ^ np.uint64(7 * 0x9E3779B97F4A7C15 % 2**64))
    np.testing.assert_array_equal(wdl[:, 0] - wdl[:, 2], CONNECT_FOUR.playouts(states, seeds))


def test_many_rollouts_average_to_the_worth_of_random_play() -> None:
    # X X .      X to move: 3 wins at once (1/5), else O wins or draws as the board fills up at random.
    # O O .
    # . . .
    game = games.make("tic-tac-toe")
    leaves = leaves_of(game, notation_of(game).state_after("1425"))

    def worth(state: np.ndarray) -> float:
        """Of the position for its mover when both sides choose at random."""
        actions, count = game.legal_actions(state)
        steps = [game.step(state, actions[:, k]) for k in range(count[0])]
        return float(np.mean([step.reward[0] - (worth(step.states) if step.discount[0] else 0) for step in steps]))

    outcomes = [RolloutEvaluator(game, seed)(leaves)[1][0] @ [1, 0, -1] for seed in range(2000)]
    assert np.mean(outcomes) == pytest.approx(worth(leaves.states), abs=0.06)


def test_a_cache_answers_as_the_evaluator_inside_and_counts_its_hits() -> None:
    states, inner = different_positions(CONNECT_FOUR, 60), Counting(CONNECT_FOUR)
    cached = CachedEvaluator(inner, CONNECT_FOUR, 1 << 16)
    batches = [
        states[[19, 0, 19, 5, 0]], states[:20], states[10:40], states[[45, 3, 45, 44, 45]], states[:40], states[40:],
        states[[0, 0, 5, 0]],
    ]  # fmt: skip
    expected_hits = expected_merged = 0
    seen: set[int] = set()
    for batch in batches:
        leaves = leaves_of(CONNECT_FOUR, batch)
        new = [key for key in CONNECT_FOUR.key(batch).tolist() if key not in seen]
        expected_hits += len(batch) - len(new)
        expected_merged += len(new) - len(set(new))
        seen |= set(new)
        for found, right in zip(cached(leaves), HashEvaluator(CONNECT_FOUR)(leaves), strict=True):
            np.testing.assert_array_equal(found, right)
    assert cached.lookups == sum(map(len, batches)) and cached.hits == expected_hits > 0
    assert cached.merged == expected_merged == 4
    assert inner.asked == cached.lookups - cached.hits - cached.merged


def test_a_cached_answer_can_be_written_to_without_spoiling_the_cache() -> None:
    leaves = leaves_of(CONNECT_FOUR, different_positions(CONNECT_FOUR, 10))
    cached = CachedEvaluator(HashEvaluator(CONNECT_FOUR), CONNECT_FOUR, 1 << 16)
    for _ in range(3):
        prior, wdl = cached(leaves)
        for found, right in zip((prior, wdl), HashEvaluator(CONNECT_FOUR)(leaves), strict=True):
            np.testing.assert_array_equal(found, right)
        prior[:], wdl[:] = -1, -1


@pytest.mark.parametrize("game", [CONNECT_FOUR, games.make("tic-tac-toe")], ids=lambda game: game.name)
@pytest.mark.parametrize("entries", [1, 1 << 16])
def test_a_symmetric_cache_answers_alike_for_a_position_and_its_images(game: base.Game, entries: int) -> None:
    states, rng = different_positions(game, 40), np.random.default_rng(3)
    inner = Counting(game)
    cached, asked_by_hand = CachedEvaluator(inner, game, entries, symmetric=True), HashEvaluator(game)
    distinct: set[int] = set()
    for _ in range(6):
        symmetry = rng.integers(game.num_symmetries, size=len(states))
        leaves = leaves_of(game, game.symmetric_states(states, symmetry))
        prior, wdl = cached(leaves)
        for i, state in enumerate(leaves.states):  # one at a time: the image with the least key is asked about
            numbers = np.arange(game.num_symmetries)
            images = game.symmetric_states(np.repeat(state[None], len(numbers)), numbers)
            least = int(np.argmin(game.key(images)))
            distinct.add(int(game.key(images)[least]))
            right = asked_by_hand(leaves_of(game, images[[least]]))
            listed = game.legal_actions(images[[least]])[0][0].tolist()
            for k, action in enumerate(leaves.actions[i, : leaves.count[i]]):
                turned = int(game.symmetric_actions(np.array([[action]]), numbers[[least]])[0, 0])
                assert prior[i, k] == right[0][0, listed.index(turned)]
            assert (prior[i, leaves.count[i] :] == 0).all()
            np.testing.assert_array_equal(wdl[i], right[1][0])
    assert len(distinct) < len(states) or game is CONNECT_FOUR
    if entries > 1:
        assert inner.asked == len(distinct)
    assert inner.asked == cached.lookups - cached.hits - cached.merged


def test_a_game_without_symmetries_has_an_ordinary_cache() -> None:
    assert not CachedEvaluator(UniformEvaluator(), games.make("chess"), 8, symmetric=True).symmetric


@pytest.mark.parametrize("entries", [1, 2, 3, 16])
def test_positions_that_want_one_place_replace_each_other_whole(entries: int) -> None:
    """In a table far too small, never the key of one position with the answer of another."""
    states = different_positions(CONNECT_FOUR, 200)
    cached = CachedEvaluator(HashEvaluator(CONNECT_FOUR), CONNECT_FOUR, entries)
    rng = np.random.default_rng(1)
    for _ in range(60):
        leaves = leaves_of(CONNECT_FOUR, states[rng.integers(0, 200, size=rng.integers(1, 30))])
        for found, right in zip(cached(leaves), HashEvaluator(CONNECT_FOUR)(leaves), strict=True):
            np.testing.assert_array_equal(found, right)
    assert 0 < cached.hits < cached.lookups


def test_a_cleared_cache_asks_again() -> None:
    leaves = leaves_of(CONNECT_FOUR, different_positions(CONNECT_FOUR, 10))
    inner = Counting(CONNECT_FOUR)
    cached = CachedEvaluator(inner, CONNECT_FOUR, 1 << 16)
    cached(leaves)
    cached(leaves)
    assert inner.asked == 10
    cached.inner = HashEvaluator(CONNECT_FOUR, seed=99)
    cached.clear()
    np.testing.assert_array_equal(cached(leaves)[1], HashEvaluator(CONNECT_FOUR, seed=99)(leaves)[1])


@pytest.mark.parametrize("policy", ["puct", "gumbel", "uct"])
def test_a_cache_changes_no_search(policy: str) -> None:
    states, config = different_positions(CONNECT_FOUR, 8), SearchConfig(policy=policy)  # type: ignore[arg-type]
    plain = search.run(CONNECT_FOUR, states, HashEvaluator(CONNECT_FOUR), config, 30)
    cached = CachedEvaluator(HashEvaluator(CONNECT_FOUR), CONNECT_FOUR, 1 << 12)
    for _ in range(2):
        again = search.run(CONNECT_FOUR, states, cached, config, 30)
        for name in plain._fields:
            np.testing.assert_array_equal(getattr(plain, name), getattr(again, name))
    assert cached.hits > cached.lookups / 2
