"""The network on OpenVINO answers as the module does, in every batch alike; int8 is used where it does, too."""

from __future__ import annotations

import copy
import json

import numpy as np
import pytest
import tiny
import torch

import games
from games.base import Game
from games.checks import random_play
from selfplay import device as devices
from selfplay.alphazero.actor import SelfPlayActor
from selfplay.alphazero.config import ActorConfig
from selfplay.networks import inference, openvino_forward, policy_value, quantization
from selfplay.networks.config import InferenceConfig
from selfplay.networks.shared import engine
from selfplay.search.config import SearchConfig
from selfplay.search.search import Leaves

pytest.importorskip("openvino")

CPU = torch.device("cpu")
PLAIN, INT8 = InferenceConfig(backend="openvino"), InferenceConfig(backend="openvino", precision="int8")


def positions(game: Game, number: int) -> np.ndarray:
    found: list[np.ndarray] = []
    rng = np.random.default_rng(0)
    while sum(map(len, found)) < number:
        found += [played.states[:-1] for played in random_play.random_games(game, rng, 8)]
    return np.concatenate(found)[rng.permutation(sum(map(len, found)))[:number]]


def leaves_of(game: Game, states: np.ndarray) -> Leaves:
    numbers = np.arange(len(states))
    return Leaves(numbers, numbers, states, *game.legal_actions(states))


def network(game: Game) -> policy_value.PolicyValueNet:
    net = policy_value.PolicyValueNet(game, tiny.NETWORK).eval()
    net.load_state_dict(tiny.random_weights(game, 1))
    return net


@pytest.mark.parametrize("name", ["tic-tac-toe", "connect-four", "checkers"])
def test_openvino_computes_what_the_module_does(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    game = games.make(name)
    net, states = network(game), positions(game, 40)
    planes = torch.from_numpy(game.observe(states))
    with torch.inference_mode():
        right = net(planes)
    for dtype in {torch.float32, devices.compute_dtype("cpu")}:
        tolerance = 1e-4 if dtype == torch.float32 else 0.05
        monkeypatch.setattr(devices, "compute_dtype", lambda _, dtype=dtype: dtype)
        found = openvino_forward.OpenVinoForward(net, game.observation_shape)(planes)
        for one, other in zip(found, right, strict=True):
            scale = float(other.abs().max())
            assert one.shape == other.shape and scale > 0.01
            np.testing.assert_allclose(one.numpy(), other.numpy(), atol=tolerance * scale)


@pytest.mark.parametrize("config", [PLAIN, INT8], ids=["native", "int8"])
def test_a_row_does_not_depend_on_the_others_of_its_batch(config: InferenceConfig) -> None:
    game = games.make("connect-four")
    evaluate = inference.NetworkEvaluator(game, tiny.NETWORK, CPU, config)
    recent = positions(game, 200)
    samples = quantization.Samples(recent, recent[:0], np.zeros((0, game.max_legal_actions), np.int8))
    evaluate.load(tiny.random_weights(game, 1), samples)
    assert (evaluate.verdict is not None) == (config is INT8)
    states = positions(game, 130)
    prior, wdl = evaluate(leaves_of(game, states))
    for size in (1, 7, 64):
        for start in (0, 64):
            part = slice(start, start + size)
            one, other = evaluate(leaves_of(game, states[part]))
            np.testing.assert_array_equal(one, prior[part])
            np.testing.assert_array_equal(other, wdl[part])


def test_ranges_are_the_largest_numbers_that_enter_each_convolution() -> None:
    game = games.make("connect-four")
    net, planes = network(game), torch.from_numpy(game.observe(positions(game, 30)))
    block = net.tower[0]
    with torch.no_grad():
        stem = torch.relu(net.stem(planes))
        first = torch.relu(block.first(stem))
        tower = block(stem)
    expected = [float(part.max()) for part in (planes, stem, first, tower, tower)]
    assert openvino_forward.ranges(net, planes.numpy()) == pytest.approx(expected)


def test_int8_is_used_where_it_answers_alike_and_left_out_where_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    game = games.make("connect-four")
    weights, recent = tiny.random_weights(game, 1), positions(game, 300)
    samples = quantization.Samples(recent, recent[:0], np.zeros((0, game.max_legal_actions), np.int8))
    leaves = leaves_of(game, positions(game, 50))
    native, int8 = (inference.NetworkEvaluator(game, tiny.NETWORK, CPU, config) for config in (PLAIN, INT8))
    native.load(weights)
    right = native(leaves)

    int8.load(weights, samples)
    assert int8.verdict is not None and int8.verdict.accepted and 0 < int8.verdict.value_error < 0.02
    found = int8(leaves)
    assert not np.array_equal(found[1], right[1])
    np.testing.assert_allclose(found[1], right[1], atol=0.1)

    own = openvino_forward.ranges
    monkeypatch.setattr(openvino_forward, "ranges", lambda *given: [largest / 8 for largest in own(*given)])
    int8.load(weights, samples)
    assert int8.verdict is not None and not int8.verdict.accepted and int8.verdict.policy_error > 0.02
    np.testing.assert_array_equal(int8(leaves)[1], right[1])

    int8.load(weights)  # without positions there is nothing to make it for
    assert int8.verdict is None
    np.testing.assert_array_equal(int8(leaves)[1], right[1])


def test_a_server_answers_as_the_evaluator_does() -> None:
    game = games.make("connect-four")
    weights, leaves = tiny.random_weights(game, 1), leaves_of(game, positions(game, 20))
    own = inference.NetworkEvaluator(game, tiny.NETWORK, CPU, PLAIN)
    own.load(weights)
    served = engine.Engine(game, tiny.NETWORK, CPU, PLAIN)
    served.load(b"weights", weights)
    np.testing.assert_array_equal(served.start(b"weights", leaves.states, leaves.actions)()[1], own(leaves)[1])


def make(seed: int = 3) -> SelfPlayActor:
    config = ActorConfig(concurrent_games=12, num_simulations=8, random_opening_plies=4, opponent_share=0.2)
    return SelfPlayActor(
        games.make("tic-tac-toe"), config, SearchConfig(), tiny.NETWORK, seed, 0, CPU, inference_config=INT8
    )


def play(actor: SelfPlayActor, generation: int) -> tuple[np.ndarray, dict[str, float]]:
    newest, other = ({policy_value.PLAYER: tiny.random_weights(actor.game, seed)} for seed in (generation, 50))
    actor.set_weights(newest, generation, other)
    return actor.generate(60)


def test_an_actor_in_int8_tells_of_its_networks_and_goes_on_exactly() -> None:
    actor = make()
    play(actor, 0)
    arrays, rest = copy.deepcopy(actor.state())
    rows, sums = play(actor, 1)
    assert sums["int8_networks"] == 2 >= sums["int8_accepted"] > 0 and sums["int8_value_error"] > 0

    again = make(seed=4)
    assert again.load_state(arrays, json.loads(json.dumps(rest)))
    assert tiny.same_bits(rows, play(again, 1)[0])
