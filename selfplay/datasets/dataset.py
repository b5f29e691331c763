"""What every data set offers: independent samples, with labels where there are any. Knows none of them."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Dataset(Protocol):
    """A source of independent samples [B, *shape] float32; images are [B, P, R, C] in [−1, 1]."""

    @property
    def name(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample: (P, R, C) of images, (D,) of points."""
        ...

    @property
    def num_classes(self) -> int:
        """Labels are 0 to num_classes − 1; 0 when there are none."""
        ...

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
        """(x [n, *shape] float32, labels [n] int64 or None), independent draws with replacement."""
        ...


def rows_of_classes(there: np.ndarray, classes: int, wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[n] int64: for each class of wanted [n] one of the rows that have it, of those labelled there [N]."""
    order, counts = np.argsort(there, kind="stable"), np.bincount(there, minlength=classes)
    starts = np.cumsum(counts) - counts
    assert (counts[wanted] > 0).all(), "a class without a row cannot be drawn"
    found: np.ndarray = order[starts[wanted] + rng.integers(counts[wanted])]
    return found
