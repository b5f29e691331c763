"""Adversarial losses of a generator and a critic, with gradient penalties and measures against instability.

    rpgan            D: E softplus(−Δ), G: E softplus(Δ), Δ = D(x) − D(y)       Jolicoeur-Martineau 2018, 1807.00734
    minimax          D: E softplus(−D(x)) + softplus(D(y)), G: its negative     Goodfellow 2014, 1406.2661
    non-saturating   the same D, G: E softplus(−D(y))                           ibid.
    lsgan            squares about 1 and 0                                      Mao 2017, 1611.04076
    hinge            E max(0, 1 − D(x)) + max(0, 1 + D(y)), G: −E D(y)          Lim & Ye 2017, 1705.02894
    wgan-gp          E D(y) − D(x), and the gradient's norm pulled to 1         Gulrajani 2017, 1704.00028

x are reals, y fakes. The default is rpgan with R1 + R2 (Mescheder 2018, 1801.04406; Huang 2024, 2501.05441); its critic
loss is the negative log-likelihood of the Bradley–Terry model: D rates samples as Elo rates players. Knows networks and
batches, not data sets or the training loop.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping

import torch
from torch import nn
from torch.nn import functional as F

from selfplay.errors import ConfigError
from selfplay.gan.config import GanNetworkConfig, ObjectiveConfig
from selfplay.gan.models import augment
from selfplay.gan.models.layers import Critic
from selfplay.types import Batch, Weights

CRITIC = "discriminator"  # name of the critic in checkpoints, metrics and payoff tables

Scalars = dict[str, torch.Tensor]
GeneratorGoal = Callable[[torch.Tensor, torch.Tensor, Batch], tuple[torch.Tensor, Scalars]]
"""(adversarial loss, fakes [B, *shape], batch) → (the generator's loss, scalars to report by name)."""


def adversarial_only(adversarial: torch.Tensor, fake: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, Scalars]:
    """The generator's loss of a plain GAN: the adversarial one."""
    return adversarial, {}


SOFT = ("rpgan", "minimax", "non-saturating", "lsgan")  # losses whose labels can be soft


def check(config: ObjectiveConfig, network: GanNetworkConfig, shape: tuple[int, ...], batch_size: int) -> None:
    """Raises ConfigError for settings that contradict each other or do not fit samples of `shape`."""
    if config.label_smoothing and config.loss not in SOFT:
        raise ConfigError(
            f"objective.label_smoothing has no meaning for {config.loss}, which has no labels: use one of "
            f"{', '.join(SOFT)}, or set it to 0."
        )
    if config.noisy_labels and config.loss == "wgan-gp":
        raise ConfigError("objective.noisy_labels only shrinks the loss wgan-gp, which has no labels: set it to 0.")
    if config.loss == "wgan-gp" and (config.r1 or config.r2):
        raise ConfigError("objective.r1 and r2 pull the critic's slope to 0, and wgan-gp pulls it to 1: set both to 0.")
    if config.augmentations and len(shape) != 3:
        raise ConfigError(
            f"objective.augmentations is for images, and samples have the shape {list(shape)}: leave it empty."
        )
    if "colour" in config.augmentations and shape[0] != 3:
        raise ConfigError(f"objective.augmentations: colour needs images of 3 planes, not {shape[0]}: leave it out.")
    if config.augmentation_target and not config.augmentations:
        raise ConfigError(
            "objective.augmentation_target has nothing to adapt: name objective.augmentations, or set it to 0."
        )
    for name, size in (("packing", network.packing), ("minibatch_deviation", network.minibatch_deviation)):
        if size and batch_size % size:
            raise ConfigError(
                f"learner.batch_size={batch_size} does not divide into the groups of {size} that network.{name} asks "
                f"for: set it to a multiple of {size}."
            )


def critic_loss(kind: str, real: torch.Tensor, fake: torch.Tensor, smoothing: float = 0.0) -> torch.Tensor:
    """The critic's loss, from scores real [B] and fake [B], paired row by row. kind: `ObjectiveConfig.loss`."""
    if kind == "rpgan":
        gap = real - fake
        won = F.softplus(-gap).mean()
        return won if not smoothing else (1 - smoothing) * won + smoothing * F.softplus(gap).mean()
    if kind in ("minimax", "non-saturating"):
        taken = F.softplus(-real).mean()
        if smoothing:
            taken = (1 - smoothing) * taken + smoothing * F.softplus(real).mean()
        return taken + F.softplus(fake).mean()
    if kind == "lsgan":
        return 0.5 * (real - (1 - smoothing)).square().mean() + 0.5 * fake.square().mean()
    if kind == "hinge":
        return F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    return fake.mean() - real.mean()  # wgan-gp


def generator_loss(kind: str, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
    """The generator's loss, from scores real [B] and fake [B]; only rpgan uses those of reals."""
    if kind == "rpgan":
        return F.softplus(real - fake).mean()
    if kind == "minimax":
        return -F.softplus(fake).mean()
    if kind == "non-saturating":
        return F.softplus(-fake).mean()
    if kind == "lsgan":
        return 0.5 * (fake - 1).square().mean()
    return -fake.mean()  # hinge, wgan-gp


def fading(start: float, progress: float) -> float:
    """Linear from `start` to 0 over the first half of the run. progress: share of the run, in [0, 1]."""
    return start * max(0.0, 1 - 2 * progress)


def penalty_share(config: ObjectiveConfig, progress: float) -> float:
    """Factor of the gradient penalties: from 1 to `final_penalty`, geometrically along half a cosine."""
    return float(config.final_penalty ** (0.5 - 0.5 * math.cos(math.pi * progress)))


class AdversarialGame:
    """The two players' losses on the same batch. Batches hold what `agent.make_batch` puts there:

    real [B, *shape], label [B], inputs [B, L] and critic_inputs [B, L] of the generator, fake [B, *shape] and past [B]
    where past generators take part, and seed, of which everything random follows.
    """

    def __init__(
        self, generator: nn.Module, critic: Critic, config: ObjectiveConfig, goal: GeneratorGoal = adversarial_only
    ) -> None:
        self.generator, self.critic, self.config, self.goal = generator, critic, config, goal
        self._spare = copy.deepcopy(critic).eval().requires_grad_(False) if config.past_critics else None
        self.opponent: Critic | None = None  # a frozen critic of the past, see `past_critics`

    def set_opponent(self, weights: Weights | None) -> None:
        """The generator's loss takes the critic among these weights into account from now on, where `past_critics` asks
        for one; None leaves the one it has."""
        if self._spare is not None and weights is not None:
            self._spare.load_state_dict(weights[CRITIC])
            self.opponent = self._spare

    def critic_step(self, critic: nn.Module, batch: Batch, progress: float) -> tuple[torch.Tensor, Scalars]:
        assert isinstance(critic, Critic)
        config, label = self.config, batch.get("label")
        with torch.no_grad():
            fake, fake_label = self._fakes(batch)
        both = self._seen(torch.cat([batch["real"], fake]), batch, progress)
        labels = None if label is None or fake_label is None else torch.cat([label, fake_label])
        if config.r1 or config.r2:
            scores, slopes = critic.with_gradient(both, labels)
        else:
            scores, slopes = critic(both, labels), None
        of_reals, of_fakes = scores.chunk(2)
        real, made = self._exchanged(of_reals, of_fakes, batch, progress)
        loss = critic_loss(config.loss, real, made, config.label_smoothing)
        wins = (of_reals > of_fakes).float().mean()
        named = {"loss": loss, "wins": wins}
        if config.augmentation_target:
            named["augmentation"] = critic.augmentation.clone()  # the probability in use
        if slopes is not None:
            share = 0.5 * penalty_share(config, progress)
            on_reals, on_fakes = (part.mean() for part in slopes.chunk(2))
            loss = loss + share * (config.r1 * on_reals + config.r2 * on_fakes)
            named |= {"slope_on_reals": on_reals, "slope_on_fakes": on_fakes}
        if config.loss == "wgan-gp":
            loss = loss + config.gradient_penalty * self._one_lipschitz(critic, both, labels, batch)
        return loss, named

    def adapt_augmentation(self, batch: Batch, report: Mapping[str, torch.Tensor]) -> None:
        """Adapts the probability of augmentation to the share of wins that the critic's step reported: once a step, as
        a rule may evaluate its loss more often."""
        wins, target = report[f"{CRITIC}/wins"], self.config.augmentation_target
        augment.adapt(self.critic.augmentation, wins, target, len(batch["real"]))

    def generator_step(self, generator: nn.Module, batch: Batch, progress: float) -> tuple[torch.Tensor, Scalars]:
        fake = generator(batch["inputs"], batch.get("label"))
        loss = self._adversarial(self.critic, fake, batch, progress)
        named = {"loss": loss}
        if self.opponent is not None:
            share = self.config.past_critics
            loss = (1 - share) * loss + share * self._adversarial(self.opponent, fake, batch, progress)
        if self.config.feature_matching:
            gap = self._feature_gap(fake, batch, progress)
            loss, named = loss + self.config.feature_matching * gap, named | {"feature_gap": gap}
        loss, more = self.goal(loss, fake, batch)
        return loss, named | more

    def _adversarial(self, critic: Critic, fake: torch.Tensor, batch: Batch, progress: float) -> torch.Tensor:
        label = batch.get("label")
        scores = critic(self._seen(fake, batch, progress, stream=1), label)
        real = scores
        if self.config.loss == "rpgan":
            with torch.no_grad():
                real = critic(self._seen(batch["real"], batch, progress, stream=2), label)
        return generator_loss(self.config.loss, real, scores)

    def _fakes(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The critic's fakes [B, *shape] and their labels: the newest generator's but for a share of past ones'."""
        fresh, label = self.generator(batch["critic_inputs"], batch.get("label")), batch.get("label")
        if "fake" not in batch:
            return fresh, label
        chosen = batch["past"].reshape(-1, *[1] * (fresh.ndim - 1))
        label = None if label is None else torch.where(batch["past"], batch["fake_label"], label)
        return torch.where(chosen, batch["fake"], fresh), label

    def _seen(self, x: torch.Tensor, batch: Batch, progress: float, stream: int = 0) -> torch.Tensor:
        """The critic's input: x [B, *shape] with augmentation and noise. stream: number of the random stream."""
        config, sigma = self.config, fading(self.config.instance_noise, progress)
        if config.augmentations:
            adaptive = config.augmentation_target > 0
            probability = self.critic.augmentation if adaptive else config.augmentation_probability
            x = augment.augment(x, config.augmentations, probability, _random(batch, AUGMENTING + stream))
        if sigma:
            x = x + sigma * torch.randn(x.shape, generator=_random(batch, stream), device=x.device)
        return x

    def _feature_gap(self, fake: torch.Tensor, batch: Batch, progress: float) -> torch.Tensor:
        """‖E f(x) − E f(y)‖² of the critic's features f."""
        with torch.no_grad():
            real = self.critic.features(self._seen(batch["real"], batch, progress, stream=2))
        of_fakes = self.critic.features(self._seen(fake, batch, progress, stream=1))
        return (real.mean(dim=0) - of_fakes.mean(dim=0)).square().sum()

    def _exchanged(
        self, real: torch.Tensor, fake: torch.Tensor, batch: Batch, progress: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        share = fading(self.config.noisy_labels, progress)
        if not share:
            return real, fake
        turned = torch.rand(real.shape, generator=_random(batch, 3), device=real.device) < share
        return torch.where(turned, fake, real), torch.where(turned, real, fake)

    def _one_lipschitz(
        self, critic: Critic, both: torch.Tensor, labels: torch.Tensor | None, batch: Batch
    ) -> torch.Tensor:
        """E (‖∇D‖ − 1)² between reals and fakes."""
        size = len(both) // 2
        at = torch.rand(size, generator=_random(batch, 4), device=both.device).reshape(-1, *[1] * (both.ndim - 1))
        between = at * both[:size] + (1 - at) * both[size:]
        squares = critic.with_gradient(between, None if labels is None else labels[:size])[1]
        return ((squares + 1e-12).sqrt() - 1).square().mean()


AUGMENTING = 5  # streams from here on: those below are taken


def _random(batch: Batch, stream: int) -> torch.Generator:
    seed = int(batch["seed"]) + stream
    return torch.Generator(batch["real"].device).manual_seed(seed)
