"""Autoencoders, plain and variational: baselines for the adversarial models. One network, one update.

    ae     an encoder and a decoder trained to reconstruct samples, by squared error; new samples are decoded from a
           Gaussian with the mean and covariance of the codes of the training data
    vae    codes have a distribution, q(z | x), and a prior, N(0, 1); the loss is minus the evidence lower bound
           log p(x) ≥ E log p(x | z) − KL(q(z | x) ‖ p(z))                        Kingma & Welling 2014, 1312.6114
           where p(x | z) is a Gaussian around the decoder's output with a single width, which can be learned
           (Rybkin 2021, 2006.13202)

Neither has a critic, so they play no matches.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from selfplay.errors import ConfigError
from selfplay.gan import inference, loss
from selfplay.gan.config import AutoencoderConfig, GanNetworkConfig
from selfplay.gan.data import sources
from selfplay.gan.models import encoder, latent, model, networks
from selfplay.learning.learner import Update
from selfplay.types import Batch

AUTOENCODER = "autoencoder"
FIRST = -2.0  # initial log deviation of a learned p(x | z): small, else codes collapse before they carry information
FITTED = 4_096  # samples whose codes the Gaussian is fitted to
MEASURED = 2_000  # held-out samples
DRAWS = 8  # of the code of each, for the bound


class Autoencoder(nn.Module):
    """An encoder and a decoder; a variational encoder returns the mean and the log variance of each code."""

    def __init__(
        self,
        shape: tuple[int, ...],
        config: GanNetworkConfig,
        variational: bool,
        deviation: float | None = None,
    ) -> None:
        """deviation: standard deviation of p(x | z), if variational; learned if None."""
        super().__init__()
        self.latent, self.variational = config.latent, variational
        self.encoder = encoder.make(shape, config, config.latent * (2 if variational else 1))
        self.decoder = networks.make(shape, 0, encoder.plain(config), config.latent)[0]
        if variational:
            first = FIRST if deviation is None else math.log(deviation)
            self.log_deviation = nn.Parameter(torch.tensor(first), requires_grad=deviation is None)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(mean [B, L], log variance [B, L]) of the codes of x [B, *shape]; the log variance of a plain autoencoder is
        [B, 0]."""
        mean, log_variance = self.encoder(x).tensor_split([self.latent], dim=1)
        return mean, log_variance

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """x [B, *shape] of codes [B, L]."""
        x: torch.Tensor = self.decoder(codes)
        return x


def plain_loss(module: nn.Module, batch: Batch, progress: float) -> tuple[torch.Tensor, loss.Scalars]:
    assert isinstance(module, Autoencoder)
    error = (module.decode(module.encode(batch["real"])[0]) - batch["real"]).square().mean()
    return error, {"error": error}


class EvidenceBound:
    """The evidence lower bound of samples x [B, *shape] at one draw of their codes with Gaussian noise [B, L]."""

    def __init__(self, module: Autoencoder, x: torch.Tensor, noise: torch.Tensor) -> None:
        mean, log_variance = module.encode(x)
        again = module.decode(mean + (0.5 * log_variance).exp() * noise)
        squares = (x - again).square().flatten(1)
        self.error = squares.mean()
        gaps = 0.5 * squares * (-2 * module.log_deviation).exp() + module.log_deviation + 0.5 * math.log(2 * math.pi)
        self.log_likelihood = -gaps.sum(dim=1)  # [B] nats
        self.divergence = divergence(mean, log_variance)  # [B] nats

    def loss(self, beta: float) -> torch.Tensor:
        return (beta * self.divergence - self.log_likelihood).mean()


