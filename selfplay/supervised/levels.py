"""Evidence that more rows are wrong now than there were: counts of errors by the class that was said, against those of
earlier generations.

A concept often changes for some classes only, as where two exchange their names. Among the rows that are called by one
of these nearly all are wrong then, while of all rows few are: the classes that rows are called tell it sooner.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from selfplay.drift.detectors import evalues

MARGIN = 0.03  # of errors: a rise by less is no alarm, since weights are never the same
DEVIATIONS = 3.0  # standard errors of the level that is compared with
REMEMBERED = (1, 3, 10, 30)  # newest generations: those together that had fewest errors are compared with
FEWEST = 50  # rows to compare with
HOPELESS = 0.95  # share of errors that cannot rise notably
RISES = (0.1, 0.3, 0.6, 0.9)  # of what is left to 1, that the evidence is gathered against
CHANGED = 2  # classes that a change is expected to be about, though it may be about any number
WORSE = math.log(1e8)  # evidence in one generation, after which nothing before that generation is compared with

Counts = tuple[np.ndarray, np.ndarray]  # errors [C], rows [C], int64, by the class that was said


class ErrorLevels:
    """Counts of the present generation and of those before it."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._earlier: list[Counts] = []  # of generations, the newest last
        self._now: list[Counts] = []  # of batches

    def take(self, said: np.ndarray, labels: np.ndarray) -> None:
        """A batch [M] was called `said`, and was of the classes `labels`."""
        rows = np.bincount(said, minlength=self._classes)
        self._now.append((rows - np.bincount(said[said == labels], minlength=self._classes), rows))

    def counts(self) -> tuple[int, int]:
        """(errors, rows) of this generation."""
        return sum(int(errors.sum()) for errors, _ in self._now), sum(int(rows.sum()) for _, rows in self._now)

    def evidence(self) -> float | None:
        """Logarithm of an e-value: the mean, over the batch with which a change may have come, of the evidence of the
        batches from there on. None where there is nothing to compare with."""
        if not self._now or not self._earlier:
            return None
        rate = float(_least([(errors.sum(), rows.sum()) for errors, rows in self._earlier]))  # of all classes
        rates = _least(self._earlier)
        tests = [not math.isnan(rate), not np.isnan(rates).all()]
        if not any(tests):
            return None
        found = []
        errors, rows = (np.cumsum(np.array(column)[::-1], axis=0) for column in zip(*self._now, strict=True))
        for wrong, of in zip(errors, rows, strict=True):
            both = [_of_count(int(wrong.sum()), int(of.sum()), rate) if tests[0] else 0.0]
            both += [self._of_classes(wrong, of, rates)] if tests[1] else []
            found.append(evalues.log_mean(both))
        return evalues.log_mean(found)

    def _of_classes(self, wrong: np.ndarray, of: np.ndarray, rates: np.ndarray) -> float:
        """Logarithm of the e-value that each class may have changed by itself: the mean over all sets of classes, of
        which CHANGED are expected, of the product of the evidence of those in it."""
        share = min(0.5, CHANGED / self._classes)
        return sum(
            float(np.logaddexp(math.log(1 - share), math.log(share) + _of_count(int(wrong[c]), int(of[c]), rates[c])))
            for c in np.flatnonzero(~np.isnan(rates))
        )

    def end_generation(self) -> None:
        """The next one begins."""
        evidence = self.evidence()
        if evidence is not None and evidence > WORSE:
            self._earlier = []
        none = np.zeros(self._classes, np.int64)
        summed = sum((errors for errors, _ in self._now), none), sum((rows for _, rows in self._now), none)
        self._earlier = [*self._earlier, summed][-REMEMBERED[-1] :]
        self._now = []

    def state(self) -> dict[str, Any]:
        """JSON values; `load_state` goes on from there."""
        return {
            "earlier": [[errors.tolist(), rows.tolist()] for errors, rows in self._earlier],
            "now": [[errors.tolist(), rows.tolist()] for errors, rows in self._now],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._earlier = [(np.array(errors), np.array(rows)) for errors, rows in state["earlier"]]
        self._now = [(np.array(errors), np.array(rows)) for errors, rows in state["now"]]


def _of_count(errors: int, rows: int, rate: float) -> float:
    return evalues.of_count(errors, rows, rate, tuple(rate + rise * (1 - rate) for rise in RISES))


def _least(generations: list[Counts]) -> np.ndarray:
    """The least of the upper bounds that the newest generations give, so many together as REMEMBERED says; NaN where
    rows are too few, or nearly all were wrong."""
    bounds = []
    for newest in REMEMBERED:
        before = generations[-newest:]
        wrong = np.sum([errors for errors, _ in before], axis=0)
        of = np.sum([rows for _, rows in before], axis=0)
        bounds.append(np.where(of >= FEWEST, _upper(wrong, np.maximum(of, 1)), np.nan))
    least = np.fmin.reduce(bounds)
    return np.where(least < HOPELESS, least, np.nan)


def _upper(errors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A share of errors that the true one hardly exceeds, and the margin."""
    rate = errors / rows
    deviation = np.sqrt(np.maximum(rate * (1 - rate), 1 / rows) / rows)
    found: np.ndarray = rate + DEVIATIONS * deviation + MARGIN
    return found
