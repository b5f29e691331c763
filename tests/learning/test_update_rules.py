"""Update rules against their closed forms, on the smallest game of a generator and a critic: the Dirac-GAN.

Mescheder 2018: real data is one point at 0, the generator is a point θ, the critic is D(x) = ψx. The position of the
game is written z = θ + iψ. With the linear loss one descends −ψθ in θ and ψθ in ψ, so the field is exactly −iz.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from test_learner import Small, bits, weights_of
from torch import Tensor, nn

from selfplay.errors import TrainingDiverged
from selfplay.learning.config import LearnerConfig
from selfplay.learning.learner import Learner, Update
from selfplay.types import Batch

RULES = ("alternating", "simultaneous", "extragradient", "optimistic")
Report = tuple[Tensor, dict[str, Tensor]]


class Point(nn.Module):
    """One weight, [1] float64."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.at = nn.Parameter(torch.tensor([value], dtype=torch.float64))


class Duel:
    """The Dirac-GAN under a learner; the critic moves first where players alternate."""

    def __init__(
        self, start: complex, eta: float, f: Callable[[Tensor], Tensor] = torch.neg, *, gamma_real: float = 0.0,
        gamma_fake: float = 0.0, every: tuple[int, int] = (1, 1), rates: tuple[float, float] = (1.0, 1.0),
        **settings: Any,
    ) -> None:  # fmt: skip
        self.generator, self.critic = Point(start.real), Point(start.imag)

        def judge(own: nn.Module, batch: Batch, progress: float) -> Report:
            points = torch.cat([torch.zeros(1, dtype=torch.float64), self.generator.at.detach()]).requires_grad_()
            real, fake = self.critic.at * points
            (slopes,) = torch.autograd.grad(real + fake, points, create_graph=True)
            penalty = 0.5 * gamma_real * slopes[0] ** 2 + 0.5 * gamma_fake * slopes[1] ** 2
            return f(real - fake) + penalty, {}

        def fool(own: nn.Module, batch: Batch, progress: float) -> Report:
            return f(self.critic.at * self.generator.at).sum(), {}

        plain: dict[str, Any] = {"optimizer": "sgd", "weight_decay": 0.0, "max_gradient_norm": 1e9}
        config = LearnerConfig(learning_rate=eta, final_learning_rate=eta, **plain | settings)
        critic = Update("critic", self.critic, judge, every[0], rates[0])
        self.learner = Learner((critic, Update("generator", self.generator, fool, every[1], rates[1])), config)

    def play(self, steps: int) -> np.ndarray:
        """[steps + 1] complex: z at the start and after each step."""
        positions = [complex(self.generator.at.item(), self.critic.at.item())]
        for _ in range(steps):
            self.learner.step({}, 0.0)
            positions.append(complex(self.generator.at.item(), self.critic.at.item()))
        return np.array(positions)


def relativistic(gap: Tensor) -> Tensor:
    return F.softplus(-gap)


def recurrence(first: complex, second: complex, trace: complex, determinant: complex, steps: int) -> np.ndarray:
    """[steps + 1]: closed form of z_{t+1} = trace z_t − determinant z_{t−1}, by the roots of its polynomial."""
    a, b = np.roots([1, -trace, determinant])
    of_a = (second - b * first) / (a - b)
    t = np.arange(steps + 1)
    return np.asarray(of_a * a**t + (first - of_a) * b**t)


def of_matrix(matrix: np.ndarray, start: complex, steps: int) -> np.ndarray:
    """[steps + 1] complex: θ + iψ under a 2 × 2 map of (θ, ψ), by its eigenvalues."""
    one = matrix @ [start.real, start.imag]
    trace, determinant = np.trace(matrix), np.linalg.det(matrix)
    theta = recurrence(start.real, one[0], trace, determinant, steps)
    return np.asarray(theta + 1j * recurrence(start.imag, one[1], trace, determinant, steps))


def close(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * max(1e-9, np.abs(expected).max()))


START = 0.6 - 0.8j

