"""Classifiers of samples, real or fake, for the data sets that have one. Knows data, not models."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.special import softmax

from selfplay.datasets import mixtures
from selfplay.gan.metrics import classifier


class ClassReader(Protocol):
    """A classifier of samples x [n, *shape], in the units of the data."""

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """[n, C]: probability of each class; rows sum to 1."""
        ...


class MixtureReader:
    """The posterior over the modes that a point may come from, by Bayes' rule. It is close to 0 or 1 everywhere except
    halfway between two modes."""

    def __init__(self, mixture: mixtures.Mixture) -> None:
        self.mixture = mixture

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        squares = np.square(x[:, None].astype(np.float64) - self.mixture.centres[None]).sum(axis=2)
        return np.asarray(softmax(-squares / (2 * self.mixture.sigma**2), axis=1))


class DigitReader:
    """The packaged classifier of digits, loaded on first use."""

    @cached_property
    def _classifier(self) -> classifier.DigitClassifier:
        return classifier.load()

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        return self._classifier.probabilities(x)[:, 0]
