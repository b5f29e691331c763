"""Multilayer perceptrons: a generator and a critic for points and small images. Knows shapes, not data or losses."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from selfplay.gan.config import GanNetworkConfig
from selfplay.gan.models.layers import LEAK, Critic, Generator


class MlpGenerator(Generator):
    """See `layers.Generator`; images [B, P, R, C] are in [−1, 1], points are unbounded."""

    def __init__(self, inputs: int, shape: tuple[int, ...], num_classes: int, config: GanNetworkConfig) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(num_classes, config.embedding) if config.conditional else None
        extra = config.embedding if config.conditional else 0
        sizes = [inputs + extra, *[config.width] * config.depth]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.last = nn.Linear(config.width, int(torch.Size(shape).numel()))

    def embed(self, labels: torch.Tensor | None) -> torch.Tensor | None:
        return None if self.embedding is None else self.embedding(labels)

    def generate(self, inputs: torch.Tensor, embedded: torch.Tensor | None) -> torch.Tensor:
        h = inputs if embedded is None else torch.cat([inputs, embedded], dim=1)
        for layer in self.hidden:
            h = F.leaky_relu(layer(h), LEAK)
        x: torch.Tensor = self.last(h).reshape(-1, *self.shape)
        return torch.tanh(x) if len(self.shape) == 3 else x  # images are in [−1, 1]


class MlpCritic(Critic):
    """See `layers.Critic`. Its gradient in x is a product of weights and masks, so that the penalties of `loss` need no
    second differentiation."""

    def __init__(self, shape: tuple[int, ...], num_classes: int, config: GanNetworkConfig) -> None:
        super().__init__()
        sizes = [int(torch.Size(shape).numel()), *[config.width] * config.depth]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.last = nn.Linear(config.width, 1)
        self.projection = nn.Embedding(num_classes, config.width) if config.conditional else None

    def features(self, x: torch.Tensor) -> torch.Tensor:
        h = x.flatten(1)
        for layer in self.hidden:
            h = F.leaky_relu(layer(h), LEAK)
        return h

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return self._score(self.features(x), labels)

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