# The linear loss has slope c = 1 everywhere; the relativistic one has c = ½ near 0, where it is played from 1e-5 away.
LOSSES = pytest.mark.parametrize(("f", "c", "start"), [(torch.neg, 1.0, START), (relativistic, 0.5, START * 1e-5)])


@LOSSES
@pytest.mark.parametrize("eta", [0.05, 0.3])
def test_simultaneous_steps_spiral_out(f: Callable[[Tensor], Tensor], c: float, start: complex, eta: float) -> None:
    z = Duel(start, eta, f, rule="simultaneous").play(200)
    close(z, start * (1 - 1j * eta * c) ** np.arange(201))
    np.testing.assert_allclose(np.abs(z[1:] / z[:-1]), math.sqrt(1 + eta**2 * c**2), rtol=1e-6)


@LOSSES
@pytest.mark.parametrize("eta", [0.1, 1.5])
def test_alternating_steps_go_round_for_ever(
    f: Callable[[Tensor], Tensor], c: float, start: complex, eta: float
) -> None:
    z, step = Duel(start, eta, f, rule="alternating").play(300), eta * c
    close(z, of_matrix(np.array([[1 - step**2, step], [-step, 1]]), start, 300))
    kept = z.real**2 + z.imag**2 - step * z.real * z.imag  # the ellipse that the orbit lies on
    np.testing.assert_allclose(kept, kept[0], rtol=1e-6)
    assert np.abs(np.roots([1, step**2 - 2, 1])) == pytest.approx([1, 1])


@LOSSES
@pytest.mark.parametrize("eta", [0.1, 0.9])
def test_extragradient_steps_arrive(f: Callable[[Tensor], Tensor], c: float, start: complex, eta: float) -> None:
    z, step = Duel(start, eta, f, rule="extragradient").play(200), eta * c
    close(z, start * (1 - step**2 - 1j * step) ** np.arange(201))
    assert abs(z[-1]) < abs(z[0])


@pytest.mark.parametrize(("eta", "arrives"), [(0.99, True), (1.01, False)])
def test_extragradient_arrives_exactly_where_the_rate_times_the_slope_is_below_one(eta: float, arrives: bool) -> None:
    z = Duel(START, eta, rule="extragradient").play(200)
    assert (abs(z[-1]) < abs(z[0])) == arrives


@LOSSES
@pytest.mark.parametrize("eta", [0.1, 0.55])  # at ηc = ½ the two roots are one
def test_optimistic_steps_arrive(f: Callable[[Tensor], Tensor], c: float, start: complex, eta: float) -> None:
    z, mu = Duel(start, eta, f, rule="optimistic").play(300), -1j * eta * c
    close(z, recurrence(start, (1 + 2 * mu) * start, 1 + 2 * mu, mu, 300))
    assert abs(z[-1]) < abs(z[0])


@pytest.mark.parametrize(("eta", "arrives"), [(0.57, True), (0.585, False)])
def test_optimistic_steps_arrive_exactly_below_one_over_the_root_of_three(eta: float, arrives: bool) -> None:
    z = Duel(START, eta, rule="optimistic").play(400)
    assert (abs(z[-1]) < abs(z[100])) == arrives


@pytest.mark.parametrize(("k", "alpha", "eta"), [(5, 0.5, 0.5), (3, 0.8, 0.2), (1, 0.3, 0.4)])
@pytest.mark.parametrize("rule", ["alternating", "simultaneous"])
def test_lookahead_pulls_each_row_of_steps_back(rule: str, k: int, alpha: float, eta: float) -> None:
    z = Duel(START, eta, rule=rule, lookahead_steps=k, lookahead_alpha=alpha).play(40 * k)
    alternating = np.array([[1 - eta**2, eta], [-eta, 1]])
    inner = alternating if rule == "alternating" else np.array([[1, eta], [-eta, 1]])
    close(z[:k], of_matrix(inner, START, 40 * k)[:k])  # within the first row nothing pulls
    outer = (1 - alpha) * np.eye(2) + alpha * np.linalg.matrix_power(inner, k)
    close(z[::k], of_matrix(outer, START, 40))
    multipliers = np.linalg.eigvals(inner)
    assert sorted(np.abs(np.linalg.eigvals(outer))) == pytest.approx(sorted(np.abs(1 - alpha + alpha * multipliers**k)))


