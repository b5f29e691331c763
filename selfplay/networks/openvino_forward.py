"""The policy–value network on OpenVINO, for CPUs: in bfloat16 where the processor computes in it, or in int8.

The graph is written operator by operator, from weights into which batch norm is folded, and takes batches of any size.
In int8, weights have a scale for each output channel; what enters a convolution has one, given from outside, since all
activations are at least 0 (planes, and what a ReLU has left). Both dense heads stay as they are. A row's numbers depend
on that row alone. openvino itself, an optional package, is imported when a network is made.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from selfplay import device as devices
from selfplay.errors import ConfigError
from selfplay.networks.policy_value import Block, ConvNorm, PolicyValueNet

_ACTIVATIONS, _WEIGHTS = 256, 255  # steps of an 8-bit number: all of an unsigned one, those of a signed one around 0


def require() -> None:
    """Raises ConfigError where openvino is not installed."""
    if importlib.util.find_spec("openvino") is None:
        raise ConfigError(
            "inference.backend=openvino needs openvino, which is missing: pip install 'selfplay[openvino]', or leave "
            "the backend at torch."
        )


def convolutions(net: PolicyValueNet) -> list[ConvNorm]:
    """Those of the network, in the order of `ranges`."""
    blocks = [half for block in net.tower for half in (block.first, block.second)]
    return [net.stem, *blocks, net.policy_foot, net.value_foot]  # type: ignore[list-item]


def ranges(net: PolicyValueNet, planes: np.ndarray) -> list[float]:
    """The largest number that enters each of `convolutions`, over positions given as planes [M, P, R, C] float32."""
    largest: dict[nn.Module, float] = {}

    def note(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        largest[module] = float(inputs[0].max())

    hooks = [module.register_forward_pre_hook(note) for module in convolutions(net)]
    try:
        with torch.inference_mode():
            net.eval()(torch.from_numpy(planes))
    finally:
        for hook in hooks:
            hook.remove()
    return [largest[module] for module in convolutions(net)]


class OpenVinoForward:
    """planes [B, P, R, C] float32, contiguous → (policy logits [B, A], win/draw/loss logits [B, 3]), float32, which are
    overwritten by the next call. Made with the network's weights of this moment."""

    def __init__(
        self, net: PolicyValueNet, planes: tuple[int, int, int], largest: Sequence[float] | None = None
    ) -> None:
        """planes: (P, R, C). largest: see `ranges`; None: not int8."""
        import openvino

        graph = _Graph(net.eval(), planes, largest)
        low = devices.compute_dtype("cpu") == torch.bfloat16
        compiled = openvino.Core().compile_model(graph.model(), "CPU", {
            "INFERENCE_NUM_THREADS": torch.get_num_threads(), "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False,
            "INFERENCE_PRECISION_HINT": "bf16" if low else "f32",
        })  # fmt: skip
        self._request = compiled.create_infer_request()

    def __call__(self, planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        found = self._request.infer([planes.numpy()], share_inputs=True, share_outputs=True)
        policy, wdl = (torch.from_numpy(array) for array in found.to_tuple())
        return policy, wdl


class _Graph:
    """Writes the operators."""

    def __init__(self, net: PolicyValueNet, planes: tuple[int, int, int], largest: Sequence[float] | None) -> None:
        from openvino import opset13

        self._op, self._net, self._planes = opset13, net, planes
        self._largest = None if largest is None else dict(zip(convolutions(net), largest, strict=True))

    def model(self) -> Any:
        """An openvino.Model."""
        import openvino

        op, net = self._op, self._net
        planes = op.parameter([-1, *self._planes], np.float32)
        x = self._convolution(self._entering(planes, net.stem), net.stem)
        for block in net.tower:
            if type(block) is not Block:
                raise ConfigError(f"inference.backend=openvino knows no {type(block).__name__}: leave it at torch.")
            kept = self._entering(x, block.first)
            first = self._convolution(kept, block.first)
            x = self._convolution(self._entering(first, block.second), block.second, kept)
        policy_foot = self._convolution(self._entering(x, net.policy_foot), net.policy_foot)
        value_foot = self._convolution(self._entering(x, net.value_foot), net.value_foot)
        hidden = op.relu(self._dense(self._flat(value_foot), net.value_hidden))
        return openvino.Model([self._policy(policy_foot), self._dense(hidden, net.value)], [planes], "policy_value")

    def _policy(self, foot: Any) -> Any:
        op, policy = self._op, self._net.policy
        if isinstance(policy, nn.Linear):
            return self._dense(self._flat(foot), policy)
        planes = self._bare(foot, policy.weight, policy.bias, 0)
        return op.gather(self._flat(planes), op.constant(self._net.places.cpu().numpy()), op.constant(np.int64(1)))

    def _entering(self, x: Any, module: ConvNorm) -> Any:
        """x as it enters a convolution: rounded, in int8."""
        if self._largest is None:
            return x
        largest = np.float32(max(self._largest[module], 1e-6))
        return self._op.fake_quantize(x, np.float32(0), largest, np.float32(0), largest, _ACTIVATIONS)

    def _convolution(self, x: Any, module: ConvNorm, added: Any = None) -> Any:
        folded = fuse_conv_bn_eval(module.conv.eval(), module.norm.eval())
        y = self._bare(x, folded.weight, folded.bias, module.conv.kernel_size[0] // 2, self._largest is not None)
        return self._op.relu(y if added is None else self._op.add(y, added))

    def _bare(
        self, x: Any, weight: torch.Tensor, bias: torch.Tensor | None, padding: int, rounded: bool = False
    ) -> Any:
        assert bias is not None
        op, array = self._op, _numpy(weight)
        kernel = op.constant(array)
        if rounded:
            most = np.maximum(np.abs(array).max(axis=(1, 2, 3), keepdims=True), np.float32(1e-12))
            kernel = op.fake_quantize(kernel, -most, most, -most, most, _WEIGHTS)
        around = [padding] * 2
        y = op.convolution(x, kernel, [1, 1], around, around, [1, 1])
        return op.add(y, op.constant(_numpy(bias).reshape(1, -1, 1, 1)))

    def _dense(self, x: Any, module: nn.Linear) -> Any:
        product = self._op.matmul(x, self._op.constant(_numpy(module.weight)), False, True)
        return self._op.add(product, self._op.constant(_numpy(module.bias)))

    def _flat(self, x: Any) -> Any:
        return self._op.reshape(x, np.array([0, -1]), True)


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    array: np.ndarray = tensor.detach().cpu().float().contiguous().numpy()
    return array
