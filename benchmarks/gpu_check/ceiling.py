"""How many positions a second the network itself can evaluate: the ceiling of self-play, by network, batch and form.

Forms: `graphs`, what actors and servers use; `plain`, the same operators one by one; `cudnn`, with convolutions that
cuDNN fuses with what follows; `searched`, the plain ones with cuDNN's own search for algorithms; `compiled`, by
torch.compile; `float32`, the module that is trained. A form that does not work here is named with its error.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import points
import torch

import games
from selfplay import device as devices
from selfplay.bench.timing import rate
from selfplay.networks import inference, policy_value

GAME = games.make("connect-four")


class CudnnForward(inference._PlainForward):
    """Convolution, bias, sum and ReLU in one call of cuDNN; a candidate for `inference`, measured here."""

    def __call__(self, planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        net = self._net
        x = self._relu(planes, net.stem)
        for first, second in net.blocks:
            y = self._relu(x, first)
            pad = [second.padding] * 2
            x = torch.cudnn_convolution_add_relu(y, second.weight, x, 1.0, second.bias, [1, 1], pad, [1, 1], 1)
        return inference._heads(net, self._relu(x, net.policy_foot), self._relu(x, net.value_foot))

    @staticmethod
    def _relu(x: torch.Tensor, conv: Any) -> torch.Tensor:
        return torch.cudnn_convolution_relu(x, conv.weight, conv.bias, [1, 1], [conv.padding] * 2, [1, 1], 1)


def forms(net: policy_value.PolicyValueNet, device: torch.device, compiles: bool) -> dict[str, Callable[..., Any]]:
    folded = inference._fold(net, device)
    plain = inference._PlainForward(folded)
    made: dict[str, Callable[..., Any]] = {
        "graphs": inference.fast_forward(net, GAME.observation_shape[1:], device),
        "plain": plain,
    }
    if device.type == "cuda":
        cudnn = CudnnForward(folded)
        made["cudnn"] = cudnn
        made["cudnn_graphs"] = graphed(folded, cudnn)
        made["searched_graphs"] = searched(graphed(folded, plain))
    if compiles:
        made["compiled"] = torch.compile(plain, dynamic=False)
    return made


def graphed(folded: Any, forward: inference.Forward) -> inference.GraphedForward:
    made = inference.GraphedForward(folded)
    made._forward = forward
    return made


def searched(forward: inference.Forward) -> inference.Forward:
    """With cuDNN's search for the fastest algorithms, while this form is called and captured."""

    def call(planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        before, torch.backends.cudnn.benchmark = torch.backends.cudnn.benchmark, True
        try:
            return forward(planes)
        finally:
            torch.backends.cudnn.benchmark = before

    return call


@torch.inference_mode()
def main() -> None:
    told = points.arguments()
    sizes, device = points.sizes(told), devices.best()
    dtype, seconds = devices.compute_dtype(device.type), min(0.3, sizes.seconds)
    for channels, blocks in sizes.networks:
        net = policy_value.PolicyValueNet(GAME, points.network(channels, blocks)).eval()
        made = forms(net, device, sizes.compiles and (channels, blocks) == sizes.networks[0])
        made["float32"] = net.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        for batch in sizes.batches:
            planes = torch.randint(0, 2, (batch, *GAME.observation_shape), device=device).float()
            planes = planes.contiguous(memory_format=torch.channels_last)
            low = planes.to(dtype)
            reference = made["plain"](low)
            for form, forward in made.items():
                if form == "compiled" and batch != sizes.batches[-1]:
                    continue  # each size is compiled anew
                measure(form, forward, planes if form == "float32" else low, reference, seconds, channels, blocks)


def measure(
    form: str, forward: Callable[..., Any], planes: torch.Tensor, reference: tuple[torch.Tensor, ...],
    seconds: float, channels: int, blocks: int,
) -> None:  # fmt: skip
    """Emits one point, of calls in a row that are waited for at the end of each ten."""
    batch, network = len(planes), points.named(channels, blocks)

    def ten() -> float:
        for _ in range(10):
            forward(planes)
        points.synchronize()
        return 10.0 * batch

    try:
        off = max(float((a.float() - b.float()).abs().max()) for a, b in zip(forward(planes), reference, strict=True))
        ten()  # captures, compiles, searches
        points.emit(
            network=network, batch=batch, form=form, evaluations_per_second=rate(ten, seconds), largest_difference=off
        )
    except Exception as error:  # a form that this torch or GPU lacks
        points.emit(network=network, batch=batch, form=form, error=f"{type(error).__name__}: {str(error)[:300]}")


if __name__ == "__main__":
    main()
