"""Judges: the quality of fakes as metrics by name, one class for each kind of data. Values within [0, 1] are shares.

What depends on reals alone (features, floors) is computed once, on first use. Knows samples, not networks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from scipy.spatial.distance import cdist

from selfplay.datasets import image_sets, mixtures
from selfplay.gan.metrics import classifier, inception, modes, quality

Draw = Callable[[int], tuple[np.ndarray, np.ndarray | None]]  # n → (x [n, *shape] float32, labels [n] requested)
MIXTURE_SAMPLES = 10_000
DIGIT_SAMPLES = 3_000  # so that a share of 97 % has a standard error of 0.3 %
STACK_SAMPLES = 26_000  # as published for stacked MNIST
IMAGE_SAMPLES = 2_000  # of the user's images, so that a measurement takes seconds
POOLED = 8  # rows and columns at most
SPLITS = 10  # of the reals into halves


class Judge(Protocol):
    """Measures fakes of one kind of data."""

    def metrics(self, draw: Draw, rng: np.random.Generator) -> dict[str, float]:
        """Measurements by name, the most informative first; a function of what `draw` returns and of `rng`."""

    def features(self, x: np.ndarray) -> np.ndarray:
        """[n, D]: samples x [n, *shape] in the space in which distances are measured."""


class MixtureJudge:
    """Of 10,000 samples of a mixture: modes found, share of high quality, divergence from uniform, and width."""

    def __init__(self, mixture: mixtures.Mixture, weights: np.ndarray | None = None) -> None:
        """weights: [M], adding up to 1, of the modes where they are not equally likely."""
        self.mixture, self.weights = mixture, weights

    def features(self, x: np.ndarray) -> np.ndarray:
        return x

    def metrics(self, draw: Draw, rng: np.random.Generator) -> dict[str, float]:
        found = modes.mixture_coverage(draw(MIXTURE_SAMPLES)[0], self.mixture, self.weights)
        return {
            "high_quality": found.high_quality,
            "modes": found.captured / len(self.mixture.centres),
            "modes_found": found.captured,
            "modes_there": float(len(self.mixture.centres)),
            "kl": found.kl,
            "spread": 0.0 if np.isnan(found.spread) else found.spread,
        }


class Listed(Protocol):
    """Images that can all be listed."""

    def everything(self) -> tuple[np.ndarray, np.ndarray | None]:
        """(x [N, P, R, C] float32 in [−1, 1], labels [N] int64 or None), in order."""
        ...


class Shown(NamedTuple):
    """How digits are shown where they differ from what the packaged classifier was trained on."""

    quarters: int = 0  # counterclockwise
    inverted: bool = False
    names: np.ndarray | None = None  # [10] int64: what each digit is called
    frequencies: np.ndarray | None = None  # [10], adding up to 1: of the digits as they are called; None: all alike

    def upright(self, x: np.ndarray) -> np.ndarray:
        """Images x [N, P, R, C] as they were."""
        return np.ascontiguousarray(np.rot90(-x if self.inverted else x, -self.quarters, axes=(2, 3)))

    def called(self, digits: np.ndarray) -> np.ndarray:
        return digits if self.names is None else self.names[digits]


class DigitJudge:
    """Of digits: the share classified as requested, if classes were, and distances in the packaged classifier's
    features."""

    def __init__(self, train: Listed, held_out: Listed, shown: Shown | None = None) -> None:
        self.train, self.held_out, self.shown = train, held_out, shown or Shown()

    @cached_property
    def reader(self) -> classifier.DigitClassifier:
        return classifier.load()

    @cached_property
    def distances(self) -> FeatureDistances:
        return FeatureDistances(*(self.features(images.everything()[0]) for images in (self.train, self.held_out)))

    def metrics(self, draw: Draw, rng: np.random.Generator) -> dict[str, float]:
        """digit_d: share classified as d, of the samples requested to be d; without requests, of all samples."""
        x, asked = draw(DIGIT_SAMPLES)
        read = self.shown.called(self.reader.labels(self.shown.upright(x)))
        found = self.distances.metrics(self.features(x), rng)
        if asked is None:
            counts = np.bincount(read, minlength=classifier.CLASSES)
            found |= {"class_kl": _divergence(counts, self.shown.frequencies)}
            return found | {f"digit_{digit}": float(count / len(read)) for digit, count in enumerate(counts)}
        found = {"as_asked": float(np.mean(read == asked))} | found | taught(self.train, self.held_out, x, asked)
        right = {f"digit_{digit}": _share(read[asked == digit] == digit) for digit in range(classifier.CLASSES)}
        return found | right

    def features(self, x: np.ndarray) -> np.ndarray:
        return self.reader.features(self.shown.upright(x))


class StackedDigitJudge:
    """Of 26,000 stacks of three digits: how many of the 1,000 modes the packaged classifier finds, and how much the
    planes resemble digits: it classifies anything as a digit, so that modes alone could be noise."""

    def __init__(self, digits: image_sets.Images, held_out: image_sets.Images) -> None:
        self.digits, self._of_digits = digits, DigitJudge(digits, held_out)

    @cached_property
    def _perfect(self) -> modes.LabelCoverage:
        return modes.perfect_labels(STACK_SAMPLES, np.random.default_rng(0))

    def features(self, x: np.ndarray) -> np.ndarray:
        return self._of_digits.features(x)

    def metrics(self, draw: Draw, rng: np.random.Generator) -> dict[str, float]:
        x, _ = draw(STACK_SAMPLES)
        reader = self._of_digits.reader
        found = modes.label_coverage(reader.labels(x))
        stacks = rng.permutation(len(x))[: -(-len(self.digits.pixels) // x.shape[1])]
        planes = x[stacks].reshape(-1, 1, *x.shape[2:])
        return {
            "modes": found.captured / 1000,
            "modes_found": found.captured,
            "modes_there": 1000.0,
            "kl": found.kl,
            "kl_floor": self._perfect.kl,
            "touched": found.touched,
        } | self._of_digits.distances.metrics(reader.features(planes), rng)


class ImageJudge:
    """Of the user's images: distances in pixels, averaged to 8 × 8 at most, and in Inception features on request.

    Pixels show collapse, copies and wrong colours, but little of the content. Up to 2,000 images of each kind.
    """

    def __init__(
        self, train: image_sets.Images, held_out: image_sets.Images, inception_weights: Path | None = None
    ) -> None:
        self.train, self.held_out, self.inception_weights = _some(train), _some(held_out), inception_weights

    @cached_property
    def _distances(self) -> FeatureDistances:
        return FeatureDistances(*(pooled(images.everything()[0]) for images in (self.train, self.held_out)))

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

    def metrics(self, draw: Draw, rng: np.random.Generator) -> dict[str, float]:
        x, asked = draw(max(len(self.train.pixels), len(self.held_out.pixels)))
        found = self._distances.metrics(pooled(x), rng)
        if asked is not None:
            found |= taught(self.train, self.held_out, x, asked)
        if self.inception_weights is not None:
            reals, floor = self._inception
            distance = frechet_of_halves(reals, inception.features(self._extractor, x), rng)
            found |= {"inception_frechet": distance, "inception_frechet_floor": floor}
        return found


class FeatureDistances:
    """Distances of fakes' features [M, D] from those of reals, train [N, D] and held_out [H, D], M ≥ N, H."""

    def __init__(self, train: np.ndarray, held_out: np.ndarray) -> None:
        self.train, self.held_out = np.asarray(train, np.float64), np.asarray(held_out, np.float64)

    @cached_property
    def _floors(self) -> tuple[float, float]:
        """Of the Fréchet distances to train and to held_out; with a random stream of their own, as they are cached."""
        rng = np.random.default_rng(0)
        return frechet_of_halves(self.train, None, rng), frechet_of_halves(self.held_out, None, rng)

    def metrics(self, fake: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
        """Fréchet distances are those of `frechet_of_halves`; all others compare N fakes with train.

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
            "frechet_ratio": _ratio(distance, floor),
            "frechet": distance,
            "frechet_floor": floor,
            "held_out_frechet_ratio": _ratio(held_out, held_out_floor),
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


def taught(train: Listed, held_out: Listed, x: np.ndarray, asked: np.ndarray) -> dict[str, float]:
    """Share of held-out images whose nearest neighbour among fakes x [M, P, R, C], in pixels, was requested to be of
    their class, and the same among training images: GAN-train (Shmelkov 2018, 1807.09499) with a nearest-neighbour
    classifier."""
    images, truth = held_out.everything()
    reals, labels = train.everything()
    size = len(reals)

    def right(points: np.ndarray, classes: np.ndarray) -> float:
        nearest = cdist(pooled(images), pooled(points)).argmin(axis=1)
        return _share(classes[nearest] == truth)

    assert labels is not None
    return {"taught": right(x[:size], asked[:size]), "taught_floor": right(reals, labels)}


def pooled(x: np.ndarray) -> np.ndarray:
    """[N, D] float64: images [N, P, R, C], averaged to at most 8 rows and columns: by blocks of one size where that
    leaves more than half as many, by blocks that differ by a pixel or overlap by one where it doesn't, as on sides that
    are prime. No side of several pixels becomes a single one."""
    rows = _averaged(x.swapaxes(2, 3)).swapaxes(2, 3)
    return _averaged(rows).reshape(len(x), -1)


def _averaged(x: np.ndarray) -> np.ndarray:
    """[…, at most 8] float64: means of blocks along the last axis of x."""
    length = x.shape[-1]
    blocks = max(number for number in range(1, POOLED + 1) if length % number == 0)
    if blocks <= POOLED // 2:
        blocks = min(length, POOLED)
    edges = [(number * length // blocks, -(-(number + 1) * length // blocks)) for number in range(blocks)]
    return np.stack([x[..., first:end].mean(axis=-1, dtype=np.float64) for first, end in edges], axis=-1)


def _some(images: image_sets.Images) -> image_sets.Images:
    """The same IMAGE_SAMPLES of them each time, or all if there are fewer."""
    rows = np.sort(np.random.default_rng(0).permutation(len(images.pixels))[:IMAGE_SAMPLES])
    return image_sets.part(images, rows, images.name)


def _divergence(counts: np.ndarray, frequencies: np.ndarray | None) -> float:
    """Kullback–Leibler divergence in nats of counts [C] from the classes' frequencies [C], or
    from all alike; classes that should not be there count as one in a thousand."""
    if frequencies is None:
        return modes.reverse_kl(counts)
    floor = np.maximum(frequencies, 1e-3)
    return modes.reverse_kl(counts, floor / floor.sum())


def _ratio(distance: float, floor: float) -> float:
    """distance / floor; of reals that are all alike, whose floor is 0, 1 for fakes like them and ∞ for others."""
    if floor > 0:
        return distance / floor
    return float("inf") if distance > 0 else 1.0


def _share(right: np.ndarray) -> float:
    return float(np.mean(right)) if len(right) else 0.0
