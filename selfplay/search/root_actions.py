"""Root actions: which actions a search may choose from in the position that it begins with, where that is not all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


class RootActions:
    """The restrictions of the rows of a search."""

    def __init__(self) -> None:
        self._of: dict[int, np.ndarray] = {}  # [k] int32 by row

    def restrict(self, rows: np.ndarray, legal: np.ndarray, chosen: Sequence[Sequence[int]]) -> np.ndarray:
        """[M] int32, how many root actions each row has. legal: [M, K] int32, padded with −1. ValueError: one that is
        not legal, or none at all."""
        for row, may, wanted in zip(rows.tolist(), legal, chosen, strict=True):
            if not len(wanted) or not set(wanted) <= set(may[may >= 0].tolist()):
                raise ValueError(
                    f"root actions {list(wanted)} are not legal actions of row {row}: {may[may >= 0].tolist()}."
                )
            self._of[row] = np.array(wanted, dtype=np.int32)
        return np.array([len(wanted) for wanted in chosen], dtype=np.int32)

    def apply(self, rows: np.ndarray, at_root: np.ndarray, actions: np.ndarray, count: np.ndarray) -> None:
        """Changes actions [M, K] and count [M] of those of `rows` [M] that are roots, at_root [M] bool."""
        for k in np.flatnonzero(at_root) if self._of else ():
            if (only := self._of.get(int(rows[k]))) is not None:
                actions[k], count[k] = -1, len(only)
                actions[k, : len(only)] = only

    def forget(self, rows: np.ndarray) -> None:
        """All actions of `rows` [M] may be chosen again."""
        for row in rows.tolist() if self._of else ():
            self._of.pop(row, None)