def test_lookahead_turns_orbits_and_spirals_into_arrivals_at_the_known_speed() -> None:
    shrinks = {}
    for rule in ("alternating", "simultaneous"):
        z = Duel(START, 0.5, rule=rule, lookahead_steps=5, lookahead_alpha=0.5).play(5 * 40)
        shrinks[rule] = abs(z[-1] / z[0]) ** (1 / 40)
    assert shrinks["simultaneous"] == pytest.approx(0.647, abs=5e-4)
    assert shrinks["alternating"] == pytest.approx(0.303, abs=5e-3)  # on an ellipse: its axes differ


@LOSSES
@pytest.mark.parametrize(("real", "fake"), [(0.4, 0.0), (0.4, 0.4), (0.0, 0.7), (3.0, 1.0)])
def test_gradient_penalties_damp_at_their_rate(
    f: Callable[[Tensor], Tensor], c: float, start: complex, real: float, fake: float
) -> None:
    eta, penalty = 0.2, real + fake  # the critic's slope is ψ everywhere: penalties on both sides add up
    z = Duel(start, eta, f, rule="simultaneous", gamma_real=real, gamma_fake=fake).play(200)
    close(z, of_matrix(np.array([[1, eta * c], [-eta * c, 1 - eta * penalty]]), start, 200))
    if penalty < 2 * c:  # under-damped: two multipliers of one modulus, which in small steps is exp(−ηΓ/2)
        modulus = np.abs(np.roots([1, eta * penalty - 2, 1 - eta * penalty + eta**2 * c**2]))
        assert modulus**2 == pytest.approx([1 - eta * penalty + eta**2 * c**2] * 2)


@pytest.mark.parametrize(("eta", "arrives"), [(0.39, True), (0.41, False)])
def test_penalised_simultaneous_steps_arrive_exactly_below_the_penalty(eta: float, arrives: bool) -> None:
    z = Duel(START, eta, rule="simultaneous", gamma_real=0.2, gamma_fake=0.2).play(300)
    assert (abs(z[-1]) < abs(z[0])) == arrives


@pytest.mark.parametrize("rule", ["alternating", "simultaneous"])
def test_a_critic_takes_k_steps_to_one_and_each_player_has_its_rate(rule: str) -> None:
    duel = Duel(START, 0.1, rule=rule, every=(1, 3), rates=(2.0, 0.5))
    z = duel.play(3 * 100)
    critic, generator = np.array([[1, 0], [-0.2, 1]]), np.array([[1, 0.05], [0, 1]])
    together = generator @ critic if rule == "alternating" else critic + generator - np.eye(2)
    close(z[::3], of_matrix(together @ critic @ critic, START, 100))
    assert (z.real[:3] == z.real[0]).all() and z.real[3] != z.real[0]
    assert duel.learner.step({}, 0.0).keys() == {"critic/gradient_norm"}  # who sits out has nothing to report


