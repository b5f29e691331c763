"""Distances between fakes and reals in a space of features [N, D] that the caller chooses.

Few of these are 0 or 1 for a perfect generator with finitely many samples; the bias depends on N and on the features.
So judges report a floor with them: the same measure of reals against other reals, at the same N. Computed in float64;
features may be of any float type. Knows features, not how they were computed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from selfplay.errors import ConfigError, TrainingDiverged
from selfplay.gan.metrics import auc

ROWS = 512  # of a distance matrix at a time
NEIGHBOURS = 5  # k of `neighbourhoods`: a perfect generator covers 1 − 2^−k
BLOCKS = 10  # of `kernel_distance`


def frechet(real: np.ndarray, fake: np.ndarray) -> float:
    """‖μ₁ − μ₂‖² + tr(Σ₁ + Σ₂ − 2(Σ₁Σ₂)^½) of the Gaussians through real [N, D] and fake [M, D] (Dowson & Landau 1982;
    as FID, Heusel 2017, 1706.08500). In squared units of the features, ≥ 0; N, M ≥ 2.

    The eigenvalues of Σ₁Σ₂ are the squared singular values of R₁R₂ᵀ, where Σ = RᵀR by QR of the centred features: no
    covariance, product or matrix square root is formed, so nothing is squared that loses digits, nothing turns complex,
    and N < D is no special case. Grows as the samples get fewer, by about 1/N: compare at equal N only.
    """
    real, fake = _checked(real, 2), _checked(fake, 2)
    first, second = _root(real), _root(fake)
    cross = np.linalg.svd(first @ second.T, compute_uv=False).sum()
    means = np.square(real.mean(axis=0) - fake.mean(axis=0)).sum()
    return max(0.0, float(means + np.square(first).sum() + np.square(second).sum() - 2 * cross))


def _root(features: np.ndarray) -> np.ndarray:
    """R with RᵀR the covariance of the features [N, D]."""
    centred = features - features.mean(axis=0)
    return np.asarray(np.linalg.qr(centred / np.sqrt(len(features) - 1), mode="r"))


class Estimate(NamedTuple):
    value: float
    error: float  # standard error


def kernel_distance(real: np.ndarray, fake: np.ndarray, rng: np.random.Generator, blocks: int = BLOCKS) -> Estimate:
    """The squared maximum mean discrepancy of real [N, D] and fake [M, D] under the kernel (x·y/D + 1)³, unbiased: 0 on
    average, and often below, if both have one distribution (KID: Bińkowski 2018, 1801.01401; Gretton 2012).

    The mean over disjoint random blocks of reals and of fakes, with the standard error of that mean. The usual subsets
    overlap, so that their standard error is too small; the price is a noisier value. N, M ≥ 2·blocks.
    """
    real, fake = _checked(real, 2 * blocks), _checked(fake, 2 * blocks)
    parts = zip(_parts(real, blocks, rng), _parts(fake, blocks, rng), strict=True)
    found = [squared_discrepancy(x, y) for x, y in parts]
    return Estimate(float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(blocks)))


def squared_discrepancy(x: np.ndarray, y: np.ndarray) -> float:
    """`kernel_distance` of x [N, D] and y [M, D] as one block, N, M ≥ 2."""
    n, m, dimensions = len(x), len(y), x.shape[1]
    within_x, within_y, between = ((a @ b.T / dimensions + 1) ** 3 for a, b in ((x, x), (y, y), (x, y)))
    inner_x = (within_x.sum() - np.trace(within_x)) / (n * (n - 1))
    inner_y = (within_y.sum() - np.trace(within_y)) / (m * (m - 1))
    return float(inner_x + inner_y - 2 * between.mean())


def _parts(features: np.ndarray, blocks: int, rng: np.random.Generator) -> list[np.ndarray]:
    return [features[rows] for rows in np.array_split(rng.permutation(len(features)), blocks)]


class Neighbourhoods(NamedTuple):
    """Measures by balls around each sample that reach to its k-th neighbour of the same kind. A perfect generator is
    below 1 by an amount that depends on k and N."""

    precision: float  # share of fakes in a real's ball, 0 to 1: realism
    recall: float  # share of reals in a fake's ball, 0 to 1: variety
    density: float  # reals' balls that hold a fake, on average, over k: realism, 1 if perfect, more in dense places
    coverage: float  # share of reals with a fake in their ball, 0 to 1: variety, ≈ 1 − 2^−k if perfect and N = M


def neighbourhoods(real: np.ndarray, fake: np.ndarray, k: int = NEIGHBOURS) -> Neighbourhoods:
    """Improved precision and recall (Kynkäänniemi 2019, 1904.06991; k = 3 there), density and coverage (Naeem 2020,
    2002.09797) of real [N, D] and fake [M, D], N, M > k. A distance equal to a radius is inside, as in the former.

    One outlier has a large ball, which flatters precision and recall; density and coverage suffer less. O(N·M·D) time.
    """
    assert k >= 1
    real, fake = _checked(real, k + 1), _checked(fake, k + 1)
    real_radii, fake_radii = kth_distances(real, k), kth_distances(fake, k)
    holding = np.zeros(len(fake), dtype=np.int64)
    covered = recalled = 0
    for rows, distances in _distances(real, fake):
        inside = distances <= real_radii[rows, None]
        holding += inside.sum(axis=0)
        covered += int(inside.any(axis=1).sum())
        recalled += int((distances <= fake_radii).any(axis=1).sum())
    return Neighbourhoods(
        precision=float(np.mean(holding > 0)),
        recall=recalled / len(real),
        density=float(holding.mean() / k),
        coverage=covered / len(real),
    )


def kth_distances(points: np.ndarray, k: int) -> np.ndarray:
    """[N] Euclidean distance of each of the points [N, D] to its k-th neighbour among the others, N > k."""
    found = np.empty(len(points))
    for rows, distances in _distances(points, points):
        distances[np.arange(len(rows)), rows] = np.inf
        found[rows] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return found


def nearest_distances(points: np.ndarray, among: np.ndarray) -> np.ndarray:
    """[N] Euclidean distance of each of the points [N, D] to the nearest of `among` [M, D]."""
    found = np.empty(len(points))
    for rows, distances in _distances(points, among):
        found[rows] = distances.min(axis=1)
    return found


def _distances(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(rows, distances [rows, M]) of a [N, D] to b [M, D]: by differences: x² + y² − 2xy loses small distances."""
    for start in range(0, len(a), ROWS):
        part = a[start : start + ROWS]
        yield np.arange(start, start + len(part)), cdist(part, b)


