"""Losses against closed forms: best critics of discrete distributions, divergences, Bradley–Terry; penalties."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.optimize
import torch
from torch import nn
from torch.nn import functional as F

from selfplay.errors import ConfigError
from selfplay.gan import loss
from selfplay.gan.config import GanNetworkConfig, ObjectiveConfig
from selfplay.gan.models.layers import Critic
from selfplay.ratings import elo

# How often each of four points is real, and fake, of 30: exact in samples.
REAL, FAKE = np.array([15, 9, 4, 2]), np.array([3, 6, 9, 12])
P, Q = REAL / 30, FAKE / 30
KINDS = ("rpgan", "minimax", "non-saturating", "lsgan", "hinge", "wgan-gp")


def pairs(scores: torch.Tensor, real: np.ndarray = REAL, fake: np.ndarray = FAKE) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores of reals and fakes, each real with each fake once."""
    x, y = np.repeat(np.arange(len(real)), real), np.repeat(np.arange(len(fake)), fake)
    return scores[np.repeat(x, len(y))], scores[np.tile(y, len(x))]


def lowest(of: Callable[[torch.Tensor], torch.Tensor], size: int) -> np.ndarray:
    """Where `of` scores [size] is smallest, found by its gradient."""

    def both(at: np.ndarray) -> tuple[float, np.ndarray]:
        scores = torch.tensor(at, requires_grad=True)
        value = of(scores)
        value.backward()
        assert scores.grad is not None
        return value.item(), scores.grad.numpy()

    found = scipy.optimize.minimize(both, np.zeros(size), jac=True, method="BFGS", options={"gtol": 1e-10})
    return np.asarray(found.x)


def best_critic(kind: str, smoothing: float = 0.0, real: np.ndarray = REAL, fake: np.ndarray = FAKE) -> np.ndarray:
    return lowest(lambda scores: loss.critic_loss(kind, *pairs(scores, real, fake), smoothing), len(real))


# -- best critics ------------------------------------------------------------------------------------------------------


def test_the_best_relativistic_critic_is_the_log_density_ratio_up_to_a_constant() -> None:
    found = best_critic("rpgan") - np.log(P / Q)
    np.testing.assert_allclose(found, found[0], atol=1e-6)


@pytest.mark.parametrize("kind", ["minimax", "non-saturating"])
def test_the_best_logistic_critic_is_the_log_density_ratio(kind: str) -> None:
    np.testing.assert_allclose(best_critic(kind), np.log(P / Q), atol=1e-6)


def test_the_best_critic_of_least_squares_is_the_share_of_reals() -> None:
    np.testing.assert_allclose(best_critic("lsgan"), P / (P + Q), atol=1e-8)


@pytest.mark.parametrize("kind", ["hinge", "wgan-gp"])
def test_the_best_bounded_critic_is_the_sign_of_the_difference(kind: str) -> None:
    # Both are sums over points, so that each point's score can be searched alone; without bound wgan has no optimum.
    values = torch.linspace(-1, 1, 201, dtype=torch.float64)
    found = []
    for point in range(4):
        scores = torch.zeros(201, 4, dtype=torch.float64)
        scores[:, point] = values
        found.append(float(values[torch.stack([loss.critic_loss(kind, *pairs(row)) for row in scores]).argmin()]))
    np.testing.assert_allclose(found, np.sign(P - Q), atol=1e-12)
    # There wgan's loss is minus twice the total variation, and hinge's two more than that.
    value = loss.critic_loss(kind, *pairs(torch.tensor(np.sign(P - Q)))).item()
    assert value == pytest.approx((2 if kind == "hinge" else 0) - np.abs(P - Q).sum())


def test_a_hinged_score_beyond_one_gains_nothing_and_a_wasserstein_score_always_does() -> None:
    wide, wider = (torch.tensor(k * np.sign(P - Q)) for k in (1.0, 2.0))
    assert loss.critic_loss("hinge", *pairs(wider)) > loss.critic_loss("hinge", *pairs(wide))
    assert loss.critic_loss("wgan-gp", *pairs(wider)) < loss.critic_loss("wgan-gp", *pairs(wide))


@pytest.mark.parametrize("smoothing", [0.1, 0.3])
def test_one_sided_smoothing_moves_the_best_critic_to_the_share_of_smoothed_reals(smoothing: float) -> None:
    share = (1 - smoothing) * P / (P + Q)
    for kind in ("minimax", "non-saturating"):
        np.testing.assert_allclose(torch.tensor(best_critic(kind, smoothing)).sigmoid(), share, atol=1e-6)
    np.testing.assert_allclose(best_critic("lsgan", smoothing), share, atol=1e-8)


