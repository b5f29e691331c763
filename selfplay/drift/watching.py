"""Watching a run: feeds a family's observer, keeps alarms, and what was done about them, in the run's drift.jsonl, one
JSON object a line, and what is watched, with its newest values and limits, in streams.json.

Says which actions are due, and does none; a file that cannot be written is reported once and never stops the run.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from selfplay.drift import events
from selfplay.drift.config import DriftConfig
from selfplay.drift.monitor import Event, Monitor, Observer
from selfplay.drift.plan import Plan, Reaction
from selfplay.storage import json_text, records
from selfplay.types import SampleBatch, Weights

PREFIX = "drift/"
STREAMS = "streams.json"


class Watching:
    """The observer, monitor and events of one run; does nothing where the family has no observer."""

    def __init__(self, observer: Observer | None, folder: Path) -> None:
        self._observer = observer if observer is not None and observer.settings.enabled else None
        self._monitor = Monitor(self._observer.streams, self._observer.settings) if self._observer else None
        self._plan = Plan(self._observer.streams, self._observer.settings) if self._observer else None
        self._actions = 0  # taken so far
        self._folder = folder
        self.alarms = 0  # lines of drift.jsonl that are of alarms
        self.last = ""  # its last line, in a few words
        self.failure: str | None = None

    @property
    def settings(self) -> DriftConfig:
        """The observer's; without one, those of watching nothing."""
        return self._observer.settings if self._observer is not None else DriftConfig(enabled=False)

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
        if self._observer is None or self._monitor is None or self._plan is None:
            return {}, []
        figures, readings = self._observer.end_generation(weights, raw)
        statistics, given = self._monitor.take(readings, generation)
        self._write(given)
        self._plan.take(given)
        self._describe(generation)
        streams = {stream.name for stream in self._observer.streams}  # which may have rested: then there is no value
        found = {name: value for name, value in figures.items() if name not in streams} | statistics
        found["alarms"] = float(self._monitor.alarms)
        return {PREFIX + name: value for name, value in found.items()}, [event.sentence for event in given]

    def evaluated(self, generation: int, metrics: Mapping[str, float]) -> list[str]:
        """Sentences of alarms over an evaluation."""
        if self._observer is None or self._monitor is None or self._plan is None:
            return []
        readings = self._observer.evaluated(metrics)
        given = self._monitor.take(readings, generation)[1]
        self._write(given)
        self._plan.take(given)
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

    # -- what is done ----------------------------------------------------------------------------------------

    def due(self, generation: int) -> list[Reaction]:
        """The actions that are due at the end of generation `generation`: of alarms since the generation before, those
        over its evaluation included."""
        return [] if self._plan is None else self._plan.due(generation)

    def unused(self) -> list[str]:
        """Actions that are allowed and fit nothing that is watched."""
        return [] if self._plan is None else self._plan.unused()

    def acted(self, generation: int, reaction: Reaction, what: str) -> str:
        """Keeps that an action was taken at the end of generation `generation`, and returns a sentence about it. what:
        was done, as a clause."""
        self._actions += 1
        part = f" ({reaction.part})" if reaction.part else ""
        of = f"{reaction.stream}{part}: " if reaction.stream else ""
        told = f"{reaction.action}, because {of}{reaction.reason}. Now {what}."
        self._write(
            [Event(generation, reaction.stream, reaction.part, "", "", None, None, "", 0, told,
                   reaction.since, reaction.reason, reaction.action)]
        )  # fmt: skip
        return told

    @property
    def metrics(self) -> dict[str, float]:
        """How many actions were taken so far; nothing where nothing is watched or none is allowed."""
        return {PREFIX + "actions": float(self._actions)} if self.settings.actions else {}

    def _write(self, given: list[Event]) -> None:
        for event in given:
            self._count(event.as_json())
        try:
            for event in given:
                records.append(self._folder / events.FILE, json_text.dumps(event.as_json()).encode() + b"\n")
        except OSError as error:
            self.failure = f"{events.FILE} is not being written: {error.strerror or error}."

    def _count(self, event: Mapping[str, Any]) -> None:
        """Counts an event, as drift.jsonl has it."""
        action = event.get("action")
        self.alarms += not action
        name, part = event.get("stream") or "", event.get("part")
        what = f"{name} ({part})" if part else name
        self.last = f"{f'{action}, because of {what}' if action else what}, generation {event['step']}"

    @property
    def streams(self) -> int:
        """How many are watched."""
        return len(self._observer.streams) if self._observer is not None else 0

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
        if self._observer is None or self._monitor is None or self._plan is None:
            return {}
        return {
            "observer": self._observer.state(),
            "monitor": self._monitor.state(),
            "plan": self._plan.state(),
            "actions": self._actions,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state; from none, of a run of an earlier version or one that was not watched, it begins."""
        if self._observer is not None and self._monitor is not None and self._plan is not None and state:
            self._observer.load_state(state["observer"])
            self._monitor.load_state(state["monitor"])
            self._plan.load_state(state.get("plan", {"pending": [], "taken": {}}))  # earlier versions did nothing
            self._actions = int(state.get("actions", 0))

    def cut(self, before: int) -> None:
        """Drops what was said of generation `before` and later, and a torn last line, as `metrics.MetricsWriter.cut`
        does; damaged lines stay where they are."""
        try:
            found = list(events.lines(self._folder))
            kept = [line for line in found if not line.torn and (line.values or {"step": -1})["step"] < before]
            if len(kept) < len(found) or not all(line.text.endswith(b"\n") for line in kept):
                text = b"".join(line.text.rstrip(b"\n") + b"\n" for line in kept)
                records.replace(self._folder / events.FILE, text)
            self.alarms, self.last = 0, ""
            for line in kept:
                if line.values is not None:
                    self._count(line.values)
        except OSError as error:
            self.failure = f"{events.FILE} is not being written: {error.strerror or error}."
