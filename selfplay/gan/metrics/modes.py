"""Mode coverage: how many modes of the data samples reach, how evenly, and what a perfect sampler would score.

No number here is meaningful alone: collapse raises the share of high quality, the KL hides a lost mode, a bad generator
can put one sample in every mode, and single points count as modes unless their spread is checked. Knows samples or
labels, not where they come from.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import gammainc

from selfplay.datasets.mixtures import Mixture
from selfplay.errors import TrainingDiverged

RADIUS = 3  # σ about a centre, within which a sample is of high quality
FAIR_SHARE = 1 / 4  # of n/M samples within RADIUS, from which a mode counts as captured
LEAST = 5  # samples from which a mode of stacked digits counts: with fewer, misclassified samples fill empty modes


class MixtureCoverage(NamedTuple):
    """Coverage of a mixture of M modes by samples [N, D]."""

    captured: float  # modes with at least a quarter of their fair share N/M within 3 σ, 0 to M
    touched: float  # modes with a sample within 3 σ, as PacGAN (1712.04086) counts
    high_quality: float  # share of samples within 3 σ of a centre; `ceiling` if perfect
    kl: float  # nats, of the histogram over nearest modes from uniform: as published; counts every sample as inside
    kl_off: float  # nats, of the histogram of samples within 3 σ, and a bin for all others, from the true one
    spread: float  # mean of `spreads` over the modes that have one; nan if none has
    spreads: np.ndarray  # [M] standard deviation within 3 σ over the true one; nan below two samples
    counts: np.ndarray  # [M] samples within 3 σ


class LabelCoverage(NamedTuple):
    """Coverage of M equally likely modes by samples with labels [N]; `perfect_labels` returns means."""

    captured: float  # modes with at least LEAST samples, 0 to M
    touched: float  # modes with a sample, as published
    kl: float  # nats, of the histogram from uniform, 0 to ln M


def ceiling(dimensions: int = 2) -> float:
    """Share of a Gaussian's mass within 3 σ: 1 − e^−4.5 = 98.9 % in the plane."""
    return float(gammainc(dimensions / 2, RADIUS**2 / 2))


def reverse_kl(counts: np.ndarray, truth: np.ndarray | None = None) -> float:
    """Σ p ln(p/q) in nats, p the shares of the counts [M], q = truth [M], uniform if None. nan without counts."""
    if not counts.sum():
        return float("nan")
    shares = counts / counts.sum()
    truth = np.full(len(counts), 1 / len(counts)) if truth is None else truth
    some = shares > 0
    return float(np.sum(shares[some] * np.log(shares[some] / truth[some])))


def mixture_coverage(samples: np.ndarray, mixture: Mixture, weights: np.ndarray | None = None) -> MixtureCoverage:
    """Coverage of the mixture by samples [N, D], of any float type, N ≥ 1. weights: [M] of the modes, adding up to 1,
    where they differ.

    A spread is taken about the samples' own mean, over all axes, and divided by what a Gaussian of σ has within 3 σ
    (0.974 σ in the plane), so that a perfect sampler reads 1, a point 0. Since it looks no further than 3 σ, it reads
    modes 1.2 times too wide as 1.14 and never more than 1.54: width shows in `high_quality`, 1 − e^(−4.5/s²).
    Raises TrainingDiverged if a sample is not finite.
    """
    samples = np.asarray(samples, dtype=np.float64)
    assert samples.ndim == 2 and samples.shape[1:] == mixture.shape and len(samples) > 0, samples.shape
    if not np.isfinite(samples).all():
        raise TrainingDiverged("Samples hold numbers that are not finite: the generator has diverged.")
    modes, (n, dimensions) = len(mixture.centres), samples.shape
    distances = np.linalg.norm(samples[:, None] - mixture.centres[None], axis=2)  # [N, M]
    nearest = distances.argmin(axis=1)
    inside = distances[np.arange(n), nearest] <= RADIUS * mixture.sigma
    counts = np.bincount(nearest[inside], minlength=modes)
    top, fair = ceiling(dimensions), np.full(modes, 1 / modes) if weights is None else weights
    offsets = samples[inside] - mixture.centres[nearest[inside]]
    spreads = _spreads(offsets, nearest[inside], modes) / (mixture.sigma * _spread_within(dimensions))
    return MixtureCoverage(
        captured=float(np.sum(counts >= np.maximum(1, FAIR_SHARE * n * fair))),
        touched=float(np.sum(counts > 0)),
        high_quality=float(inside.mean()),
        kl=reverse_kl(np.bincount(nearest, minlength=modes), weights),
        kl_off=reverse_kl(np.append(counts, n - counts.sum()), np.append(top * fair, 1 - top)),
        spread=float(np.mean(spreads[~np.isnan(spreads)])) if (counts > 1).any() else float("nan"),
        spreads=spreads,
        counts=counts,
    )


def _spread_within(dimensions: int) -> float:
    """Standard deviation along an axis of a standard Gaussian cut off at RADIUS: E[r²; r < 3] / (D·P(r < 3))."""
    return float(np.sqrt(gammainc(dimensions / 2 + 1, RADIUS**2 / 2) / ceiling(dimensions)))


def _spreads(offsets: np.ndarray, modes: np.ndarray, count: int) -> np.ndarray:
    """[count] root mean variance over the axes of the offsets [B, D] of each mode; nan below two samples."""
    numbers = np.bincount(modes, minlength=count)
    means = np.stack([np.bincount(modes, axis, count) for axis in offsets.T], axis=1) / np.maximum(numbers, 1)[:, None]
    squares = np.bincount(modes, np.square(offsets - means[modes]).mean(axis=1), count)
    return np.sqrt(np.where(numbers > 1, squares / np.maximum(numbers - 1, 1), np.nan))


def label_coverage(labels: np.ndarray, modes: int = 1000, least: int = LEAST) -> LabelCoverage:
    """Coverage by samples that were classified as labels [N], 0 to modes − 1, N ≥ 1; the truth is uniform.

    Published counts of stacked MNIST take least = 1, `touched`, at N = 26,000.
    """
    assert labels.ndim == 1 and len(labels) > 0 and 0 <= labels.min() and labels.max() < modes
    counts = np.bincount(labels, minlength=modes)
    return LabelCoverage(float(np.sum(counts >= least)), float(np.sum(counts > 0)), reverse_kl(counts))


def perfect_labels(
    n: int, rng: np.random.Generator, modes: int = 1000, least: int = LEAST, repeats: int = 20
) -> LabelCoverage:
    """The mean score of n uniform labels. Uniform errors of the classifier do not change it."""
    found = [label_coverage(rng.integers(modes, size=n), modes, least) for _ in range(repeats)]
    return LabelCoverage(*(float(np.mean(values)) for values in zip(*found, strict=True)))