def test_smoothing_bounds_the_best_relativistic_critic() -> None:
    # Two points, of which one is always real and the other always fake: without smoothing scores would run apart.
    found = best_critic("rpgan", 0.1, np.array([1, 0]), np.array([0, 1]))
    assert found[0] - found[1] == pytest.approx(math.log(0.9 / 0.1), abs=1e-6)
    # Else a pair (i, j) is won with the weight (1 − s)·p_i·q_j + s·q_i·p_j.
    real, fake = np.array([20, 10]), np.array([6, 24])
    found = best_critic("rpgan", 0.1, real, fake)
    won, lost = (0.9 * 20 * 24 + 0.1 * 6 * 10, 0.9 * 10 * 6 + 0.1 * 20 * 24)
    assert found[0] - found[1] == pytest.approx(math.log(won / lost), abs=1e-6)


def test_the_relativistic_loss_is_the_negative_log_likelihood_that_rates_players() -> None:
    # wins[i, j]: games that i won against j. A game is a real that should score above a fake.
    wins = np.array([[0, 7, 9, 10], [5, 0, 6, 8], [2, 4, 0, 7], [1, 3, 5, 0]])
    results = np.zeros((4, 4, 3))
    results[:, :, 0] = wins
    fit = elo.fit(results, draw=0.0, advantage=0.0, prior=0.0)
    winner, loser = np.repeat(np.indices((4, 4)).reshape(2, -1), wins.ravel(), axis=1)
    strengths = torch.tensor(fit.ratings * math.log(10) / 400)
    value = loss.critic_loss("rpgan", strengths[winner], strengths[loser])
    assert value.item() == pytest.approx(-fit.log_likelihood / wins.sum(), rel=1e-9)
    found = lowest(lambda scores: loss.critic_loss("rpgan", scores[winner], scores[loser]), 4)
    np.testing.assert_allclose((found - found.mean()) * 400 / math.log(10), fit.ratings, atol=1e-3)
    # The generator's is that of the same games with their results exchanged.
    swapped = loss.generator_loss("rpgan", strengths[winner], strengths[loser])
    assert swapped.item() == pytest.approx(
        loss.critic_loss("rpgan", strengths[loser], strengths[winner]).item(), rel=1e-12
    )


# -- generators --------------------------------------------------------------------------------------------------------