class Memorisation(NamedTuple):
    """Whether fakes lie nearer to the training data than held-out reals do, as copies would."""

    share: float  # P(a fake is nearer to training data than a held-out real is), ties half; ½ if nothing is copied
    error: float  # standard error of `share`, DeLong's
    p_value: float  # of a share this large by chance: Mann–Whitney, one-sided
    ratio: float  # median distance of fakes to training data over that of held-out reals; 1 if nothing is copied
    copies: float  # share of fakes nearer to training data than all but 1 % of held-out reals; 0.01 if nothing is


def memorisation(train: np.ndarray, held_out: np.ndarray, fake: np.ndarray) -> Memorisation:
    """The three-sample test for copying (Meehan 2020, 2004.05675, its global form; not authenticity) on features train
    [N, D], held_out [H, D], fake [M, D], H, M ≥ 2.

    Both distances are to the same training data, so that its size cancels. A generator that keeps to dense regions,
    such as a collapsed one, is nearer too without copying: compare with coverage. Fakes off the data are farther, which
    hides copies among them from all but `copies`.
    """
    train, held_out, fake = _checked(train, 1), _checked(held_out, 2), _checked(fake, 2)
    of_reals, of_fakes = nearest_distances(held_out, train), nearest_distances(fake, train)
    found = auc.auc(of_reals, of_fakes)
    middle = float(np.median(of_reals))
    return Memorisation(
        share=found.value,
        error=float(np.sqrt(found.variance)),
        p_value=found.p_value,
        ratio=float(np.median(of_fakes)) / middle if middle else float("nan"),
        copies=float(np.mean(of_fakes < np.quantile(of_reals, 0.01))),
    )


def _checked(features: np.ndarray, least: int) -> np.ndarray:
    """The features [N, D] as float64. Raises ConfigError below `least` of them, TrainingDiverged if not finite."""
    assert features.ndim == 2, features.shape
    if len(features) < least:
        raise ConfigError(f"This measure needs at least {least} samples, not {len(features)}: raise their number.")
    features = np.asarray(features, dtype=np.float64)
    if not np.isfinite(features).all():
        raise TrainingDiverged("Features hold numbers that are not finite: the generator has diverged.")
    return features
