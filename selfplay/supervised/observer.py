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
from selfplay.drift.monitor import Reading, Stream
from selfplay.supervised.levels import ErrorLevels
from selfplay.supervised.sources import Source
from selfplay.types import SampleBatch, Weights

Logits = Callable[[Weights, np.ndarray], np.ndarray]  # (weights, x [M, *shape]) → [M, C]

ERRORS = Stream(
    "errors", "concept p(y|x)", "row",
    "errors on rows not yet learned from, of all rows and by the class that they are called, against those of up to 30 "
    "generations before (binomial, e-process)",
    "What was learned no longer holds: rows like those before are of other classes now, or are unlike them.",
    "Let it learn on, or allow drift.actions, such as restore-snapshot, evict-rows and refit-outputs.",
    actions=("restore-snapshot", "evict-rows", "refit-outputs", "slow-reuse", "raise-learning-rate", "stop"),
    again=True,
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
        self._levels = ErrorLevels(source.num_classes)
        self._loss = 0.0  # of this generation
        self._all_errors, self._all_rows = 0, 0  # of the run

    def begin(self, weights: Weights, raw: Weights) -> None:
        self._weights = weights

    def take(self, batch: SampleBatch, generation: int) -> None:
        assert self._weights is not None
        x, labels = batch.rows["x"], batch.rows["label"].astype(np.int64)
        logits = self._logits(self._weights, x)
        shifted = logits - logits.max(axis=1, keepdims=True)
        self._loss += float((np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]).sum())
        self._levels.take(logits.argmax(axis=1), labels)
        self._inputs.take(x)
        self._labels.take(labels)

    def drawn(self, rows: np.ndarray, generation: int) -> None:
        pass

    def end_generation(self, weights: Weights, raw: Weights) -> tuple[dict[str, float], list[Reading]]:
        self._weights = weights
        readings = []
        if (evidence := self._levels.evidence()) is not None:
            errors, rows = self._levels.counts()
            readings.append(Reading("errors", evidence, f"{errors / rows:.0%} of {rows:,} new rows wrong", rows))
        for name, change in (("inputs", self._inputs.end_generation()), ("labels", self._labels.end_generation())):
            if change is not None:
                seen = f"their distribution moved by up to {change.size:.0%} in one generation"
                readings.append(Reading(name, change.log_evalue, seen, change.rows))
        return self._figures(), readings

    def _figures(self) -> dict[str, float]:
        """Of the generation that ends, which is then over."""
        (errors, rows), loss, self._loss = self._levels.counts(), self._loss, 0.0
        self._levels.end_generation()
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
            "inputs": self._inputs.state(), "labels": self._labels.state(), "levels": self._levels.state(),
            "loss": self._loss, "all": [self._all_errors, self._all_rows],
        }  # fmt: skip

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._inputs.load_state(state["inputs"])
        self._labels.load_state(state["labels"])
        if "loss" in state:  # states of earlier versions count no errors by class: they are counted from here
            self._levels.load_state(state["levels"])
            self._loss = state["loss"]
        self._all_errors, self._all_rows = state["all"]
