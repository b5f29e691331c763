"""The birthday test of variety: how many distinct samples a generator makes (Arora & Zhang 2017, 1706.08224).

Among n draws from S equally likely things, 1 pair in S is equal. Generators draw from a continuum, so here a pair is
equal when it is closer than nearly all pairs of reals, and the reals give the rate to expect. No pair has to be
inspected by eye. Knows samples and data sets, not what made the fakes.
"""

from __future__ import annotations

import numpy as np

from selfplay.datasets.dataset import Dataset

SAMPLES = 1_000  # of each kind: half a million pairs, of which perfect fakes have 500 ± 25 equal ones
LEAST = 100  # reals: with fewer, too few pairs are near
NEAR = 1e-3  # share of the pairs of reals that count as equal


def different(dataset: Dataset, rng: np.random.Generator) -> np.ndarray | None:
    """SAMPLES reals [N, *shape], drawn without replacement from a finite set; None if it holds fewer than LEAST."""
    everything = getattr(dataset, "everything", None)
    if everything is None:
        return dataset.sample(SAMPLES, rng)[0]
    x: np.ndarray = everything()[0]
    return x[rng.permutation(len(x))[:SAMPLES]] if len(x) >= LEAST else None


def distinct(reals: np.ndarray, fakes: np.ndarray) -> float:
    """Distinct fakes per distinct real, 0 to 1: 1 for a perfect generator, 1/k for one that repeats itself k times as
    often as the data do.

    reals [N, *shape], N ≥ LEAST, all different; fakes [M, *shape], M ≥ 2; the first SAMPLES of both are used. A pair is
    equal if it is within the distance below which a share NEAR of the pairs of reals lie.
    """
    assert len(reals) >= LEAST and len(fakes) >= 2, (len(reals), len(fakes))
    radius = float(np.quantile(_pairs(reals), NEAR))
    repeated = float(np.mean(_pairs(fakes) <= radius))
    return 1.0 if repeated <= NEAR else NEAR / repeated


def _pairs(points: np.ndarray) -> np.ndarray:
    """[n(n − 1)/2] squared Euclidean distances, from products of centred points: exact to about 1e-14 of the points'
    extent, far below any radius here."""
    points = np.asarray(points[:SAMPLES], dtype=np.float64).reshape(min(len(points), SAMPLES), -1)
    points = points - points.mean(axis=0)
    squares = np.square(points).sum(axis=1)
    distances = squares[:, None] + squares[None] - 2 * points @ points.T
    return np.maximum(distances[np.triu_indices(len(points), 1)], 0.0)
