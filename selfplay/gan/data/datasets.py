"""Data sets: mixtures of Gaussians, digits, stacked digits, and images from the user's files.

A data set draws samples at random (`Dataset`). It knows no network and no measure of quality. Nothing is downloaded.
Positions of board games, which need the rules of a game, are in `positions`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from selfplay.errors import ConfigError
from selfplay.gan.data import files

APART = 6  # least σ between neighbouring modes, so that no sample lies within 3 σ of two of them
DIGITS_TOP = 16  # of the pixels of scikit-learn's digits: 0 paper, 16 ink
DIGITS_HELD_OUT = 3  # of each class of digits, one image in this many is held out
HELD_OUT = 6  # the same for other images
DIGITS_PER_STACK = 3


class Dataset(Protocol):
    """A source of independent samples [B, *shape] float32; images are [B, P, R, C] in [−1, 1]."""

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample: (P, R, C) of images, (D,) of points."""
        ...

    @property
    def num_classes(self) -> int:
        """Labels are 0 to num_classes − 1; 0 when there are none."""
        ...

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
        """(x [n, *shape] float32, labels [n] int64 or None), independent draws with replacement."""
        ...


@dataclass(frozen=True, eq=False)
class Mixture:
    """M Gaussians of equal weight and width in D dimensions. A label is the number of the mode."""

    name: str
    centres: np.ndarray  # [M, D] float64
    sigma: float  # standard deviation of each mode along each axis

    def __post_init__(self) -> None:
        """Raises ConfigError if σ is not positive, or if modes coincide or overlap, as they could not be told apart."""
        if not (math.isfinite(self.sigma) and self.sigma > 0 and np.isfinite(self.centres).all()):
            raise ConfigError(f"{self.name} needs finite centres and a sigma above 0, not {self.sigma}.")
        gap = nearest_modes(self.centres)
        if gap < APART * self.sigma:
            raise ConfigError(
                f"Modes of {self.name} lie {gap:.4g} apart, nearer than {APART} sigma = {APART * self.sigma:.4g}:"
                " choose fewer modes, more room or a smaller sigma."
            )

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.centres.shape[1],)

    @property
    def num_classes(self) -> int:
        return len(self.centres)

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(x [n, D] float32, mode [n] int64)."""
        modes = rng.integers(len(self.centres), size=n)
        noise = rng.standard_normal((n, self.centres.shape[1]))
        return (self.centres[modes] + self.sigma * noise).astype(np.float32), modes


def nearest_modes(centres: np.ndarray) -> float:
    """The smallest distance between two of the centres [M, D]; ∞ if M is 1."""
    gaps = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    return float(gaps.min())


def ring(modes: int = 8, radius: float = 1.0, sigma: float = 0.02) -> Mixture:
    """Gaussians on a circle at the angles 2πi/modes, i from 0. Raises ConfigError if they overlap.

    The angle 2π is excluded, since it equals 0: a widespread version includes it, so that its ring of 8 has 7 modes.
    """
    if modes < 1:
        raise ConfigError(f"A ring needs at least one mode, not {modes}.")
    angles = 2 * np.pi * np.arange(modes) / modes
    return Mixture(f"ring-{modes}", radius * np.column_stack([np.cos(angles), np.sin(angles)]), sigma)


def grid(side: int = 5, spacing: float = 2.0, sigma: float = 0.05) -> Mixture:
    """side × side Gaussians around the origin. Raises ConfigError if they overlap."""
    if side < 1:
        raise ConfigError(f"A grid needs at least one mode a side, not {side}.")
    ticks = spacing * (np.arange(side) - (side - 1) / 2)
    return Mixture(f"grid-{side**2}", np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2), sigma)


@dataclass(frozen=True, eq=False)
class Images:
    """N images in memory, stored as bytes and scaled when drawn."""

    name: str
    pixels: np.ndarray  # [N, P, R, C] uint8, 0 to top
    labels: np.ndarray | None  # [N] int64, 0 to num_classes − 1
    num_classes: int
    top: int = 255

    @property
    def shape(self) -> tuple[int, ...]:
        return self.pixels.shape[1:]

    @property
    def digest(self) -> str:
        """SHA-256 of shape, pixels and labels: equal for equal sets, on any machine."""
        total = hashlib.sha256(repr(self.pixels.shape).encode())
        total.update(np.ascontiguousarray(self.pixels).tobytes())
        if self.labels is not None:
            total.update(self.labels.astype("<i8").tobytes())
        return total.hexdigest()

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """(x [B, P, R, C] float32 in [−1, 1], labels [B] int64 or None) of the rows [B]."""
        x = self.pixels[rows].astype(np.float32) * np.float32(2 / self.top) - np.float32(1)
        return x, None if self.labels is None else self.labels[rows]

    def everything(self) -> tuple[np.ndarray, np.ndarray | None]:
        """`take` of all N, in order: for measurements."""
        return self.take(np.arange(len(self.pixels)))

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
        """(x [n, P, R, C] float32 in [−1, 1], labels [n] int64 or None)."""
        return self.take(rng.integers(len(self.pixels), size=n))


class StackedDigits:
    """Three random digits as the planes of one image: 1,000 equally likely modes (after Metz 2017, 1611.02163).

    Classes are drawn first, then an image of each class, so that modes are exactly uniform. The label is the number
    that the planes form, the first plane being the hundreds.
    """

    def __init__(self, digits: Images) -> None:
        assert digits.labels is not None and digits.shape[0] == 1
        self._digits = digits
        self._order = np.argsort(digits.labels, kind="stable")
        self._counts = np.bincount(digits.labels, minlength=digits.num_classes)
        self._starts = np.cumsum(self._counts) - self._counts
        assert (self._counts > 0).all(), "a class without an image cannot be drawn"

    @property
    def name(self) -> str:
        return f"stacked-{self._digits.name}"

    @property
    def shape(self) -> tuple[int, ...]:
        return (DIGITS_PER_STACK, *self._digits.shape[1:])

    @property
    def num_classes(self) -> int:
        return int(self._digits.num_classes**DIGITS_PER_STACK)

    @property
    def digest(self) -> str:
        """The digest of the digits."""
        return self._digits.digest

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(x [n, 3, R, C] float32 in [−1, 1], labels [n] int64, 0–999)."""
        classes = rng.integers(self._digits.num_classes, size=(n, DIGITS_PER_STACK))
        rows = self._order[self._starts[classes] + rng.integers(self._counts[classes])]
        x, _ = self._digits.take(rows.reshape(-1))
        weights = self._digits.num_classes ** np.arange(DIGITS_PER_STACK)[::-1]
        return x.reshape(n, *self.shape), classes @ weights


