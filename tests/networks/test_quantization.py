"""The gate of int8 networks, the positions they are made for, and settings that cannot be: without openvino."""

from __future__ import annotations

import importlib.util
import math

import facets
import numpy as np
import pytest
import tiny

import games
from games.base import ILLEGAL
from games.checks import random_play
from selfplay.alphazero.agent import AlphaZero
from selfplay.errors import ConfigError
from selfplay.networks import quantization
from selfplay.networks.quantization import Answers


def answers(values: list[float], policies: list[list[float]]) -> Answers:
    return Answers(np.array(policies, dtype=np.float32), np.array(values, dtype=np.float32))


NONE = Answers(np.zeros((0, 2), dtype=np.float32), np.zeros(0, dtype=np.float32))
NO_VALUES = np.zeros((0, 2), dtype=np.int8)


def test_errors_are_means_over_the_positions_held_out() -> None:
    own = answers([0.5, -0.25], [[0.6, 0.4], [0.5, 0.5]])
    other = answers([0.51, -0.25], [[0.58, 0.42], [0.5, 0.5]])
    verdict = quantization.compare(own, other, NONE, NONE, NO_VALUES)
    assert verdict.value_error == pytest.approx(0.005) and verdict.policy_error == pytest.approx(0.01)
    assert verdict.accepted and (verdict.worse, verdict.better) == (0, 0)


@pytest.mark.parametrize(("shift", "accepted"), [(0.019, True), (0.021, False), (math.nan, False)])
@pytest.mark.parametrize("of", ["value", "policy"])
def test_a_network_that_differs_too_much_is_refused(of: str, shift: float, accepted: bool) -> None:
    own = answers([0.0], [[0.5, 0.5]])
    other = answers([shift], [[0.5, 0.5]]) if of == "value" else answers([0.0], [[0.5 + shift, 0.5 - shift]])
    assert quantization.compare(own, other, NONE, NONE, NO_VALUES).accepted is accepted


@pytest.mark.parametrize(
    ("worse", "better", "accepted"), [(4, 0, True), (5, 0, False), (13, 5, True), (15, 5, False), (0, 30, True)]
)
def test_moves_that_give_a_result_away_decide_by_their_number(worse: int, better: int, accepted: bool) -> None:
    # Two actions: the first keeps the win, the second is a draw. 20 positions more in which both networks agree.
    first, second = [0.7, 0.3], [0.3, 0.7]
    own = answers([0.0] * (worse + better + 20), [first] * worse + [second] * better + [second] * 20)
    other = answers([0.0] * (worse + better + 20), [second] * worse + [first] * better + [second] * 20)
    values = np.tile(np.array([1, 0], dtype=np.int8), (worse + better + 20, 1))
    same = answers([0.0], [first])
    verdict = quantization.compare(same, same, own, other, values)
    assert (verdict.worse, verdict.better, verdict.accepted) == (worse, better, accepted)


def test_exact_values_are_listed_as_the_legal_actions_are() -> None:
    game = games.make("tic-tac-toe")
    eval_set = facets.knowledge_of(game).eval_set()
    assert eval_set is not None
    found = quantization.samples(
        game, game.initial_states(3), (eval_set.states, eval_set.values), np.random.default_rng(0)
    )
    assert len(found.known) == quantization.SAMPLES and len(found.recent) == 10
    for state, values in zip(found.known[:50], found.values, strict=False):
        actions, count = game.legal_actions(state[None])
        place = int(np.flatnonzero(game.key(eval_set.states) == game.key(state[None]))[0])
        assert values[: count[0]].tolist() == eval_set.values[place, actions[0, : count[0]]].tolist()
        assert (values[count[0] :] == ILLEGAL).all()
    assert len(quantization.samples(game, game.initial_states(3), None, np.random.default_rng(0)).known) == 0


@pytest.mark.parametrize("name", ["tic-tac-toe", "chess"])
def test_positions_near_others_are_those_and_what_follows(name: str) -> None:
    game = games.make(name)
    played = random_play.random_games(game, np.random.default_rng(0), 4)
    states = np.concatenate([one.states[:-1][-6:] for one in played])
    found = quantization.near(game, states, 10**6, np.random.default_rng(1))
    expected = set(game.key(states).tolist())
    for state in states:
        actions, count = game.legal_actions(state[None])
        for action in actions[0, : count[0]]:
            after = game.step(state[None], np.array([action])).states
            if not after["terminal"][0]:
                expected.add(int(game.key(after)[0]))
    assert sorted(game.key(found).tolist()) == sorted(expected)
    some = quantization.near(game, states, 5, np.random.default_rng(1))
    np.testing.assert_array_equal(game.key(some), game.key(found)[:5])
    assert not found["terminal"].any()


def test_openvino_that_is_missing_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "openvino" else find(name, *rest)
    )
    with pytest.raises(ConfigError, match=r"pip install 'selfplay\[openvino\]'"):
        AlphaZero(tiny.config(inference={"backend": "openvino"}))


@pytest.mark.parametrize("others", [{}, {"mode": "shared"}, {"backend": "openvino", "mode": "shared"}])
def test_int8_needs_openvino_in_the_actors_own_process(others: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfplay.networks.openvino_forward.require", lambda: None)
    with pytest.raises(ConfigError, match=r"inference.backend=openvino and inference.mode=local"):
        AlphaZero(tiny.config(inference={"precision": "int8", **others}))
