"""The observer of a classifier's run: each batch of rows is tested as it comes, before anything is learned from it
(prequential evaluation, Dawid 1984; Gama, Sebastião, Rodrigues 2013), by the weights that were published last.

Three streams tell what has changed: `errors`, whether the classifier is suddenly worse, as it is where the class of a
row changes; `inputs`, what rows look like; `labels`, how frequent classes are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from selfplay.drift import neighbours
from selfplay.drift.config import DriftConfig
from selfplay.drift.detectors import evalues
from selfplay.drift.monitor import Reading, Stream
from selfplay.supervised.sources import Source
from selfplay.types import SampleBatch, Weights

Logits = Callable[[Weights, np.ndarray], np.ndarray]  # (weights, x [M, *shape]) → [M, C]

MARGIN = 0.03  # of errors: a rise by less is no alarm, since weights are never the same
DEVIATIONS = 3.0  # standard errors of the level that is compared with
REMEMBERED = (1, 3, 10, 30)  # newest generations: those together that had fewest errors are compared with
FEWEST = 50  # rows to compare with
HOPELESS = 0.95  # share of errors that cannot rise notably
RISES = (0.1, 0.3, 0.6)  # of what is left to 1, that the evidence is gathered against
WORSE = math.log(1e8)  # evidence in one generation, after which nothing before that generation is compared with

ERRORS = Stream(
    "errors", "concept p(y|x)", "row",
    "errors on rows not yet learned from, against those of up to 30 generations before (binomial, e-process)",
    "What was learned no longer holds: rows like those before are of other classes now, or are unlike them.",
    "Let it learn on, or allow drift.actions, such as evict-rows and restore-snapshot.",
    actions=("restore-snapshot", "evict-rows", "raise-learning-rate", "slow-reuse", "stop"), again=True,
)  # fmt: skip
INPUTS = Stream(
    "inputs", "covariate p(x)", "row",
    "rows, against those of the generation before, along fixed directions (Kolmogorov–Smirnov, e-process)",
    "Rows look otherwise than they did.",
    "Look at what feeds the stream; see whether errors have risen.",
    actions=("stop",), again=True,
)  # fmt: skip
LABELS = Stream(
    "labels", "label p(y)", "row",
    "frequencies of classes, against those of the generation before (χ², e-process)",
    "Classes are more or less frequent than they were.",
    "Look at what feeds the stream; see whether errors have risen.",
    actions=("stop",), again=True,
)  # fmt: skip


class StreamObserver:
    """See `selfplay.drift.monitor.Observer`."""

    streams: tuple[Stream, ...] = (ERRORS, INPUTS, LABELS)

    def __init__(self, settings: DriftConfig, logits: Logits, source: Source) -> None:
        self.settings = settings
        self._logits = logits
        self._weights: Weights | None = None
        self._inputs = neighbours.NeighbouringRows(math.prod(source.shape))
        self._labels = neighbours.NeighbouringClasses(source.num_classes)
        self._levels: list[tuple[int, int]] = []  # errors and rows of earlier generations
        self._errors, self._rows, self._loss = 0, 0, 0.0  # of this one
        self._tested: list[tuple[float, int, int]] = []  # of each batch: logarithm of its e-value, errors, rows
        self._all_errors, self._all_rows = 0, 0  # of the run

    def begin(self, weights: Weights, raw: Weights) -> None:
        self._weights = weights

    def take(self, batch: SampleBatch, generation: int) -> None:
        assert self._weights is not None
        x, labels = batch.rows["x"], batch.rows["label"].astype(np.int64)
        logits = self._logits(self._weights, x)
        errors, rows = int((logits.argmax(axis=1) != labels).sum()), len(labels)
        shifted = logits - logits.max(axis=1, keepdims=True)
        self._loss += float((np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(rows), labels]).sum())
        self._errors, self._rows = self._errors + errors, self._rows + rows
        if (value := self._worse(errors, rows)) is not None:
            self._tested.append((value, errors, rows))
        self._inputs.take(x)
        self._labels.take(labels)

    def _worse(self, errors: int, rows: int) -> float | None:
        """Logarithm of an e-value: evidence that more rows are wrong now than in the best of the last generations, by
        more than the margin. None where there is nothing to compare with."""
        levels = []
        for newest in REMEMBERED:
            before = self._levels[-newest:]
            wrong, of = sum(wrong for wrong, _ in before), sum(of for _, of in before)
            if of >= FEWEST:
                levels.append(_upper(wrong, of))
        if not levels or (rate := min(levels)) >= HOPELESS:
            return None
        return evalues.of_count(errors, rows, rate, tuple(rate + rise * (1 - rate) for rise in RISES))

    def drawn(self, rows: np.ndarray, generation: int) -> None:
        pass

    def end_generation(self, weights: Weights, raw: Weights) -> tuple[dict[str, float], list[Reading]]:
        self._weights = weights
        readings = []
        if self._tested:
            errors, rows = (sum(column) for column in tuple(zip(*self._tested, strict=True))[1:])
            seen = f"{errors / rows:.0%} of {rows:,} new rows wrong"
            readings.append(Reading("errors", self._evidence(), seen, rows))
        for name, change in (("inputs", self._inputs.end_generation()), ("labels", self._labels.end_generation())):
            if change is not None:
                seen = f"their distribution moved by up to {change.size:.0%} in one generation"
                readings.append(Reading(name, change.log_evalue, seen, change.rows))
        return self._figures(), readings

    def _evidence(self) -> float:
        """Logarithm of the e-value of a generation: the mean, over the batch with which a change may have come, of the
        product of the e-values from there on."""
        values = [value for value, _, _ in self._tested]
        return evalues.log_mean(np.cumsum(values[::-1]).tolist())

    def _figures(self) -> dict[str, float]:
        """Of the generation that ends, which is then over."""
        errors, rows, loss = self._errors, self._rows, self._loss
        worse = bool(self._tested) and self._evidence() > WORSE
        self._levels = [*([] if worse else self._levels), (errors, rows)][-REMEMBERED[-1] :]
        self._errors, self._rows, self._loss, self._tested = 0, 0, 0.0, []
        self._all_errors, self._all_rows = self._all_errors + errors, self._all_rows + rows
        if not rows:
            return {}
        return {
            "accuracy": 1 - errors / rows,
            "log_loss": loss / rows,
            "error_area": float(self._all_errors),
            "mean_accuracy": 1 - self._all_errors / self._all_rows,
        }

    def evaluated(self, metrics: Mapping[str, float]) -> list[Reading]:
        return []

    # -- going on exactly ------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        return {
            "inputs": self._inputs.state(), "labels": self._labels.state(), "levels": self._levels,
            "now": [self._errors, self._rows, self._loss], "tested": self._tested,
            "all": [self._all_errors, self._all_rows],
        }  # fmt: skip

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._inputs.load_state(state["inputs"])
        self._labels.load_state(state["labels"])
        self._levels = [(wrong, of) for wrong, of in state["levels"]]
        self._errors, self._rows, self._loss = state["now"]
        self._tested = [(value, errors, rows) for value, errors, rows in state["tested"]]
        self._all_errors, self._all_rows = state["all"]


def _upper(errors: int, rows: int) -> float:
    """A share of errors that the true one hardly exceeds, and the margin."""
    rate = errors / rows
    deviation = math.sqrt(max(rate * (1 - rate), 1 / rows) / rows)
    return rate + DEVIATIONS * deviation + MARGIN
