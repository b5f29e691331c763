"""Base classes of generators and critics, and layers against mode collapse that are added to finished networks.

    VirtuallyNormalised   virtual batch norm in a generator                Salimans 2016, 1606.03498, section 3.4
    Rounded               a generator of discrete data                     Bengio 2013, 1308.3432: straight-through
    BatchAware            a critic that sees how much samples differ       Karras 2018, 1710.10196, section 3
    SpectrallyNormed      a critic whose layers have singular values ≤ 1   Miyato 2018, 1802.05957
    Packed                a critic that scores several samples at once     Lin 2018, 1712.04086

Knows modules, not their architecture, data or losses.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

LEAK = 0.2  # slope of rectifiers below 0
EPSILON = 1e-5  # added to variances, as torch's batch norm does
ITERATIONS = 15  # of the power method, where there is no telling how far off its vector is


class Generator(nn.Module):
    """inputs [B, L], labels [B] → x [B, *shape]. Classes reach the network as embeddings [B, E], so that a caller can
    also ask for an embedding that no class has."""

    def embed(self, labels: torch.Tensor | None) -> torch.Tensor | None:
        """[B, E]: embeddings of the classes; None of an unconditional generator, which ignores labels."""
        raise NotImplementedError

    def generate(self, inputs: torch.Tensor, embedded: torch.Tensor | None) -> torch.Tensor:
        """x [B, *shape] of inputs [B, L] and embeddings [B, E], None of an unconditional generator."""
        raise NotImplementedError

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return self.generate(inputs, self.embed(labels))


class Critic(nn.Module):
    """x [B, *shape], labels [B] → scores [B]; a critic of packs of m samples returns [B/m]."""

    augmentation: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        # The probability that the loss augments what this critic sees, where that adapts: here it is saved with it.
        self.register_buffer("augmentation", torch.zeros(()))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """[B, N]: the input of the layer that computes the scores, of samples x [B, *shape]."""
        raise NotImplementedError

    def with_gradient(self, x: torch.Tensor, labels: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        """(scores [B], squared norms [B] of d score / d x), both differentiable in the weights."""
        x = x.detach().requires_grad_()
        scores = self(x, labels)
        (gradient,) = torch.autograd.grad(scores.sum(), x, create_graph=True)
        return scores, gradient.flatten(1).square().sum(dim=1)


# -- virtual batch norm ----------------------------------------------------------------------------------------------


class VirtualBatchNorm(nn.Module):
    """h [R + B, C, ...] → the same shape, normalised by channel. Each of the B rows is normalised by the statistics of
    the R reference rows and itself; reference rows by their own. No row depends on another of the B."""

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


class VirtuallyNormalised(Generator):
    """A generator with virtual batch norm: in place of its batch norms if it has any, else after every layer with a
    bias except the last (the last layers of residual branches have no bias).

    The reference batch is Gaussian unless something else is copied to `reference`, its labels cycle through the
    classes, and it is part of the weights. It goes through the network with every batch, at the cost of that many more
    samples.
    """

    reference: torch.Tensor

    def __init__(self, inner: Generator, inputs: int, num_classes: int, reference_rows: int) -> None:
        super().__init__()
        self.register_buffer("reference", torch.randn(reference_rows, inputs))
        self.num_classes = num_classes
        self.inner = _normalised(inner, reference_rows)

    def embed(self, labels: torch.Tensor | None) -> torch.Tensor | None:
        return self.inner.embed(labels)

    def generate(self, inputs: torch.Tensor, embedded: torch.Tensor | None) -> torch.Tensor:
        if embedded is not None:
            reference = self.embed(self._reference_labels(embedded.device))
            assert reference is not None
            embedded = torch.cat([reference, embedded])
        return self._beside_reference(inputs, embedded)

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        if labels is not None:
            labels = torch.cat([self._reference_labels(labels.device), labels])  # one look-up, so one gradient
        return self._beside_reference(inputs, self.embed(labels))

    def _reference_labels(self, device: torch.device) -> torch.Tensor:
        return torch.arange(len(self.reference), device=device) % self.num_classes

    def _beside_reference(self, inputs: torch.Tensor, embedded: torch.Tensor | None) -> torch.Tensor:
        """embedded: [R + B, E], of the reference rows too."""
        return self.inner.generate(torch.cat([self.reference, inputs]), embedded)[len(self.reference) :]


def _normalised(network: Generator, reference_rows: int) -> Generator:
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


class Rounded(Generator):
    """A generator of images whose planes are exclusive: x [B, P, R, C] in {−1, 1}.

    In each cell the largest plane, if it is above 0, becomes 1 and all others −1. Gradients pass as if nothing had been
    rounded. Without it a critic recognises fakes of discrete data by values that are never exactly −1 or 1."""

    def __init__(self, inner: Generator) -> None:
        super().__init__()
        self.inner = inner

    def embed(self, labels: torch.Tensor | None) -> torch.Tensor | None:
        return self.inner.embed(labels)

    def generate(self, inputs: torch.Tensor, embedded: torch.Tensor | None) -> torch.Tensor:
        return self._rounded(self.inner.generate(inputs, embedded))

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        return self._rounded(self.inner(inputs, labels))

    def _rounded(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            rounded = torch.where((x == x.amax(dim=1, keepdim=True)) & (x > 0), 1.0, -1.0)
        return x + (rounded - x).detach()


# -- critics that see several samples, and critics that are smooth ---------------------------------------------------


class MinibatchStandardDeviation(nn.Module):
    """`with_deviation` as a layer; it has no weights."""

    def __init__(self, group: int) -> None:
        super().__init__()
        self.group = group

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        return with_deviation(h, self.group)


def with_deviation(h: torch.Tensor, group: int) -> torch.Tensor:
    """[B, N + 1] of features h [B, N]: the last is the standard deviation of each of the N over a group of consecutive
    samples, averaged over the N; the same for the whole group."""
    groups = h.reshape(-1, group, h.shape[1])
    deviation = (groups.var(dim=1, correction=0) + 1e-8).sqrt().mean(dim=1)
    return torch.cat([h, deviation.repeat_interleave(group)[:, None]], dim=1)


class BatchAware(Critic):
    """A critic whose last layer also sees the minibatch standard deviation of its features.

    A sample's score then depends on the rest of its group: reals and fakes must come in separate groups, B must be a
    multiple of the group's size, and a match is played in fixed groups. `with_gradient` returns the gradient of a
    group's sum of scores with respect to each of its samples, as usual with this layer, not a sample's own gradient; it
    differentiates twice, because the gradient is no longer a product of masks.
    """

    def __init__(self, inner: Critic, group: int) -> None:
        super().__init__()
        name, layer = scoring_layer(inner)
        inner.set_submodule(name, nn.Sequential(MinibatchStandardDeviation(group), nn.Linear(layer.in_features + 1, 1)))
        self.inner, self.group = inner, group

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return with_deviation(self.inner.features(x), self.group)

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        assert len(x) % self.group == 0, (len(x), self.group)
        scores: torch.Tensor = self.inner(x, labels)
        return scores


class UnitNorm(nn.Module):
    """A weight [N, ...] divided by σ, its largest singular value as a matrix [N, M]: a torch parametrization.

    σ is estimated by power iteration from `vector`, which moves by one step at every use in training and is saved with
    the weights. In evaluation `vector` is fixed and ITERATIONS steps are made from it, since averaged weights come with
    averaged vectors, which fit them badly: with one step, as torch's own has, σ was estimated a third too small.
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
    """A critic whose layers are each divided by their largest singular value."""

    def __init__(self, inner: Critic) -> None:
        super().__init__()
        for module in list(inner.modules()):
            if isinstance(module, (nn.Linear, nn.Conv2d, nn.Embedding)):
                parametrize.register_parametrization(module, "weight", UnitNorm(module.weight))
        self.inner = inner

    def features(self, x: torch.Tensor) -> torch.Tensor:
        with parametrize.cached():
            return self.inner.features(x)

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        with parametrize.cached():
            scores: torch.Tensor = self.inner(x, labels)
        return scores

    def with_gradient(self, x: torch.Tensor, labels: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        with parametrize.cached():  # else scores and gradient would be those of different weights
            return self.inner.with_gradient(x, labels)


class Packed(Critic):
    """A critic of m samples at once: x [B, P, ...] goes to `inner` as [B/m, m·P, ...], m consecutive samples in one.
    Scores are [B/m], one for each pack, and `with_gradient` is with respect to the whole pack."""

    def __init__(self, inner: Critic, size: int) -> None:
        super().__init__()
        self.inner, self.size = inner, size

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner.features(self._packs(x))

    def forward(self, x: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        scores: torch.Tensor = self.inner(self._packs(x), None)
        return scores

    def with_gradient(self, x: torch.Tensor, labels: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        return self.inner.with_gradient(self._packs(x), None)

    def _packs(self, x: torch.Tensor) -> torch.Tensor:
        assert len(x) % self.size == 0, (len(x), self.size)
        return x.reshape(len(x) // self.size, self.size * x.shape[1], *x.shape[2:])


def scoring_layer(critic: nn.Module) -> tuple[str, nn.Linear]:
    """(name, module) of the linear layer that computes scores [B, 1] from features [B, N]."""
    found = [(name, layer) for name, layer in critic.named_modules() if isinstance(layer, nn.Linear)]
    name, layer = found[-1]
    assert layer.out_features == 1, name
    return name, layer
