"""The auxiliary head: its targets are how long games went on, it is learned, and what plays leaves it out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
import torch.nn.functional as F

import games
from selfplay import config as configs
from selfplay.alphazero import actor as actors
from selfplay.alphazero import loss, recurring
from selfplay.alphazero.config import ActorConfig, TargetConfig
from selfplay.learning.learner import Learner
from selfplay.networks import inference, policy_value
from selfplay.networks.config import NetworkConfig
from selfplay.players import network_player
from selfplay.search import evaluators, search
from selfplay.search.config import SearchConfig

GAME = games.make("tic-tac-toe")
NETWORK = replace(tiny.NETWORK, moves_left=True)
CPU = torch.device("cpu")


def made_rows(again: float = 0.0, network: NetworkConfig = NETWORK) -> tuple[np.ndarray, int]:
    """(rows of whole games and then of positions searched anew, how many of the latter)."""
    config = ActorConfig(
        concurrent_games=8, num_simulations=6, random_opening_plies=3, opponent_share=0.0, reanalyse_share=again
    )
    actor = actors.SelfPlayActor(GAME, config, SearchConfig(), network, 1, 0, CPU)
    actor.set_weights({policy_value.PLAYER: tiny.random_weights(GAME, 1, network)}, 1)
    rows, stats = actor.generate(200)
    return rows, int(stats.get("reanalysed", 0))


def test_rows_say_how_many_plies_were_left_and_reanalysis_keeps_it() -> None:
    rows, again = made_rows(0.3)
    played, later = rows[: len(rows) - again], rows[len(rows) - again :]
    left = np.rint(played["moves_left"] * GAME.max_game_length).astype(int)
    following = 1 + np.flatnonzero(played["ply"][1:] < played["ply"][:-1])
    assert (left[following] == left[following - 1] + 1).all() and left.min() == 1
    assert (left[played["ply"] == 0] > 1).any()
    found: dict[bytes, set[float]] = {}
    for row in played:
        found.setdefault(row["state"].tobytes(), set()).add(float(row["moves_left"]))
    assert again > 20 and all(float(row["moves_left"]) in found[row["state"].tobytes()] for row in later)


def test_rows_without_the_setting_have_no_such_field_and_a_share_out_of_range_is_not_sound() -> None:
    assert made_rows(network=tiny.NETWORK)[0].dtype == loss.row_dtype(GAME)
    rows, _ = made_rows()
    rows["moves_left"][:2] = -0.1, 1.5
    assert loss.sound_rows(GAME, rows).tolist() == [False, False] + [True] * (len(rows) - 2)


def test_the_loss_is_the_weighted_sum_of_three_cross_entropies() -> None:
    rows, _ = made_rows()
    net = policy_value.PolicyValueNet(GAME, NETWORK)
    net.load_state_dict(tiny.random_weights(GAME, 5, NETWORK))
    batch = loss.make_batch(GAME, rows[:50], 0.5, np.random.default_rng(0), CPU)
    assert batch["moves_left"].tolist() == rows["moves_left"][:50].tolist()
    total, report = loss.policy_value_loss(2.0, 0.3)(net.eval(), batch, 0.0)
    share = torch.sigmoid(net(batch["planes"], moves_left=True)[2].float())
    wanted = batch["moves_left"]
    entropy = -(wanted * share.log() + (1 - wanted) * (1 - share).log()).mean()
    assert report["moves_left_loss"].item() == pytest.approx(entropy.item(), rel=0.02)
    parts = report["policy_loss"] + 2.0 * report["value_loss"] + 0.3 * report["moves_left_loss"]
    assert total.item() == pytest.approx(parts.item(), rel=1e-6)


def test_the_head_learns_how_long_games_go_on() -> None:
    rows, _ = made_rows()
    agent = tiny.Agent(tiny.config(network={"moves_left": True}, target={"moves_left_weight": 1.0}))
    learner, rng = Learner(agent.updates(), agent.config.learner), np.random.default_rng(0)
    reports = [learner.step(agent.make_batch(rows[:100], rng), 0.0)["net/moves_left_loss"].item() for _ in range(40)]
    constant = torch.tensor(rows["moves_left"][:100].tolist())
    plain = F.binary_cross_entropy(constant.mean().expand(100), constant).item()
    assert np.mean(reports[-5:]) < plain - 0.005 and np.mean(reports[-5:]) < np.mean(reports[:5])


def test_what_plays_gives_the_same_answers_with_the_head_as_without() -> None:
    weights = tiny.random_weights(GAME, 3, NETWORK)
    states = GAME.initial_states(4)
    actions, count = GAME.legal_actions(states)
    leaves = search.Leaves(np.arange(4), np.arange(4), states, actions, count)
    answers = []
    for size, own in ((NETWORK, weights), (tiny.NETWORK, {k: v for k, v in weights.items() if "moves_left" not in k})):
        evaluator: evaluators.Evaluator = inference.NetworkEvaluator(GAME, size, CPU)
        evaluator.load(own)  # type: ignore[attr-defined]
        answers.append(evaluator(leaves))
    assert all((one == other).all() for one, other in zip(*answers, strict=True))


def test_checkpoints_of_before_say_nothing_of_the_head_and_those_with_it_say_so() -> None:
    assert "moves_left" not in tiny.Agent(tiny.CONFIG).identity()["network"]
    identity = tiny.Agent(tiny.config(network={"moves_left": True})).identity()["network"]
    assert configs.from_values(NetworkConfig, identity) == NETWORK


@pytest.mark.slow
def test_an_agent_that_was_trained_with_the_head_is_loaded(tmp_path: Path) -> None:
    tiny.train(tmp_path, tiny.config(network={"moves_left": True}, run={"generations": 1}))
    assert network_player.load(tmp_path).game.name == GAME.name


def test_plies_left_are_averaged_with_the_rest() -> None:
    found = recurring.recurrence(GAME, TargetConfig(average_recurring="values"), moves_left=True)
    assert found is not None and found.averaged == ("outcome", "search_wdl", "moves_left")
    less = recurring.recurrence(GAME, TargetConfig(recurring_power=0.0), moves_left=True)
    assert less is not None and less.averaged == ()
