"""Random numbers of a detector: reproducible from its seed, and independent of data drawn with the same seed."""

from __future__ import annotations

import numpy as np


def generator(seed: int, purpose: str) -> np.random.Generator:
    """A generator of its own for each seed and purpose.

    `np.random.default_rng(0)` may well be what made the data: its numbers would break ties in the order of the values
    themselves, and a test that is exact for independent numbers would alarm at once."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=tuple(purpose.encode())))
