"""InfoGAN: a generator whose input codes can be inferred from its samples (Chen 2016, 1606.03657).

In addition to noise the generator takes a code c: a category and continuous numbers in [−1, 1]. A third network, the
recogniser Q, infers the code from the sample; generator and recogniser both descend −log Q(c | G(z, c)). Because
E log Q(c | x) + H(c) is a lower bound on the mutual information I(c; x), this makes samples informative about their
codes, and the categories align with the largest differences in the data. Labels are not used.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from selfplay.errors import ConfigError
from selfplay.gan import loss
from selfplay.gan.config import GanNetworkConfig, InfoConfig, ObjectiveConfig
from selfplay.gan.data import sources
from selfplay.gan.models import encoder, latent, model
from selfplay.learning.learner import Update
from selfplay.types import Batch

RECOGNISER = "recogniser"
FINEST = 0.1  # smallest standard deviation of an inferred continuous code: else the likelihood has no bound
SAMPLES = 3_000  # that are measured


class CodeSpace:
    """The generator's inputs [n, L]: noise, the category one-hot and the continuous codes, concatenated. Interpolation
    is spherical in the noise and linear in the codes."""

    def __init__(self, noise: int, config: InfoConfig) -> None:
        self.noise, self.categories, self.continuous = noise, config.categories, config.continuous
        self.size = noise + config.categories + config.continuous

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        noise = rng.standard_normal((n, self.noise), dtype=np.float32)
        return self.join(noise, rng.integers(self.categories, size=n), rng.uniform(-1, 1, (n, self.continuous)))

    def join(self, noise: np.ndarray, category: np.ndarray, continuous: np.ndarray) -> np.ndarray:
        """[n, L] float32 of noise [n, noise], category [n] and continuous [n, continuous]."""
        one_hot = np.eye(self.categories, dtype=np.float32)[category]
        return np.concatenate([noise, one_hot, continuous.astype(np.float32)], axis=1)

    def category(self, inputs: np.ndarray) -> np.ndarray:
        """[n] int64 of inputs [n, L]."""
        return inputs[:, self.noise : self.noise + self.categories].argmax(axis=1)

    def between(self, start: np.ndarray, end: np.ndarray, at: np.ndarray) -> np.ndarray:
        noise = latent.spherical(start[:, : self.noise], end[:, : self.noise], at)
        return np.concatenate([noise, latent.straight(start[:, self.noise :], end[:, self.noise :], at)], axis=1)


class CodePosterior:
    """Q(c | x), as the recogniser's outputs [B, categories + 2·continuous] parametrise it."""

    def __init__(self, outputs: torch.Tensor, codes: CodeSpace) -> None:
        sizes = [codes.categories, codes.continuous, codes.continuous]
        self.logits, self.mean, log_deviation = outputs.split(sizes, dim=1)
        self.log_deviation = log_deviation.clamp(min=math.log(FINEST))

    def surprise(self, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(−log Q of the category, −log Q of all continuous codes), means over the batch in nats, of the true codes
        [B, categories + continuous]."""
        category, continuous = truth.split([self.logits.shape[1], self.mean.shape[1]], dim=1)
        gap = (continuous - self.mean) * (-self.log_deviation).exp()
        of_continuous = (0.5 * gap.square() + self.log_deviation + 0.5 * math.log(2 * math.pi)).sum(dim=1)
        return F.cross_entropy(self.logits, category), of_continuous.mean()


class InfoGan(model.PlainGan):
    """A plain GAN with a recogniser."""

    def __init__(
        self,
        source: sources.DataSource,
        config: GanNetworkConfig,
        objective: ObjectiveConfig,
        info: InfoConfig,
    ) -> None:
        """Raises ConfigError for a conditional network."""
        if config.conditional:
            raise ConfigError(
                "model=info finds classes without labels: set network.conditional to false, or model to gan."
            )
        self.info, self.codes = info, CodeSpace(config.latent, info)
        super().__init__(source, config, objective, self.codes)

    def networks(self) -> dict[str, nn.Module]:
        outputs = self.codes.categories + 2 * self.codes.continuous
        return super().networks() | {RECOGNISER: encoder.make(self.source.shape, self.config, outputs)}

    def updates(self, networks: model.Networks) -> tuple[Update, ...]:
        generator, recogniser = networks[model.GENERATOR], networks[RECOGNISER]
        info = self.info

        def goal(adversarial: torch.Tensor, fake: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, loss.Scalars]:
            category, continuous = self._training_surprise(recogniser, fake, batch, "inputs")
            return adversarial + info.weight * category + info.continuous_weight * continuous, {"untold": category}

        def recognise(recogniser: nn.Module, batch: Batch, progress: float) -> tuple[torch.Tensor, loss.Scalars]:
            with torch.no_grad():
                fake = generator(batch["critic_inputs"])
            category, continuous = self._training_surprise(recogniser, fake, batch, "critic_inputs")
            return category + continuous, {"category": category, "continuous": continuous}

        of_critic, of_generator = self.adversarial_updates(networks, goal)
        return of_critic, Update(RECOGNISER, recogniser, recognise), of_generator

    def _training_surprise(
        self, recogniser: nn.Module, x: torch.Tensor, batch: Batch, name: str
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The category's from noisy samples, the continuous codes' from clean ones, in one pass. name: of the inputs in
        the batch that x was made from."""
        if not self.info.noise:
            return CodePosterior(recogniser(x), self.codes).surprise(batch[name][:, self.codes.noise :])
        noisy, clean = recogniser(torch.cat([x + self.info.noise * batch["noise"], x])).chunk(2)
        truth = batch[name][:, self.codes.noise :]
        return CodePosterior(noisy, self.codes).surprise(truth)[0], CodePosterior(clean, self.codes).surprise(truth)[1]

    def inputs(self, reals: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        noise = {"noise": rng.standard_normal(reals.shape, dtype=np.float32)} if self.info.noise else {}
        return super().inputs(reals, rng) | noise

    @torch.no_grad()
    def metrics(self, networks: model.Networks, rng: np.random.Generator) -> dict[str, float]:
        """information, continuous_information: lower bounds in nats on what samples tell of their codes. code_*: how
        well categories agree with the classes that samples are classified as. read_*: how well the categories that the
        recogniser infers from held-out reals agree with their labels."""
        inputs = self.codes.draw(SAMPLES, rng)
        fakes = self.generator(networks).from_inputs(inputs, None)
        category, continuous = self._surprise_of(networks[RECOGNISER], fakes, inputs)
        found = {
            "information": math.log(self.codes.categories) - category,
            "continuous_information": self.codes.continuous * math.log(2) - continuous,
        }
        if self.source.reader is not None:
            read = self.source.reader.probabilities(fakes).argmax(axis=1)
            found |= agreement(self.codes.category(inputs), read, "code")
        reals, labels = self.source.held_out.sample(SAMPLES, rng)
        if labels is not None:
            inferred = self._posterior(networks[RECOGNISER], reals).logits.argmax(dim=1).cpu().numpy()
            found |= agreement(inferred, labels, "read")
        return found

    def _posterior(self, recogniser: nn.Module, x: np.ndarray) -> CodePosterior:
        device = next(recogniser.parameters()).device
        return CodePosterior(recogniser(torch.from_numpy(x / np.float32(self.source.scale)).to(device)), self.codes)

    def _surprise_of(self, recogniser: nn.Module, x: np.ndarray, inputs: np.ndarray) -> tuple[float, float]:
        posterior = self._posterior(recogniser, x)
        truth = torch.from_numpy(inputs[:, self.codes.noise :]).to(posterior.logits.device)
        category, continuous = posterior.surprise(truth)
        return float(category), float(continuous)


def agreement(clusters: np.ndarray, classes: np.ndarray, name: str) -> dict[str, float]:
    """{name}_nmi and {name}_purity of clusters [N] and classes [N], non-negative integers."""
    return {f"{name}_nmi": normalised_information(clusters, classes), f"{name}_purity": purity(clusters, classes)}


def purity(clusters: np.ndarray, classes: np.ndarray) -> float:
    """Share of samples [N] that are in the most frequent class of their cluster: 1/K to 1 with K equal classes. Chance
    level is slightly above 1/K; with as many clusters as samples it is 1."""
    return float(_table(clusters, classes).max(axis=1).sum() / len(clusters))


def normalised_information(clusters: np.ndarray, classes: np.ndarray) -> float:
    """Mutual information over the mean of both entropies (NMI), 0 to 1; 1 also if both have one value only."""
    joint = _table(clusters, classes) / len(clusters)
    entropies = _entropy(joint.sum(axis=0)), _entropy(joint.sum(axis=1))
    if sum(entropies) == 0:
        return 1.0
    return float(2 * (sum(entropies) - _entropy(joint.reshape(-1))) / sum(entropies))


def _table(clusters: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """[clusters, classes] float64: number of samples in both."""
    table = np.zeros((int(clusters.max()) + 1, int(classes.max()) + 1))
    np.add.at(table, (clusters, classes), 1)
    return table


def _entropy(shares: np.ndarray) -> float:
    """In nats, of shares that sum to 1."""
    found = shares[shares > 0]
    return float(-(found * np.log(found)).sum())
