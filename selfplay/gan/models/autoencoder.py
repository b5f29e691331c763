"""Autoencoders, plain and variational: what the adversarial models are to be compared with. One network, one update.

    ae     encoder and decoder that give samples back, by squared error; drawn from through the Gaussian with the mean
           and covariance of the codes of the training data
    vae    codes have a distribution, q(z | x), and a prior, N(0, 1); it descends minus the evidence lower bound
           log p(x) ≥ E log p(x | z) − KL(q(z | x) ‖ p(z))                        Kingma & Welling 2014, 1312.6114
           with p(x | z) a Gaussian about the decoder's output, of one width for all that can be learnt
           (Rybkin 2021, 2006.13202)

Neither has a critic, and so they meet nobody.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from selfplay.errors import ConfigError
from selfplay.gan import loss, players
from selfplay.gan.config import AutoencoderConfig, NetworkConfig
from selfplay.gan.data import sources
from selfplay.gan.models import encoder, latent, model, perceptron
from selfplay.learning.learner import Update
from selfplay.types import Batch

AUTOENCODER = "autoencoder"
FIRST = -2.0  # log deviation of p(x | z) that is learnt: small, or codes are given up before they tell anything
FITTED = 4_096  # samples whose codes the Gaussian is fitted to
MEASURED = 2_000  # held-out samples
DRAWS = 8  # of the code of each, for the bound


class Autoencoder(nn.Module):
    """Encoder and decoder; the encoder of a variational one gives the mean and the log variance of each code."""

    def __init__(
        self,
        shape: tuple[int, ...],
        config: NetworkConfig,
        variational: bool,
        deviation: float | None = None,
    ) -> None:
        """deviation: of p(x | z) of a variational one; learnt if None."""
        super().__init__()
        self.latent, self.variational = config.latent, variational
        self.encoder = encoder.make(shape, config, config.latent * (2 if variational else 1))
        self.decoder = perceptron.make(shape, 0, encoder.plain(config), config.latent)[0]
        if variational:
            first = FIRST if deviation is None else math.log(deviation)
            self.log_deviation = nn.Parameter(torch.tensor(first), requires_grad=deviation is None)

    def encode(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(mean [B, L], log variance [B, L]) of the codes of x [B, *shape]; plain codes are all mean, and have no
        variance: [B, 0]."""
        mean, log_variance = self.encoder(x).tensor_split([self.latent], dim=1)
        return mean, log_variance

    def decode(self, codes: torch.Tensor) -> torch.Tensor:
        """x [B, *shape] of codes [B, L]."""
        x: torch.Tensor = self.decoder(codes)
        return x


def plain_loss(module: nn.Module, batch: Batch, progress: float) -> tuple[torch.Tensor, loss.Named]:
    assert isinstance(module, Autoencoder)
    error = (module.decode(module.encode(batch["real"])[0]) - batch["real"]).square().mean()
    return error, {"error": error}


class Bound:
    """The evidence lower bound of samples x [B, *shape] at one draw of their codes, with noise [B, L] Gaussian."""

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


class Fitted:
    """Codes as a Gaussian with the mean and covariance of known codes [N, L]; one walks along lines."""

    def __init__(self, codes: np.ndarray) -> None:
        self.size = codes.shape[1]
        self.mean = codes.mean(axis=0, dtype=np.float64)
        self.root = np.linalg.qr((codes - self.mean) / math.sqrt(len(codes) - 1), mode="r")  # RᵀR: the covariance

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return (self.mean + rng.standard_normal((n, len(self.root))) @ self.root).astype(np.float32)

    def between(self, start: np.ndarray, end: np.ndarray, at: np.ndarray) -> np.ndarray:
        return latent.straight(start, end, at)


class Model:
    """See `selfplay.gan.models.model.Model`."""

    roles = ()
    sampler = AUTOENCODER
    game = None

    def __init__(
        self, source: sources.Source, config: NetworkConfig, variational: bool, settings: AutoencoderConfig
    ) -> None:
        """Raises ConfigError for a network with what only critics and their generators have."""
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

    def _variational(self, module: nn.Module, batch: Batch, progress: float) -> tuple[torch.Tensor, loss.Named]:
        assert isinstance(module, Autoencoder)
        found = Bound(module, batch["real"], batch["noise"])
        named = {"error": found.error, "bound": -found.loss(1.0), "divergence": found.divergence.mean()}
        return found.loss(self.settings.beta) / batch["real"][0].numel(), named

    def inputs(self, reals: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        if not self.variational:
            return {}
        return {"noise": rng.standard_normal((len(reals), self.config.latent), dtype=np.float32)}

    def generator(self, networks: model.Networks) -> players.Generator:
        module = networks[AUTOENCODER]
        assert isinstance(module, Autoencoder)
        encode = self._encoder(module)
        space: latent.Space = latent.Gaussian(self.config.latent)
        if not self.variational:
            space = Fitted(encode(self.source.train.sample(FITTED, np.random.default_rng(0))[0]))
        return players.Generator(module.decoder, self.source, self.config, space, encode)

    def _encoder(self, module: Autoencoder) -> Callable[[np.ndarray], np.ndarray]:
        @torch.no_grad()
        def encode(x: np.ndarray) -> np.ndarray:
            return module.encode(self._scaled(module, x))[0].float().cpu().numpy()

        return encode

    def _scaled(self, module: nn.Module, x: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(x / np.float32(self.source.scale)).to(next(module.parameters()).device)

    @torch.no_grad()
    def figures(self, networks: model.Networks, rng: np.random.Generator) -> dict[str, float]:
        """reconstruction_error: mean squared, of each number of held-out samples from the mean of its code; elbo and
        divergence in nats a sample. As densities of the data have units, so has the bound; it can be above 0."""
        module = networks[AUTOENCODER]
        assert isinstance(module, Autoencoder)
        reals = self._scaled(module, self.source.held_out.sample(MEASURED, rng)[0])
        error = (module.decode(module.encode(reals)[0]) - reals).square().mean()
        figures = {"reconstruction_error": float(error) * self.source.scale**2}
        if self.variational:
            noise = rng.standard_normal((DRAWS, MEASURED, self.config.latent), dtype=np.float32)
            draws = [Bound(module, reals, torch.from_numpy(one).to(reals.device)) for one in noise]
            in_data = reals[0].numel() * math.log(self.source.scale)
            figures["elbo"] = float(np.mean([-float(draw.loss(1.0)) for draw in draws])) - in_data
            figures["divergence"] = float(draws[0].divergence.mean())
        return figures
