"""The fused training step: its kernels against slow twins, its gradients against the plain step in float32."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import tiny
import torch
from torch import Tensor

import games
from selfplay.networks import policy_value
from selfplay.networks.fused import convolution, kernels, layers

CELLS, CHANNELS = 700, 5  # more than one chunk, and an odd number of channels


def widened(bits: np.ndarray) -> np.ndarray:
    """A slow twin of `widen`, by torch."""
    return torch.from_numpy(bits.view(np.int16)).view(torch.bfloat16).float().numpy()


def narrowed(values: np.ndarray) -> np.ndarray:
    """A slow twin of `narrow`, by torch."""
    return torch.from_numpy(np.asarray(values, np.float32)).bfloat16().view(torch.int16).numpy().view(np.uint16)


def cells(seed: int, mean: float = 0.0) -> np.ndarray:
    """[CELLS, CHANNELS] bfloat16 as uint16."""
    return narrowed(np.random.default_rng(seed).normal(mean, 1, (CELLS, CHANNELS)))


def factors(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, CHANNELS).astype(np.float32)


def test_numbers_are_rounded_as_torch_rounds_them() -> None:
    bits = np.random.default_rng(0).integers(0, 2**32, 20_000, dtype=np.uint32)
    ties = (np.arange(2_000, dtype=np.uint32) << 16) + 0x3F800000 + 0x8000  # half-way between two bfloat16
    values = np.concatenate([bits, ties]).view(np.float32)
    values = np.concatenate([values, np.float32([0, -0.0, np.inf, -np.inf, np.nan, 3.4e38, 1e-40])])
    found = np.array([kernels.narrow(value) for value in values], np.uint16)
    finite = ~np.isnan(values)
    np.testing.assert_array_equal(found[finite], narrowed(values)[finite])
    assert np.isnan(widened(found[~finite])).all()
    every = np.arange(2**16, dtype=np.uint16)
    np.testing.assert_array_equal([kernels.widen(bits) for bits in every[::7]], widened(every[::7]))


@pytest.mark.parametrize("mean", [0.0, 30.0], ids=["around zero", "far from zero"])
def test_statistics_are_sums_around_the_shift(mean: float) -> None:
    x, shift = cells(1, mean), factors(2) + np.float32(mean)
    part, sums = np.empty((2, CHANNELS), np.float32), np.empty((2, CHANNELS))
    kernels.statistics(x, shift, part, sums)
    apart = widened(x).astype(np.float64) - shift
    np.testing.assert_allclose(sums, [apart.sum(0), (apart**2).sum(0)], rtol=1e-5, atol=1e-3)


def test_forward_kernels_equal_their_slow_twins() -> None:
    x, residual, scale, offset, y = cells(1), cells(2), factors(3), factors(4), np.empty_like(cells(0))
    kernels.normalise(x, scale, offset, y)
    np.testing.assert_array_equal(y, narrowed(np.maximum(widened(x) * scale + offset, 0)))
    kernels.normalise_and_add(x, scale, offset, residual, y)
    np.testing.assert_array_equal(y, narrowed(np.maximum(widened(x) * scale + offset + widened(residual), 0)))
    x[3, 1] = narrowed(np.array(np.nan))
    kernels.normalise(x, scale, offset, y)
    assert np.isnan(widened(y)).sum() == 1, "what is not a number is not hidden"


def test_backward_kernels_equal_their_slow_twins() -> None:
    dy, y, x, dx = cells(1), narrowed(np.maximum(widened(cells(2)), 0)), cells(3), cells(4)
    mean, scale, slope, offset = factors(5), factors(6), factors(7), factors(8)
    g = np.where(widened(y) > 0, widened(dy), np.float32(0))
    assert 0.4 < (g == 0).mean() < 0.6
    part, sums = np.empty((2, CHANNELS), np.float32), np.empty((2, CHANNELS))
    kernels.slopes(dy, y, x, mean, part, sums)
    wide = g.astype(np.float64)
    np.testing.assert_allclose(sums, [wide.sum(0), (wide * (widened(x) - mean)).sum(0)], rtol=1e-4, atol=1e-3)
    expected = narrowed(widened(dx) + g)
    kernels.add_rectified(dy, y, dx)
    np.testing.assert_array_equal(dx, expected)
    kernels.through_norm(dy, y, x, scale, slope, offset, dx)
    np.testing.assert_array_equal(dx, narrowed(g * scale + widened(x) * slope + offset))


def test_no_kernel_is_compiled_twice() -> None:
    game = games.make("tic-tac-toe")
    for seed in range(2):
        gradients(a_network(game.name), planes_of(game.name, seed), torch.bfloat16)
    for name in ("statistics", "normalise", "normalise_and_add", "slopes", "through_norm", "add_rectified"):
        assert len(getattr(kernels, name).signatures) <= 1, name


def a_network(game: str) -> policy_value.PolicyValueNet:
    """With weights that bfloat16 holds exactly, and norms that are not at their start."""
    generator = torch.Generator().manual_seed(3)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = policy_value.PolicyValueNet(games.make(game), tiny.NETWORK)
    with torch.no_grad():
        for name, value in net.named_parameters():
            if "norm" in name:
                value.add_(0.2 * torch.randn(value.shape, generator=generator))
            value.copy_(value.bfloat16())
        for layer in (net.policy, net.value):  # else hardly a gradient would come through
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator).mul_(0.2).bfloat16())
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def planes_of(game: str, seed: int = 0) -> Tensor:
    shape = (96, *games.make(game).observation_shape)
    planes = torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(seed)).float()
    return planes.contiguous(memory_format=torch.channels_last)


def gradients(net: policy_value.PolicyValueNet, planes: Tensor, dtype: torch.dtype) -> dict[str, Tensor]:
    """Of a loss that differs from board to board."""
    net.train().zero_grad()
    with torch.autocast("cpu", dtype=dtype, enabled=dtype is not torch.float32):
        policy, wdl = net(planes)
    targets = torch.arange(len(planes))
    loss = torch.nn.functional.cross_entropy(policy.float(), targets % policy.shape[1])
    (loss + torch.nn.functional.cross_entropy(wdl.float(), targets // 7 % 3)).backward()
    return {name: value.grad.clone() for name, value in net.named_parameters() if value.grad is not None}


def apart(found: Tensor, expected: Tensor) -> float:
    return float((found.double() - expected.double()).norm() / expected.double().norm())


@pytest.mark.skipif(convolution.config.DISABLE_JIT, reason="tiles are compiled or nothing")
@pytest.mark.parametrize("rows, width", [(6, 7), (8, 8), (5, 7), (1, 8)])
@pytest.mark.parametrize("boards", [1, 11])  # fewer and more than are turned at once
@pytest.mark.parametrize(("inputs", "outputs"), [(32, 64), (64, 32)])
def test_convolutions_and_their_gradients_equal_torchs(
    rows: int, width: int, boards: int, inputs: int, outputs: int
) -> None:
    generator = torch.Generator().manual_seed(rows)

    def numbers(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator).bfloat16().contiguous(memory_format=torch.channels_last)

    x, dy = numbers(boards, inputs, rows, width), numbers(boards, outputs, rows, width)
    filters = numbers(outputs, inputs, 3, 3)
    wide = [value.double().requires_grad_() for value in (x, filters)]
    y = torch.conv2d(*wide, padding=1)
    y.backward(dy.double())
    dx, dfilters = (value.grad for value in wide)
    assert dx is not None and dfilters is not None
    assert apart(convolution.forward(x, filters), y.detach()) < 0.003  # one rounding to bfloat16
    assert apart(convolution.input_gradient(dy, filters), dx) < 0.003
    found = convolution.filters_gradient(x, dy)
    assert apart(found, dfilters) < 1e-5 and found.shape == dfilters.shape


def test_convolutions_are_torchs_where_no_tile_suits() -> None:
    x, filters = torch.zeros(2, 32, 6, 7), torch.zeros(64, 32, 3, 3)
    assert convolution.suits(x, filters) == convolution.NATIVE
    assert not convolution.suits(torch.zeros(2, 32, 6, 9), filters)
    assert not convolution.suits(x, torch.zeros(64, 32, 1, 1))
    assert not convolution.suits(x[:, :3], torch.zeros(64, 3, 3, 3))
    assert not convolution.suits(x, torch.zeros(48, 32, 3, 3))


@pytest.mark.parametrize("form", ["layer", "block"])
def test_one_layers_gradients_are_near_those_in_float64(form: str) -> None:
    generator = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        made = [policy_value.ConvNorm(16, 16, 3) for _ in range(2)]
    for layer in made:
        for value in layer.parameters():
            value.data.add_(0.1 * torch.randn(value.shape, generator=generator)).copy_(value.bfloat16())
    x, weights = (torch.randn(64, 16, 6, 7, generator=generator).bfloat16() for _ in range(2))
    used = made[: 1 if form == "layer" else 2]
    results = []
    for dtype in (torch.bfloat16, torch.float64):
        layers_here = [copy.deepcopy(layer).to(torch.float32 if dtype is torch.bfloat16 else dtype) for layer in used]
        source = x.to(dtype, copy=True).requires_grad_()
        parts = [(layer.conv, layer.norm) for layer in layers_here]
        if dtype is torch.float64:
            inner = torch.relu(layers_here[0](source))
            out = inner if form == "layer" else torch.relu(layers_here[1](inner) + source)
        else:
            out = layers.rectified(*parts[0], source) if form == "layer" else layers.block(*parts, source)
        (out * weights).sum().backward()
        values = [out.detach(), source.grad, *(p.grad for layer in layers_here for p in layer.parameters())]
        results.append(values + [b for layer in layers_here for b in layer.buffers()])
    for found, expected in zip(*results, strict=True):
        assert found is not None and expected is not None
        assert apart(found, expected) < 0.01 if form == "layer" else 0.05


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the fused forms, as they are used."""
    used: list[str] = []

    def counting(name: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda *arguments: (used.append(name), function(*arguments))[1]

    for name in ("rectified", "block"):
        monkeypatch.setattr(layers, name, counting(name, getattr(layers, name)))
    return used


# Chess has a convolution as the foot of its policy, tic-tac-toe dense layers.
@pytest.mark.parametrize("game", ["tic-tac-toe", "connect-four", "chess"])
def test_gradients_are_those_of_the_plain_step_in_float32(
    game: str, counted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    net, used = a_network(game), layers.applies
    far, as_far = [], []
    for seed in range(4):
        fused, exact, plain = (copy.deepcopy(net) for _ in range(3))
        planes = planes_of(game, seed)
        found = gradients(fused, planes, torch.bfloat16)
        assert (counted.count("rectified"), counted.count("block")) == (3, tiny.NETWORK.blocks)
        expected = gradients(exact, planes, torch.float32)
        monkeypatch.setattr(layers, "applies", lambda x: False)
        rounded = gradients(plain, planes, torch.bfloat16)
        monkeypatch.setattr(layers, "applies", used)
        assert len(counted) == 3 + tiny.NETWORK.blocks, "neither in float32 nor where it doesn't apply"
        counted.clear()
        assert found.keys() == expected.keys() and len(found) == len(list(fused.parameters()))
        for name, value in expected.items():
            far.append(apart(found[name], value))
            as_far.append(apart(rounded[name], value))
            assert found[name].dtype == torch.float32 and found[name].shape == value.shape
        for name, buffer in exact.named_buffers():
            other = dict(fused.named_buffers())[name]
            torch.testing.assert_close(other, buffer, rtol=0.01, atol=0.003, msg=name)
    assert np.mean(far) < 0.15, "a wrong sign or factor is farther off"
    assert np.mean(far) < 1.5 * np.mean(as_far), "as torch's own operators are in bfloat16"


def test_evaluation_and_inference_take_the_plain_form(counted: list[str]) -> None:
    net, planes = a_network("tic-tac-toe"), planes_of("tic-tac-toe")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        net.eval()(planes)
        with torch.no_grad():
            net.train()(planes)
    assert counted == []


def test_the_same_batch_gives_the_same_bits() -> None:
    found = [gradients(a_network("connect-four"), planes_of("connect-four"), torch.bfloat16) for _ in range(2)]
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
