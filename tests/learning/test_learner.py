"""Updates, averaged weights, the schedule, divergence, and that a restored learner goes on bit by bit."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import tiny
import torch
from torch import nn

import games
from selfplay import config
from selfplay.alphazero import loss
from selfplay.errors import ConfigError, TrainingDiverged
from selfplay.learning.config import LearnerConfig
from selfplay.learning.learner import Learner, Update
from selfplay.networks import policy_value
from selfplay.types import Batch

CONFIG = LearnerConfig(batch_size=4, learning_rate=1e-2, final_learning_rate=1e-3)


class Small(nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.inner = nn.Linear(3, 4)
        self.norm = nn.BatchNorm1d(4)
        self.outer = nn.Linear(4, 1)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.normal_(generator=generator)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.outer(torch.relu(self.norm(self.inner(x))))
        return out


def squares(net: nn.Module, batch: Batch, progress: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    loss = ((net(batch["x"]) - batch["y"]) ** 2).mean()
    return loss, {"squares": loss}


def batches(count: int, seed: int = 0) -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        {"x": torch.randn(8, 3, generator=generator), "y": torch.randn(8, 1, generator=generator)} for _ in range(count)
    ]


def bits(module: nn.Module) -> dict[str, bytes]:
    return {key: value.detach().contiguous().numpy().tobytes() for key, value in module.state_dict().items()}


def weights_of(module: nn.Module) -> dict[str, bytes]:
    return {key: value.detach().contiguous().numpy().tobytes() for key, value in module.named_parameters()}


def test_one_players_loss_never_touches_the_weights_of_another() -> None:
    left, right = Small(1), Small(2)

    def against(net: nn.Module, batch: Batch, progress: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        # A loss that runs through both networks, as a critic's runs through the generator.
        other = right if net is left else left
        loss = (net(batch["x"]) * other(batch["x"])).mean()
        return loss, {}

    only_left = Learner((Update("left", left, against),), CONFIG)
    before = weights_of(right)
    only_left.step(batches(1)[0], 0.0)
    assert weights_of(right) == before
    assert all(parameter.grad is None for parameter in right.parameters())

    both = Learner((Update("left", left, against), Update("right", right, against)), CONFIG)
    left_before = weights_of(left)
    report = both.step(batches(1)[0], 0.0)
    assert weights_of(left) != left_before and weights_of(right) != before
    assert set(report) == {"left/gradient_norm", "right/gradient_norm"}
    assert both.steps == 1


def test_learning_descends() -> None:
    learner = Learner((Update("net", Small(0), squares),), CONFIG)
    batch = batches(1)[0]
    losses = [float(learner.step(batch, 0.0)["net/squares"]) for _ in range(60)]
    assert losses[-1] < losses[0] / 2


def test_averaged_weights_and_statistics_equal_a_hand_computation() -> None:
    module = Small(3)
    learner = Learner((Update("net", module, squares),), LearnerConfig(learning_rate=1e-2, ema_decay=0.15))
    mean = {key: value.clone() for key, value in module.state_dict().items()}
    for step, batch in enumerate(batches(5)):
        learner.step(batch, 0.0)
        decay = min(0.15, (1 + step) / (10 + step))  # 0.1, 0.15, 0.15, …
        for key, value in module.state_dict().items():
            if value.is_floating_point():
                mean[key] = decay * mean[key] + (1 - decay) * value
            else:
                mean[key] = value.clone()
    for key, value in learner.weights()["net"].items():
        torch.testing.assert_close(value, mean[key], rtol=1e-5, atol=1e-6, msg=key)
    assert not torch.equal(mean["norm.running_mean"], module.state_dict()["norm.running_mean"])
    assert int(mean["norm.num_batches_tracked"]) == 5


def test_weights_that_are_averaged_anew_leave_what_was_before_as_at_the_start_and_a_state_says_since_when() -> None:
    module, config = Small(3), LearnerConfig(learning_rate=1e-2, ema_decay=0.99)
    learner = Learner((Update("net", module, squares),), config)
    for batch in batches(30):
        learner.step(batch, 0.0)
    learner.average_anew()
    before = learner.weights()["net"]
    other = Learner((Update("net", Small(3), squares),), config)
    other.load_state(*learner.state())
    batch = batches(1)[0]
    for each in (learner, other):
        each.step(batch, 0.0)
        for key, value in each.newest_weights()["net"].items():
            if value.is_floating_point():
                expected = 0.1 * before[key] + 0.9 * value
                torch.testing.assert_close(each.weights()["net"][key], expected, rtol=1e-5, atol=1e-6, msg=key)


def test_weights_are_copies_that_later_learning_does_not_change() -> None:
    learner = Learner((Update("net", Small(3), squares),), CONFIG)
    taken = learner.weights()["net"]["outer.weight"]
    before = taken.clone()
    learner.step(batches(1)[0], 0.0)
    assert torch.equal(taken, before)


def test_the_learning_rate_falls_along_half_a_cosine_and_stays_at_its_end() -> None:
    learner = Learner((Update("net", Small(0), squares),), CONFIG)
    assert learner.learning_rate(0.0) == pytest.approx(1e-2)
    assert learner.learning_rate(0.5) == pytest.approx((1e-2 + 1e-3) / 2)
    assert learner.learning_rate(0.25) == pytest.approx(1e-3 + 9e-3 * (1 + math.cos(math.pi / 4)) / 2)
    assert learner.learning_rate(1.0) == learner.learning_rate(7.0) == pytest.approx(1e-3)
    assert learner.learning_rate(-1.0) == pytest.approx(1e-2)
    learner.step(batches(1)[0], 0.5)
    assert {group["lr"] for group in learner.players["net"].optimizer.param_groups} == {learner.learning_rate(0.5)}


def test_only_matrices_decay() -> None:
    learner = Learner((Update("net", Small(0), squares),), LearnerConfig(weight_decay=0.3))
    groups = learner.players["net"].optimizer.param_groups
    decays = {p: group["weight_decay"] for group in groups for p in group["params"]}
    assert {p.ndim > 1: decay for p, decay in decays.items()} == {True: 0.3, False: 0.0}
    assert len(decays) == len(list(learner.updates[0].module.parameters()))


def a_tower() -> tuple[Learner, list[dict[str, torch.Tensor]]]:
    """The real network in channels-last memory, where the order of a moment in memory matters."""
    game = games.make("tic-tac-toe")
    torch.manual_seed(0)
    net = policy_value.PolicyValueNet(game, tiny.NETWORK).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    learner = Learner((Update("net", net, loss.policy_value_loss(1.0)),), CONFIG)
    generator = torch.Generator().manual_seed(5)
    made = []
    for _ in range(6):
        planes = torch.randint(0, 2, (16, *game.observation_shape), generator=generator).float()
        policy = torch.rand(16, game.num_actions, generator=generator).softmax(1)
        wdl = torch.rand(16, 3, generator=generator).softmax(1)
        made.append({"planes": planes.contiguous(memory_format=torch.channels_last), "policy": policy, "wdl": wdl})
    return learner, made


@pytest.mark.parametrize("make", [a_tower, lambda: (Learner((Update("net", Small(1), squares),), CONFIG), batches(6))])
def test_a_restored_learner_goes_on_bit_by_bit(make) -> None:  # type: ignore[no-untyped-def]
    straight, made = make()
    for batch in made[:3]:
        straight.step(batch, 0.1)
    tensors, rest = straight.state()
    restored, _ = make()
    restored.load_state(tensors, rest)
    for batch in made[3:]:
        straight.step(batch, 0.2)
        restored.step(batch, 0.2)
    assert restored.steps == straight.steps == 6
    assert bits(restored.updates[0].module) == bits(straight.updates[0].module)
    assert bits(restored.averaged["net"]) == bits(straight.averaged["net"])
    (a, _), (b, _) = straight.state(), restored.state()
    assert list(a) == list(b) and all(torch.equal(a[key], b[key]) for key in a)


def test_the_state_is_a_copy_that_later_learning_does_not_change() -> None:
    learner, made = a_tower()
    learner.step(made[0], 0.0)
    tensors, _ = learner.state()
    before = {key: value.clone() for key, value in tensors.items()}
    learner.step(made[1], 0.0)
    assert all(torch.equal(tensors[key], before[key]) for key in tensors)


@pytest.mark.parametrize("poison", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_the_run_and_changes_no_weight(poison: float) -> None:
    learner = Learner((Update("net", Small(4), squares),), CONFIG)
    good, bad = batches(2)
    learner.step(good, 0.0)
    bad["y"][3] = poison
    module = learner.updates[0].module
    before, averaged = weights_of(module), bits(learner.averaged["net"])
    with pytest.raises(TrainingDiverged, match=r"net loss .* step 1") as caught:
        learner.step(bad, 0.0)
    assert len(str(caught.value).splitlines()) == 1
    assert weights_of(module) == before
    assert bits(learner.averaged["net"]) == averaged
    assert learner.steps == 1


def test_gradients_are_scaled_down_to_the_largest_norm() -> None:
    batch = batches(1)[0]
    steep = {"x": batch["x"], "y": batch["y"] * 1e6}
    learner = Learner((Update("net", Small(4), squares),), LearnerConfig(max_gradient_norm=0.5))
    norm = learner.step(steep, 0.0)["net/gradient_norm"]
    left = torch.stack([p.grad.norm() for p in learner.updates[0].module.parameters() if p.grad is not None]).norm()
    assert norm > 1e3 and float(left) == pytest.approx(0.5, rel=1e-3)


def test_a_state_of_another_shape_is_refused() -> None:
    learner, _ = a_tower()
    tensors, rest = learner.state()
    tensors["net.weights.value.bias"] = torch.zeros(4)
    with pytest.raises(RuntimeError, match=r"value\.bias"):
        learner.load_state(tensors, rest)


def test_rates_and_betas_follow_their_schedules() -> None:
    settings = LearnerConfig(
        learning_rate=1e-2, final_learning_rate=1e-4, schedule="geometric", beta1=0.0, beta2=0.9, final_beta2=0.99
    )
    learner = Learner((Update("net", Small(0), squares, learning_rate=0.5),), settings)
    assert [learner.learning_rate(x) for x in (0.0, 0.5, 1.0)] == pytest.approx([1e-2, 1e-3, 1e-4])
    quarter = (1 + math.cos(math.pi / 4)) / 2
    assert learner.learning_rate(0.25) == pytest.approx(1e-4 * 100**quarter)
    expected = [(0.0, 1e-2, 0.9), (0.25, 1e-4 * 100**quarter, 0.99 - 0.09 * quarter), (1.0, 1e-4, 0.99)]
    for progress, rate, beta2 in expected:
        learner.step(batches(1)[0], progress)
        for group in learner.players["net"].optimizer.param_groups:
            assert group["lr"] == pytest.approx(0.5 * rate)
            assert group["betas"] == pytest.approx((0.0, beta2))


def test_a_loss_is_told_how_far_the_run_is() -> None:
    told = []

    def listen(net: nn.Module, batch: Batch, progress: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        told.append(progress)
        return squares(net, batch, progress)

    learner = Learner((Update("net", Small(0), listen),), CONFIG)
    for progress in (0.0, 0.3, 1.2):
        learner.step(batches(1)[0], progress)
    assert told == [0.0, 0.3, 1.0]


def test_plain_descent_with_decay_equals_a_hand_computation() -> None:
    module = Small(2)
    settings = LearnerConfig(learning_rate=0.1, optimizer="sgd", weight_decay=0.01, max_gradient_norm=1e9)
    learner = Learner((Update("net", module, squares),), settings)
    twin, batch = Small(2), batches(1)[0]
    squares(twin, batch, 0.0)[0].backward()
    learner.step(batch, 0.0)
    for found, weight in zip(module.parameters(), twin.parameters(), strict=True):
        assert weight.grad is not None
        decay = 0.01 * weight if weight.ndim > 1 else 0.0
        torch.testing.assert_close(found, weight - 0.1 * (weight.grad + decay))


def test_who_sits_a_step_out_keeps_its_weights_and_is_averaged_all_the_same() -> None:
    often, seldom = Small(1), Small(2)
    learner = Learner((Update("often", often, squares), Update("seldom", seldom, squares, every=3)), CONFIG)
    start = weights_of(seldom)
    for step, batch in enumerate(batches(3)):
        assert weights_of(seldom) == start
        report = learner.step(batch, 0.0)
        assert ("seldom/squares" in report) == (step == 2) and "often/squares" in report
    assert weights_of(seldom) != start
    averaged = bits(learner.averaged["seldom"])
    learner.step(batches(1)[0], 0.0)
    assert bits(learner.averaged["seldom"]) != averaged


def test_a_setting_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(ConfigError, match=r"'extragradeint'.*'rule'"):
        config.override(LearnerConfig(), ["rule=extragradeint"])
    with pytest.raises(ConfigError, match="'lookahead_alpha'"):
        config.override(LearnerConfig(), ["lookahead_alpha=0"])
    changed = config.override(LearnerConfig(), ["final_beta2=0.99", "rule=optimistic", "optimizer=sgd"])
    assert (changed.final_beta2, changed.rule, changed.optimizer) == (0.99, "optimistic", "sgd")


@pytest.mark.parametrize("schedule", ["linear", "geometric"])
def test_a_raised_rate_lies_between_the_schedule_and_its_peak_and_never_below_the_schedule(schedule: str) -> None:
    learner = Learner((Update("net", Small(0), squares),), replace(CONFIG, schedule=schedule))
    late = learner.learning_rate(0.9)
    learner.raised = (5e-2, 0.25)
    assert learner.learning_rate(0.9) == pytest.approx(late + 0.25 * (5e-2 - late))
    learner.raised = (1e-6, 1.0)
    assert learner.learning_rate(0.9) == late


def test_adopted_weights_play_and_learn_with_fresh_moments() -> None:
    one, other = (Learner((Update("net", Small(seed), squares),), CONFIG) for seed in (0, 1))
    for batch in batches(5):
        one.step(batch, 0.0)
    one.adopt(other.weights())
    assert bits(one.averaged["net"]) == bits(other.averaged["net"]) and one.steps == 5
    for learner in (one, other):
        learner.step(batches(1, seed=7)[0], 0.0)
    assert weights_of(one.updates[0].module) == weights_of(other.updates[0].module), "as from the start"
