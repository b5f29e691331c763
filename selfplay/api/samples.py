"""Samples of a trained generator in Python, as arrays. Knows checkpoints of GAN runs; not how they were trained."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from selfplay.api import arguments
from selfplay.errors import ArgumentError
from selfplay.gan import load

MOST = 10_000_000  # samples of one call


class Samples(NamedTuple):
    """What a generator made."""

    x: np.ndarray
    """[n, *shape] float32, on the scale of the data: points, or images in [-1, 1]."""

    labels: np.ndarray | None
    """[n] int64: the classes that were asked for; None of a generator that was trained without classes."""


def sample(run: str | os.PathLike[str], n: int, *, seed: int = 0, label: int | None = None) -> Samples:
    """`n` samples of the newest generation of a GAN run, or of one generation's folder; equal for equal seeds.

    label: the class of all of them, of a generator that was trained by class; drawn evenly where None.
    Raises UserError where the folder holds no generator, or there is no such class."""
    path = arguments.path("the run", run)
    count, seed = arguments.whole_number("n", n, 1, MOST), arguments.whole_number("seed", seed, 0, 2**62)
    loaded = load.load(path)
    labels = None
    if label is not None:
        if not loaded.generator.config.conditional:
            raise ArgumentError(f"'{path}' was trained without classes and can't be asked for one.")
        chosen = arguments.whole_number("label", label, 0, loaded.generator.source.num_classes - 1)
        labels = np.full(count, chosen)
    return Samples(*loaded.generator.sample(count, np.random.default_rng(seed), labels))
