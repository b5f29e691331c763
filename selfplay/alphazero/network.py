"""The policy–value network, and its fast form for inference. Knows planes and action numbers, no rules.

Training and inference use two forms of one network: `PolicyValueNet` (float32 weights, batch norm), and what
`for_inference` makes of it (batch norm folded into the convolutions, channels last, bfloat16 where it is native).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from msgspec import Meta
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from games.base import Game
from selfplay import device as devices
from selfplay.alphazero.search import Leaves


@dataclass(frozen=True)
class NetworkConfig:
    """Size of the residual tower (He et al. 2016; Silver et al. 2018) and of its two heads."""

    channels: Annotated[int, Meta(ge=4, le=1024)] = 64
    """Channels of the tower."""

    blocks: Annotated[int, Meta(ge=1, le=80)] = 5
    """Residual blocks of two 3x3 convolutions each."""

    head_channels: Annotated[int, Meta(ge=1, le=256)] = 16
    """Channels of the 1x1 convolution at the foot of each head."""

    value_hidden: Annotated[int, Meta(ge=4, le=2048)] = 64
    """Units of the value head's hidden layer."""


class _ConvNorm(nn.Module):
    """3x3 or 1x1 convolution and batch norm, foldable into one convolution."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(x))

    def fold(self) -> None:
        assert isinstance(self.norm, nn.BatchNorm2d)
        self.conv = fuse_conv_bn_eval(self.conv, self.norm)
        self.norm = nn.Identity()


class _Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _ConvNorm(channels, channels, 3)
        self.second = _ConvNorm(channels, channels, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu_(self.second(torch.relu_(self.first(x))) + x)


class PolicyValueNet(nn.Module):
    """planes [B, P, R, C] → (policy logits [B, A], win/draw/loss logits [B, 3] for the player to move)."""

    def __init__(self, game: Game, config: NetworkConfig) -> None:
        super().__init__()
        planes, rows, columns = game.observation_shape
        self.stem = _ConvNorm(planes, config.channels, 3)
        self.tower = nn.Sequential(*(_Block(config.channels) for _ in range(config.blocks)))
        self.policy_foot = _ConvNorm(config.channels, config.head_channels, 1)
        self.policy = nn.Linear(config.head_channels * rows * columns, game.num_actions)
        self.value_foot = _ConvNorm(config.channels, config.head_channels, 1)
        self.value_hidden = nn.Linear(config.head_channels * rows * columns, config.value_hidden)
        self.value = nn.Linear(config.value_hidden, 3)
        # Start near a uniform policy and an even value: the first searches should not chase noise.
        for head in (self.policy, self.value):
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)

    def forward(self, planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = self.tower(torch.relu_(self.stem(planes)))
        policy = self.policy(torch.relu_(self.policy_foot(x)).flatten(1))
        hidden = torch.relu_(self.value_hidden(torch.relu_(self.value_foot(x)).flatten(1)))
        return policy, self.value(hidden)


def for_inference(net: PolicyValueNet, device: torch.device) -> PolicyValueNet:
    """A copy of `net` for evaluation only: folded, channels last, in the device's fastest trustworthy format."""
    fast = copy.deepcopy(net).eval()
    for module in fast.modules():
        if isinstance(module, _ConvNorm):
            module.fold()
    fast = fast.to(device=device, dtype=devices.compute_dtype(device.type), memory_format=torch.channels_last)
    return fast.requires_grad_(False)


class NetworkEvaluator:
    """Answers `Leaves` with a network (see evaluators.py for the contract). Counts what it evaluates."""

    def __init__(self, game: Game, config: NetworkConfig, device: torch.device | None = None) -> None:
        self.game, self.config = game, config
        self.device = device or devices.best()
        self._net = PolicyValueNet(game, config)
        self._forward = self._make_forward()
        self.evaluations = 0
        self.batches = 0

    def load(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Takes new weights: a state_dict of PolicyValueNet. Raises RuntimeError where names or shapes differ."""
        self._net.load_state_dict(weights)
        self._forward = self._make_forward()

    def _make_forward(self):  # type: ignore[no-untyped-def]
        fast = for_inference(self._net, self.device)
        return _GraphedForward(fast, self.device) if self.device.type == "cuda" else fast

    def __call__(self, leaves: Leaves) -> tuple[np.ndarray, np.ndarray]:
        planes = torch.from_numpy(self.game.observe(leaves.states))
        self.evaluations += len(planes)
        self.batches += 1
        with torch.inference_mode():
            planes = planes.to(self.device, devices.compute_dtype(self.device.type))
            policy, wdl = self._forward(planes.contiguous(memory_format=torch.channels_last))
            return legal_softmax(policy.float().cpu().numpy(), leaves.actions), wdl.float().softmax(1).cpu().numpy()


class _GraphedForward:
    """One CUDA graph for each power-of-two batch size: at these sizes launching kernels costs more than running them."""

    def __init__(self, net: PolicyValueNet, device: torch.device) -> None:
        self._net, self._device = net, device
        self._graphs: dict[int, tuple[torch.cuda.CUDAGraph, torch.Tensor, tuple[torch.Tensor, torch.Tensor]]] = {}

    def __call__(self, planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        size = 1 << max(len(planes) - 1, 0).bit_length()
        if size not in self._graphs:
            self._graphs[size] = self._capture(planes.new_zeros(size, *planes.shape[1:]))
        graph, inputs, outputs = self._graphs[size]
        inputs[: len(planes)].copy_(planes)
        graph.replay()
        return outputs[0][: len(planes)], outputs[1][: len(planes)]

    def _capture(self, inputs: torch.Tensor):  # type: ignore[no-untyped-def]
        inputs = inputs.contiguous(memory_format=torch.channels_last)
        warm_up = torch.cuda.Stream(self._device)
        warm_up.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(warm_up):
            for _ in range(3):
                self._net(inputs)
        torch.cuda.current_stream(self._device).wait_stream(warm_up)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            outputs = self._net(inputs)
        return graph, inputs, outputs


def legal_softmax(logits: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Softmax of logits [M, A] over the listed actions [M, K] (padding -1): [M, K] float32, 0 on the padding."""
    chosen = np.take_along_axis(logits, np.maximum(actions, 0), axis=1)
    chosen[actions < 0] = -np.inf
    chosen -= chosen.max(axis=1, keepdims=True)
    np.exp(chosen, out=chosen)
    chosen /= chosen.sum(axis=1, keepdims=True)
    return chosen
