"""Buckets for hard-example mining: reals by class or mode, and which of them no fake comes near.

Trains nothing."""

from __future__ import annotations

import numpy as np

from selfplay.gan.metrics import quality


def buckets(rows: np.ndarray) -> np.ndarray:
    """[M] int64 of rows [M]: the class or mode of the real; one bucket, −1, where data have none."""
    return rows["label"].astype(np.int64)


def uncovered(real: np.ndarray, fake: np.ndarray, k: int = quality.NEIGHBOURS) -> np.ndarray:
    """[N] float64 of reals [N, D]: 1 where no fake [M, D] is as near as the k-th nearest other real, else 0; N > k.

    1 − its mean is coverage (Naeem 2020, 2002.09797). With M = N, fakes as good as reals leave about 2^−k of each
    bucket uncovered, and fakes that come half as often as they should in some place, about (2/3)^k there. A class of
    k reals or fewer has its neighbours elsewhere and looks covered; so do k reals or fewer in all.
    """
    if len(real) <= k:
        return np.zeros(len(real))
    reach = quality.kth_distances(real, k)
    return (quality.nearest_distances(real, fake) > reach).astype(np.float64)
