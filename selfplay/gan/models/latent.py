"""The inputs of generators as spaces: drawing from them, walking through them, adding classes in them.

What stands for a class is its embedding in a conditional generator; in others the mean of its inputs, which come from
reals where there is an encoder, else from samples in which the class is read. Knows generators as `players` has them,
not which networks they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from selfplay.errors import ConfigError
from selfplay.gan.metrics import quality

if TYPE_CHECKING:
    from selfplay.gan.players import Generator

KNOWN = 5_000  # inputs whose classes are found out
WALKS = 1_000  # that are measured
SUMS = 20  # of each pair of classes
MOST_CLASSES = 25  # whose pairs are all measured


class Space(Protocol):
    """Where a generator's inputs [n, L] float32 come from, and how one walks between two of them."""

    @property
    def size(self) -> int:
        """L."""
        ...

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """[n, L] float32, independent draws."""
        ...

    def between(self, start: np.ndarray, end: np.ndarray, at: np.ndarray) -> np.ndarray:
        """[n, L] float32: the share `at` [n], 0 to 1, of the way from start [n, L] to end [n, L]."""
        ...


class Gaussian:
    """Independent standard normal numbers; one walks along arcs."""

    def __init__(self, size: int) -> None:
        self.size = size

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal((n, self.size), dtype=np.float32)

    def between(self, start: np.ndarray, end: np.ndarray, at: np.ndarray) -> np.ndarray:
        return spherical(start, end, at)


def straight(start: np.ndarray, end: np.ndarray, at: np.ndarray) -> np.ndarray:
    """[n, L] float32 on the lines from start [n, L] to end [n, L] at [n]."""
    share = np.asarray(at, np.float64)[:, None]
    return ((1 - share) * start + share * end).astype(np.float32)


def spherical(start: np.ndarray, end: np.ndarray, at: np.ndarray) -> np.ndarray:
    """[n, L] float32 on the arcs from start [n, L] to end [n, L] at [n] (Shoemake 1985; White 2016, 1609.04468).

    A line between two Gaussian points of many dimensions passes nearer to the origin than such points ever lie; the arc
    keeps its distance: (sin((1 − t)ω)·a + sin(tω)·b) / sin ω, ω the angle between a and b. Where there is no such angle
    (one of them is 0) or no single arc (they point the same way, or opposite ways) it is the line.
    """
    share = np.asarray(at, np.float64)[:, None]
    a, b = np.asarray(start, np.float64), np.asarray(end, np.float64)
    lengths = np.linalg.norm(a, axis=1, keepdims=True) * np.linalg.norm(b, axis=1, keepdims=True)
    cosine = np.clip((a * b).sum(axis=1, keepdims=True) / np.where(lengths > 0, lengths, 1), -1, 1)
    angle = np.arccos(cosine)
    sine = np.where(lengths > 0, np.sin(angle), 0)
    curved = sine > 1e-6
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = np.sin((1 - share) * angle) / sine, np.sin(share * angle) / sine
    first, second = np.where(curved, weights[0], 1 - share), np.where(curved, weights[1], share)
    return (first * a + second * b).astype(np.float32)