def divergence(mean: torch.Tensor, log_variance: torch.Tensor) -> torch.Tensor:
    """[B] nats: KL(N(mean, variance) ‖ N(0, 1)), summed over codes [B, L] (Kingma & Welling 2014, appendix B)."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)


class FittedGaussian:
    """A latent space: the Gaussian with the mean and covariance of given codes [N, L]. Interpolation is linear."""

    def __init__(self, codes: np.ndarray) -> None:
        self.size = codes.shape[1]
        self.mean = codes.mean(axis=0, dtype=np.float64)
        self.root = np.linalg.qr((codes - self.mean) / math.sqrt(len(codes) - 1), mode="r")  # RᵀR: the covariance

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return (self.mean + rng.standard_normal((n, len(self.root))) @ self.root).astype(np.float32)

    def between(self, start: np.ndarray, end: np.ndarray, at: np.ndarray) -> np.ndarray:
        return latent.straight(start, end, at)


class AutoencoderModel:
    """A plain or variational autoencoder. See `selfplay.gan.models.model.GanModel`."""

    roles = ()
    sampler = AUTOENCODER

    def __init__(
        self, source: sources.DataSource, config: GanNetworkConfig, variational: bool, settings: AutoencoderConfig
    ) -> None:
        """Raises ConfigError for a conditional network, or one with layers that only generators and critics have."""
        if config != encoder.plain(config):
            raise ConfigError(
                "model=ae and model=vae take no labels and have no critic: leave network.conditional, packing, "
                "virtual_batch_norm, minibatch_deviation and spectral_norm as they are by default."
            )
        self.source, self.config, self.variational, self.settings = source, config, variational, settings

    def networks(self) -> dict[str, nn.Module]:
        deviation = self.settings.deviation
        return {AUTOENCODER: Autoencoder(self.source.shape, self.config, self.variational, deviation)}

    def updates(self, networks: model.Networks) -> tuple[Update, ...]:
        return (Update(AUTOENCODER, networks[AUTOENCODER], self._variational if self.variational else plain_loss),)

    def _variational(self, module: nn.Module, batch: Batch, progress: float) -> tuple[torch.Tensor, loss.Scalars]:
        assert isinstance(module, Autoencoder)
        found = EvidenceBound(module, batch["real"], batch["noise"])
        named = {"error": found.error, "bound": -found.loss(1.0), "divergence": found.divergence.mean()}
        return found.loss(self.settings.beta) / batch["real"][0].numel(), named

    def inputs(self, reals: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        if not self.variational:
            return {}
        return {"noise": rng.standard_normal((len(reals), self.config.latent), dtype=np.float32)}

    def generator(self, networks: model.Networks) -> inference.TrainedGenerator:
        module = networks[AUTOENCODER]
        assert isinstance(module, Autoencoder)
        encode = self._encoder(module)
        space: latent.LatentSpace = latent.GaussianSpace(self.config.latent)
        if not self.variational:
            space = FittedGaussian(encode(self.source.train.sample(FITTED, np.random.default_rng(0))[0]))
        return inference.TrainedGenerator(module.decoder, self.source, self.config, space, encode)

    def _encoder(self, module: Autoencoder) -> Callable[[np.ndarray], np.ndarray]:
        @torch.no_grad()
        def encode(x: np.ndarray) -> np.ndarray:
            return module.encode(self._scaled(module, x))[0].float().cpu().numpy()

        return encode

    def _scaled(self, module: nn.Module, x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x / np.float32(self.source.scale)).to(next(module.parameters()).device)

    @torch.no_grad()
    def metrics(self, networks: model.Networks, rng: np.random.Generator) -> dict[str, float]:
        """reconstruction_error: mean squared error per coordinate of held-out samples decoded from the mean of their
        code. elbo, divergence: nats per sample; a density of continuous data has units, so the elbo can exceed 0."""
        module = networks[AUTOENCODER]
        assert isinstance(module, Autoencoder)
        reals = self._scaled(module, self.source.held_out.sample(MEASURED, rng)[0])
        error = (module.decode(module.encode(reals)[0]) - reals).square().mean()
        found = {"reconstruction_error": float(error) * self.source.scale**2}
        if self.variational:
            noise = rng.standard_normal((DRAWS, MEASURED, self.config.latent), dtype=np.float32)
            draws = [EvidenceBound(module, reals, torch.from_numpy(one).to(reals.device)) for one in noise]
            in_data = reals[0].numel() * math.log(self.source.scale)
            found["elbo"] = float(np.mean([-float(draw.loss(1.0)) for draw in draws])) - in_data
            found["divergence"] = float(draws[0].divergence.mean())
        return found
