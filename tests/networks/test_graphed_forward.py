"""The forward pass by CUDA graphs, with a graph that records on the CPU: sizes, padding, weights in place, staging."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tiny
import torch
from served import leaves, local

import games
from selfplay.networks import inference, policy_value
from selfplay.networks.shared import engine

CPU = torch.device("cpu")
GAME = games.make("connect-four")


class Recorder:
    """Captures as CUDA does: what is computed, and the places of inputs and answers, are fixed; numbers are not."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def __call__(
        self, forward: inference.Forward, inputs: torch.Tensor
    ) -> tuple[Callable[[], None], tuple[torch.Tensor, torch.Tensor]]:
        self.sizes.append(len(inputs))
        assert inputs.is_contiguous(memory_format=torch.channels_last)
        outputs = tuple(torch.full_like(one, float("nan")) for one in forward(inputs))

        def replay() -> None:
            for place, found in zip(outputs, forward(inputs), strict=True):
                place.copy_(found)

        return replay, outputs  # type: ignore[return-value]


def network(seed: int) -> policy_value.PolicyValueNet:
    net = policy_value.PolicyValueNet(GAME, tiny.NETWORK)
    net.load_state_dict(tiny.random_weights(GAME, seed))
    return net.eval()


def graphed(seed: int) -> tuple[inference.GraphedForward, Recorder]:
    recorder = Recorder()
    return inference.GraphedForward(inference._fold(network(seed), CPU), recorder), recorder


def planes(size: int, seed: int) -> torch.Tensor:
    made = torch.from_numpy(GAME.observe(leaves(GAME, size, seed).states)).to(inference.devices.compute_dtype("cpu"))
    return made.contiguous(memory_format=torch.channels_last)


def expect_same(
    found: tuple[torch.Tensor, torch.Tensor], net: policy_value.PolicyValueNet, asked: torch.Tensor
) -> None:
    wanted = inference._PlainForward(inference._fold(net, CPU))(asked)
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape
        torch.testing.assert_close(one.float(), other.float(), atol=0.02, rtol=0.02)


@torch.inference_mode()
def test_every_call_answers_for_its_own_positions_before_and_after_a_size_has_its_graph() -> None:
    forward, recorder = graphed(seed=1)
    for call in range(inference.RARE + 3):
        for size in (1, 5, 12, 7):
            asked = planes(size, seed=10 * call + size)
            expect_same(forward(asked), network(1), asked)
    assert sorted(recorder.sizes) == [1, 6, 8, 12]  # once each


@torch.inference_mode()
def test_a_size_that_is_rare_is_not_captured() -> None:
    forward, recorder = graphed(seed=1)
    for _ in range(inference.RARE):
        forward(planes(20, seed=1))
    assert recorder.sizes == []
    forward(planes(17, seed=1))
    assert recorder.sizes == [24]


@torch.inference_mode()
def test_new_weights_are_answered_with_by_the_graphs_there_are() -> None:
    forward, recorder = graphed(seed=1)
    places = [tensor.data_ptr() for tensor in inference._tensors(forward._net)]
    for seed in (1, 2, 3):
        forward.take(network(seed), CPU)
        for call in range(inference.RARE + 1):
            asked = planes(9, seed=call)
            expect_same(forward(asked), network(seed), asked)
    assert recorder.sizes == [12]
    assert places == [tensor.data_ptr() for tensor in inference._tensors(forward._net)]


@pytest.mark.parametrize("size", range(1, 200, 7))
def test_a_bucket_holds_its_size_and_is_a_bucket_itself(size: int) -> None:
    found = inference.bucket(size)
    assert size <= found < 2 * size and inference.bucket(found) == found


def test_batches_in_staging_memory_are_those_of_a_network_at_home_however_they_grow_and_shrink() -> None:
    staging = [engine._Staging(GAME, CPU) for _ in range(2)]
    forward, own = graphed(seed=1)[0], local(GAME, 1)
    waiting: list[tuple[engine.Fetch, int]] = []

    def check(fetch: engine.Fetch, size: int) -> None:
        logits, wdl = fetch()
        asked = leaves(GAME, size, seed=size)
        prior, wanted = own(asked)
        found = inference.priors.softmax_in_place(logits.copy(), asked.actions)
        np.testing.assert_allclose(found, prior, atol=1e-2)
        np.testing.assert_allclose(wdl, wanted, atol=1e-2)

    for turn, size in enumerate((3, 40, 1, 64, 5, 64)):
        asked = leaves(GAME, size, seed=size)
        with torch.inference_mode():
            waiting.append((staging[turn % 2].start(forward, asked.states, asked.actions), size))
        if len(waiting) == 2:
            check(*waiting.pop(0))
    check(*waiting.pop())
