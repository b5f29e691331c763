"""The monitor of a run: streams described in words, a detector for each of them, and the alarms that they give.

A family of agents has an `Observer`, which sees rows and weights and gives readings of its streams; the monitor feeds
them to detectors and turns alarms into events. Knows numbers and sentences, no family.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np

from selfplay.drift.config import DriftConfig
from selfplay.drift.detectors.evalues import EProcess
from selfplay.drift.detectors.interface import Drifting, StreamDetector, Unit
from selfplay.drift.limits import Limit
from selfplay.types import SampleBatch, Weights


@dataclasses.dataclass(frozen=True)
class Stream:
    """What is watched, and what an alarm means, in words. With `limit`, its values are figures that must not go beyond;
    without, logarithms of e-values, for an alarm whose rate of false alarms is known."""

    name: str
    """Among the metrics, drift/NAME."""

    detects: Drifting
    unit: Unit
    """What is counted, and taken to be independent of each other while nothing is wrong."""

    test: str
    """What is compared with what, as a phrase."""

    means: str
    """What an alarm means, as a sentence."""

    remedy: str
    """What to do about it, as a sentence."""

    limit: float | None = None
    below: bool = False
    """Whether the limit is a lower one."""

    times: int = 1
    """Values in a row that must be beyond the limit."""

    measure: str = ""
    """Of a stream with a limit: what its values are, such as "batches"."""

    def detector(self, alpha: float) -> StreamDetector:
        if self.limit is None:
            return EProcess(alpha, detects=self.detects, unit=self.unit)
        return Limit(self.limit, self.below, self.times, detects=self.detects, unit=self.unit)


class Reading(NamedTuple):
    """One value of a stream."""

    stream: str
    value: float
    seen: str  # what was seen, as a clause
    counted: int  # units that it is of
    part: str = ""  # of the stream, such as "actor 1": each has a detector of its own
    parts: int = 1  # how many there are, which share the stream's probability of a false alarm


class Event(NamedTuple):
    """An alarm; without statistic and threshold, one of a rule."""

    generation: int
    stream: str
    part: str
    detects: str
    test: str
    statistic: float | None
    threshold: float | None
    unit: str
    counted: int
    sentence: str

    def as_json(self) -> dict[str, Any]:
        return {"step": self.generation, **self._asdict()}


class Observer(Protocol):
    """What a family watches of a run, and all that it remembers of it. It draws no random numbers of the run's and
    changes nothing that it sees."""

    settings: DriftConfig
    streams: tuple[Stream, ...]

    def begin(self, weights: Weights, raw: Weights) -> None:
        """Sees the weights that a session begins with (raw: before averaging), first of all but `load_state`."""

    def take(self, batch: SampleBatch, generation: int) -> None:
        """Sees a sample batch, before anything is learned from it. generation: of the newest weights."""

    def drawn(self, rows: np.ndarray, generation: int) -> None:
        """Sees rows [B] that are about to be learned from. generation: of the newest weights."""

    def end_generation(self, weights: Weights, raw: Weights) -> tuple[dict[str, float], list[Reading]]:
        """(figures by name, readings) of the generation that ends with these weights (raw: before averaging)."""

    def evaluated(self, metrics: Mapping[str, float]) -> list[Reading]:
        """Readings of an evaluation."""

    def state(self) -> dict[str, Any]:
        """All that it remembers, as JSON values."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Goes on from there."""


class Monitor:
    """Detectors of all streams, of one run. Each part of a stream gives one alarm in the run."""

    def __init__(self, streams: Iterable[Stream], settings: DriftConfig) -> None:
        self.settings = settings
        self._streams = {stream.name: stream for stream in streams}
        self._detectors: dict[tuple[str, str], StreamDetector] = {}
        self._alarmed: dict[tuple[str, str], int] = {}  # generation of the alarm
        self._newest: dict[tuple[str, str], dict[str, Any]] = {}  # of each part, as `described` gives it
        tested = sum(stream.limit is None for stream in self._streams.values())
        self._alpha = settings.alpha / max(tested, 1)  # of each stream (Bonferroni)

    def take(self, readings: Iterable[Reading], generation: int) -> tuple[dict[str, float], list[Event]]:
        """(the statistic of each stream that was read, the worst over its parts; alarms). Of a test, the statistic is
        the logarithm to base 10 of the evidence that something has changed."""
        worst: dict[str, float] = {}
        events = []
        for reading in readings:
            stream, key = self._streams[reading.stream], (reading.stream, reading.part)
            detector = self._detectors.get(key)
            if detector is None:
                detector = self._detectors[key] = stream.detector(self._alpha / reading.parts)
            state = detector.update(reading.value)
            shown = state.statistic if stream.limit is not None else math.log10(max(state.statistic, 1e-300))
            pick = min if stream.below else max
            worst[stream.name] = pick(worst.get(stream.name, shown), shown)
            self._newest[key] = {
                "part": reading.part, "generation": generation, "statistic": state.statistic,
                "threshold": state.threshold, "counted": reading.counted, "seen": reading.seen,
            }  # fmt: skip
            if state.drift and key not in self._alarmed:
                self._alarmed[key] = generation
                sentence = _sentence(stream, reading)
                events.append(
                    Event(generation, stream.name, reading.part, stream.detects, stream.test, state.statistic,
                          state.threshold, stream.unit, reading.counted, sentence)
                )  # fmt: skip
        return worst, events if self.settings.alarms else []

    @property
    def alarms(self) -> int:
        """Alarms so far."""
        return len(self._alarmed)

    def described(self) -> list[dict[str, Any]]:
        """Every stream in words, with the newest reading of each of its parts and the generation that was of, as JSON
        values. The statistic of a test is evidence: an e-value, for an alarm at the threshold."""
        return [
            {
                **{field.name: getattr(stream, field.name) for field in dataclasses.fields(stream)},
                "parts": [
                    {**newest, "alarmed": self._alarmed.get(key)}
                    for key, newest in self._newest.items()
                    if key[0] == stream.name
                ],
            }
            for stream in self._streams.values()
        ]

    def state(self) -> dict[str, Any]:
        """JSON values; `load_state` goes on from there."""
        return {
            "newest": [[*key, newest] for key, newest in self._newest.items()],
            "detectors": [[*key, detector.state()] for key, detector in self._detectors.items()],
            "alarmed": [[*key, generation] for key, generation in self._alarmed.items()],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """A detector whose settings have changed starts anew."""
        self._alarmed = {(name, part): generation for name, part, generation in state["alarmed"]}
        self._newest = {(name, part): newest for name, part, newest in state.get("newest", ())}
        self._detectors = {}
        for name, part, held in state["detectors"]:
            if name not in self._streams:
                continue  # of another version
            stream = self._streams[name]
            detector = stream.detector(held["settings"].get("alpha", self._alpha))
            if isinstance(detector, EProcess) and detector.alpha > self._alpha:
                continue  # a smaller alpha was asked for since
            with contextlib.suppress(ValueError):
                detector.restore(held)
            self._detectors[name, part] = detector


def _sentence(stream: Stream, reading: Reading) -> str:
    of = f" ({reading.part})" if reading.part else ""
    return f"{stream.name}{of}: {reading.seen}. {stream.means} {stream.remedy}"
