"""Added layers: virtual batch norm, minibatch deviation, packing, spectral norm; features; their gradients."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from selfplay.errors import ConfigError
from selfplay.gan.config import GanNetworkConfig
from selfplay.gan.models import layers, networks

CLASSES = 5
KINDS: list[tuple[str, tuple[int, ...]]] = [("mlp", (2,)), ("dcgan", (1, 8, 8)), ("residual", (1, 8, 8))]
SWITCHES: list[dict[str, Any]] = [
    {}, {"conditional": True}, {"spectral_norm": True}, {"spectral_norm": True, "conditional": True},
    {"minibatch_deviation": 4}, {"minibatch_deviation": 2, "conditional": True, "spectral_norm": True},
    {"packing": 2}, {"packing": 4, "spectral_norm": True}, {"critic_width": 4},
]  # fmt: skip
FITTED = [
    (kind, shape, settings)
    for kind, shape in KINDS
    for settings in SWITCHES
    if not (kind == "residual" and settings.get("spectral_norm"))  # refused
]


def both(kind: str, shape: tuple[int, ...], **settings: Any) -> tuple[nn.Module, layers.Critic]:
    torch.manual_seed(7)
    base = GanNetworkConfig(kind=kind, width=8, depth=1 if kind == "residual" else 2, latent=6)  # type: ignore[arg-type]
    generator, critic = networks.make(shape, CLASSES, replace(base, **settings))
    with torch.no_grad():  # what starts at 0 hides mistakes
        for parameter in [*generator.parameters(), *critic.parameters()]:
            parameter.add_(0.1 * torch.randn_like(parameter))
    return generator, critic


def samples(shape: tuple[int, ...], size: int = 8, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return torch.randn(size, *shape, generator=random), torch.randint(CLASSES, (size,), generator=random)


# -- gradients ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "shape", "settings"), FITTED, ids=str)
def test_a_critics_gradient_is_that_of_differentiating_twice(
    kind: str, shape: tuple[int, ...], settings: dict[str, Any]
) -> None:
    critic = both(kind, shape, **settings)[1].double().eval()
    x, labels = samples(shape)
    x = x.double()
    scores, squares = critic.with_gradient(x, labels)
    assert scores.shape == squares.shape == (8 // settings.get("packing", 1),)
    torch.testing.assert_close(scores, critic(x, labels), rtol=1e-9, atol=1e-9)
    inputs = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(critic(inputs, labels).sum(), inputs, create_graph=True)
    expected = slope.reshape(len(scores), -1).square().sum(dim=1)
    torch.testing.assert_close(squares, expected, rtol=1e-6, atol=1e-9)
    # And what training takes of it: the penalty's gradient in the weights, weighted so that samples differ.
    weights = [parameter for parameter in critic.parameters() if parameter.requires_grad]
    by = torch.linspace(1, 2, len(scores), dtype=torch.float64)
    found, twice = (
        torch.autograd.grad((by * of).sum(), weights, allow_unused=True, retain_graph=True)
        for of in (squares, expected)
    )
    for one, other in zip(found, twice, strict=True):
        # A weight that the gradient doesn't depend on may have none, or zeros.
        zero = torch.zeros((), dtype=torch.float64)
        torch.testing.assert_close(*(torch.atleast_1d(zero if g is None else g).sum() for g in (one, other)))
        if one is not None and other is not None:
            torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-9)


def test_the_gradient_of_points_is_right_in_single_precision_too() -> None:
    critic = both("mlp", (2,), conditional=True)[1]
    x, labels = samples((2,), 64)
    squares = critic.with_gradient(x, labels)[1]
    torch.testing.assert_close(squares, layers.Critic.with_gradient(critic, x, labels)[1], rtol=1e-5, atol=1e-6)


# -- virtual batch norm ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3,), (3, 4, 5)])
def test_virtual_batch_norm_is_batch_norm_of_the_reference_and_one_row_more(shape: tuple[int, ...]) -> None:
    random = torch.Generator().manual_seed(0)
    h = 2 + 3 * torch.randn(7 + 4, *shape, generator=random, dtype=torch.float64)
    norm = layers.VirtualBatchNorm(3, 7).double()
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, 2.0, -1.0]))
        norm.bias.copy_(torch.tensor([0.5, 0.0, 3.0]))
    found = norm(h)

    def plain(rows: torch.Tensor) -> torch.Tensor:
        return nn.functional.batch_norm(rows, None, None, norm.weight, norm.bias, training=True, eps=layers.EPSILON)

    torch.testing.assert_close(found[:7], plain(h[:7]))
    for row in range(7, 11):
        torch.testing.assert_close(found[row], plain(torch.cat([h[:7], h[row : row + 1]]))[7])


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize(("kind", "shape"), KINDS)
def test_with_virtual_batch_norm_no_sample_depends_on_its_batch_nor_on_the_mode(
    kind: str, shape: tuple[int, ...], conditional: bool
) -> None:
    generator, _ = both(kind, shape, virtual_batch_norm=16, conditional=conditional)
    inputs, labels = samples((6,))
    given = labels if conditional else None
    made = generator(inputs, given)
    assert made.shape == (8, *shape)
    alone = torch.cat([generator(inputs[i : i + 1], None if given is None else given[i : i + 1]) for i in range(8)])
    torch.testing.assert_close(alone, made, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(generator.eval()(inputs, given), made)
    kinds = [type(module) for module in generator.modules()]
    assert layers.VirtualBatchNorm in kinds and nn.BatchNorm2d not in kinds
    # A normalised layer forgets the scale of the layer before it.
    first = next(module for module in generator.modules() if isinstance(module, nn.Linear))
    with torch.no_grad():
        first.weight.mul_(10)
        first.bias.mul_(10)
    torch.testing.assert_close(generator(inputs, given), made, rtol=0.05, atol=0.05)


def test_the_reference_batch_is_part_of_the_weights() -> None:
    generator, _ = both("mlp", (2,), virtual_batch_norm=16)
    other, _ = both("mlp", (2,), virtual_batch_norm=16)
    other.reference.zero_()  # type: ignore[union-attr,operator]
    inputs = samples((6,))[0]
    assert not torch.equal(other(inputs), generator(inputs))
    other.load_state_dict(generator.state_dict())
    assert torch.equal(other(inputs), generator(inputs))
    assert "reference" in generator.state_dict() and not any("reference" in n for n, _ in generator.named_parameters())


# -- critics of several samples ----------------------------------------------------------------------------------------


def test_minibatch_standard_deviation_adds_what_a_hand_computation_gives() -> None:
    h = torch.tensor([[0.0, 10.0], [2.0, 10.0], [1.0, 4.0], [1.0, 4.0]])
    found = layers.MinibatchStandardDeviation(2)(h)
    assert torch.equal(found[:, :2], h)
    # Of the first group the deviations are 1 and 0; of the second none.
    torch.testing.assert_close(found[:, 2], torch.tensor([0.5, 0.5, 0.0, 0.0]), rtol=0, atol=2e-4)


@pytest.mark.parametrize(("kind", "shape"), KINDS)
def test_a_batch_aware_critic_sees_copies_and_keeps_groups_apart(kind: str, shape: tuple[int, ...]) -> None:
    critic = both(kind, shape, minibatch_deviation=4)[1]
    x, _ = samples(shape)
    scores = critic(x)
    copied = x.clone()
    copied[:4] = x[0]
    assert (critic(copied)[:4] - scores[0]).abs().min() > 1e-4  # the same sample among its copies scores otherwise
    torch.testing.assert_close(critic(copied)[4:], scores[4:])
    with pytest.raises(AssertionError):
        critic(x[:6])


@pytest.mark.parametrize(("kind", "shape"), KINDS)
def test_a_packed_critic_judges_neighbours_together_and_packs_apart(kind: str, shape: tuple[int, ...]) -> None:
    critic = both(kind, shape, packing=2)[1]
    x, _ = samples(shape)
    scores = critic(x)
    assert scores.shape == (4,)
    changed = x.clone()
    changed[3] += 1
    assert (critic(changed) != scores).tolist() == [False, True, False, False]
    # What the inner critic is given is the pack: all planes of the one, then those of the other.
    assert isinstance(critic, layers.Packed)
    torch.testing.assert_close(critic.inner(torch.cat([x[0], x[1]])[None], None), scores[:1])


# -- spectral norm -----------------------------------------------------------------------------------------------------


def largest(critic: nn.Module) -> list[float]:
    kinds = (nn.Linear, nn.Conv2d, nn.Embedding)
    found = [module.weight for module in critic.modules() if isinstance(module, kinds)]
    return [float(torch.linalg.matrix_norm(weight.detach().flatten(1), 2)) for weight in found]


@pytest.mark.parametrize(("kind", "shape"), KINDS[:2])
def test_spectral_norm_gives_every_layer_the_norm_one(kind: str, shape: tuple[int, ...]) -> None:
    critic = both(kind, shape, spectral_norm=True, conditional=True)[1]
    x, labels = samples(shape)
    for _ in range(30):
        critic(x, labels)
    assert largest(critic.eval()) == pytest.approx([1.0] * len(largest(critic)), abs=1e-2)


def test_in_a_critic_of_points_spectral_norm_bounds_the_slope() -> None:
    critic = both("mlp", (2,), spectral_norm=True)[1]
    x = samples((2,), 256)[0]
    for _ in range(30):
        critic(x)
    assert critic.with_gradient(x, None)[1].max().item() <= 1.02


def test_one_look_at_a_spectrally_normed_critic_is_one_step_of_power_iteration() -> None:
    critic = both("mlp", (2,), spectral_norm=True)[1]
    other = copy.deepcopy(critic)
    x, _ = samples((2,))
    scores, _ = critic.with_gradient(x, None)
    assert torch.equal(other(x), scores)
    states = critic.state_dict(), other.state_dict()
    assert all(torch.equal(value, states[1][key]) for key, value in states[0].items())
    assert any(key.endswith(".vector") for key in states[0])
    critic.eval()
    before = {key: value.clone() for key, value in critic.state_dict().items()}
    critic(x)
    assert all(torch.equal(value, before[key]) for key, value in critic.state_dict().items())


# -- features, sizes, contradictions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "shape", "settings"), FITTED, ids=str)
def test_features_are_what_the_last_layer_scores(kind: str, shape: tuple[int, ...], settings: dict[str, Any]) -> None:
    critic = both(kind, shape, **settings)[1].eval()
    x, labels = samples(shape)
    scores, features = critic(x, labels), critic.features(x)
    assert features.shape[0] == len(scores) and features.requires_grad
    if not settings.get("conditional"):
        torch.testing.assert_close(layers.scoring_layer(critic)[1](features)[:, 0], scores)


def test_a_critic_can_be_smaller_than_its_generator() -> None:
    generator, critic = both("mlp", (2,), critic_width=4)
    assert [len(layer.weight) for layer in generator.modules() if isinstance(layer, nn.Linear)] == [8, 8, 2]
    assert [len(layer.weight) for layer in critic.modules() if isinstance(layer, nn.Linear)] == [4, 4, 1]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"minibatch_deviation": 1}, "2 or more"),
        ({"packing": 2, "minibatch_deviation": 4}, "both show the critic several samples"),
        ({"packing": 2, "conditional": True}, "no single class"),
        ({"kind": "residual", "spectral_norm": True}, "filters of 0"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_in_a_sentence(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        networks.make((1, 8, 8), CLASSES, replace(GanNetworkConfig(), **settings))
    assert len(str(caught.value).splitlines()) == 1


def test_rounded_samples_have_one_plane_a_cell_at_most_and_the_gradients_of_unrounded_ones() -> None:
    class Table(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cells = nn.Parameter(torch.tensor([[[0.3, -0.2, 0.9]], [[0.7, -0.1, 0.1]]])[None])  # [1, 2, 1, 3]

        def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
            return self.cells * torch.ones(len(inputs), 1, 1, 1)

    generator = layers.Rounded(Table())
    x = generator(torch.zeros(2, 1))
    wanted = torch.tensor([[[-1.0, -1.0, 1.0]], [[1.0, -1.0, -1.0]]])
    torch.testing.assert_close(x, wanted.expand(2, -1, -1, -1))
    (x * torch.arange(12.0).reshape(2, 2, 1, 3)).sum().backward()
    torch.testing.assert_close(generator.inner.cells.grad, torch.tensor([[[[6.0, 8, 10]], [[12, 14, 16]]]]))


def test_points_cannot_be_rounded() -> None:
    with pytest.raises(ConfigError, match="rounded is for images of planes"):
        networks.make((2,), 0, GanNetworkConfig(rounded=True))
