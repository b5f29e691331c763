"""Convolution, batch norm, residual sum and ReLU as one differentiable step, and a residual block as another.

What lies between convolutions is `kernels`, in a third of the passes over memory that torch's operators take;
convolutions are those of `convolution` where they suit, else torch's (oneDNN). Numbers are those of autocast:
activations and their gradients bfloat16, weights, statistics and the weights' gradients float32. Knows no heads and no
loss.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from selfplay.networks.fused import convolution, kernels


def applies(x: Tensor) -> bool:
    """Whether a layer that is being trained on x may take this form: on a CPU, in bfloat16."""
    return (
        x.device.type == "cpu"
        and torch.is_grad_enabled()
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") is torch.bfloat16
    )


def rectified(conv: nn.Conv2d, norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """ReLU of `norm`, in training, of `conv` of x."""
    out: Tensor = _Layer.apply(x, norm, conv.weight, norm.weight, norm.bias)
    return out


def block(first: tuple[nn.Conv2d, nn.BatchNorm2d], second: tuple[nn.Conv2d, nn.BatchNorm2d], x: Tensor) -> Tensor:
    """x goes through both layers, and what comes out is added to it before the last ReLU."""
    (conv, norm), (conv2, norm2) = first, second
    weights = (conv.weight, norm.weight, norm.bias, conv2.weight, norm2.weight, norm2.bias)
    out: Tensor = _Block.apply(x, norm, norm2, *weights)
    return out


class _Statistics(NamedTuple):
    """Of one batch, by channel: [C] float32."""

    mean: np.ndarray
    inverse: np.ndarray  # 1 / standard deviation
    gamma: np.ndarray


class _Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, norm: nn.BatchNorm2d, weight: Tensor, gamma: Tensor, beta: Tensor) -> Tensor:
        x, filters = _narrow(x), _narrow(weight)
        before, y, ctx.statistics = _forward(x, filters, norm, gamma, beta, None)
        ctx.save_for_backward(x, filters, before, y)
        ctx.wants_input = ctx.needs_input_grad[0]
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, filters, before, y = ctx.saved_tensors
        between, dgamma, dbeta = _before_norm(_narrow(gradients[0]), y, before, ctx.statistics)
        dx, dweight = _before_convolution(between, x, filters, ctx.wants_input)
        return dx, None, dweight, dgamma, dbeta


class _Block(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, norm: nn.BatchNorm2d, norm2: nn.BatchNorm2d, weight: Tensor, gamma: Tensor, beta: Tensor,
        weight2: Tensor, gamma2: Tensor, beta2: Tensor,
    ) -> Tensor:  # fmt: skip
        x, filters, filters2 = _narrow(x), _narrow(weight), _narrow(weight2)
        before, inner, ctx.statistics = _forward(x, filters, norm, gamma, beta, None)
        before2, y, ctx.statistics2 = _forward(inner, filters2, norm2, gamma2, beta2, x)
        ctx.save_for_backward(x, filters, before, inner, filters2, before2, y)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, filters, before, inner, filters2, before2, y = ctx.saved_tensors
        dy = _narrow(gradients[0])
        between, dgamma2, dbeta2 = _before_norm(dy, y, before2, ctx.statistics2)
        dinner, dweight2 = _before_convolution(between, inner, filters2, True)
        assert dinner is not None
        between, dgamma, dbeta = _before_norm(dinner, inner, before, ctx.statistics)
        dx, dweight = _before_convolution(between, x, filters, True)
        assert dx is not None
        kernels.add_rectified(_cells(dy), _cells(y), _cells(dx))
        return dx, None, None, dweight, dgamma, dbeta, dweight2, dgamma2, dbeta2


def _narrow(x: Tensor) -> Tensor:
    """In bfloat16, channels last."""
    return x.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)


def _cells(x: Tensor) -> np.ndarray:
    """The memory of x [B, C, R, W], bfloat16, channels last: [B·R·W, C] uint16."""
    cells: np.ndarray = x.view(torch.uint16).permute(0, 2, 3, 1).numpy()
    return cells.reshape(-1, cells.shape[-1])


def _forward(
    x: Tensor, filters: Tensor, norm: nn.BatchNorm2d, gamma: Tensor, beta: Tensor, residual: Tensor | None
) -> tuple[Tensor, Tensor, _Statistics]:
    """(x after the convolution, and after the ReLU, the batch's statistics). Updates the running ones of `norm`."""
    if convolution.suits(x, filters):
        before = convolution.forward(x, filters)
    else:
        before = _narrow(torch.conv2d(x, filters, padding=filters.shape[2] // 2))
    y, cells = torch.empty_like(before), _cells(before)
    assert norm.running_mean is not None and norm.running_var is not None and norm.num_batches_tracked is not None
    shift = norm.running_mean.numpy().copy()
    sums = np.empty((2, len(shift)))
    kernels.statistics(cells, shift, np.empty((2, len(shift)), np.float32), sums)
    offset, square = sums / len(cells)
    mean, variance = shift + offset, np.maximum(square - offset**2, 0)
    norm.num_batches_tracked.add_(1)
    momentum = 0.1 if norm.momentum is None else norm.momentum
    unbiased = variance * (len(cells) / max(len(cells) - 1, 1))
    norm.running_mean.lerp_(torch.from_numpy(mean.astype(np.float32)), momentum)
    norm.running_var.lerp_(torch.from_numpy(unbiased.astype(np.float32)), momentum)
    inverse, weight = 1 / np.sqrt(variance + norm.eps), gamma.numpy()
    scale = weight * inverse
    factors = scale.astype(np.float32), (beta.numpy() - mean * scale).astype(np.float32)
    if residual is None:
        kernels.normalise(cells, *factors, _cells(y))
    else:
        kernels.normalise_and_add(cells, *factors, _cells(residual), _cells(y))
    return before, y, _Statistics(mean.astype(np.float32), inverse.astype(np.float32), weight.copy())


def _before_norm(dy: Tensor, y: Tensor, x: Tensor, of: _Statistics) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, and of the norm's weight and bias, from that of y, where y = max(0, norm(x) + …)."""
    dx, cells = torch.empty_like(x), (_cells(dy), _cells(y), _cells(x))
    sums = np.empty((2, len(of.mean)))
    kernels.slopes(*cells, of.mean, np.empty((2, len(of.mean)), np.float32), sums)
    dbeta, dgamma = sums[0], sums[1] * of.inverse
    # dx = γ/σ (g − mean of g − x̂ · mean of g·x̂), with x̂ = (x − mean)/σ (Ioffe, Szegedy 2015, section 3)
    scale = of.gamma * of.inverse
    slope = -scale * of.inverse * dgamma / len(cells[0])
    offset = -scale * dbeta / len(cells[0]) - slope * of.mean
    kernels.through_norm(*cells, scale, slope.astype(np.float32), offset.astype(np.float32), _cells(dx))
    return dx, torch.from_numpy(dgamma.astype(np.float32)), torch.from_numpy(dbeta.astype(np.float32))


def _before_convolution(dy: Tensor, x: Tensor, filters: Tensor, wants_input: bool) -> tuple[Tensor | None, Tensor]:
    """Gradients of the convolution's input, where wanted, and of its filters, the latter in float32."""
    if convolution.suits(x, filters):
        dx = convolution.input_gradient(dy, filters) if wants_input else None
        return dx, convolution.filters_gradient(x, dy)
    padding = [filters.shape[2] // 2] * 2
    dx, dfilters, _ = torch.ops.aten.convolution_backward(
        dy, x, filters, None, [1, 1], padding, [1, 1], False, [0, 0], 1, [wants_input, True, False]
    )
    return (_narrow(dx) if wants_input else None), dfilters.float()