def pull(kind: str, scores: np.ndarray, real: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The gradient in θ of the generator's loss, its fakes being drawn from softmax(θ) = q, the critic held still."""
    theta = torch.tensor(np.log(q), requires_grad=True)
    each = torch.stack(
        [sum(share * loss.generator_loss(kind, x, y) for share, x in zip(real, torch.tensor(scores), strict=True))
         for y in torch.tensor(scores)]
    )  # fmt: skip
    (theta.softmax(0) * each).sum().backward()
    assert theta.grad is not None
    return theta.grad.numpy()


def divergence_gradient(of: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> np.ndarray:
    theta = torch.tensor(np.log(Q), requires_grad=True)
    of(torch.tensor(P), theta.softmax(0)).backward()
    assert theta.grad is not None
    return theta.grad.numpy()


def kl(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a * (a / b).log()).sum()


def jensen_shannon(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    return (kl(p, (p + q) / 2) + kl(q, (p + q) / 2)) / 2


def test_against_the_best_critic_minimax_descends_the_jensen_shannon_divergence() -> None:
    # Goodfellow 2014, theorem 1.
    expected = divergence_gradient(lambda p, q: 2 * jensen_shannon(p, q))
    np.testing.assert_allclose(pull("minimax", best_critic("minimax"), P, Q), expected, atol=1e-6)


def test_against_the_best_critic_the_non_saturating_loss_descends_kl_less_two_jensen_shannon() -> None:
    # Arjovsky & Bottou 2017, theorem 2.5.
    expected = divergence_gradient(lambda p, q: kl(q, p) - 2 * jensen_shannon(p, q))
    np.testing.assert_allclose(pull("non-saturating", best_critic("non-saturating"), P, Q), expected, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_generators_move_towards_points_that_are_too_rare_and_rest_where_fakes_are_like_reals(kind: str) -> None:
    real, fake = np.array([20, 10]), np.array([10, 20])
    bounded = kind in ("hinge", "wgan-gp")
    scores = np.array([1.0, -1.0]) if bounded else best_critic(kind, 0.0, real, fake)
    gradient = pull(kind, scores, real / 30, fake / 30)
    assert gradient[0] < -1e-3 < 1e-3 < gradient[1]  # descended: more of the first point, less of the second
    level = np.zeros(2) if bounded else best_critic(kind, 0.0, real, real)
    assert level[0] == pytest.approx(level[1], abs=1e-6)
    np.testing.assert_allclose(pull(kind, level, real / 30, real / 30), 0, atol=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_generators_gain_by_higher_scores_of_their_fakes(kind: str) -> None:
    real, fake = torch.zeros(5), torch.linspace(-3, 0.9, 5, requires_grad=True)
    loss.generator_loss(kind, real, fake).backward()
    assert fake.grad is not None and (fake.grad < 0).all()


def test_the_losses_at_equal_scores_are_those_of_a_coin() -> None:
    zero = torch.zeros(3)
    expected = {"rpgan": (1, 1), "minimax": (2, -1), "non-saturating": (2, 1)}  # in ln 2
    for kind, (critic, generator) in expected.items():
        assert float(loss.critic_loss(kind, zero, zero)) == pytest.approx(critic * math.log(2))
        assert float(loss.generator_loss(kind, zero, zero)) == pytest.approx(generator * math.log(2))


# -- the game ----------------------------------------------------------------------------------------------------------


class Line(Critic):
    """D(x) = ψ·x on numbers."""

    def __init__(self, slope: float) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(slope))

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return (self.slope * x)[:, 0]


class Point(nn.Module):
    """All fakes at θ."""

    def __init__(self, at: float) -> None:
        super().__init__()
        self.at = nn.Parameter(torch.tensor(at))

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return self.at.expand(len(inputs), 1)


def batch(size: int = 4, seed: int = 3) -> dict[str, torch.Tensor]:
    inputs = torch.zeros(size, 1)
    return {"real": torch.zeros(size, 1), "inputs": inputs, "critic_inputs": inputs, "seed": torch.tensor(seed)}


def game(objective: ObjectiveConfig, slope: float = 0.7, at: float = 0.5) -> loss.AdversarialGame:
    return loss.AdversarialGame(Point(at), Line(slope), objective)


def critics_loss(played: loss.AdversarialGame, of: dict[str, torch.Tensor], progress: float = 0.0) -> torch.Tensor:
    return played.critic_step(played.critic, of, progress)[0]


@pytest.mark.parametrize(("r1", "r2"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.5), (0.3, 0.5)])
def test_penalties_add_half_of_gamma_times_the_squared_slope(r1: float, r2: float) -> None:
    config = ObjectiveConfig(r1=r1, r2=r2, final_penalty=0.01)
    expected = F.softplus(torch.tensor(0.7 * 0.5)).item()
    for progress, share in ((0.0, 1.0), (0.5, 0.1), (1.0, 0.01)):
        assert critics_loss(game(config), batch(), progress).item() == pytest.approx(
            expected + share * (r1 + r2) / 2 * 0.49, rel=1e-5
        )


def test_the_best_slope_under_wgan_gp_is_a_little_more_than_one() -> None:
    # Reals at 0, fakes at ½, D = ψx: ψ/2 + λ(|ψ| − 1)² is least at ψ = −(1 + ½/(2λ)).
    config = ObjectiveConfig(loss="wgan-gp", r1=0, r2=0, gradient_penalty=10)
    played = game(config, slope=-(1 + 0.5 / 20))
    critics_loss(played, batch()).backward()
    assert isinstance(played.critic, Line) and played.critic.slope.grad is not None
    assert float(played.critic.slope.grad) == pytest.approx(0, abs=1e-5)


def test_the_generator_descends_its_own_loss_only() -> None:
    played = game(ObjectiveConfig(r1=0.5, r2=0.5))
    value, named = played.generator_step(played.generator, batch(), 0.0)
    value.backward()
    # softplus(D(x) − D(y)), D(x) = 0: its derivative in y is −ψ·σ(−ψy).
    assert isinstance(played.generator, Point) and played.generator.at.grad is not None
    assert float(played.generator.at.grad) == pytest.approx(-0.7 / (1 + math.exp(0.35)), rel=1e-5)
    assert set(named) == {"loss"}


@pytest.mark.parametrize("kind", ["rpgan", "minimax", "lsgan"])
def test_noisy_labels_are_soft_labels_in_expectation(kind: str) -> None:
    played = game(ObjectiveConfig(loss=kind, r1=0, r2=0, noisy_labels=0.2))  # type: ignore[arg-type]
    value, real, fake = critics_loss(played, batch(200_000)).item(), torch.zeros(1), torch.full((1,), 0.35)
    upright, turned = (float(loss.critic_loss(kind, x, y)) for x, y in ((real, fake), (fake, real)))
    # A share of 0.2 of 200,000 has a standard error of 0.0009.
    assert (value - upright) / (turned - upright) == pytest.approx(0.2, abs=0.004)
    soft = 0.8 * upright + 0.2 * turned
    if kind == "rpgan":
        assert float(loss.critic_loss(kind, real, fake, smoothing=0.2)) == pytest.approx(soft, rel=1e-6)


@pytest.mark.parametrize(("progress", "share"), [(0.0, 1.0), (0.25, 0.5), (0.5, 0.0), (1.0, 0.0)])
def test_noise_and_noisy_labels_fade_over_the_first_half(progress: float, share: float) -> None:
    assert loss.fading(0.3, progress) == pytest.approx(0.3 * share)
    quiet = critics_loss(game(ObjectiveConfig()), batch(), progress)
    loud = critics_loss(game(ObjectiveConfig(instance_noise=1.0, noisy_labels=0.4)), batch(), progress)
    assert (loud.item() == quiet.item()) == (share == 0)


def test_instance_noise_is_on_reals_and_fakes_of_both_players_alike() -> None:
    seen: list[torch.Tensor] = []

    class Watching(Line):
        def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
            seen.append(x.detach().clone())
            return super().forward(x, labels)

    played = loss.AdversarialGame(Point(0.5), Watching(0.7), ObjectiveConfig(r1=0, r2=0, instance_noise=0.1))
    played.critic_step(played.critic, batch(20_000), 0.25)
    played.generator_step(played.generator, batch(20_000), 0.25)
    both, fakes, reals = seen
    parts = {"reals": both[:20_000], "fakes": both[20_000:], "generator's fakes": fakes, "generator's reals": reals}
    for name, part in parts.items():
        assert float(part.std()) == pytest.approx(0.05, rel=0.03), name
        assert float(part.mean()) == pytest.approx(0.5 if "fakes" in name else 0.0, abs=0.002), name
    flat = torch.stack([part[:, 0] for part in parts.values()])
    assert (flat.corrcoef() - torch.eye(4)).abs().max() < 0.04  # four noises, not one


def test_of_the_critics_fakes_a_chosen_share_is_of_the_past() -> None:
    of = batch(4) | {"fake": torch.full((4, 1), 9.0), "past": torch.tensor([True, False, False, True])}
    value = critics_loss(game(ObjectiveConfig(r1=0, r2=0, past_fakes=0.5)), of)
    expected = (F.softplus(torch.tensor(0.7 * 9)) + F.softplus(torch.tensor(0.35))) / 2
    assert value.item() == pytest.approx(expected.item(), rel=1e-6)


def test_past_critics_have_their_weight_in_the_generators_loss() -> None:
    played = game(ObjectiveConfig(past_critics=0.25))
    alone = F.softplus(torch.tensor(-0.35))
    assert played.generator_step(played.generator, batch(), 0.0)[0].item() == pytest.approx(alone.item())
    played.set_opponent({"discriminator": Line(-2.0).state_dict()})
    value = played.generator_step(played.generator, batch(), 0.0)[0]
    assert value.item() == pytest.approx((0.75 * alone + 0.25 * F.softplus(torch.tensor(1.0))).item(), rel=1e-6)


def test_the_share_of_wins_counts_pairs_the_critic_got_right() -> None:
    _, named = (played := game(ObjectiveConfig(), slope=-1.0)).critic_step(played.critic, batch(), 0.0)
    assert float(named["wins"]) == 1.0
    assert named["slope_on_reals"].item() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("objective", "network", "shape", "words"),
    [
        ({"loss": "hinge", "label_smoothing": 0.1}, {}, (2,), "label_smoothing has no meaning for hinge"),
        ({"loss": "wgan-gp", "noisy_labels": 0.1}, {}, (2,), "noisy_labels only shrinks"),
        ({"loss": "wgan-gp", "r1": 0.0, "r2": 0.1}, {}, (2,), "slope to 0, and wgan-gp pulls it to 1"),
        ({"augmentations": ("cutout",)}, {}, (2,), r"samples have the shape \[2\]"),
        ({"augmentations": ("colour",)}, {}, (1, 8, 8), "3 planes, not 1"),
        ({"augmentation_target": 0.6}, {}, (1, 8, 8), "nothing to adapt"),
        ({}, {"packing": 3}, (2,), "batch_size=256 .* groups of 3 .* multiple of 3"),
        ({}, {"minibatch_deviation": 5}, (2,), "groups of 5 .*minibatch_deviation"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_in_a_sentence(
    objective: dict[str, object], network: dict[str, int], shape: tuple[int, ...], words: str
) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        loss.check(ObjectiveConfig(**objective), GanNetworkConfig(**network), shape, 256)  # type: ignore[arg-type]
    assert len(str(caught.value).splitlines()) == 1
    loss.check(ObjectiveConfig(), GanNetworkConfig(), shape, 256)
