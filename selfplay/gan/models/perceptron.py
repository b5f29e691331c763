"""Generators and critics for points: multilayer perceptrons. Knows shapes, not data or losses.

A generator maps inputs [B, L] and labels [B] to samples [B, *shape]; a critic maps samples and labels to scores [B],
and gives the squared norm of its gradient with respect to them, which the penalties of `loss.py` are made of.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from selfplay.errors import ConfigError
from selfplay.gan.config import NetworkConfig
from selfplay.gan.models import layers
from selfplay.gan.models.layers import Critic

LEAK = 0.2  # slope of rectifiers below 0


class MlpGenerator(nn.Module):
    """inputs [B, L], labels [B] → x [B, *shape]."""

    def __init__(self, inputs: int, shape: tuple[int, ...], num_classes: int, config: NetworkConfig) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(num_classes, config.embedding) if config.conditional else None
        extra = config.embedding if config.conditional else 0
        sizes = [inputs + extra, *[config.width] * config.depth]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.last = nn.Linear(config.width, int(torch.Size(shape).numel()))

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        h = inputs if self.embedding is None else torch.cat([inputs, self.embedding(labels)], dim=1)
        for layer in self.hidden:
            h = F.leaky_relu(layer(h), LEAK)
        x: torch.Tensor = self.last(h).reshape(-1, *self.shape)
        return torch.tanh(x) if len(self.shape) == 3 else x  # images are in [−1, 1]


class MlpCritic(Critic):
    """Its gradient is a product of weights and masks, so that the penalties need no second differentiation."""

    def __init__(self, shape: tuple[int, ...], num_classes: int, config: NetworkConfig) -> None:
        super().__init__()
        sizes = [int(torch.Size(shape).numel()), *[config.width] * config.depth]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.last = nn.Linear(config.width, 1)
        self.projection = nn.Embedding(num_classes, config.width) if config.conditional else None

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        h = x.flatten(1)
        for layer in self.hidden:
            h = F.leaky_relu(layer(h), LEAK)
        return self._score(h, labels)

    def _score(self, h: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        scores = self.last(h)[:, 0]
        return scores if self.projection is None else scores + (h * self.projection(labels)).sum(dim=1)

    def with_gradient(self, x: torch.Tensor, labels: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        h, before = x.detach().flatten(1), []
        for layer in self.hidden:
            before.append(layer(h))
            h = F.leaky_relu(before[-1], LEAK)
        gradient = self.last.weight if self.projection is None else self.last.weight + self.projection(labels)
        gradient = gradient.expand_as(h)
        for layer, inputs in zip(reversed(self.hidden), reversed(before), strict=True):
            assert isinstance(layer, nn.Linear)
            gradient = _through_rectifier(gradient, inputs.detach()) @ layer.weight
        return self._score(h, labels), gradient.square().sum(dim=1)


def _through_rectifier(gradient: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """gradient * slope of the rectifier at its inputs, in one pass: a product with a mask takes ten times as long."""
    through: torch.Tensor = torch.ops.aten.leaky_relu_backward(gradient, inputs, LEAK, False)
    return through


def make(
    shape: tuple[int, ...], num_classes: int, config: NetworkConfig, inputs: int | None = None
) -> tuple[nn.Module, Critic]:
    """(generator, critic), freshly initialised from torch's random stream, with what `config` fits them with. inputs: L
    where it isn't the noise alone. Raises ConfigError for settings that contradict each other."""
    check(config)
    if config.rounded and len(shape) != 3:
        raise ConfigError("network.rounded is for images of planes, and these data are points: set it to false.")
    if config.conditional and not num_classes:
        raise ConfigError("network.conditional needs classes, and the data have none: name labels, or set it to false.")
    inputs = config.latent if inputs is None else inputs
    seen = (config.packing * shape[0], *shape[1:])
    generator, critic = _plain(shape, seen, num_classes, config, inputs)
    if config.virtual_batch_norm:
        generator = layers.VirtuallyNormalised(generator, inputs, num_classes, config.virtual_batch_norm)
    if config.rounded:
        generator = layers.Rounded(generator)
    if config.minibatch_deviation:
        critic = layers.BatchAware(critic, config.minibatch_deviation)
    if config.spectral_norm:
        critic = layers.SpectrallyNormed(critic)
    if config.packing > 1:
        critic = layers.Packed(critic, config.packing)
    return generator, critic


def _plain(
    shape: tuple[int, ...], seen: tuple[int, ...], num_classes: int, config: NetworkConfig, inputs: int
) -> tuple[nn.Module, Critic]:
    """seen: shape of what the critic looks at."""
    of_critic = replace(config, width=config.critic_width or config.width)
    if config.kind == "mlp":
        return MlpGenerator(inputs, shape, num_classes, config), MlpCritic(seen, num_classes, of_critic)
    from selfplay.gan.models import convolutional  # which knows this module

    generator, critic = convolutional.KINDS[config.kind]
    return generator(inputs, shape, num_classes, config), critic(seen, num_classes, of_critic)


def check(config: NetworkConfig) -> None:
    """Raises ConfigError for settings that contradict each other."""
    if config.minibatch_deviation == 1:
        raise ConfigError("network.minibatch_deviation compares samples of a group: set it to 2 or more, or to 0.")
    if config.packing > 1 and config.minibatch_deviation:
        raise ConfigError(
            "network.packing and network.minibatch_deviation both show the critic several samples at once: set packing "
            "to 1 or minibatch_deviation to 0."
        )
    if config.packing > 1 and config.conditional:
        raise ConfigError("network.packing has no single class for a pack: set it to 1, or conditional to false.")
    if config.spectral_norm and config.kind == "residual":
        raise ConfigError(
            "network.spectral_norm divides by singular values, and residual critics start with filters of 0: set it to "
            "false, or kind to mlp or dcgan."
        )