def test_optimistic_steps_over_adamw_are_optimistic_adam() -> None:
    eta, beta1, beta2 = 0.05, 0.5, 0.9
    duel = Duel(START, eta, relativistic, rule="optimistic", optimizer="adamw", beta1=beta1, beta2=beta2)
    found = duel.play(120)
    # By hand, after algorithm 1 of the paper: w ← w − 2η m̂/(√v̂ + ε) + η m̂′/(√v̂′ + ε).
    w = np.array([START.real, START.imag])
    m, v, last = np.zeros(2), np.zeros(2), np.zeros(2)
    expected = [START]
    for t in range(1, 121):
        theta, psi = w
        slope = 1 / (1 + math.exp(-theta * psi))  # of softplus(ψθ); the generator's is softplus(−ψθ)
        gradient = np.array([-(1 - slope) * psi, slope * theta])
        m, v = beta1 * m + (1 - beta1) * gradient, beta2 * v + (1 - beta2) * gradient**2
        direction = m / (1 - beta1**t) / (np.sqrt(v / (1 - beta2**t)) + 1e-8)
        w, last = w - 2 * eta * direction + eta * last, direction
        expected.append(complex(*w))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def test_extragradient_over_adamw_lets_the_moments_learn_of_the_second_gradients_only() -> None:
    eta, duel = 0.1, Duel(START, 0.1, rule="extragradient", optimizer="adamw", beta1=0.0, beta2=0.5)
    found = duel.play(30)
    z, v, expected = START, np.zeros(2), [START]

    def ahead(z: complex, v: np.ndarray, at: complex, t: int) -> tuple[complex, np.ndarray]:
        gradient = np.array([-at.imag, at.real])
        v = 0.5 * v + 0.5 * gradient**2
        return z - complex(*(eta * gradient / (np.sqrt(v / (1 - 0.5**t)) + 1e-8))), v

    for t in range(1, 31):
        there, _ = ahead(z, v, z, t)
        z, v = ahead(z, v, there, t)
        expected.append(z)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)


def a_pair(poison: Callable[[str, int], float] = lambda name, call: 1.0, **settings: Any) -> Learner:
    """Two networks, batch norm and all, whose losses run through each other; poison multiplies a player's loss at
    its `call`-th evaluation."""
    left, right = Small(1), Small(2)
    calls = {"left": 0, "right": 0}

    def meet(name: str, other: nn.Module, sign: float) -> Callable[[nn.Module, Batch, float], Report]:
        def loss(own: nn.Module, batch: Batch, progress: float) -> Report:
            calls[name] += 1
            gap = torch.tanh(own(batch["x"]) * other(batch["x"])).mean()
            return poison(name, calls[name]) * (sign * gap + 0.01 * (own(batch["x"]) ** 2).mean()), {"gap": gap}

        return loss

    every = settings.pop("every", 1)
    config = LearnerConfig(learning_rate=1e-2, final_learning_rate=1e-3, schedule="geometric", **settings)
    first = Update("left", left, meet("left", right, 1))
    return Learner((first, Update("right", right, meet("right", left, -1), every)), config)


def batches(count: int) -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(0)
    return [{"x": torch.randn(8, 3, generator=generator)} for _ in range(count)]


def frozen(learner: Learner) -> dict[str, bytes]:
    """All that a step changes but buffers, which a loss changes before its gradient is known."""
    tensors, rest = learner.state()
    buffers = tuple(f"{u.name}.weights.{key}" for u in learner.updates for key, _ in u.module.named_buffers())
    return {key: value.numpy().tobytes() for key, value in tensors.items() if key not in buffers} | {
        "steps": bytes([rest["steps"]])
    }


@pytest.mark.parametrize("lookahead", [0, 4])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("rule", RULES)
def test_a_learner_restored_in_mid_trajectory_goes_on_bit_by_bit(rule: str, optimizer: str, lookahead: int) -> None:
    def make() -> Learner:
        return a_pair(rule=rule, optimizer=optimizer, lookahead_steps=lookahead, final_beta2=0.9, every=2)

    straight, made = make(), batches(14)
    for step, batch in enumerate(made[:7]):
        straight.step(batch, step / 14)
    restored = make()
    restored.load_state(*straight.state())
    for step, batch in enumerate(made[7:], start=7):
        straight.step(batch, step / 14)
        restored.step(batch, step / 14)
    (a, _), (b, _) = straight.state(), restored.state()
    assert list(a) == list(b) and all(torch.equal(a[key], b[key]) for key in a)
    for name in ("left", "right"):
        assert bits(straight.averaged[name]) == bits(restored.averaged[name])


