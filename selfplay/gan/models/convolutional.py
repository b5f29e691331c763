"""Convolutional networks: generators and critics for images, plain or residual. Knows shapes, not data or losses.

    dcgan       strided and transposed convolutions, batch norm in the generator (Radford 2015, 1511.06434)
    residual    blocks without normalisation, as scaled as they were at the start (Huang 2024, 2501.05441;
                Zhang 2019, 1901.09321)

Both halve the image's sides as long as both are even and above 4, and double the channels each time: 8, 16 and 32 end
at 4 × 4, 28 at 7 × 7. Critics have no normalisation, so that each sample is scored alone. The gradient that the
penalties need is left to torch: written out with transposed filters and masks, as in `perceptron.MlpCritic`, it was not
measurably faster.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional as F

from selfplay.errors import ConfigError
from selfplay.gan.config import GanNetworkConfig
from selfplay.gan.models.layers import LEAK, Critic, Generator

SMALLEST = 4  # rows or columns, from which on nothing is halved
LARGEST = 8  # that may be left where an odd side stops it
MOST = 8  # times the width: channels of the coarsest layers
EXPANSION = 2  # channels inside a residual block over those outside
GROUP = 16  # channels that the middle convolution of a residual block joins


def sizes(shape: tuple[int, ...], width: int) -> list[tuple[int, int, int]]:
    """(channels, rows, columns) of the layers for images of shape (planes, rows, columns), the finest first.

    Raises ConfigError for samples that are no images, or whose sides cannot be halved down to 8.
    """
    if len(shape) != 3:
        raise ConfigError(f"Samples of shape {shape} are no images: use network.kind=mlp.")
    _, rows, columns = shape
    found = [(width, rows, columns)]
    while rows % 2 == columns % 2 == 0 and min(rows, columns) > SMALLEST:
        rows, columns = rows // 2, columns // 2
        found.append((width * min(2 ** len(found), MOST), rows, columns))
    if max(rows, columns) > LARGEST:
        raise ConfigError(
            f"Images of {shape[1]} × {shape[2]} cannot be halved down to {LARGEST} × {LARGEST} or less: pad them to "
            "sides of 8, 16, 28, 32 or another power of two, or use network.kind=mlp."
        )
    return found


class InputProjection(nn.Module):
    """inputs [B, L], embeddings of classes [B, E] → the coarsest feature map [B, C, R, C'], by one linear layer."""

    def __init__(self, inputs: int, size: tuple[int, int, int], num_classes: int, config: GanNetworkConfig) -> None:
        super().__init__()
        self.size = size
        self.embedding = nn.Embedding(num_classes, config.embedding) if config.conditional else None
        extra = config.embedding if config.conditional else 0
        self.linear = nn.Linear(inputs + extra, size[0] * size[1] * size[2])

    def embed(self, labels: torch.Tensor | None) -> torch.Tensor | None:
        """[B, E], None without classes."""
        return None if self.embedding is None else self.embedding(labels)

    def forward(self, inputs: torch.Tensor, embedded: torch.Tensor | None) -> torch.Tensor:
        h = inputs if embedded is None else torch.cat([inputs, embedded], dim=1)
        out: torch.Tensor = self.linear(h)
        return out.reshape(-1, *self.size)


class ScoreHead(nn.Module):
    """The coarsest layer h [B, N], flat, and labels [B] → scores [B], linear in h: a projection of the class added."""

    def __init__(self, inputs: int, num_classes: int, config: GanNetworkConfig) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, 1)
        self.projection = nn.Embedding(num_classes, inputs) if config.conditional else None
        if self.projection is not None:
            nn.init.normal_(self.projection.weight, std=inputs**-0.5)

    def forward(self, h: torch.Tensor, labels: torch.Tensor | None) -> torch.Tensor:
        scores: torch.Tensor = self.linear(h)[:, 0]
        return scores if self.projection is None else scores + (h * self.projection(labels)).sum(dim=1)


class DcganGenerator(Generator):
    """inputs [B, L], labels [B] → x [B, P, R, C] in [−1, 1]."""

    def __init__(self, inputs: int, shape: tuple[int, ...], num_classes: int, config: GanNetworkConfig) -> None:
        super().__init__()
        layers = sizes(shape, config.width)[::-1]
        self.inputs = InputProjection(inputs, layers[0], num_classes, config)
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(a[0], b[0], 4, stride=2, padding=1, bias=False) for a, b in pairwise(layers)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for channels, _, _ in layers)
        self.last = nn.Conv2d(layers[-1][0], shape[0], 3, padding=1)

    def embed(self, labels: torch.Tensor | None) -> torch.Tensor | None:
        return self.inputs.embed(labels)

    def generate(self, inputs: torch.Tensor, embedded: torch.Tensor | None) -> torch.Tensor:
        h = F.relu(self.norms[0](self.inputs(inputs, embedded)))
        for up, norm in zip(self.up, list(self.norms)[1:], strict=True):
            h = F.relu(norm(up(h)))
        return torch.tanh(self.last(h))


