"""The interface of a GAN model, and the plain GAN: what `agent.py` asks of a generator, a critic and whatever else
learns with them.

A model is networks by name, an `Update` for each, and the latent space of its generator's inputs. It knows the data as
a source, and nothing of the training loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from torch import nn

from selfplay.gan import inference, loss
from selfplay.gan.config import GanNetworkConfig, ObjectiveConfig
from selfplay.gan.data import sources
from selfplay.gan.models import latent, layers, networks
from selfplay.learning.learner import Update

GENERATOR, CRITIC = "generator", loss.CRITIC

Networks = Mapping[str, nn.Module]


class GanModel(Protocol):
    """One kind of GAN, or an autoencoder to compare with. Networks are by name, as in checkpoints and updates."""

    @property
    def roles(self) -> tuple[str, ...]:
        """Names of the networks that play matches: generator and critic; none in a model without a critic."""
        ...

    @property
    def sampler(self) -> str:
        """Name of the only network that `generator` needs."""
        ...

    def networks(self) -> dict[str, nn.Module]:
        """Freshly initialised from torch's random stream."""
        ...

    def updates(self, networks: Networks) -> tuple[Update, ...]:
        """An update for each network, in the order they learn."""
        ...

    def inputs(self, reals: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """Further arrays of a batch by name, [B, ...] float32 each, such as generators' inputs. reals: [B, *shape]."""
        ...

    def generator(self, networks: Networks) -> inference.TrainedGenerator:
        """The generator with trained weights; of `networks` only the sampler is needed."""
        ...

    def metrics(self, networks: Networks, rng: np.random.Generator) -> dict[str, float]:
        """Measurements of this kind of model beyond the quality of its samples, by name."""
        ...


class PlainGan:
    """A generator and a critic, conditional if the network's settings say so. See `GanModel`."""

    roles = (GENERATOR, CRITIC)
    sampler = GENERATOR

    def __init__(
        self,
        source: sources.DataSource,
        config: GanNetworkConfig,
        objective: ObjectiveConfig,
        space: latent.LatentSpace | None = None,
    ) -> None:
        """space: distribution of the generator's inputs, Gaussian noise if None."""
        self.source, self.config, self.objective = source, config, objective
        self.space = space or latent.GaussianSpace(config.latent)

    def networks(self) -> dict[str, nn.Module]:
        generator, critic = networks.make(self.source.shape, self.source.num_classes, self.config, self.space.size)
        if isinstance(generator, layers.VirtuallyNormalised):  # whose reference batch is Gaussian by default
            drawn = self.space.draw(len(generator.reference), np.random.default_rng(0))
            generator.reference.copy_(torch.from_numpy(drawn))
        return {GENERATOR: generator, CRITIC: critic}

    def updates(self, networks: Networks) -> tuple[Update, ...]:
        return self.adversarial_updates(networks, loss.adversarial_only)

    def adversarial_updates(self, networks: Networks, goal: loss.GeneratorGoal) -> tuple[Update, Update]:
        """(the critic's, the generator's). goal: the generator's loss, given its adversarial part."""
        generator, critic = networks[GENERATOR], networks[CRITIC]
        assert isinstance(critic, layers.Critic)
        game = loss.AdversarialGame(generator, critic, self.objective, goal)
        adapt = game.adapt_augmentation if self.objective.augmentation_target else None
        rate, every = self.objective.critic_learning_rate, self.objective.critic_steps
        return (
            Update(CRITIC, critic, game.critic_step, learning_rate=rate, after_step=adapt),
            Update(GENERATOR, generator, game.generator_step, every=every, set_opponent=game.set_opponent),
        )

    def inputs(self, reals: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"inputs": self.space.draw(len(reals), rng), "critic_inputs": self.space.draw(len(reals), rng)}

    def generator(self, networks: Networks) -> inference.TrainedGenerator:
        return inference.TrainedGenerator(networks[GENERATOR], self.source, self.config, self.space)

    def metrics(self, networks: Networks, rng: np.random.Generator) -> dict[str, float]:
        return {}
