"""How alike two samples are, told by nearest neighbours, without a judge or a critic.

Knows points, not where they come from.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

NEIGHBOURS = 5


def alike(one: np.ndarray, other: np.ndarray, k: int = NEIGHBOURS) -> float:
    """About 1 for two samples of one distribution, 0 for two that lie apart. one, other [N, D], N > k.

    Of the k nearest neighbours of each point among both samples, the share that is of the same sample is ½ for one
    distribution and 1 for two that lie apart (Schilling 1986; Henze 1988); this is twice the share of the others. It
    falls where places differ, and where they are visited more often by one of the two.
    """
    assert one.shape == other.shape and len(one) > k, (one.shape, other.shape)
    both = np.concatenate([one, other]).astype(np.float64)
    of = np.repeat([False, True], len(one))
    nearest = cKDTree(both).query(both, k + 1)[1]
    own = nearest == np.arange(len(both))[:, None]
    own[~own.any(axis=1), -1] = True  # among more than k points in one place it may not be listed itself
    neighbours = nearest[~own].reshape(len(both), k)
    expected = 0.5 * (2 * len(one)) / (2 * len(one) - 1)  # share of the others under one distribution
    return float(np.mean(of[neighbours] != of[:, None]) / expected)
