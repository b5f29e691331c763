"""What reads classes in samples, real or fake, where the data have classes that can be read. Knows data, not models."""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

import numpy as np
from scipy.special import softmax

from selfplay.gan.data import datasets
from selfplay.gan.metrics import classifier


class Reader(Protocol):
    """Takes samples x [n, *shape] as the data are."""

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        """[n, C], each row sums to 1."""
        ...


class OfMixture:
    """The mode that a point came from, by Bayes' rule; it is sure of points anywhere but halfway between two modes."""

    def __init__(self, mixture: datasets.Mixture) -> None:
        self.mixture = mixture

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        squares = np.square(x[:, None].astype(np.float64) - self.mixture.centres[None]).sum(axis=2)
        return np.asarray(softmax(-squares / (2 * self.mixture.sigma**2), axis=1))


class OfDigits:
    """The packaged classifier, loaded when it is first asked."""

    @cached_property
    def _classifier(self) -> classifier.Classifier:
        return classifier.load()

    def probabilities(self, x: np.ndarray) -> np.ndarray:
        return self._classifier.probabilities(x)[:, 0]
