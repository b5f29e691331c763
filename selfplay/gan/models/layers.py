"""What generators and critics of any kind can be fitted with: layers against collapse, added to finished networks.

    VirtuallyNormalised   virtual batch norm in a generator            Salimans 2016, 1606.03498, section 3.4
    Rounded               a generator of things that are or are not    Bengio 2013, 1308.3432: straight-through
    BatchAware            a critic sees how alike samples are          Karras 2018, 1710.10196, section 3
    SpectrallyNormed      a critic's layers stretch nothing            Miyato 2018, 1802.05957
    Packed                a critic judges several samples at once      Lin 2018, 1712.04086

It knows modules, not which networks they are, nor data or losses. Here is also what a critic is.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

EPSILON = 1e-5  # added to variances, as torch's batch norm does
ITERATIONS = 15  # of the power method, where there is no telling how far off its vector is


class Critic(nn.Module):
    """x [B, *shape], labels [B] → scores [B]; one that judges packs of m gives [B/m]."""

    augmentation: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        # The probability that the loss augments what this critic sees, where that adapts: here it is saved with it.
        self.register_buffer("augmentation", torch.zeros(()))

    def with_gradient(self, x: torch.Tensor, labels: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """(scores [B], squared norms [B] of d score / d x), both differentiable in the weights."""
        x = x.detach().requires_grad_()
        scores = self(x, labels)
        (gradient,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
        return scores, gradient.flatten(1).square().sum(dim=1)


# -- virtual batch norm ----------------------------------------------------------------------------------------------


class VirtualBatchNorm(nn.Module):
    """h [R + B, C, ...] → the same, normalised by channel: each of the B by the R reference rows and itself, as if it
    were one row more of them; the R by themselves. No row depends on another of the B."""

    def __init__(self, channels: int, reference_rows: int) -> None:
        super().__init__()
        self.reference_rows = reference_rows
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        size, places = self.reference_rows, tuple(range(2, h.ndim))
        variance, mean = torch.var_mean(h[:size], dim=(0, *places), correction=0)  # [C]
        own_variance, own_mean = torch.var_mean(h[size:], places, correction=0) if places else (0.0, h[size:])  # [B, C]
        # Of R rows and one more: the means' mean, and the variances' mean with what the means differ by (Chan 1979).
        gap = own_mean - mean
        variances = (size * variance + own_variance + gap.square() * (size / (size + 1))) / (size + 1)
        reference = self._scaled(h[:size], mean.expand(size, -1), variance.expand(size, -1))
        return torch.cat([reference, self._scaled(h[size:], mean + gap / (size + 1), variances)])

    def _scaled(self, h: torch.Tensor, mean: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
        """h [B, C, ...] with mean and variance [B, C]."""
        scale = self.weight * (variance + EPSILON).rsqrt()
        shape = (*mean.shape, *[1] * (h.ndim - 2))
        return torch.addcmul((self.bias - mean * scale).reshape(shape), h, scale.reshape(shape))


class VirtuallyNormalised(nn.Module):
    """A generator, inputs [B, L] and labels [B] → x [B, *shape], with virtual batch norm: in place of its batch norms
    where it has any, else behind every layer with a bias but the last (ends of residual branches have none).

    The reference batch is Gaussian unless something else is copied to `reference`, its labels take turns, and it is
    part of the weights. It goes through the network beside every batch, at the cost of that many more samples.
    """

    reference: torch.Tensor

    def __init__(self, inner: nn.Module, inputs: int, num_classes: int, reference_rows: int) -> None:
        super().__init__()
        self.register_buffer("reference", torch.randn(reference_rows, inputs))
        self.num_classes = num_classes
        self.inner = _normalised(inner, reference_rows)

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        size = len(self.reference)
        if labels is not None:
            labels = torch.cat([torch.arange(size, device=labels.device) % self.num_classes, labels])
        x: torch.Tensor = self.inner(torch.cat([self.reference, inputs]), labels)
        return x[size:]


def _normalised(network: nn.Module, reference_rows: int) -> nn.Module:
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d)
    norms = [(name, module) for name, module in network.named_modules() if isinstance(module, kinds)]
    for name, norm in norms:
        network.set_submodule(name, VirtualBatchNorm(norm.num_features, reference_rows))
    if norms:
        return network
    layers = [(name, module) for name, module in network.named_modules() if isinstance(module, (nn.Linear, nn.Conv2d))]
    for name, layer in layers[:-1]:
        if layer.bias is not None:
            network.set_submodule(name, nn.Sequential(layer, VirtualBatchNorm(len(layer.weight), reference_rows)))
    return network


# -- discrete data ---------------------------------------------------------------------------------------------------


class Rounded(nn.Module):
    """A generator, inputs [B, L] and labels [B] → x [B, P, R, C] in {−1, 1}: in each cell the largest plane, if it is
    above 0, is 1 and all others are −1. Gradients pass as if nothing had been rounded. Without it a critic tells fakes
    of discrete data by their never being quite there."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        x: torch.Tensor = self.inner(inputs, labels)
        with torch.no_grad():
            rounded = torch.where((x == x.amax(dim=1, keepdim=True)) & (x > 0), 1.0, -1.0)
        return x + (rounded - x).detach()


