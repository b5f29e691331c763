"""Latent spaces: the distributions that generators' inputs are drawn from, and interpolation between two inputs.

Knows vectors, not generators or data.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np


class LatentSpace(Protocol):
    """The distribution of a generator's inputs [n, L] float32, and the interpolation between two of them."""

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


class GaussianSpace:
    """Independent standard normal numbers; interpolation is spherical."""

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


def path(space: LatentSpace, start: np.ndarray, end: np.ndarray, steps: int) -> np.ndarray:
    """[n, steps, L] float32: the walks from start [n, L] to end [n, L], both included, steps ≥ 2."""
    assert steps >= 2
    walks = [space.between(start, end, np.full(len(start), at)) for at in np.linspace(0, 1, steps)]
    return np.stack(walks, axis=1)
