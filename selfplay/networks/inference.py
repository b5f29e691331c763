"""Inference: fast forms of the policy–value network for CPU and GPU, and the evaluator that search calls. Knows no
training.

Batch norm is folded into the convolutions, memory is channels last, numbers are bfloat16 where the processor computes
in it. On the CPU each convolution runs fused with its ReLU and residual sum, on weights that oneDNN has packed once
(what torch.compile would emit, without its compilation at every change of weights), or on OpenVINO, where asked for. On
a GPU, CUDA graphs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from games.base import Game
from selfplay import device as devices
from selfplay.errors import TrainingDiverged
from selfplay.networks import openvino_forward, priors, quantization
from selfplay.networks.config import IN_PROCESS, InferenceConfig, NetworkConfig
from selfplay.networks.policy_value import ConvNorm, PolicyValueNet
from selfplay.search.search import Leaves

Forward = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]
"""planes [B, P, R, C], channels last, in the compute dtype → (policy logits [B, A], win/draw/loss logits [B, 3])."""

Capture = Callable[[Forward, torch.Tensor], tuple[Callable[[], None], tuple[torch.Tensor, torch.Tensor]]]
"""(forward, inputs that stay where they are) → (what computes anew from what lies in the inputs, where its answers
lie)."""

TYPICAL_BATCH = 64  # oneDNN packs weights for a batch size; others work too
FEW, STEP = 16, 8  # batches of more than FEW positions are padded to a multiple of STEP
RARE = 3  # calls of a size that are made without a CUDA graph: capturing one takes as long as some dozens of them


def padded(size: int) -> int:
    """The batch size ≥ size that is computed on the CPU. oneDNN compiles each layer for each batch size and keeps 1,024
    of the results: beyond some 100 sizes it would compile for ever, and memory grow with it."""
    return size if size <= FEW else -(-size // STEP) * STEP


class _Convolution(NamedTuple):
    weight: torch.Tensor
    bias: torch.Tensor
    padding: int


class _Folded(NamedTuple):
    """The network as plain tensors."""

    stem: _Convolution
    blocks: list[tuple[_Convolution, _Convolution]]
    policy_foot: _Convolution
    value_foot: _Convolution
    policy: tuple[torch.Tensor, torch.Tensor]
    places: torch.Tensor | None  # of actions on the policy's planes; None: the policy is dense
    value_hidden: tuple[torch.Tensor, torch.Tensor]
    value: tuple[torch.Tensor, torch.Tensor]


def fast_forward(net: PolicyValueNet, board: tuple[int, int], device: torch.device) -> Forward:
    """The fastest form of `net` on `device`, with its weights of this moment. board: (rows, columns)."""
    folded = _fold(net, device)
    if device.type == "cuda":
        return GraphedForward(folded)
    return _FusedForward(folded, board) if _fused_works() else _PlainForward(folded)


def _fold(net: PolicyValueNet, device: torch.device) -> _Folded:
    dtype = devices.compute_dtype(device.type)

    def convolution(module: ConvNorm) -> _Convolution:
        conv = fuse_conv_bn_eval(module.conv.eval(), module.norm.eval()).to(device, dtype)
        assert conv.bias is not None
        weight = conv.weight.detach().contiguous(memory_format=torch.channels_last)
        return _Convolution(weight, conv.bias.detach(), module.conv.kernel_size[0] // 2)

    def affine(module: nn.Linear | nn.Conv2d) -> tuple[torch.Tensor, torch.Tensor]:
        assert module.bias is not None
        return module.weight.detach().to(device, dtype, copy=True), module.bias.detach().to(device, dtype, copy=True)

    return _Folded(
        convolution(net.stem),
        [(convolution(block.first), convolution(block.second)) for block in net.tower],  # type: ignore[arg-type]
        convolution(net.policy_foot), convolution(net.value_foot),
        affine(net.policy), net.places.to(device) if isinstance(net.policy, nn.Conv2d) else None,
        affine(net.value_hidden), affine(net.value),
    )  # fmt: skip


def _heads(net: _Folded, policy_foot: torch.Tensor, value_foot: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    if net.places is None:
        policy = F.linear(policy_foot.flatten(1), *net.policy)
    else:
        policy = torch.conv2d(policy_foot, *net.policy).flatten(1)[:, net.places]
    return policy, F.linear(torch.relu_(F.linear(value_foot.flatten(1), *net.value_hidden)), *net.value)


class _PlainForward:
    """Public operators only: for the GPU, and for CPUs where the fused ones are missing."""

    def __init__(self, net: _Folded) -> None:
        self._net = net

    def __call__(self, planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        net = self._net
        x = self._relu(planes, net.stem)
        for first, second in net.blocks:
            y = self._relu(x, first)
            x = torch.relu_(torch.conv2d(y, second.weight, second.bias, padding=second.padding).add_(x))
        return _heads(net, self._relu(x, net.policy_foot), self._relu(x, net.value_foot))

    @staticmethod
    def _relu(x: torch.Tensor, conv: _Convolution) -> torch.Tensor:
        return torch.relu_(torch.conv2d(x, conv.weight, conv.bias, padding=conv.padding))


class _FusedForward:
    """oneDNN's fused convolutions, the operators that torch.compile itself emits for CPUs."""

    def __init__(self, net: _Folded, board: tuple[int, int]) -> None:
        def pack(conv: _Convolution) -> _Convolution:
            pad, shape = [conv.padding] * 2, [TYPICAL_BATCH, conv.weight.shape[1], *board]
            packed = torch.ops.mkldnn._reorder_convolution_weight(conv.weight, pad, [1, 1], [1, 1], 1, shape)
            return conv._replace(weight=packed)

        self._net = net._replace(
            stem=pack(net.stem), blocks=[(pack(first), pack(second)) for first, second in net.blocks],
            policy_foot=pack(net.policy_foot), value_foot=pack(net.value_foot),
        )  # fmt: skip

    def __call__(self, planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        net, size = self._net, len(planes)
        if padded(size) > size:
            few = planes
            shape = (padded(size), *few.shape[1:])
            planes = torch.empty(shape, dtype=few.dtype, memory_format=torch.channels_last)
            planes[:size], planes[size:] = few, 0
        x = self._relu(planes, net.stem)
        for first, second in net.blocks:
            y = self._relu(x, first)
            x = torch.ops.mkldnn._convolution_pointwise.binary(
                y, x, second.weight, second.bias, [second.padding] * 2, [1, 1], [1, 1], 1, "add", None, "relu", [], ""
            )
        policy, wdl = _heads(net, self._relu(x, net.policy_foot), self._relu(x, net.value_foot))
        return policy[:size], wdl[:size]

    @staticmethod
    def _relu(x: torch.Tensor, conv: _Convolution) -> torch.Tensor:
        out: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, conv.weight, conv.bias, [conv.padding] * 2, [1, 1], [1, 1], 1, "relu", [], ""
        )
        return out


