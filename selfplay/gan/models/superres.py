"""SRGAN: a generator that enlarges small images (Ledig 2017, 1609.04802).

Images are shrunk by means over squares; the generator takes the small one and descends

    pixel · E(x − y)²  +  perceptual · E(f(x) − f(y))²  +  adversarial · the generator's loss against the critic on y

where x is the true image, y the enlarged one and f the features of the packaged digit classifier, in place of VGG's.
The first alone gives the mean of all images that could have been shrunk to this one, which has the least error and is
too smooth to be one of them; the last favours images that look real, at the cost of error. No method can have both
(Blau & Michaeli 2018, 1711.06077), so error and realism are both measured.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from selfplay.errors import ConfigError
from selfplay.gan import loss
from selfplay.gan.config import GanNetworkConfig, ObjectiveConfig, SuperresConfig
from selfplay.gan.data import sources
from selfplay.gan.metrics import classifier
from selfplay.gan.models import convolutional, latent, layers, model, networks
from selfplay.learning.learner import Update
from selfplay.types import Batch

PEAK = 2.0  # of images in [−1, 1], for the signal-to-noise ratio
MEASURED = 2_000  # held-out images


def shrink(x: np.ndarray, factor: int) -> np.ndarray:
    """[B, P, R/factor, C/factor]: means over squares of x [B, P, R, C]."""
    b, p, r, c = x.shape
    found: np.ndarray = x.reshape(b, p, r // factor, factor, c // factor, factor).mean(axis=(3, 5), dtype=x.dtype)
    return found


def bicubic(small: np.ndarray, factor: int) -> np.ndarray:
    """[B, P, R·factor, C·factor] float32, clipped to [−1, 1]: the baseline without learning (Keys 1981)."""
    larger = F.interpolate(torch.from_numpy(small), scale_factor=factor, mode="bicubic", align_corners=False)
    return larger.clamp(-1, 1).numpy()


def signal_to_noise(truth: np.ndarray, found: np.ndarray) -> float:
    """PSNR in decibels, 10·log₁₀(peak²/E(x − y)²), the mean taken over all images [B, P, R, C] in [−1, 1]."""
    error = np.mean(np.square(truth.astype(np.float64) - found))
    return float(10 * np.log10(PEAK**2 / error)) if error else float("inf")


class SmallImageSpace:
    """The generator's inputs [n, L]: a small image, flattened, and noise. Draws are held-out images; interpolation is
    linear."""

    def __init__(self, source: sources.DataSource, factor: int, noise: int) -> None:
        self.source, self.factor, self.noise = source, factor, noise
        planes, rows, columns = source.shape
        self.shape = (planes, rows // factor, columns // factor)
        self.size = planes * self.shape[1] * self.shape[2] + noise

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return self.of(self.source.held_out.sample(n, rng)[0], rng)

    def of(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """[n, L] float32: the inputs of images x [n, P, R, C]."""
        small = shrink(x, self.factor).reshape(len(x), -1)
        return np.concatenate([small, rng.standard_normal((len(x), self.noise), dtype=np.float32)], axis=1)

    def between(self, start: np.ndarray, end: np.ndarray, at: np.ndarray) -> np.ndarray:
        return latent.straight(start, end, at)


class Enlarger(nn.Module):
    """inputs [B, L] → x [B, P, R, C] in [−1, 1]: residual blocks on the small image, sub-pixel convolution (Shi 2016,
    1609.05158), residual blocks on the large one. Blocks have no normalisation: an image is enlarged independently."""

    def __init__(self, small: tuple[int, int, int], noise: int, factor: int, config: GanNetworkConfig) -> None:
        super().__init__()
        self.small, self.noise, width = small, noise, config.width
        self.first = nn.Conv2d(small[0] + noise, width, 3, padding=1)
        self.coarse = nn.Sequential(
            *(convolutional.BottleneckBlock(width, 2 * config.depth) for _ in range(config.depth))
        )
        self.larger = nn.Sequential(nn.Conv2d(width, width * factor**2, 1), nn.PixelShuffle(factor))
        self.fine = nn.Sequential(
            *(convolutional.BottleneckBlock(width, 2 * config.depth) for _ in range(config.depth))
        )
        self.last = nn.Conv2d(width, small[0], 3, padding=1)

    def forward(self, inputs: torch.Tensor, labels: torch.Tensor | None = None) -> torch.Tensor:
        planes, rows, columns = self.small
        image = inputs[:, : inputs.shape[1] - self.noise].reshape(-1, planes, rows, columns)
        noise = inputs[:, inputs.shape[1] - self.noise :, None, None].expand(-1, -1, rows, columns)
        h = self.coarse(self.first(torch.cat([image, noise], dim=1)))
        return torch.tanh(self.last(F.leaky_relu(self.fine(self.larger(h)), layers.LEAK)))


class SuperResolutionGan(model.PlainGan):
    """A GAN whose generator enlarges images."""

    space: SmallImageSpace

    def __init__(
        self,
        source: sources.DataSource,
        config: GanNetworkConfig,
        objective: ObjectiveConfig,
        settings: SuperresConfig,
    ) -> None:
        """Raises ConfigError for settings or data that do not fit this model."""
        _check(source.shape, config, objective, settings)
        self.settings = settings
        space = SmallImageSpace(source, settings.factor, config.latent if settings.noise else 0)
        super().__init__(source, config, objective, space)

    def networks(self) -> dict[str, nn.Module]:
        enlarger = Enlarger(self.space.shape, self.space.noise, self.settings.factor, self.config)
        critic = networks.make(self.source.shape, 0, self.config)[1]
        return {model.GENERATOR: enlarger, model.CRITIC: critic}

    def updates(self, networks: model.Networks) -> tuple[Update, ...]:
        settings = self.settings
        device = next(networks[model.GENERATOR].parameters()).device
        features = classifier.load().network.to(device) if settings.perceptual else None

        def goal(adversarial: torch.Tensor, fake: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, loss.Scalars]:
            error = (fake - batch["real"]).square().mean()
            total, named = settings.adversarial * adversarial + settings.pixel * error, {"error": error}
            if features is not None:
                with torch.no_grad():
                    wanted = features(batch["real"])[1]
                gap = (features(fake)[1] - wanted).square().mean()
                total, named = total + settings.perceptual * gap, named | {"feature_error": gap}
            return total, named

        return self.adversarial_updates(networks, goal)

    def inputs(self, reals: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return {"inputs": self.space.of(reals, rng), "critic_inputs": self.space.of(reals, rng)}

    def metrics(self, networks: model.Networks, rng: np.random.Generator) -> dict[str, float]:
        """Of enlarged held-out images: signal_to_noise in decibels; consistency, the root mean square difference from
        the small ones after shrinking again; bicubic_*: these, and metrics of quality, of bicubic interpolation."""
        truth = self.source.held_out.sample(MEASURED, rng)[0]
        found = self.generator(networks).from_inputs(self.space.of(truth, rng), None)
        again = shrink(found, self.settings.factor) - shrink(truth, self.settings.factor)
        measured = {
            "signal_to_noise": signal_to_noise(truth, found),
            "consistency": float(np.sqrt(np.mean(np.square(again)))),
        }
        return measured | {f"bicubic_{name}": value for name, value in self._bicubic.items()}

    @cached_property
    def _bicubic(self) -> dict[str, float]:
        """With a random stream of its own: cached values must not depend on when they are first computed."""
        rng = np.random.default_rng(0)

        def enlarged(n: int) -> tuple[np.ndarray, None]:
            small = shrink(self.source.held_out.sample(n, rng)[0], self.settings.factor)
            return bicubic(small, self.settings.factor), None

        truth = self.source.held_out.sample(MEASURED, rng)[0]
        found = bicubic(shrink(truth, self.settings.factor), self.settings.factor)
        quality = self.source.judge.metrics(enlarged, rng)
        kept = ("frechet_ratio", "frechet", "coverage")
        return {"signal_to_noise": signal_to_noise(truth, found)} | {
            name: quality[name] for name in kept if name in quality
        }


def _check(
    shape: tuple[int, ...], config: GanNetworkConfig, objective: ObjectiveConfig, settings: SuperresConfig
) -> None:
    if len(shape) != 3 or shape[1] % settings.factor or shape[2] % settings.factor:
        raise ConfigError(
            f"model=superres enlarges images whose sides divide by superres.factor={settings.factor}, and samples here "
            f"are of shape {list(shape)}: choose other data or another factor."
        )
    if settings.perceptual and shape != (1, 8, 8):
        raise ConfigError(
            f"superres.perceptual compares features of 8 × 8 digits, and images here are of shape {list(shape)}: set "
            "it to 0."
        )
    if config.conditional:
        raise ConfigError("model=superres takes no labels: set network.conditional to false.")
    if config.virtual_batch_norm:
        raise ConfigError("model=superres has a generator without batch norm: set network.virtual_batch_norm to 0.")
    if objective.past_fakes:
        raise ConfigError(
            "model=superres cannot use fakes of past generators, which would be made from held-out images: set "
            "objective.past_fakes to 0."
        )
