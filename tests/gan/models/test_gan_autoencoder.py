"""Autoencoders: the bound against the true likelihood of a linear one, divergence, codes as a Gaussian."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from selfplay.gan.config import AutoencoderConfig, DataConfig, GanNetworkConfig
from selfplay.gan.data import sources
from selfplay.gan.models import autoencoder, latent

SMALL = GanNetworkConfig(width=16, depth=1, latent=2)


class Linear(autoencoder.Autoencoder):
    """x = a·z + noise of deviation s, z standard normal: everything is Gaussian, and the best q(z | x) is known."""

    def __init__(self, a: float, s: float) -> None:
        nn.Module.__init__(self)
        self.a, self.variance = a, s * s
        self.log_deviation = nn.Parameter(torch.tensor(math.log(s)))

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        spread = self.variance / (self.a**2 + self.variance)
        return self.a * x / (self.a**2 + self.variance), torch.full_like(x, math.log(spread))

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        return self.a * codes


def test_divergence_is_that_of_torch() -> None:
    mean, log_variance = torch.randn(2, 7, 3, generator=torch.Generator().manual_seed(0))
    own = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    prior = torch.distributions.Normal(torch.zeros(3), torch.ones(3))
    expected = torch.distributions.kl_divergence(own, prior).sum(dim=1)
    assert torch.allclose(autoencoder.divergence(mean, log_variance), expected, atol=1e-5)
    assert autoencoder.divergence(torch.zeros(1, 3), torch.zeros(1, 3)).item() == 0


def test_with_the_true_posterior_the_bound_is_the_likelihood() -> None:
    """log p(x) of x ~ N(0, a² + s²); the bound's mean over noise reaches it."""
    a, s = 1.5, 0.7
    random = torch.Generator().manual_seed(0)
    x = torch.tensor([[-2.0], [0.3], [1.0]])
    expected = torch.distributions.Normal(0.0, math.hypot(a, s)).log_prob(x[:, 0]).mean()
    many = x.repeat(200_000, 1)
    bound = autoencoder.EvidenceBound(Linear(a, s), many, torch.randn(many.shape, generator=random))
    assert -bound.loss(1.0).item() == pytest.approx(float(expected), abs=0.005)


def test_with_any_other_posterior_the_bound_is_below_the_likelihood() -> None:
    module, x = Linear(1.5, 0.7), torch.tensor([[1.0]]).repeat(100_000, 1)
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    best = -autoencoder.EvidenceBound(module, x, noise).loss(1.0).item()
    found = module.encode
    for shift, wider in ((0.5, 0.0), (0.0, 1.0), (0.0, -1.0)):
        module.encode = lambda x, shift=shift, wider=wider: (found(x)[0] + shift, found(x)[1] + wider)  # type: ignore
        assert -autoencoder.EvidenceBound(module, x, noise).loss(1.0).item() < best - 0.05


def test_beta_weighs_the_divergence_alone() -> None:
    torch.manual_seed(0)
    module, x = autoencoder.Autoencoder((2,), SMALL, True), torch.randn(9, 2)
    bound = autoencoder.EvidenceBound(module, x, torch.randn(9, 2))
    gap = bound.loss(3.0) - bound.loss(1.0)
    assert torch.allclose(gap, 2 * bound.divergence.mean(), atol=1e-5)


def test_fitted_codes_have_mean_and_covariance_of_the_known_ones() -> None:
    rng = np.random.default_rng(0)
    mix = np.array([[2.0, 0, 0], [1, 0.5, 0], [0, 0, 0]])  # the third number is always the same: no full rank
    codes = (rng.standard_normal((5_000, 3)) @ mix.T + [1, -2, 3]).astype(np.float32)
    space = autoencoder.FittedGaussian(codes)
    drawn = space.draw(200_000, rng)
    assert drawn.dtype == np.float32 and drawn.shape == (200_000, 3)
    assert np.allclose(drawn.mean(axis=0), codes.mean(axis=0), atol=0.02)
    assert np.allclose(np.cov(drawn.T), np.cov(codes.T), atol=0.05)
    assert np.allclose(space.between(codes[:1], codes[1:2], np.array([0.25])), 0.75 * codes[:1] + 0.25 * codes[1:2])


@pytest.mark.parametrize("kind", ["mlp", "dcgan", "residual"])
def test_every_kind_of_network_goes_to_codes_and_back(kind: str) -> None:
    config = GanNetworkConfig(kind=kind, width=8, depth=1, latent=5)  # type: ignore[arg-type]
    for variational in (False, True):
        module = autoencoder.Autoencoder((1, 8, 8), config, variational)
        mean, log_variance = module.encode(torch.zeros(3, 1, 8, 8))
        assert mean.shape == (3, 5) and log_variance.shape == (3, 5 if variational else 0)
        assert module.decode(mean).shape == (3, 1, 8, 8)


@pytest.mark.parametrize("variational", [False, True])
def test_an_autoencoder_learns_a_ring(variational: bool) -> None:
    source = sources.make(DataConfig(name="ring"))
    torch.manual_seed(0)
    model = autoencoder.AutoencoderModel(source, SMALL, variational, AutoencoderConfig())
    networks = model.networks()
    before = model.metrics(networks, np.random.default_rng(1))
    (update,) = model.updates(networks)
    optimizer, rng = torch.optim.Adam(update.module.parameters(), lr=1e-2), np.random.default_rng(0)
    for _ in range(600 if variational else 200):
        reals = source.train.sample(128, rng)[0] / np.float32(source.scale)
        arrays = {"real": reals} | model.inputs(reals, rng)
        batch = {name: torch.from_numpy(value) for name, value in arrays.items()}
        optimizer.zero_grad()
        update.loss(update.module, batch, 0.0)[0].backward()
        optimizer.step()
    after = model.metrics(networks, np.random.default_rng(1))
    assert after["reconstruction_error"] < 0.2 * before["reconstruction_error"]
    made = model.generator(networks)
    assert made.encode is not None
    x = source.held_out.sample(500, np.random.default_rng(2))[0]
    again = made.from_inputs(made.encode(x), None)
    assert np.square(again - x).mean() < 2 * after["reconstruction_error"]  # scales agree there and back
    assert isinstance(made.space, latent.GaussianSpace if variational else autoencoder.FittedGaussian)
    assert ("elbo" in after) == variational
    if variational:
        # No model can beat the data's own entropy: that of 8 Gaussians far apart, negative since they are narrow.
        entropy = math.log(8) + 2 * (0.5 * math.log(2 * math.pi * math.e) + math.log(0.02))
        assert before["elbo"] < after["elbo"] < -entropy
