"""The members of the family: what each must say for `agent.py` to train it, and the plain pair that most of them have.

A model is networks by name, an `Update` for each, and a `latent.Space` that its generator's inputs come from. It knows
the data as a source, not the loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from torch import nn

from selfplay.gan import loss, players
from selfplay.gan.config import NetworkConfig, ObjectiveConfig
from selfplay.gan.data import sources
from selfplay.gan.models import latent, layers, perceptron
from selfplay.learning.learner import Update

GENERATOR, CRITIC = "generator", "discriminator"

Networks = Mapping[str, nn.Module]


class Model(Protocol):
    """One member of the family. Networks are by name, as checkpoints and updates have them."""

    @property
    def roles(self) -> tuple[str, ...]:
        """Names of the networks that meet others: generator and critic; none in a model without a critic."""
        ...

    @property
    def sampler(self) -> str:
        """Name of the network that `generator` needs; the only one."""
        ...

    @property
    def game(self) -> loss.AdversarialGame | None:
        """What generator and critic play, from `updates` on; None where there is no critic."""
        ...

    def networks(self) -> dict[str, nn.Module]:
        """Freshly initialised from torch's random stream."""
        ...

    def updates(self, networks: Networks) -> tuple[Update, ...]:
        """What they learn by, in the order they learn."""
        ...

    def inputs(self, reals: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """What a batch holds by name beside reals [B, *shape], [B, ...] float32 each, such as inputs of generators."""
        ...

    def generator(self, networks: Networks) -> players.Generator:
        """What samples with these networks, trained and frozen; it needs no other than the sampler."""
        ...

    def figures(self, networks: Networks, rng: np.random.Generator) -> dict[str, float]:
        """What is to be said of this model beside the quality of its samples."""
        ...


class Pair:
    """A generator and its critic: the plain GAN, conditional where the network's settings say so."""

    roles = (GENERATOR, CRITIC)
    sampler = GENERATOR

    def __init__(
        self,
        source: sources.Source,
        config: NetworkConfig,
        objective: ObjectiveConfig,
        space: latent.Space | None = None,
    ) -> None:
        """space: of the generator's inputs, Gaussian noise if None."""
        self.source, self.config, self.objective = source, config, objective
        self.space = space or latent.Gaussian(config.latent)
        self.game: loss.AdversarialGame | None = None

    def networks(self) -> dict[str, nn.Module]:
        generator, critic = perceptron.make(self.source.shape, self.source.num_classes, self.config, self.space.size)
        if isinstance(generator, layers.VirtuallyNormalised):  # else its reference is Gaussian
            drawn = self.space.draw(len(generator.reference), np.random.default_rng(0))
            generator.reference.copy_(torch.from_numpy(drawn))
        return {GENERATOR: generator, CRITIC: critic}

    def updates(self, networks: Networks, goal: loss.Goal = loss.verdict_alone) -> tuple[Update, ...]:
        """goal: what the generator makes of the critic's verdict."""
        generator, critic = networks[GENERATOR], networks[CRITIC]
        assert isinstance(critic, perceptron.Critic)
        self.game = loss.AdversarialGame(generator, critic, self.objective, goal)
        of_critic, of_generator = self.game.losses()
        return (
            Update(CRITIC, critic, of_critic, learning_rate=self.objective.critic_learning_rate),
            Update(GENERATOR, generator, of_generator, every=self.objective.critic_steps),
        )

    def inputs(self, reals: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"inputs": self.space.draw(len(reals), rng), "critic_inputs": self.space.draw(len(reals), rng)}

    def generator(self, networks: Networks) -> players.Generator:
        return players.Generator(networks[GENERATOR], self.source, self.config, self.space)

    def figures(self, networks: Networks, rng: np.random.Generator) -> dict[str, float]:
        return {}