def path(space: Space, start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """[n, steps, L] float32: the walks from start [n, L] to end [n, L], both included, steps ≥ 2."""
    assert steps >= 2
    walks = [space.between(start, end, np.full(len(start), at)) for at in np.linspace(0, 1, steps)]
    return np.stack(walks, axis=1)


class Classes(NamedTuple):
    """What stands for the classes of a generator that takes no labels."""

    inputs: np.ndarray  # [KNOWN, L] float32
    labels: np.ndarray  # [KNOWN] int64, the class of each
    means: np.ndarray  # [C, L] float64, NaN of a class that is not among them


def classes(generator: Generator, rng: np.random.Generator) -> Classes:
    """Raises ConfigError for data without classes that can be read."""
    source, labels = generator.source, None
    if generator.encode is not None:
        x, labels = source.train.sample(KNOWN, rng)
        inputs = generator.encode(x)
    else:
        inputs = generator.space.draw(KNOWN, rng)
        if source.reader is not None:
            labels = source.reader.probabilities(generator.of_inputs(inputs, None)).argmax(axis=1)
    if labels is None:
        raise ConfigError(f"Arithmetic adds classes, and nothing reads any in {source.train.name}: choose other data.")
    means = np.full((source.num_classes, inputs.shape[1]), np.nan)
    for label in np.unique(labels):
        means[label] = inputs[labels == label].mean(axis=0, dtype=np.float64)
    return Classes(inputs, labels, means)


def arithmetic(
    generator: Generator,
    terms: Sequence[tuple[int, int]],
    n: int,
    rng: np.random.Generator,
    known: Classes | None = None,
) -> np.ndarray:
    """[n, *shape] float32: samples of a sum of classes, whose terms are (sign, class) with 1 as the first sign.

    A conditional generator gets the sum of embeddings; a term less the same term leaves exactly the rest. In others,
    what is added up are n inputs of the first class and means of the rest (Radford 2015, 1511.06434, section 6.3.2).
    known: `classes` of an unconditional generator, if they are known. Raises ConfigError where there are none, or where
    a class of the sum is not among them.
    """
    (sign, first), *rest = terms
    assert sign == 1
    if generator.config.conditional:
        embeddings = generator.embeddings()
        total = sum(sign * embeddings[label] for sign, label in terms)
        return generator.of_embedded(generator.space.draw(n, rng), np.tile(total, (n, 1)))
    known = known or classes(generator, rng)
    missing = sorted({label for _, label in terms if np.isnan(known.means[label]).any()})
    if missing:
        raise ConfigError(f"No sample was read as class {missing[0]}: expected a generator that makes some.")
    start = known.inputs[rng.choice(np.flatnonzero(known.labels == first), size=n)]
    change = sum((sign * known.means[label] for sign, label in rest), np.zeros(start.shape[1]))
    return generator.of_inputs((start + change).astype(np.float32), None)


def figures(generator: Generator, rng: np.random.Generator) -> dict[str, float]:
    """How good the middle of walks is beside their ends, and whether sums of classes are what they should be.

    {end,middle}_frechet: Fréchet distances from as many reals, in the judge's space; {end,middle}_confidence: mean
    probability of the class that is read in samples; sums_read: share of samples of s − s + t that are read as t, all
    pairs of classes alike. Ends are codes of held-out reals where there is an encoder, and of one class where labels
    are asked for. Confidence and sums need data whose classes can be read; sums 2 to 25 of them.
    """
    source, count = generator.source, generator.source.num_classes
    start, end = (_ends(generator, rng) for _ in range(2))
    labels = rng.integers(count, size=WALKS) if generator.config.conditional else None
    middle = generator.space.between(start, end, np.full(WALKS, 0.5))
    reals = source.judge.features(source.train.sample(WALKS, rng)[0])
    found = {}
    for name, inputs in (("end", start), ("middle", middle)):
        x = generator.of_inputs(inputs, labels)
        found[f"{name}_frechet"] = quality.frechet(reals, source.judge.features(x))
        if source.reader is not None:
            found[f"{name}_confidence"] = float(source.reader.probabilities(x).max(axis=1).mean())
    if source.reader is not None and 2 <= count <= MOST_CLASSES:
        found["sums_read"] = _sums_read(generator, rng)
    return found


def _ends(generator: Generator, rng: np.random.Generator) -> np.ndarray:
    if generator.encode is None:
        return generator.space.draw(WALKS, rng)
    return generator.encode(generator.source.held_out.sample(WALKS, rng)[0])


def _sums_read(generator: Generator, rng: np.random.Generator) -> float:
    source = generator.source
    assert source.reader is not None
    known = None if generator.config.conditional else classes(generator, rng)
    there = range(source.num_classes) if known is None else np.unique(known.labels)
    right = []
    for first in there:
        for target in there:
            if first != target:
                x = arithmetic(generator, [(1, first), (-1, first), (1, target)], SUMS, rng, known)
                right.append(np.mean(source.reader.probabilities(x).argmax(axis=1) == target))
    return float(np.mean(right))
