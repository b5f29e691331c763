"""Mixtures of Gaussians in a plane, whose modes are known and can be counted: a ring and a grid."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from selfplay.errors import ConfigError

APART = 6  # least σ between neighbouring modes, so that no sample lies within 3 σ of two of them


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

    def of_classes(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """x [n, D] float32 of the modes labels [n]."""
        noise = rng.standard_normal((len(labels), self.centres.shape[1]))
        return (self.centres[labels] + self.sigma * noise).astype(np.float32)

    def turned(self, degrees: float) -> Mixture:
        """About the origin, counterclockwise."""
        angle = math.radians(degrees)
        matrix = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
        return replace(self, centres=self.centres @ matrix)


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
