"""Super-resolution: shrinking, bicubic enlargement, error, and the generator's loss."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from selfplay.gan.config import DataConfig, GanNetworkConfig, ObjectiveConfig, SuperresConfig
from selfplay.gan.data import sources
from selfplay.gan.metrics import classifier
from selfplay.gan.models import model as models
from selfplay.gan.models import superres

DIGITS = sources.make(DataConfig(name="digits"))
SMALL = GanNetworkConfig(width=8, depth=1, latent=3, critic_width=8)


def model(settings: SuperresConfig) -> superres.SuperResolutionGan:
    torch.manual_seed(0)
    return superres.SuperResolutionGan(DIGITS, SMALL, ObjectiveConfig(), settings)


def batch_of(made: superres.SuperResolutionGan, size: int) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(0)
    reals = DIGITS.train.sample(size, rng)[0]
    arrays = {"real": reals} | made.inputs(reals, rng)
    return {name: torch.from_numpy(value) for name, value in arrays.items()} | {"seed": torch.tensor(1)}


def test_shrinking_takes_means_over_squares() -> None:
    x = np.arange(2 * 3 * 4 * 6, dtype=np.float32).reshape(2, 3, 4, 6)
    small = superres.shrink(x, 2)
    assert small.shape == (2, 3, 2, 3)
    for b, p, r, c in np.ndindex(*small.shape):
        assert small[b, p, r, c] == x[b, p, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].mean()
    assert np.allclose(small, torch.nn.functional.avg_pool2d(torch.from_numpy(x), 2).numpy())


def test_signal_to_noise_is_that_of_the_definition() -> None:
    truth = np.zeros((2, 1, 8, 8), np.float32)
    assert superres.signal_to_noise(truth, truth + 0.2) == pytest.approx(20, abs=1e-5)  # peak 2 is ten times 0.2
    assert superres.signal_to_noise(truth, truth + 0.02) == pytest.approx(40, abs=1e-4)
    assert superres.signal_to_noise(truth, truth) == math.inf


def test_bicubic_interpolation_keeps_even_images_and_stays_in_range() -> None:
    even = np.full((1, 1, 4, 4), 0.25, np.float32)
    assert np.allclose(superres.bicubic(even, 2), 0.25)
    edge = np.full((1, 1, 4, 4), -1, np.float32)
    edge[..., 2:] = 1
    large = superres.bicubic(edge, 2)
    assert large.shape == (1, 1, 8, 8) and large.min() == -1 and large.max() == 1  # it would overshoot


def test_the_generator_sees_the_small_image_and_noise_beside_it() -> None:
    made = model(SuperresConfig(noise=True))
    x, rng = DIGITS.train.sample(4, np.random.default_rng(0))[0], np.random.default_rng(1)
    inputs = made.space.of(x, rng)
    assert inputs.shape == (4, 16 + 3) and inputs.dtype == np.float32
    assert np.array_equal(inputs[:, :16].reshape(4, 1, 4, 4), superres.shrink(x, 2))
    networks = made.networks()
    generator = networks[models.GENERATOR]
    other = inputs.copy()
    other[:, 16:] = 0
    for several in (inputs, other):  # a sample is enlarged alone
        together = generator(torch.from_numpy(several))
        assert together.shape == (4, 1, 8, 8) and together.abs().max().item() <= 1
        assert torch.allclose(together[2:3], generator(torch.from_numpy(several[2:3])), atol=1e-6)


def test_batches_pair_each_real_with_its_own_small_image() -> None:
    made = model(SuperresConfig())
    reals = DIGITS.train.sample(5, np.random.default_rng(0))[0]
    found = made.inputs(reals, np.random.default_rng(1))
    for name in ("inputs", "critic_inputs"):
        assert np.array_equal(found[name], superres.shrink(reals, 2).reshape(5, 16))


def test_the_goal_is_the_weighted_sum_of_its_three_parts() -> None:
    settings = SuperresConfig(pixel=2.0, perceptual=0.5, adversarial=0.25)
    made = model(settings)
    networks = made.networks()
    update = {update.name: update for update in made.updates(networks)}[models.GENERATOR]
    batch = batch_of(made, 6)
    total, named = update.loss(update.module, batch, 0.0)
    fake = update.module(batch["inputs"])
    reader = classifier.load()
    of_features = np.square(reader.features(fake.detach().numpy()) - reader.features(batch["real"].numpy())).mean()
    error = (fake - batch["real"]).square().mean().item()
    expected = 2.0 * error + 0.5 * float(of_features) + 0.25 * named["loss"].item()
    assert total.item() == pytest.approx(expected, rel=1e-4)


def test_without_its_weight_the_critic_is_not_listened_to() -> None:
    made = model(SuperresConfig(adversarial=0.0, perceptual=0.0))
    networks = made.networks()
    update = {update.name: update for update in made.updates(networks)}[models.GENERATOR]
    batch = batch_of(made, 6)
    total, _ = update.loss(update.module, batch, 0.0)
    assert total.item() == pytest.approx((update.module(batch["inputs"]) - batch["real"]).square().mean().item())


def test_an_enlarger_learns_to_beat_interpolation() -> None:
    """By the error of pixels alone, which is what it descends then."""
    made = model(SuperresConfig(adversarial=0.0, perceptual=0.0))
    made.config = replace(SMALL, width=16)
    torch.manual_seed(0)
    enlarger = made.networks()[models.GENERATOR]
    optimizer = torch.optim.Adam(enlarger.parameters(), lr=1e-2)
    x = torch.from_numpy(DIGITS.train.sample(512, np.random.default_rng(0))[0])
    small = torch.from_numpy(superres.shrink(x.numpy(), 2).reshape(512, 16))
    for step in range(80):
        rows = slice(64 * (step % 8), 64 * (step % 8) + 64)
        optimizer.zero_grad()
        (enlarger(small[rows]) - x[rows]).square().mean().backward()
        optimizer.step()
    truth = DIGITS.held_out.sample(300, np.random.default_rng(1))[0]
    shrunk = superres.shrink(truth, 2)
    with torch.no_grad():
        found = enlarger(torch.from_numpy(shrunk.reshape(300, 16))).numpy()
    learned, interpolated = (superres.signal_to_noise(truth, y) for y in (found, superres.bicubic(shrunk, 2)))
    assert learned > interpolated + 0.5
