"""How well predictions agree with labels: confusion matrix, accuracy, recall, F1 and the area under the ROC curve.

Recall and F1 are those of the positive class where there are two, else means over classes (macro averages): of recall
over classes that occur among the labels, of F1 over those that occur at all. Rows without a label or a prediction are
left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from selfplay import errors
from selfplay.drift.tables.columns import FALSE_TEXTS, TRUE_TEXTS, number_text
from selfplay.drift.tables.files.blocks import Cells, TableError

MOST_CLASSES = 50
POSITIVE = ("1", "true")


class Classes:
    """Names of classes, in the order in which labels and predictions have shown them."""

    def __init__(self, missing: frozenset[str], positive: str | None = None) -> None:
        self.names: list[str] = []
        self._missing = missing
        self._codes: dict[str, int] = _Codes(self)
        self._positive = None if positive is None else self.encode(positive)

    def codes(self, cells: Cells, kind: str | None) -> np.ndarray:
        """[n] int32: the class of each cell, -1 where it is missing. kind: the type that the file states."""
        if isinstance(cells, np.ndarray):
            names = {0.0: "false", 1.0: "true"} if kind == "boolean" else {}
            cells = ["" if value != value else names.get(value) or number_text(value) for value in cells.tolist()]
        return np.fromiter(map(self._codes.__getitem__, cells), np.int32, len(cells))

    def encode(self, text: str) -> int:
        if text in self._missing or not text.strip():
            return -1
        name = _canonical(text.strip())
        if name in self.names:
            return self.names.index(name)
        if len(self.names) >= MOST_CLASSES:
            raise TableError(
                f"labels and predictions have more than {MOST_CLASSES} different values, such as "
                f"'{errors.shorten(name)}': expected classes, not numbers of a regression."
            )
        self.names.append(name)
        return len(self.names) - 1

    def positive(self) -> int | None:
        """The class that is the positive one of two; None where there are more, or fewer so far."""
        if self._positive is not None:
            return self._positive
        if len(self.names) != 2:
            return None
        known = [name for name in POSITIVE if name in self.names]
        return self.names.index(known[0] if known else max(self.names))

    def require_positive(self, found: Iterable[Performance | None]) -> None:
        """Raises TableError where the positive class that was named is nowhere among labels or predictions."""
        if self._positive is None:
            return
        wanted = self.names[self._positive]
        for one in found:
            place = -1 if one is None or wanted not in one.classes else one.classes.index(wanted)
            if one is not None and place >= 0 and sum(one.confusion[place]) + sum(row[place] for row in one.confusion):
                return
        others = sorted(name for name in self.names if name != wanted)
        raise TableError(
            f"no label or prediction is '{wanted}', the positive class.{errors.suggest(wanted, others)} "
            f"There are: {', '.join(others[:12])}."
        )


class _Codes(dict[str, int]):
    """Codes of texts; one that is not there is asked of the classes."""

    def __init__(self, classes: Classes) -> None:
        self._classes = classes

    def __missing__(self, text: str) -> int:
        code = self._classes.encode(text)
        if len(self) < 1000:
            self[text] = code
        return code


def _canonical(text: str) -> str:
    """One spelling of a class: 1 and 1.0, and true, True and yes, are the same."""
    if text.lower() in TRUE_TEXTS:
        return "true"
    if text.lower() in FALSE_TEXTS:
        return "false"
    try:
        return number_text(float(text))
    except ValueError:
        return text


@dataclasses.dataclass(frozen=True)
class Performance:
    """Of one window, or of a whole table. None: not defined there, as recall where no label is of the class."""

    rows: int  # with a label and a prediction
    classes: tuple[str, ...]  # in alphabetical order
    confusion: tuple[tuple[int, ...], ...]  # [label][prediction]
    accuracy: float | None
    recall: float | None
    f1: float | None
    roc_auc: float | None
    positive: str | None  # the class that recall, F1 and the area are of; None: means over classes

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


class Confusion:
    """Counts of labels against predictions, block by block."""

    def __init__(self) -> None:
        self.counts = np.zeros((MOST_CLASSES, MOST_CLASSES), np.int64)  # [label, prediction]

    def update(self, labels: np.ndarray, predictions: np.ndarray) -> None:
        known = (labels >= 0) & (predictions >= 0)
        pairs = labels[known].astype(np.int64) * MOST_CLASSES + predictions[known]
        self.counts += np.bincount(pairs, minlength=MOST_CLASSES**2).reshape(self.counts.shape)

    def performance(self, classes: Classes, labels: np.ndarray | None, scores: np.ndarray | None) -> Performance:
        """labels, scores: those of the rows, or of a sample of them, for the area under the ROC curve."""
        names = classes.names
        counts = self.counts[: len(names), : len(names)]
        total, right = int(counts.sum()), np.diag(counts)
        positive = classes.positive()
        labelled, predicted = counts.sum(1), counts.sum(0)
        with np.errstate(invalid="ignore", divide="ignore"):
            recalls = right / labelled  # NaN: no label of the class
            f1s = 2 * right / (labelled + predicted)
        if positive is not None:
            recall, f1 = recalls[positive], f1s[positive]
        else:
            recall = _mean(recalls)
            f1 = _mean(f1s)
        area = None
        if positive is not None and labels is not None and scores is not None:
            area = roc_auc(labels == positive, scores, labels >= 0)
        order = sorted(range(len(names)), key=names.__getitem__)
        return Performance(
            total,
            tuple(names[one] for one in order),
            tuple(tuple(int(counts[a, b]) for b in order) for a in order),
            int(right.sum()) / total if total else None,
            None if np.isnan(recall) else float(recall),
            None if np.isnan(f1) else float(f1),
            area,
            None if positive is None else names[positive],
        )


def _mean(values: np.ndarray) -> float:
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else float("nan")


def roc_auc(positive: np.ndarray, scores: np.ndarray, known: np.ndarray) -> float | None:
    """The chance that a positive has the higher score than a negative, ties counted half (Mann and Whitney 1947); None
    where either is missing. positive, known: [n] bool; scores: [n], NaN where missing."""
    use = known & ~np.isnan(scores)
    positive, scores = positive[use], scores[use]
    count = int(np.count_nonzero(positive))
    others = len(positive) - count
    if not count or not others:
        return None
    high, low = np.sort(scores[positive]), np.sort(scores[~positive])
    wins = np.searchsorted(low, high, "left").sum() + np.searchsorted(low, high, "right").sum()
    return float(wins) / 2 / (count * others)
