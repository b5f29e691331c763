"""Convolutional generators and critics: shapes of any image, gradients by finite differences, how they start."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest
import torch
from torch import nn

from selfplay.errors import ConfigError
from selfplay.gan.config import GanNetworkConfig
from selfplay.gan.models import convolutional, layers, networks
from selfplay.gan.models.layers import Critic

Kind = Literal["dcgan", "residual"]
KINDS: tuple[Kind, ...] = ("dcgan", "residual")
SHAPES = ((1, 8, 8), (3, 16, 16), (1, 28, 28), (3, 32, 32), (2, 6, 7))


def players(kind: Kind, shape: tuple[int, ...] = (1, 8, 8), conditional: bool = False) -> tuple[nn.Module, Critic]:
    torch.manual_seed(0)
    return networks.make(shape, 10, GanNetworkConfig(kind=kind, width=4, depth=1, latent=5, conditional=conditional))


def awake(module: nn.Module) -> None:
    """Filters that start at 0 would hide what stands before them."""
    for parameter in module.parameters():
        if parameter.ndim > 1 and not parameter.any():
            nn.init.normal_(parameter, std=0.1)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_images_of_any_halvable_size_and_number_of_planes_are_made_and_scored(
    kind: Kind, shape: tuple[int, ...]
) -> None:
    generator, critic = players(kind, shape)
    x = generator(torch.randn(3, 5))
    assert x.shape == (3, *shape) and x.abs().max() <= 1
    assert critic(x).shape == (3,)


def test_sides_are_halved_to_four_or_to_where_they_turn_odd_and_channels_double_up_to_eight_times() -> None:
    assert convolutional.sizes((1, 8, 8), 16) == [(16, 8, 8), (32, 4, 4)]
    assert convolutional.sizes((1, 28, 28), 16) == [(16, 28, 28), (32, 14, 14), (64, 7, 7)]
    assert convolutional.sizes((3, 32, 32), 16) == [(16, 32, 32), (32, 16, 16), (64, 8, 8), (128, 4, 4)]
    assert convolutional.sizes((3, 128, 128), 16)[-1] == (128, 4, 4)
    assert convolutional.sizes((2, 6, 7), 16) == [(16, 6, 7)]


@pytest.mark.parametrize(("shape", "word"), [((2,), "mlp"), ((1, 27, 27), "pad"), ((1, 64, 40, 40), "mlp")])
def test_what_cannot_be_halved_is_refused_with_what_to_do(shape: tuple[int, ...], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        players("dcgan", shape)


def test_classes_cannot_be_asked_for_where_the_data_have_none() -> None:
    with pytest.raises(ConfigError, match="conditional"):
        networks.make((1, 8, 8), 0, GanNetworkConfig(kind="dcgan", conditional=True))


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_that_penalties_are_made_of_is_that_of_finite_differences(kind: Kind, conditional: bool) -> None:
    critic = players(kind, conditional=conditional)[1].double()
    awake(critic)
    x = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    labels = torch.tensor([3, 7]) if conditional else None
    scores, squares = critic.with_gradient(x, labels)
    assert torch.allclose(scores, critic(x, labels))
    found, step = torch.zeros(2, dtype=torch.float64), 1e-6
    with torch.no_grad():
        for place in range(64):
            moved = torch.zeros(64, dtype=torch.float64)
            moved[place] = step
            moved = moved.view(1, 1, 8, 8)
            found += ((critic(x + moved, labels) - critic(x - moved, labels)) / (2 * step)).square()
    np.testing.assert_allclose(squares.detach(), found, rtol=1e-5)
    assert all(torch.isfinite(g).all() for g in torch.autograd.grad(squares.mean(), list(critic.parameters())[:2]))


@pytest.mark.parametrize("kind", KINDS)
def test_classes_change_what_is_made_and_how_it_is_scored(kind: Kind) -> None:
    generator, critic = players(kind, conditional=True)
    generator.eval()
    noise, x = torch.randn(1, 5).expand(10, -1), torch.randn(1, 1, 8, 8).expand(10, -1, -1, -1)
    classes = torch.arange(10)
    made, scores = generator(noise, classes).flatten(1), critic(x, classes)
    assert torch.pdist(made).min() > 0 and len(scores.unique()) == 10


def test_the_projection_adds_the_inner_product_of_class_and_features() -> None:
    """Miyato & Koyama 2018, equation 3: D(x, y) = vᵧ·φ(x) + ψ(φ(x))."""
    score = convolutional.ScoreHead(6, 10, GanNetworkConfig(conditional=True))
    h, labels = torch.randn(4, 6), torch.tensor([0, 9, 3, 3])
    assert score.projection is not None
    for row in range(4):
        wanted = score.linear(h[row]).item() + (score.projection.weight[labels[row]] @ h[row]).item()
        assert score(h, labels)[row].item() == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_critic_scores_each_sample_alone(kind: Kind) -> None:
    critic = players(kind)[1]
    x = torch.randn(5, 1, 8, 8)
    alone = torch.cat([critic(x[row : row + 1]) for row in range(5)])
    assert torch.allclose(critic(x), alone, atol=1e-6)


def test_only_the_generator_of_dcgan_has_batch_norm() -> None:
    def norms(module: nn.Module) -> int:
        return sum(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in module.modules())

    assert [norms(module) for kind in KINDS for module in players(kind)] == [2, 0, 0, 0]


@pytest.mark.parametrize("channels", [4, 20, 24, 28, 36, 64])
def test_a_residual_block_starts_as_the_identity_for_any_width(channels: int) -> None:
    h = torch.randn(2, channels, 4, 4)
    assert torch.equal(convolutional.BottleneckBlock(channels, 3)(h), h)


def test_a_residual_block_opens_as_slowly_as_it_is_one_of_many() -> None:
    """Fixup's L^(−1/(2m − 2)) with m = 3 layers a branch: of 16 blocks half the weights of one."""

    def scale(blocks: int) -> float:
        torch.manual_seed(1)
        return convolutional.BottleneckBlock(64, blocks).first.weight.std().item()

    assert scale(16) == pytest.approx(scale(1) / 2)
    assert scale(1) == pytest.approx(math.sqrt(2 / (1 + layers.LEAK**2) / 64), rel=0.05)


def test_the_groups_of_a_block_hold_sixteen_channels_or_a_little_more() -> None:
    for channels in range(8, 513, 8):
        groups = convolutional._groups(channels)
        assert channels % groups == 0
        assert groups == 1 or channels // groups >= convolutional.GROUP


@pytest.mark.parametrize("kind", KINDS)
def test_equal_seeds_give_equal_networks(kind: Kind) -> None:
    first, second = players(kind), players(kind)
    for one, other in zip(first, second, strict=True):
        values = other.state_dict()
        assert all(torch.equal(value, values[key]) for key, value in one.state_dict().items())
