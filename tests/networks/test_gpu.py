"""On a GPU: graphs against plain calls, weights in place, numbers against float32, a server's answers, learning.

Skipped where there is none; `scripts/gpu_check.sh` runs them first.
"""

from __future__ import annotations

import secrets
from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch
from served import leaves

import games
from selfplay.alphazero import actor, agent
from selfplay.alphazero.config import ActorConfig
from selfplay.learning import learner
from selfplay.networks import inference, policy_value
from selfplay.networks.config import InferenceConfig, NetworkConfig
from selfplay.networks.shared import client, launcher
from selfplay.search.config import SearchConfig

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")]

CUDA = torch.device("cuda")
SIZES = (1, 2, 3, 7, 64, 200, 1000)
NETWORKS = {"tiny": tiny.NETWORK, "64x5": NetworkConfig(channels=64, blocks=5)}


@pytest.fixture(params=["connect-four", "checkers"])  # a dense policy, and one over the board
def game(request: pytest.FixtureRequest) -> games.base.Game:
    return games.make(request.param)


def network(game: games.base.Game, seed: int, size: NetworkConfig = tiny.NETWORK) -> policy_value.PolicyValueNet:
    """A network whose norms are not the identity and whose answers are moderate, as a trained one's are."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = policy_value.PolicyValueNet(game, size)
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_var.uniform_(0.5, 2.0)
                module.running_mean.normal_(0.0, 0.1)
            elif isinstance(module, torch.nn.Linear):
                torch.nn.init.normal_(module.weight, std=0.1)
    return net.eval()


def planes_of(game: games.base.Game, size: int, seed: int) -> torch.Tensor:
    planes = torch.from_numpy(game.observe(leaves(game, size, seed).states)).to(CUDA, torch.bfloat16)
    return planes.contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
@pytest.mark.parametrize("size", NETWORKS.values(), ids=list(NETWORKS))
def test_graphs_answer_as_plain_calls_do(game: games.base.Game, size: NetworkConfig) -> None:
    net = network(game, 1, size)
    forward = inference.fast_forward(net, game.observation_shape[1:], CUDA)
    assert isinstance(forward, inference.GraphedForward)
    plain = inference._PlainForward(inference._fold(net, CUDA))
    for call in range(inference.RARE + 3):
        for count in SIZES:
            asked = planes_of(game, count, seed=call)
            for one, other in zip(forward(asked), plain(asked), strict=True):
                torch.testing.assert_close(one.float(), other.float(), atol=0.03, rtol=0.03)
    assert sorted(forward._graphs) == sorted({inference.bucket(count) for count in SIZES})


@torch.inference_mode()
def test_weights_are_copied_to_where_graphs_read_them(game: games.base.Game) -> None:
    forward = inference.fast_forward(network(game, 1), game.observation_shape[1:], CUDA)
    assert isinstance(forward, inference.GraphedForward)
    asked, places = planes_of(game, 30, seed=1), [tensor.data_ptr() for tensor in inference._tensors(forward._net)]
    found = []
    for seed in (1, 2, 1):
        net = network(game, seed)
        forward.take(net, CUDA)
        plain = inference._PlainForward(inference._fold(net, CUDA))
        for _ in range(inference.RARE + 2):
            policy, wdl = (one.clone() for one in forward(asked))
        for one, other in zip((policy, wdl), plain(asked), strict=True):
            torch.testing.assert_close(one.float(), other.float(), atol=0.03, rtol=0.03)
        found.append(policy)
    assert len(forward._graphs) == 1 and torch.equal(found[0], found[2]) and not torch.equal(found[0], found[1])
    assert places == [tensor.data_ptr() for tensor in inference._tensors(forward._net)]


@pytest.mark.parametrize("size", NETWORKS.values(), ids=list(NETWORKS))
def test_answers_are_those_of_float32_as_far_as_bfloat16_goes(game: games.base.Game, size: NetworkConfig) -> None:
    net = network(game, 1, size)
    evaluator = inference.NetworkEvaluator(game, size, CUDA)
    evaluator.load(net.state_dict())
    for count in (1, 64, 333):
        asked = leaves(game, count, seed=count)
        prior, wdl = evaluator(asked)
        with torch.inference_mode():
            policy, value = net(torch.from_numpy(game.observe(asked.states)))
        wanted = inference.priors.legal_softmax(policy.numpy(), asked.actions)
        np.testing.assert_allclose(prior, wanted, atol=0.03)
        np.testing.assert_allclose(wdl, value.softmax(1).numpy(), atol=0.03)


def test_a_server_on_the_gpu_answers_as_a_network_there_does(game: games.base.Game) -> None:
    named = launcher.Server(secrets.token_hex(8), 0, game, tiny.NETWORK, InferenceConfig(mode="shared"))
    connection, own = client.Client(game, named, 256, 4), inference.NetworkEvaluator(game, tiny.NETWORK, CUDA)
    try:
        shared = client.SharedEvaluator(connection, "newest")
        for seed in (1, 2):  # the second into the graphs of the first
            shared.load(network(game, seed).state_dict())
            own.load(network(game, seed).state_dict())
            for call in range(6):
                asked = [leaves(game, size, seed=call) for size in (1, 200, 31)]
                for answer, some in zip([shared.submit(one) for one in asked], asked, strict=True):
                    for one, other in zip(answer(), own(some), strict=True):
                        np.testing.assert_allclose(one, other, atol=0.01)
    finally:
        connection.close()


def test_an_actor_plays_whole_games_with_a_network_on_the_gpu() -> None:
    game = games.make("tic-tac-toe")
    acting = ActorConfig(num_simulations=8, concurrent_games=16, cache_entries=0)
    player = actor.SelfPlayActor(game, acting, SearchConfig(), tiny.NETWORK, 1, 0)
    player.set_weights({policy_value.PLAYER: network(game, 1).state_dict()}, 0)
    rows, sums = player.generate(300)
    assert len(rows) >= 300 and sums["games"] > 20 and np.isfinite(rows["policy"]).all()


def test_a_learning_step_changes_weights_as_one_in_float32_on_the_cpu_does(monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(tiny.CONFIG, learner=replace(tiny.CONFIG.learner, optimizer="sgd", learning_rate=0.1))
    with_rows = actor.SelfPlayActor(games.make("tic-tac-toe"), tiny.CONFIG.actor, SearchConfig(), tiny.NETWORK, 1, 0)
    with_rows.set_weights({policy_value.PLAYER: network(with_rows.game, 1).state_dict()}, 0)
    rows = with_rows.generate(256)[0][:256]
    changes = []
    for device in (CUDA, torch.device("cpu")):
        with monkeypatch.context() as patch:
            patch.setattr(agent.devices, "best", lambda device=device: device)
            player = agent.AlphaZero(config)
            taught = learner.Learner(player.updates(), config.learner)
            before = taught.newest_weights()[policy_value.PLAYER]
            taught.step(player.make_batch(rows, np.random.default_rng(1)), 0.0)
            after = taught.newest_weights()[policy_value.PLAYER]
            names = [name for name in before if name.endswith("weight")]
            changes.append(torch.cat([(after[name] - before[name]).flatten() for name in names]).float())
    gpu, cpu = changes
    assert cpu.norm() > 0 and float((gpu - cpu).norm() / cpu.norm()) < 0.1
