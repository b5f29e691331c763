"""Interpolation and arithmetic in a generator's inputs, and measurements of both.

The vector of a class is its embedding in a conditional generator; in others it is the mean of the inputs of that class,
which come from encoded reals if the model has an encoder, else from samples that are classified. Knows trained
generators, not which networks they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from selfplay.errors import ConfigError
from selfplay.gan.inference import TrainedGenerator
from selfplay.gan.metrics import quality

CLASSIFIED = 5_000  # inputs whose classes are determined
INTERPOLATIONS = 1_000  # that are measured
SUMS = 20  # of each pair of classes
MOST_CLASSES = 25  # whose pairs are all measured


class ClassInputs(NamedTuple):
    """Inputs by class, of a generator that takes no labels."""

    inputs: np.ndarray  # [CLASSIFIED, L] float32
    labels: np.ndarray  # [CLASSIFIED] int64, the class of each
    means: np.ndarray  # [C, L] float64, NaN for a class that no input has


def classes(generator: TrainedGenerator, rng: np.random.Generator) -> ClassInputs:
    """The inputs of each class. Raises ConfigError for data without labels and without a classifier."""
    source, labels = generator.source, None
    if generator.encode is not None:
        x, labels = source.train.sample(CLASSIFIED, rng)
        inputs = generator.encode(x)
    else:
        inputs = generator.space.draw(CLASSIFIED, rng)
        if source.reader is not None:
            labels = source.reader.probabilities(generator.from_inputs(inputs, None)).argmax(axis=1)
    if labels is None:
        raise ConfigError(
            f"Arithmetic needs classes, and there is no classifier for {source.train.name}: choose a run trained on "
            "digits, ring or grid."
        )
    means = np.full((source.num_classes, inputs.shape[1]), np.nan)
    for label in np.unique(labels):
        means[label] = inputs[labels == label].mean(axis=0, dtype=np.float64)
    return ClassInputs(inputs, labels, means)


def arithmetic(
    generator: TrainedGenerator,
    terms: Sequence[tuple[int, int]],
    n: int,
    rng: np.random.Generator,
    known: ClassInputs | None = None,
) -> np.ndarray:
    """[n, *shape] float32: samples of a signed sum of classes. terms: (sign, class), the first sign is 1.

    A conditional generator gets the sum of embeddings, in which equal terms of opposite signs cancel exactly. Others
    get n inputs of the first class, to which the means of the others are added (Radford 2015, 1511.06434, section
    6.3.2). known: `classes` of an unconditional generator, computed if None. Raises ConfigError if it has none, or none
    of a class in the sum.
    """
    (sign, first), *rest = terms
    assert sign == 1
    if generator.config.conditional:
        embeddings = generator.class_embeddings()
        total = sum(sign * embeddings[label] for sign, label in terms)
        return generator.from_embeddings(generator.space.draw(n, rng), np.tile(total, (n, 1)))
    known = known or classes(generator, rng)
    missing = sorted({label for _, label in terms if np.isnan(known.means[label]).any()})
    if missing:
        raise ConfigError(
            f"Of {CLASSIFIED:,} samples none was classified as {missing[0]}: choose a class that the generator makes, "
            "or another generation."
        )
    start = known.inputs[rng.choice(np.flatnonzero(known.labels == first), size=n)]
    change = sum((sign * known.means[label] for sign, label in rest), np.zeros(start.shape[1]))
    return generator.from_inputs((start + change).astype(np.float32), None)


def metrics(generator: TrainedGenerator, rng: np.random.Generator) -> dict[str, float]:
    """Quality at the midpoint of interpolations against their ends, and accuracy of sums of classes.

    {end,middle}_frechet: Fréchet distances from as many reals, in the judge's features; {end,middle}_confidence: mean
    probability of the most likely class; sums_read: share of samples of s − s + t that are classified as t, averaged
    over all pairs of classes. Ends are encoded held-out reals if the model has an encoder; both are of one class in a
    conditional generator. Confidence and sums need a classifier of the data; sums also 2 to 25 classes.
    """
    source, count = generator.source, generator.source.num_classes
    start, end = (_ends(generator, rng) for _ in range(2))
    labels = rng.integers(count, size=INTERPOLATIONS) if generator.config.conditional else None
    middle = generator.space.between(start, end, np.full(INTERPOLATIONS, 0.5))
    reals = source.judge.features(source.train.sample(INTERPOLATIONS, rng)[0])
    found = {}
    for name, inputs in (("end", start), ("middle", middle)):
        x = generator.from_inputs(inputs, labels)
        found[f"{name}_frechet"] = quality.frechet(reals, source.judge.features(x))
        if source.reader is not None:
            found[f"{name}_confidence"] = float(source.reader.probabilities(x).max(axis=1).mean())
    if source.reader is not None and 2 <= count <= MOST_CLASSES:
        found["sums_read"] = _sums_read(generator, rng)
    return found


def _ends(generator: TrainedGenerator, rng: np.random.Generator) -> np.ndarray:
    if generator.encode is None:
        return generator.space.draw(INTERPOLATIONS, rng)
    return generator.encode(generator.source.held_out.sample(INTERPOLATIONS, rng)[0])


def _sums_read(generator: TrainedGenerator, rng: np.random.Generator) -> float:
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
