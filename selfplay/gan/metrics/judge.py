"""How good fakes are, as figures by name: one judge for each kind of data. Those within [0, 1] are shares.

What hangs on reals alone (features, floors) is computed once, on first use. Knows samples, not networks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from scipy.spatial.distance import cdist

from selfplay.gan.data import datasets
from selfplay.gan.metrics import classifier, inception, modes, quality

Draw = Callable[[int], tuple[np.ndarray, np.ndarray | None]]  # n → (x [n, *shape] float32, labels [n] asked for)
MIXTURE_SAMPLES = 10_000
DIGIT_SAMPLES = 3_000  # so that a share of 97 % has a standard error of 0.3 %
STACK_SAMPLES = 26_000  # as published for stacked MNIST
IMAGE_SAMPLES = 2_000  # of the user's images, so that a measurement takes seconds
POOLED = 8  # rows and columns at most
SPLITS = 10  # of the reals into halves


class Judge(Protocol):
    """Deterministic in what `draw` gives and in `rng`."""

    def figures(self, draw: Draw, rng: np.random.Generator) -> dict[str, float]:
        """The figure that says most comes first."""

    def features(self, x: np.ndarray) -> np.ndarray:
        """[n, D]: samples x [n, *shape] in the space in which distances are measured."""


class OfMixture:
    """Modes found, share of high quality, divergence from even shares, and width, of 10,000 samples."""

    def __init__(self, mixture: datasets.Mixture) -> None:
        self.mixture = mixture

    def features(self, x: np.ndarray) -> np.ndarray:
        return x

    def figures(self, draw: Draw, rng: np.random.Generator) -> dict[str, float]:
        found = modes.of_mixture(draw(MIXTURE_SAMPLES)[0], self.mixture)
        return {
            "high_quality": found.high_quality,
            "modes": found.captured / len(self.mixture.centres),
            "modes_found": found.captured,
            "modes_there": float(len(self.mixture.centres)),
            "kl": found.kl,
            "spread": 0.0 if np.isnan(found.spread) else found.spread,
        }


class OfDigits:
    """Digits read as asked, where they are asked for, and distances in the features of the packaged classifier."""

    def __init__(self, train: datasets.Images, held_out: datasets.Images) -> None:
        self.train, self.held_out = train, held_out

    @cached_property
    def reader(self) -> classifier.Classifier:
        return classifier.load()

    @cached_property
    def distances(self) -> Distances:
        return Distances(*(self.reader.features(images.everything()[0]) for images in (self.train, self.held_out)))

    def figures(self, draw: Draw, rng: np.random.Generator) -> dict[str, float]:
        """digit_d: of samples asked to be d the share that reads as d; where none is asked for, of all samples."""
        x, asked = draw(DIGIT_SAMPLES)
        read = self.reader.labels(x)
        figures = self.distances.figures(self.reader.features(x), rng)
        if asked is None:
            counts = np.bincount(read, minlength=classifier.CLASSES)
            figures |= {"class_kl": modes.reverse_kl(counts)}
            return figures | {f"digit_{digit}": float(count / len(read)) for digit, count in enumerate(counts)}
        figures = {"as_asked": float(np.mean(read == asked))} | figures | taught(self.train, self.held_out, x, asked)
        right = {f"digit_{digit}": _share(read[asked == digit] == digit) for digit in range(classifier.CLASSES)}
        return figures | right

    def features(self, x: np.ndarray) -> np.ndarray:
        return self.reader.features(x)


class OfStacks:
    """Modes of 1,000 found by 26,000 samples, as the packaged classifier reads them, and how like digits the planes
    are: it calls anything a digit, so that modes alone could be noise."""

    def __init__(self, digits: datasets.Images, held_out: datasets.Images) -> None:
        self.digits, self._of_digits = digits, OfDigits(digits, held_out)

    @cached_property
    def _perfect(self) -> modes.Labels:
        return modes.perfect_labels(STACK_SAMPLES, np.random.default_rng(0))

    def features(self, x: np.ndarray) -> np.ndarray:
        return self._of_digits.features(x)

    def figures(self, draw: Draw, rng: np.random.Generator) -> dict[str, float]:
        x, _ = draw(STACK_SAMPLES)
        reader = self._of_digits.reader
        found = modes.of_labels(reader.labels(x))
        stacks = rng.permutation(len(x))[: -(-len(self.digits.pixels) // x.shape[1])]
        planes = x[stacks].reshape(-1, 1, *x.shape[2:])
        return {
            "modes": found.captured / 1000,
            "modes_found": found.captured,
            "modes_there": 1000.0,
            "kl": found.kl,
            "kl_floor": self._perfect.kl,
            "touched": found.touched,
        } | self._of_digits.distances.figures(reader.features(planes), rng)


class OfImages:
    """Distances of the user's images in pixels, averaged to 8 × 8 at most, and of Inception's features on request.

    Pixels tell collapse, copies and wrong colours, and little of what is in the image. Up to 2,000 images of each kind.
    """

    def __init__(
        self, train: datasets.Images, held_out: datasets.Images, inception_weights: Path | None = None
    ) -> None:
        self.train, self.held_out, self.inception_weights = _some(train), _some(held_out), inception_weights

    @cached_property
    def _distances(self) -> Distances:
        return Distances(*(pooled(images.everything()[0]) for images in (self.train, self.held_out)))

    @cached_property
    def _extractor(self) -> Any:
        assert self.inception_weights is not None
        return inception.load(self.inception_weights)

    @cached_property
    def _inception(self) -> tuple[np.ndarray, float]:
        """(features of the training images [N, 2048], their floor)."""
        features = inception.features(self._extractor, self.train.everything()[0])
        return features, frechet_of_halves(features, None, np.random.default_rng(0))

    def features(self, x: np.ndarray) -> np.ndarray:
        return pooled(x)

    def figures(self, draw: Draw, rng: np.random.Generator) -> dict[str, float]:
        x, asked = draw(max(len(self.train.pixels), len(self.held_out.pixels)))
        figures = self._distances.figures(pooled(x), rng)
        if asked is not None:
            figures |= taught(self.train, self.held_out, x, asked)
        if self.inception_weights is not None:
            reals, floor = self._inception
            distance = frechet_of_halves(reals, inception.features(self._extractor, x), rng)
            figures |= {"inception_frechet": distance, "inception_frechet_floor": floor}
        return figures


class Distances:
    """Distances of fakes' features [M, D] from those of reals, train [N, D] and held_out [H, D], M ≥ N, H."""

    def __init__(self, train: np.ndarray, held_out: np.ndarray) -> None:
        self.train, self.held_out = np.asarray(train, np.float64), np.asarray(held_out, np.float64)

    @cached_property
    def _floors(self) -> tuple[float, float]:
        """Of the Fréchet distances to train and to held_out; of a random stream of their own, as they are cached."""
        rng = np.random.default_rng(0)
        return frechet_of_halves(self.train, None, rng), frechet_of_halves(self.held_out, None, rng)

    def figures(self, fake: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
        """Fréchet distances are those of `frechet_of_halves`; all others take N fakes and train.

        copies and nearest_ratio: see `quality.Memorisation`; 0.01 and 1 if nothing is copied.
        """
        floor, held_out_floor = self._floors
        distance, held_out = (frechet_of_halves(reals, fake, rng) for reals in (self.train, self.held_out))
        some = fake[: len(self.train)]
        near = quality.neighbourhoods(self.train, some)
        kernel = quality.kernel_distance(self.train, some, rng)
        copying = quality.memorisation(self.train, self.held_out, some)
        return {
            "coverage": near.coverage,
            "frechet_ratio": distance / floor,
            "frechet": distance,
            "frechet_floor": floor,
            "held_out_frechet_ratio": held_out / held_out_floor,
            "kernel": kernel.value,
            "kernel_error": kernel.error,
            "precision": near.precision,
            "recall": near.recall,
            "density": near.density,
            "copies": copying.copies,
            "nearest_ratio": copying.ratio,
        }


def frechet_of_halves(reals: np.ndarray, fake: np.ndarray | None, rng: np.random.Generator) -> float:
    """Mean Fréchet distance of random halves of the reals [N, D] from as many of the fakes [M, D], M ≥ N/2; without
    fakes from the other half: the floor."""
    half, found = len(reals) // 2, []
    for _ in range(SPLITS):
        order = rng.permutation(len(reals))
        others = reals[order[half : 2 * half]] if fake is None else fake[rng.permutation(len(fake))[:half]]
        found.append(quality.frechet(reals[order[:half]], others))
    return float(np.mean(found))


def taught(train: datasets.Images, held_out: datasets.Images, x: np.ndarray, asked: np.ndarray) -> dict[str, float]:
    """Share of held-out images whose nearest among fakes x [M, P, R, C], in pixels, was asked to be of their class, and
    the same of training images: GAN-train of Shmelkov 2018, 1807.09499, with the simplest classifier there is."""
    images, truth = held_out.everything()
    reals, labels = train.everything()
    size = len(reals)

    def right(points: np.ndarray, classes: np.ndarray) -> float:
        nearest = cdist(pooled(images), pooled(points)).argmin(axis=1)
        return _share(classes[nearest] == truth)

    assert labels is not None
    return {"taught": right(x[:size], asked[:size]), "taught_floor": right(reals, labels)}


def pooled(x: np.ndarray) -> np.ndarray:
    """[N, D] float64: images [N, P, R, C], averaged to at most 8 rows and columns."""
    sides = [max(side for side in range(1, POOLED + 1) if length % side == 0) for length in x.shape[2:]]
    rows, columns = sides
    blocks = x.reshape(*x.shape[:2], rows, x.shape[2] // rows, columns, x.shape[3] // columns)
    return blocks.mean(axis=(3, 5), dtype=np.float64).reshape(len(x), -1)


def _some(images: datasets.Images) -> datasets.Images:
    """The same IMAGE_SAMPLES of them each time, or all."""
    rows = np.sort(np.random.default_rng(0).permutation(len(images.pixels))[:IMAGE_SAMPLES])
    return datasets.part(images, rows, images.name)


def _share(right: np.ndarray) -> float:
    return float(np.mean(right)) if len(right) else 0.0
