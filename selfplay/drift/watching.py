"""Watching a run: feeds a family's observer, keeps alarms in the run's drift.jsonl, one JSON object a line, and what is
watched, with its newest values and limits, in streams.json.

Nothing here changes what a run learns; a file that cannot be written is reported once and never stops the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from selfplay.drift import events
from selfplay.drift.monitor import Event, Monitor, Observer
from selfplay.storage import json_text, records
from selfplay.types import SampleBatch, Weights

PREFIX = "drift/"
STREAMS = "streams.json"


class Watching:
    """The observer, monitor and events of one run; does nothing where the family has no observer."""

    def __init__(self, observer: Observer | None, folder: Path) -> None:
        self._observer = observer if observer is not None and observer.settings.enabled else None
        self._monitor = Monitor(self._observer.streams, self._observer.settings) if self._observer else None
        self._folder = folder
        self.failure: str | None = None

    def begin(self, weights: Weights, raw: Weights) -> None:
        """See `Observer.begin`."""
        if self._observer is not None:
            self._observer.begin(weights, raw)

    def take(self, batch: SampleBatch, generation: int) -> None:
        """See `Observer.take`."""
        if self._observer is not None and len(batch.rows):
            self._observer.take(batch, generation)

    def drawn(self, rows: np.ndarray, generation: int) -> None:
        """See `Observer.drawn`."""
        if self._observer is not None:
            self._observer.drawn(rows, generation)

    def end_generation(
        self, generation: int, weights: Weights, raw: Weights
    ) -> tuple[dict[str, float], list[str]]:  # fmt: skip
        """(metrics, sentences of alarms) of generation `generation`, which has just ended with these weights."""
        if self._observer is None or self._monitor is None:
            return {}, []
        figures, readings = self._observer.end_generation(weights, raw)
        statistics, given = self._monitor.take(readings, generation)
        self._write(given)
        self._describe(generation)
        found = figures | statistics | {"alarms": float(self._monitor.alarms)}
        return {PREFIX + name: value for name, value in found.items()}, [event.sentence for event in given]

    def evaluated(self, generation: int, metrics: Mapping[str, float]) -> list[str]:
        """Sentences of alarms over an evaluation."""
        if self._observer is None or self._monitor is None:
            return []
        readings = self._observer.evaluated(metrics)
        given = self._monitor.take(readings, generation)[1]
        self._write(given)
        if readings:
            self._describe(generation)
        return [event.sentence for event in given]

    def record(self, generation: int, name: str, sentence: str) -> None:
        """Keeps an alarm that the family gave by a rule of its own, unless it is there."""
        try:
            if all(line.get("stream") != name for line in events.read(self._folder)):
                self._write([Event(generation, name, "", "", "rule", None, None, "generation", 1, sentence)])
        except OSError as error:
            self.failure = f"{events.FILE} cannot be read: {error.strerror or error}."

    def _write(self, given: list[Event]) -> None:
        try:
            for event in given:
                records.append(self._folder / events.FILE, json_text.dumps(event.as_json()).encode() + b"\n")
        except OSError as error:
            self.failure = f"{events.FILE} is not being written: {error.strerror or error}."

    def _describe(self, generation: int) -> None:
        """Writes streams.json: what is watched, where it stands and where its limits lie."""
        assert self._monitor is not None
        told = {"generation": generation, "alpha": self._monitor.settings.alpha, "streams": self._monitor.described()}
        try:
            records.replace(self._folder / STREAMS, json_text.dumps(told, indent=1).encode())
        except OSError as error:
            self.failure = self.failure or f"{STREAMS} is not being written: {error.strerror or error}."

    # -- going on exactly ------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """JSON values; `load_state` goes on from there."""
        if self._observer is None or self._monitor is None:
            return {}
        return {"observer": self._observer.state(), "monitor": self._monitor.state()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state; from none, of a run of an earlier version or one that was not watched, it begins."""
        if self._observer is not None and self._monitor is not None and state:
            self._observer.load_state(state["observer"])
            self._monitor.load_state(state["monitor"])

    def cut(self, before: int) -> None:
        """Drops what was said of generation `before` and later, and a torn last line, as `metrics.MetricsWriter.cut`
        does; damaged lines stay where they are."""
        try:
            found = list(events.lines(self._folder))
            kept = [line for line in found if not line.torn and (line.event or {"step": -1})["step"] < before]
            if len(kept) < len(found) or not all(line.text.endswith(b"\n") for line in kept):
                text = b"".join(line.text.rstrip(b"\n") + b"\n" for line in kept)
                records.replace(self._folder / events.FILE, text)
        except OSError as error:
            self.failure = f"{events.FILE} is not being written: {error.strerror or error}."