class DcganCritic(Critic):
    """x [B, P, R, C], labels [B] → scores [B]."""

    def __init__(self, shape: tuple[int, ...], num_classes: int, config: GanNetworkConfig) -> None:
        super().__init__()
        layers = sizes(shape, config.width)
        self.first = nn.Conv2d(shape[0], config.width, 3, padding=1)
        self.down = nn.ModuleList(nn.Conv2d(a[0], b[0], 4, stride=2, padding=1) for a, b in pairwise(layers))
        channels, rows, columns = layers[-1]
        self.score = ScoreHead(channels * rows * columns, num_classes, config)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        h = F.leaky_relu(self.first(x), LEAK)
        for layer in self.down:
            h = F.leaky_relu(layer(h), LEAK)
        return h.flatten(1)

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        scores: torch.Tensor = self.score(self.features(x), labels)
        return scores


class BottleneckBlock(nn.Module):
    """h [B, C, R, C'] → the same shape: 1 × 1, grouped 3 × 3 and 1 × 1 convolutions beside the identity.

    The last filter starts at 0 and the others small, so that the stack starts as the identity however deep it is.
    """

    def __init__(self, channels: int, blocks: int) -> None:
        """blocks: in the whole network."""
        super().__init__()
        inside = EXPANSION * channels
        self.first = nn.Conv2d(channels, inside, 1)
        self.middle = nn.Conv2d(inside, inside, 3, padding=1, groups=_groups(inside))
        self.last = nn.Conv2d(inside, channels, 1, bias=False)
        for layer in (self.first, self.middle):
            assert layer.bias is not None
            nn.init.kaiming_normal_(layer.weight, LEAK)
            nn.init.zeros_(layer.bias)
            with torch.no_grad():
                layer.weight.mul_(blocks ** (-1 / 4))
        nn.init.zeros_(self.last.weight)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        inside = F.leaky_relu(self.first(h), LEAK)
        out: torch.Tensor = h + self.last(F.leaky_relu(self.middle(inside), LEAK))
        return out


class ResidualGenerator(Generator):
    """inputs [B, L], labels [B] → x [B, P, R, C] in [−1, 1]. Sides are doubled by bilinear interpolation."""

    def __init__(self, inputs: int, shape: tuple[int, ...], num_classes: int, config: GanNetworkConfig) -> None:
        super().__init__()
        layers = sizes(shape, config.width)[::-1]
        self.inputs = InputProjection(inputs, layers[0], num_classes, config)
        self.blocks = nn.ModuleList(_blocks(channels, len(layers), config) for channels, _, _ in layers)
        self.widths = nn.ModuleList(nn.Conv2d(a[0], b[0], 1, bias=False) for a, b in pairwise(layers))
        self.last = nn.Conv2d(layers[-1][0], shape[0], 1)

    def embed(self, labels: torch.Tensor | None) -> torch.Tensor | None:
        return self.inputs.embed(labels)

    def generate(self, inputs: torch.Tensor, embedded: torch.Tensor | None) -> torch.Tensor:
        h = self.blocks[0](self.inputs(inputs, embedded))
        for width, blocks in zip(self.widths, list(self.blocks)[1:], strict=True):
            h = blocks(F.interpolate(width(h), scale_factor=2, mode="bilinear", align_corners=False))
        return torch.tanh(self.last(h))


class ResidualCritic(Critic):
    """x [B, P, R, C], labels [B] → scores [B]. Sides are halved by means over 2 × 2."""

    def __init__(self, shape: tuple[int, ...], num_classes: int, config: GanNetworkConfig) -> None:
        super().__init__()
        layers = sizes(shape, config.width)
        self.first = nn.Conv2d(shape[0], config.width, 3, padding=1)
        self.blocks = nn.ModuleList(_blocks(channels, len(layers), config) for channels, _, _ in layers)
        self.widths = nn.ModuleList(nn.Conv2d(a[0], b[0], 1, bias=False) for a, b in pairwise(layers))
        channels, rows, columns = layers[-1]
        self.score = ScoreHead(channels * rows * columns, num_classes, config)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        h = self.blocks[0](self.first(x))
        for width, blocks in zip(self.widths, list(self.blocks)[1:], strict=True):
            h = blocks(width(F.avg_pool2d(h, 2)))
        features: torch.Tensor = h.flatten(1)
        return features

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        scores: torch.Tensor = self.score(self.features(x), labels)
        return scores


def _blocks(channels: int, resolutions: int, config: GanNetworkConfig) -> nn.Sequential:
    return nn.Sequential(*(BottleneckBlock(channels, config.depth * resolutions) for _ in range(config.depth)))


def _groups(channels: int) -> int:
    """Into how many equal groups of GROUP channels or a little more they fall."""
    return next(groups for groups in range(max(1, channels // GROUP), 0, -1) if channels % groups == 0)