@pytest.mark.parametrize("rule", ["optimistic", "alternating"])
def test_what_a_rule_remembers_matters_to_its_next_steps(rule: str) -> None:
    """Without its memory a restored learner would go another way, so the tests above have something to find."""
    settings: dict[str, Any] = {"rule": rule, "lookahead_steps": 0 if rule == "optimistic" else 4}
    straight, made = a_pair(**settings), batches(12)
    for batch in made[:7]:
        straight.step(batch, 0.0)
    tensors, rest = straight.state()
    forgetful = a_pair(**settings)
    forgetful.load_state({k: v for k, v in tensors.items() if ".previous." not in k and ".slow." not in k}, rest)
    for batch in made[7:]:
        straight.step(batch, 0.0)
        forgetful.step(batch, 0.0)
    assert weights_of(straight.updates[0].module) != weights_of(forgetful.updates[0].module)


@pytest.mark.parametrize("rule", ["simultaneous", "extragradient", "optimistic"])
@pytest.mark.parametrize("victim", ["left", "right"])
@pytest.mark.parametrize("settled", [0, 3])
def test_where_a_gradient_is_not_finite_nothing_has_changed(rule: str, victim: str, settled: int) -> None:
    calls = settled * (2 if rule == "extragradient" else 1)

    def poison(name: str, call: int) -> float:
        return math.nan if name == victim and call > calls else 1.0

    learner, made = a_pair(poison, rule=rule, lookahead_steps=2), batches(settled + 1)
    for batch in made[:-1]:
        learner.step(batch, 0.0)
    before = frozen(learner)
    with pytest.raises(TrainingDiverged, match=rf"the {victim} loss .* step {settled}"):
        learner.step(made[-1], 0.0)
    assert frozen(learner) == before


@pytest.mark.parametrize("victim", ["left", "right"])
@pytest.mark.parametrize("settled", [0, 3])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_extragradient_comes_back_from_a_place_where_gradients_are_not_finite(
    victim: str, settled: int, value: float
) -> None:
    second = 2 * settled + 2  # the second evaluation of the last step: finite at the weights that are held
    learner = a_pair(lambda name, call: value if name == victim and call == second else 1.0, rule="extragradient")
    made = batches(settled + 1)
    for batch in made[:-1]:
        learner.step(batch, 0.0)
    before = frozen(learner)
    with pytest.raises(TrainingDiverged, match=f"the {victim} loss"):
        learner.step(made[-1], 0.0)
    assert frozen(learner) == before


def test_extragradient_comes_back_where_a_loss_is_interrupted() -> None:
    def interrupted(name: str, call: int) -> float:
        if call == 4:
            raise KeyboardInterrupt
        return 1.0

    learner, (first, second) = a_pair(interrupted, rule="extragradient"), batches(2)
    learner.step(first, 0.0)
    before = frozen(learner)
    with pytest.raises(KeyboardInterrupt):
        learner.step(second, 0.0)
    assert frozen(learner) == before


def test_alternating_players_before_the_one_that_diverges_have_moved_and_nothing_else() -> None:
    learner = a_pair(lambda name, call: math.nan if name == "right" and call == 3 else 1.0, rule="alternating")
    made = batches(3)
    for batch in made[:2]:
        learner.step(batch, 0.0)
    before = frozen(learner)
    with pytest.raises(TrainingDiverged, match="the right loss"):
        learner.step(made[2], 0.0)
    changed = {key for key, value in frozen(learner).items() if value != before[key]}
    assert changed and all(key.startswith(("left.weights.", "left.optimizer.")) for key in changed)


def test_for_one_player_alternating_and_simultaneous_are_the_same() -> None:
    def descend(net: nn.Module, batch: Batch, progress: float) -> Report:
        return (net(batch["x"]) ** 2).mean(), {}

    found = []
    for rule in ("alternating", "simultaneous"):
        learner = Learner((Update("net", Small(0), descend),), LearnerConfig(rule=rule))
        for batch in batches(5):
            learner.step(batch, 0.0)
        found.append(bits(learner.updates[0].module))
    assert found[0] == found[1]
