"""A row of the supervised family's experience: what is seen, and its class."""

from __future__ import annotations

import numpy as np


def row_dtype(shape: tuple[int, ...]) -> np.dtype:
    """x float32 of this shape, label int32."""
    return np.dtype([("x", "f4", shape), ("label", "i4")])


def make(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Rows [M] of x [M, *shape] and labels [M]."""
    rows = np.zeros(len(x), row_dtype(x.shape[1:]))
    rows["x"], rows["label"] = x, labels
    return rows
