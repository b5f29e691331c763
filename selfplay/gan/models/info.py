"""InfoGAN: a generator whose codes can be read off its samples (Chen 2016, 1606.03657).

Beside the noise, the generator takes a code c: a category, and continuous numbers in [−1, 1]. A third player, the
recogniser Q, guesses the code from the sample; generator and recogniser both descend −log Q(c | G(z, c)). Since
E log Q(c | x) + H(c) never exceeds the mutual information I(c; x), they raise what a sample tells of its code, and the
categories come to mean what the data differ most in. Labels play no part in it.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from selfplay.errors import ConfigError
from selfplay.gan import loss, players
from selfplay.gan.config import InfoConfig, NetworkConfig, ObjectiveConfig
from selfplay.gan.data import sources
from selfplay.gan.models import encoder, latent, model
from selfplay.learning.learner import Update
from selfplay.types import Batch

RECOGNISER = "recogniser"
FINEST = 0.1  # standard deviation below which no continuous code is guessed: else the likelihood has no bound
SAMPLES = 3_000


class Codes:
    """The generator's inputs [n, L]: noise, the category one-hot, the continuous codes, side by side. One walks along
    arcs in the noise, and along lines in the codes."""

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


class Guess:
    """What the recogniser's outputs [B, categories + 2·continuous] say: Q(c | x)."""

    def __init__(self, outputs: torch.Tensor, codes: Codes) -> None:
        sizes = [codes.categories, codes.continuous, codes.continuous]
        self.logits, self.mean, log_deviation = outputs.split(sizes, dim=1)
        self.log_deviation = log_deviation.clamp(min=math.log(FINEST))

    def misses(self, truth: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(−log Q of the category, of all continuous codes together), means over the batch in nats, for the true codes
        [B, categories + continuous]."""
        category, continuous = truth.split([self.logits.shape[1], self.mean.shape[1]], dim=1)
        gap = (continuous - self.mean) * (-self.log_deviation).exp()
        of_continuous = (0.5 * gap.square() + self.log_deviation + 0.5 * math.log(2 * math.pi)).sum(dim=1)
        return F.cross_entropy(self.logits, category), of_continuous.mean()


class Info:
    """See `selfplay.gan.models.model.Model`."""

    roles = (model.GENERATOR, model.CRITIC)
    sampler = model.GENERATOR

    def __init__(
        self,
        source: sources.Source,
        config: NetworkConfig,
        objective: ObjectiveConfig,
        info: InfoConfig,
    ) -> None:
        """Raises ConfigError for a network that is told the labels."""
        if config.conditional:
            raise ConfigError(
                "model=info finds classes without labels: set network.conditional to false, or model to gan."
            )
        self.source, self.info, self.config = source, info, config
        self.codes = Codes(config.latent, info)
        self._pair = model.Pair(source, config, objective, self.codes)

    @property
    def game(self) -> loss.AdversarialGame | None:
        return self._pair.game

    def networks(self) -> dict[str, nn.Module]:
        outputs = self.codes.categories + 2 * self.codes.continuous
        return self._pair.networks() | {RECOGNISER: encoder.make(self.source.shape, self.config, outputs)}

    def updates(self, networks: model.Networks) -> tuple[Update, ...]:
        generator, recogniser = networks[model.GENERATOR], networks[RECOGNISER]
        info = self.info

        def telling(verdict: torch.Tensor, fake: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, loss.Named]:
            category, continuous = self._training_misses(recogniser, fake, batch, "inputs")
            return verdict + info.weight * category + info.continuous_weight * continuous, {"untold": category}

        def guessing(recogniser: nn.Module, batch: Batch, progress: float) -> tuple[torch.Tensor, loss.Named]:
            with torch.no_grad():
                fake = generator(batch["critic_inputs"])
            category, continuous = self._training_misses(recogniser, fake, batch, "critic_inputs")
            return category + continuous, {"category": category, "continuous": continuous}

        critic, generator_update = self._pair.updates(networks, telling)
        return critic, Update(RECOGNISER, recogniser, guessing), generator_update

    def _training_misses(
        self, recogniser: nn.Module, x: torch.Tensor, batch: Batch, name: str
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The category's from noisy samples, the continuous codes' from clean ones, in one pass."""
        if not self.info.noise:
            return self._misses(recogniser, x, batch[name])
        noisy, clean = recogniser(torch.cat([x + self.info.noise * batch["noise"], x])).chunk(2)
        truth = batch[name][:, self.codes.noise :]
        return Guess(noisy, self.codes).misses(truth)[0], Guess(clean, self.codes).misses(truth)[1]

    def _misses(
        self, recogniser: nn.Module, x: torch.Tensor, inputs: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        return Guess(recogniser(x), self.codes).misses(inputs[:, self.codes.noise :])

    def inputs(self, reals: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
        noise = {"noise": rng.standard_normal(reals.shape, dtype=np.float32)} if self.info.noise else {}
        return self._pair.inputs(reals, rng) | noise

    def generator(self, networks: model.Networks) -> players.Generator:
        return self._pair.generator(networks)

    @torch.no_grad()
    def figures(self, networks: model.Networks, rng: np.random.Generator) -> dict[str, float]:
        """What samples tell of their codes; how well categories agree with the classes read in samples; and how well
        the recogniser, asked about held-out reals, agrees with their labels."""
        inputs = self.codes.draw(SAMPLES, rng)
        fakes = self.generator(networks).of_inputs(inputs, None)
        category, continuous = self._misses_of(networks[RECOGNISER], fakes, inputs)
        figures = {
            "information": math.log(self.codes.categories) - category,
            "continuous_information": self.codes.continuous * math.log(2) - continuous,
        }
        if self.source.reader is not None:
            read = self.source.reader.probabilities(fakes).argmax(axis=1)
            figures |= agreement(self.codes.category(inputs), read, "code")
        reals, labels = self.source.held_out.sample(SAMPLES, rng)
        if labels is not None:
            guessed = self._guess(networks[RECOGNISER], reals).logits.argmax(dim=1).cpu().numpy()
            figures |= agreement(guessed, labels, "read")
        return figures

    def _guess(self, recogniser: nn.Module, x: np.ndarray) -> Guess:
        device = next(recogniser.parameters()).device
        return Guess(recogniser(torch.from_numpy(x / np.float32(self.source.scale)).to(device)), self.codes)

    def _misses_of(self, recogniser: nn.Module, x: np.ndarray, inputs: np.ndarray) -> tuple[float, float]:
        guess = self._guess(recogniser, x)
        truth = torch.from_numpy(inputs[:, self.codes.noise :]).to(guess.logits.device)
        category, continuous = guess.misses(truth)
        return float(category), float(continuous)


def agreement(clusters: np.ndarray, classes: np.ndarray, name: str) -> dict[str, float]:
    """{name}_nmi and {name}_purity of clusters [N] and classes [N], non-negative integers."""
    return {f"{name}_nmi": normalised_information(clusters, classes), f"{name}_purity": purity(clusters, classes)}


def purity(clusters: np.ndarray, classes: np.ndarray) -> float:
    """The share of samples [N] in the most frequent class of their cluster, 1/K to 1 of K equal classes; chance gives
    somewhat more than 1/K, and as many clusters as samples give 1."""
    return float(_table(clusters, classes).max(axis=1).sum() / len(clusters))


def normalised_information(clusters: np.ndarray, classes: np.ndarray) -> float:
    """Mutual information over the mean of both entropies (NMI), 0 to 1; 1 also where both hold one value only."""
    joint = _table(clusters, classes) / len(clusters)
    entropies = _entropy(joint.sum(axis=0)), _entropy(joint.sum(axis=1))
    if sum(entropies) == 0:
        return 1.0
    return float(2 * (sum(entropies) - _entropy(joint.reshape(-1))) / sum(entropies))


def _table(clusters: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """[clusters, classes] float64: how many samples are in both."""
    table = np.zeros((int(clusters.max()) + 1, int(classes.max()) + 1))
    np.add.at(table, (clusters, classes), 1)
    return table


def _entropy(shares: np.ndarray) -> float:
    """In nats, of shares that sum to 1."""
    found = shares[shares > 0]
    return float(-(found * np.log(found)).sum())
