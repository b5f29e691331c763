"""How many different samples there are: the birthday test (Arora & Zhang 2017, 1706.08224), without looking at pairs.

Among n draws from S equally likely things, 1 pair in S is equal. Generators draw from a continuum, so that here a pair
is equal when it is nearer than nearly all pairs of reals are, and the reals say how many that would be anyway. Knows
samples and data sets, not what made fakes.
"""

from __future__ import annotations

import numpy as np

from selfplay.gan.data.datasets import Dataset

SAMPLES = 1_000  # on each side: half a million pairs, of which perfect fakes have 500 equal ones, give or take 25
LEAST = 100  # reals: of fewer, too few pairs are near
NEAR = 1e-3  # share of the pairs of reals that count as equal


def different(dataset: Dataset, rng: np.random.Generator) -> np.ndarray | None:
    """SAMPLES reals [N, *shape] of which no two are the same one; None where there are not LEAST."""
    everything = getattr(dataset, "everything", None)
    if everything is None:
        return dataset.sample(SAMPLES, rng)[0]
    x: np.ndarray = everything()[0]
    return x[rng.permutation(len(x))[:SAMPLES]] if len(x) >= LEAST else None


def distinct(reals: np.ndarray, fakes: np.ndarray) -> float:
    """How many different fakes there are for each real one, 0 to 1: 1 for a perfect generator, 1/k for one that repeats
    itself k times as often as the data do.

    reals [N, *shape], N ≥ LEAST, are all different; fakes [M, *shape], M ≥ 2; the first SAMPLES of both count. Equal is
    what lies within the distance below which a share NEAR of the pairs of reals lie.
    """
    assert len(reals) >= LEAST and len(fakes) >= 2, (len(reals), len(fakes))
    radius = float(np.quantile(_pairs(reals), NEAR))
    repeated = float(np.mean(_pairs(fakes) <= radius))
    return 1.0 if repeated <= NEAR else NEAR / repeated


def _pairs(points: np.ndarray) -> np.ndarray:
    """[n(n − 1)/2] squared Euclidean distances; by the products of centred points, which are exact to some 1e-14 of the
    points' extent: far below any radius here."""
    points = np.asarray(points[:SAMPLES], dtype=np.float64).reshape(min(len(points), SAMPLES), -1)
    points = points - points.mean(axis=0)
    squares = np.square(points).sum(axis=1)
    distances = squares[:, None] + squares[None] - 2 * points @ points.T
    return np.maximum(distances[np.triu_indices(len(points), 1)], 0.0)
