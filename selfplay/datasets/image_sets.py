"""Data sets of images: scikit-learn's digits, stacked digits, and images from the user's files.

It knows no network and no measure of quality. Nothing is downloaded. Positions of board games, which need the rules of
a game, are in `selfplay.gan.data.positions`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from selfplay.datasets import dataset, files

DIGITS_TOP = 16  # of the pixels of scikit-learn's digits: 0 paper, 16 ink
DIGITS_HELD_OUT = 3  # of each class of digits, one image in this many is held out
HELD_OUT = 6  # the same for other images
DIGITS_PER_STACK = 3


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

    def of_classes(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """x [n, P, R, C] float32 in [−1, 1] of the classes labels [n]."""
        assert self.labels is not None
        return self.take(dataset.rows_of_classes(self.labels, self.num_classes, labels, rng))[0]

    def inverted(self) -> Images:
        """Of −x."""
        return replace(self, pixels=(self.top - self.pixels).astype(np.uint8))

    def turned(self, degrees: float) -> Images:
        """Counterclockwise, by quarters. Raises ValueError for other angles."""
        if degrees % 90 or (degrees % 180 and self.shape[1] != self.shape[2]):
            raise ValueError("images are turned by quarters, 90, 180 or 270, and into their own shape")
        return replace(self, pixels=np.rot90(self.pixels, int(degrees // 90), axes=(2, 3)))


class StackedDigits:
    """Three random digits as the planes of one image: 1,000 equally likely modes (after Metz 2017, 1611.02163).

    Classes are drawn first, then an image of each class, so that modes are exactly uniform. The label is the number
    that the planes form, the first plane being the hundreds.
    """

    def __init__(self, digits: Images) -> None:
        assert digits.labels is not None and digits.shape[0] == 1
        self._digits = digits

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
        weights = self._digits.num_classes ** np.arange(DIGITS_PER_STACK)[::-1]
        return self._stacked(classes, rng), classes @ weights

    def of_classes(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """x [n, 3, R, C] float32 in [−1, 1] of the numbers labels [n]."""
        weights = self._digits.num_classes ** np.arange(DIGITS_PER_STACK)[::-1]
        return self._stacked(labels[:, None] // weights % self._digits.num_classes, rng)

    def inverted(self) -> StackedDigits:
        """Of −x."""
        return StackedDigits(self._digits.inverted())

    def turned(self, degrees: float) -> StackedDigits:
        """Each digit, see `Images.turned`."""
        return StackedDigits(self._digits.turned(degrees))

    def _stacked(self, classes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self._digits.of_classes(classes.reshape(-1), rng).reshape(len(classes), *self.shape)


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
