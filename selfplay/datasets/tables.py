"""Tables: scikit-learn's packaged ones, and two that are made by rules, as those who study drift use them."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Literal

import numpy as np

from selfplay.datasets import dataset, files

PackagedTable = Literal["iris", "wine", "breast-cancer"]
HELD_OUT = 3  # of each class, one row in this many is held out
SEA_THRESHOLDS = (8.0, 9.0, 7.0, 9.5)
STAGGER_RULES = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Table:
    """N rows of D numbers, each column with mean 0 and standard deviation 1 over the rows to learn from."""

    name: str
    x: np.ndarray  # [N, D] float32
    labels: np.ndarray  # [N] int64
    num_classes: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.x.shape[1:]

    def everything(self) -> tuple[np.ndarray, np.ndarray]:
        """All N, in order: for measurements."""
        return self.x, self.labels

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(x [n, D] float32, labels [n] int64)."""
        rows = rng.integers(len(self.x), size=n)
        return self.x[rows], self.labels[rows]

    def of_classes(self, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """x [n, D] float32 of the classes labels [n]."""
        return self.x[dataset.rows_of_classes(self.labels, self.num_classes, labels, rng)]

    def inverted(self) -> Table:
        """Of −x."""
        return dataclasses.replace(self, x=-self.x)


def packaged(name: PackagedTable, held_out: bool = False) -> Table:
    """Scikit-learn's iris (150 rows of 4), wine (178 of 13) or breast-cancer (569 of 30). A third of each class is held
    out: the rows with the smallest SHA-256. Raises DataError if scikit-learn is missing."""
    try:
        from sklearn import datasets  # type: ignore[import-untyped]
    except ImportError:
        raise files.DataError(
            f"data.name=stream:{name} needs scikit-learn, which is missing: pip install scikit-learn."
        ) from None
    loaded = {"iris": datasets.load_iris, "wine": datasets.load_wine, "breast-cancer": datasets.load_breast_cancer}
    raw = loaded[name]()
    x, labels = raw.data.astype(np.float64), raw.target.astype(np.int64)
    digests = np.array([hashlib.sha256(row.astype("<f8").tobytes()).hexdigest() for row in x])
    out = np.zeros(len(x), bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        out[rows[np.argsort(digests[rows], kind="stable")[: len(rows) // HELD_OUT]]] = True
    scaled = ((x - x[~out].mean(axis=0)) / x[~out].std(axis=0)).astype(np.float32)
    mine = out if held_out else ~out
    return Table(name, scaled[mine], labels[mine], int(labels.max()) + 1)


@dataclasses.dataclass(frozen=True, eq=False)
class Sea:
    """Three numbers, uniform in [0, 10], given as (x − 5) / 2.9; class 1 where the first two add up to no more than a
    threshold (Street & Kim, KDD 2001): 8, 9, 7 or 9.5, by rule. The third says nothing."""

    rule: int = 1
    name: str = "sea"
    shape: tuple[int, ...] = (3,)
    num_classes: int = 2

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(x [n, 3] float32, labels [n] int64)."""
        x = rng.uniform(0, 10, (n, 3))
        labels = (x[:, 0] + x[:, 1] <= SEA_THRESHOLDS[self.rule - 1]).astype(np.int64)
        return ((x - 5) / 2.9).astype(np.float32), labels

    def under_rule(self, number: float) -> Sea:
        """With another threshold. Raises ValueError."""
        return dataclasses.replace(self, rule=_rule(number, len(SEA_THRESHOLDS), self.name))


@dataclasses.dataclass(frozen=True, eq=False)
class Stagger:
    """Size, colour and shape of three values each, one-hot (Schlimmer & Granger, Machine Learning 1, 1986). Class 1 by
    rule: 1 small and red; 2 green or a circle; 3 medium or large."""

    rule: int = 1
    name: str = "stagger"
    shape: tuple[int, ...] = (9,)
    num_classes: int = 2

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """(x [n, 9] float32, labels [n] int64)."""
        size, colour, form = rng.integers(3, size=(3, n))
        true = {1: (size == 0) & (colour == 0), 2: (colour == 1) | (form == 0), 3: size > 0}[self.rule]
        return np.eye(3, dtype=np.float32)[np.stack([size, colour, form], axis=1)].reshape(n, 9), true.astype(np.int64)

    def under_rule(self, number: float) -> Stagger:
        """With another rule. Raises ValueError."""
        return dataclasses.replace(self, rule=_rule(number, STAGGER_RULES, self.name))


def _rule(number: float, count: int, name: str) -> int:
    if not (number.is_integer() and 1 <= number <= count):
        raise ValueError(f"rules of {name} are 1 to {count}")
    return int(number)