def digits(held_out: bool = False) -> Images:
    """Scikit-learn's handwritten digits (UCI optdigits), [N, 1, 8, 8], ink 1 and paper −1: N = 1,201, or 596 held out.

    A third of each class is held out: the images with the smallest SHA-256, so that the split depends neither on a
    library's random numbers nor on the order of images. Both parts are by the same writers. Raises DataError if
    scikit-learn is missing.
    """
    try:
        from sklearn import datasets  # type: ignore[import-untyped]
    except ImportError:
        raise files.DataError(
            "data.name=digits needs scikit-learn, which is missing: pip install scikit-learn."
        ) from None
    raw = datasets.load_digits()
    pixels, labels = raw.images.astype(np.uint8)[:, None], raw.target.astype(np.int64)
    return split(Images("digits", pixels, labels, 10, DIGITS_TOP), DIGITS_HELD_OUT)[held_out]


def split(images: Images, one_in: int = HELD_OUT) -> tuple[Images, Images]:
    """(training part, held-out part): of each class, one image in `one_in` is held out, those with the smallest
    SHA-256. This depends on no random numbers, and on the order of images only among identical ones.

    Raises DataError if either part would be empty, and for images that are all alike.
    """
    if len(images.pixels) > 1 and (images.pixels == images.pixels[0]).all():
        raise files.DataError(f"All {len(images.pixels)} images of {images.name} are alike: expected different ones.")
    names = np.array([hashlib.sha256(image.tobytes()).hexdigest() for image in images.pixels])
    labels = np.zeros(len(names), np.int64) if images.labels is None else images.labels
    held_out = np.zeros(len(names), dtype=bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        held_out[rows[np.argsort(names[rows], kind="stable")[: len(rows) // one_in]]] = True
    if held_out.all() or not held_out.any():
        raise files.DataError(
            f"{images.name} holds {len(names)} images, too few to hold out one in {one_in} of each class."
        )

    return part(images, ~held_out, images.name), part(images, held_out, f"{images.name}-held-out")


def part(images: Images, rows: np.ndarray, name: str) -> Images:
    """The images of the given rows, indices or booleans [N]."""
    labels = None if images.labels is None else images.labels[rows]
    return replace(images, name=name, pixels=images.pixels[rows], labels=labels)


def stacked_digits(held_out: bool = False) -> StackedDigits:
    """[B, 3, 8, 8]. Raises DataError if scikit-learn is missing."""
    return StackedDigits(digits(held_out))


def from_idx(images: Path, labels: Path | None = None) -> Images:
    """Images [N, 1, R, C] of IDX files; the labels that occur, in order, are the classes 0, 1, …, whatever gaps are
    between them. Raises DataError if they cannot be used."""
    pixels, found = files.read_idx_images(images, labels)
    if found is None:
        return Images(Path(images).name, pixels, None, 0)
    there, classes = np.unique(found, return_inverse=True)
    return Images(Path(images).name, pixels, classes.astype(np.int64), len(there))


def from_cifar10(paths: Sequence[Path]) -> Images:
    """Images [N, 3, 32, 32] of CIFAR-10's binary files. Raises DataError if they cannot be used."""
    pixels, labels = files.read_cifar10(paths)
    return Images("cifar-10", pixels, labels, files.CIFAR_CLASSES)