def _fused_works() -> bool:
    """Whether this torch and processor offer the fused operators: they are private, so they are tried, not assumed."""
    ones = torch.ones(1, 4, 3, 3, dtype=devices.compute_dtype("cpu"))
    conv = _Convolution(ones[:, :, :3].expand(4, 4, 3, 3).contiguous(), torch.zeros(4, dtype=ones.dtype), 1)
    linear = (torch.zeros(1, 36, dtype=ones.dtype), torch.zeros(1, dtype=ones.dtype))
    hidden = (torch.zeros(1, 1, dtype=ones.dtype), linear[1])
    try:
        _FusedForward(_Folded(conv, [(conv, conv)], conv, conv, linear, None, linear, hidden), (3, 3))(ones)
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    return True


class GraphedForward:
    """A CUDA graph for each size of `bucket` that is asked for again: launching kernels costs more than running them.
    The graphs stay when new weights come, which are copied to where the old ones are. Planes may lie in pinned memory,
    which must not change before the answers are there. Answers hold until the next call."""

    def __init__(self, net: _Folded, capture: Capture | None = None) -> None:
        """capture: in place of CUDA's, for tests on a CPU."""
        self._net = net
        self._forward = _PlainForward(net)
        self._capture = capture or _cuda_capture()
        self._inputs: dict[int, torch.Tensor] = {}  # by size
        self._calls: dict[int, int] = {}  # by size, as long as it has no graph
        self._graphs: dict[int, tuple[Callable[[], None], tuple[torch.Tensor, torch.Tensor]]] = {}

    def take(self, net: PolicyValueNet, device: torch.device) -> None:
        """Goes on with the weights of another network of the same shape."""
        for own, new in zip(_tensors(self._net), _tensors(_fold(net, device)), strict=True):
            own.copy_(new)

    def __call__(self, planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        count, size = len(planes), bucket(len(planes))
        if size not in self._inputs:
            empty = self._net.stem.weight.new_zeros(size, *planes.shape[1:])
            self._inputs[size] = empty.contiguous(memory_format=torch.channels_last)
        inputs = self._inputs[size]
        inputs[:count].copy_(planes, non_blocking=True)
        policy, wdl = self._run(size, inputs)
        return policy[:count], wdl[:count]

    def _run(self, size: int, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if size not in self._graphs:
            self._calls[size] = self._calls.get(size, 0) + 1
            if self._calls[size] <= RARE:
                return self._forward(inputs)
            self._graphs[size] = self._capture(self._forward, inputs)
        replay, outputs = self._graphs[size]
        replay()
        return outputs


def _cuda_capture() -> Capture:
    """Captures CUDA graphs that share memory for what lies between inputs and answers: they run one after the other, in
    one stream, and the answers of each are kept."""
    pool: Any = None

    def capture(forward: Forward, inputs: torch.Tensor) -> tuple[Callable[[], None], tuple[torch.Tensor, torch.Tensor]]:
        nonlocal pool
        with torch.cuda.device(inputs.device):
            pool = pool or torch.cuda.graph_pool_handle()
            current, side = torch.cuda.current_stream(), torch.cuda.Stream()
            side.wait_stream(current)
            with torch.cuda.stream(side):  # capture wants what libraries make at the first call to exist
                for _ in range(2):
                    forward(inputs)
            current.wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            # Other threads, as those that copy a learner's batches, may use the GPU meanwhile.
            with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
                outputs = forward(inputs)
        return graph.replay, outputs

    return capture


def bucket(size: int) -> int:
    """The batch size ≥ size that a graph is made for: a power of two, or three quarters of one."""
    power = 1 << max(size - 1, 0).bit_length()
    return power // 4 * 3 if 4 <= power and size <= power // 4 * 3 else power


def _tensors(net: _Folded) -> list[torch.Tensor]:
    """The weights in one order."""
    convolutions = [net.stem, *(half for block in net.blocks for half in block), net.policy_foot, net.value_foot]
    parts = [(conv.weight, conv.bias) for conv in convolutions] + [net.policy, net.value_hidden, net.value]
    return [tensor for part in parts for tensor in part]


class NetworkEvaluator:
    """Answers `Leaves` with a network (see evaluators.py for the contract). Counts what it evaluates."""

    def __init__(
        self, game: Game, config: NetworkConfig, device: torch.device | None = None,
        inference: InferenceConfig = IN_PROCESS,
    ) -> None:  # fmt: skip
        """inference: says what computes on a CPU."""
        self.game, self.config = game, config
        self.device = device or devices.best()
        self._openvino = inference.backend == "openvino" and self.device.type == "cpu"
        self._int8 = self._openvino and inference.precision == "int8"
        self._dtype = torch.float32 if self._openvino else devices.compute_dtype(self.device.type)
        self._layout = torch.contiguous_format if self._openvino else torch.channels_last
        self._net = PolicyValueNet(game, config)
        self.verdict: quantization.Verdict | None = None  # on the int8 form of the weights, where there is one
        self.forward: Forward = self._make_forward()
        self.evaluations = 0
        self.batches = 0

    def load(self, weights: Mapping[str, torch.Tensor], samples: quantization.Samples | None = None) -> None:
        """Takes new weights: a state_dict of PolicyValueNet. samples: of positions, for int8, which is not used
        without. Raises RuntimeError where names or shapes differ."""
        self._net.load_state_dict(weights)
        self.verdict = None
        if isinstance(self.forward, GraphedForward):
            with torch.inference_mode():
                self.forward.take(self._net, self.device)
            return
        if self._int8 and samples is not None:
            self.forward, self.verdict = quantization.quantized(self.game, self._net, samples)
            if self.verdict.accepted:
                return
        self.forward = self._make_forward()

    def __getstate__(self) -> dict[str, Any]:
        """Game, config and weights: the fast form is made anew, for the device of the process that unpickles it."""
        weights = {name: tensor.cpu() for name, tensor in self._net.state_dict().items()}
        return {"game": self.game, "config": self.config, "weights": weights}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["game"], state["config"])  # type: ignore[misc]
        self.load(state["weights"])

    def _make_forward(self) -> Forward:
        if self._openvino:
            return openvino_forward.OpenVinoForward(self._net, self.game.observation_shape)
        with torch.inference_mode():
            return fast_forward(self._net, self.game.observation_shape[1:], self.device)

    def __call__(self, leaves: Leaves) -> tuple[np.ndarray, np.ndarray]:
        self.evaluations += len(leaves.rows)
        self.batches += 1
        with torch.inference_mode():
            policy, wdl = self.forward(self.planes(leaves.states))
            prior = priors.legal_softmax(policy.float().cpu().numpy(), leaves.actions)
            shares: np.ndarray = wdl.float().softmax(1).cpu().numpy()
        if not (np.isfinite(shares).all() and np.isfinite(prior).all()):
            raise TrainingDiverged("the network's answers are not finite numbers: go back to an earlier checkpoint.")
        return prior, shares

    def submit(self, leaves: Leaves) -> Callable[[], tuple[np.ndarray, np.ndarray]]:
        """The same, at once, in the form of evaluators whose answers take a while; see evaluators.py."""
        found = self(leaves)
        return lambda: found

    def planes(self, states: np.ndarray) -> torch.Tensor:
        """[B, P, R, C] on the device, in the dtype and memory order that `forward` wants."""
        planes = torch.from_numpy(self.game.observe(states)).to(self.device, self._dtype)
        return planes.contiguous(memory_format=self._layout)