# -- critics that see several samples, and critics that are smooth ---------------------------------------------------


class MinibatchStandardDeviation(nn.Module):
    """h [B, N] → [B, N + 1]: one feature more, the standard deviation of each of the N over a group of samples that
    follow each other, averaged over the N; the same for the whole group."""

    def __init__(self, group: int) -> None:
        super().__init__()
        self.group = group

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        groups = h.reshape(-1, self.group, h.shape[1])
        deviation = (groups.var(dim=1, correction=0) + 1e-8).sqrt().mean(dim=1)
        return torch.cat([h, deviation.repeat_interleave(self.group)[:, None]], dim=1)


class BatchAware(Critic):
    """A critic whose last layer also sees the minibatch standard deviation of its features.

    Samples are no longer scored alone, which breaks what is meant by sample. A score hangs on the rest of its group, so
    that reals and fakes must come in groups of their own, B is a multiple of the group's size, and a match is played in
    fixed groups. `with_gradient` gives the gradient of a group's sum of scores in each of its samples, as usual with
    this layer, not a sample's own slope; it differentiates twice, since it is no product of masks any more.
    """

    def __init__(self, inner: Critic, group: int) -> None:
        super().__init__()
        name, layer = scoring_layer(inner)
        inner.set_submodule(name, nn.Sequential(MinibatchStandardDeviation(group), nn.Linear(layer.in_features + 1, 1)))
        self.inner, self.group = inner, group

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        assert len(x) % self.group == 0, (len(x), self.group)
        scores: torch.Tensor = self.inner(x, labels)
        return scores


class UnitNorm(nn.Module):
    """A weight [N, ...] over σ, its largest singular value as a matrix [N, M]: a parametrization, as torch calls it.

    σ is found by power iteration from `vector`, which training moves by one step at every look, and which is saved with
    the weights. Without training it stays, and as many steps as the start takes find σ, since averaged weights come
    with averaged vectors, which fit them badly: with one step σ was found a third too small. Torch's own does that.
    """

    vector: torch.Tensor

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("vector", F.normalize(torch.randn(len(weight)), dim=0))
        self.vector.copy_(self._singular(weight, ITERATIONS)[0])

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        left, right = self._singular(weight, 1 if self.training else ITERATIONS)
        if self.training:
            self.vector.copy_(left)
        return weight / (left @ weight.flatten(1) @ right)

    @torch.no_grad()
    def _singular(self, weight: torch.Tensor, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
        """(left [N], right [M]), unit vectors of σ."""
        matrix, left = weight.flatten(1), self.vector
        for _ in range(steps):
            right = F.normalize(left @ matrix, dim=0)
            left = F.normalize(matrix @ right, dim=0)
        return left, right


class SpectrallyNormed(Critic):
    """A critic each layer of which is divided by its largest singular value."""

    def __init__(self, inner: Critic) -> None:
        super().__init__()
        for module in list(inner.modules()):
            if isinstance(module, (nn.Linear, nn.Conv2d, nn.Embedding)):
                parametrize.register_parametrization(module, "weight", UnitNorm(module.weight))
        self.inner = inner

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        with parametrize.cached():
            scores: torch.Tensor = self.inner(x, labels)
        return scores

    def with_gradient(self, x: torch.Tensor, labels: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        with parametrize.cached():  # or scores and gradient would be those of different weights
            return self.inner.with_gradient(x, labels)


class Packed(Critic):
    """A critic of m samples at once: x [B, P, ...] goes to `inner` as [B/m, m·P, ...], m that follow each other in one.
    Scores are [B/m], one a pack, and `with_gradient` is that in the whole pack."""

    def __init__(self, inner: Critic, size: int) -> None:
        super().__init__()
        self.inner, self.size = inner, size

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        scores: torch.Tensor = self.inner(self._packs(x), None)
        return scores

    def with_gradient(self, x: torch.Tensor, labels: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        return self.inner.with_gradient(self._packs(x), None)

    def _packs(self, x: torch.Tensor) -> torch.Tensor:
        assert len(x) % self.size == 0, (len(x), self.size)
        return x.reshape(len(x) // self.size, self.size * x.shape[1], *x.shape[2:])


def scoring_layer(critic: nn.Module) -> tuple[str, nn.Linear]:
    """(name, module) of the layer that turns features [B, N] into scores [B, 1]."""
    found = [(name, layer) for name, layer in critic.named_modules() if isinstance(layer, nn.Linear)]
    name, layer = found[-1]
    assert layer.out_features == 1, name
    return name, layer


def features(critic: nn.Module, x: torch.Tensor, labels: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
    """(scores [B], features [B, N] that the last layer makes them of) of samples x [B, *shape]."""
    seen: list[torch.Tensor] = []
    hook = scoring_layer(critic)[1].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    try:
        scores = critic(x, labels)
    finally:
        hook.remove()
    return scores, seen[0]
