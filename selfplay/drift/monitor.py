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

Key = tuple[str, str]  # stream and part


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

    actions: tuple[str, ...] = ()
    """Which of `config.Action` may help against an alarm; which of them are allowed is a setting."""

    lag: int = 0
    """By how many generations the weights that an alarm is about are older than what it is read from: 1 where games are
    read for what is wrong with the weights that played them."""

    again: bool = False
    """Whether it may drift again while all is well, as data do: then it gives one alarm after another. Other streams
    give another one only once something was done about the first."""

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
    since: int | None = None  # the first generation in which it was seen, where the observer knows


class Event(NamedTuple):
    """An alarm, or an action; without statistic and threshold, an alarm of a rule, or an action."""

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
    since: int = -1  # the first generation in whose rows or weights the change is seen
    seen: str = ""  # as a clause
    action: str = ""  # what was done about an alarm; empty: this is one

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
    """Detectors of all streams, of one run. Each part of a stream gives one alarm in the run, and more where it may
    drift again or something is done about them: then its detector starts anew, and for its k-th alarm a share
    1/(k (k + 1)) of its probability is spent, so that all of them together keep to it."""

    def __init__(self, streams: Iterable[Stream], settings: DriftConfig) -> None:
        self.settings = settings
        self._streams = {stream.name: stream for stream in streams}
        self._detectors: dict[Key, StreamDetector] = {}
        self._alarmed: dict[Key, list[int]] = {}  # generations of the alarms
        self._rising: dict[Key, tuple[float, int]] = {}  # evidence since it began to rise, and the generation then
        self._newest: dict[Key, dict[str, Any]] = {}  # of each part, as `described` gives it
        tested = sum(stream.limit is None for stream in self._streams.values())
        self._alpha = settings.alpha / max(tested, 1)  # of each stream (Bonferroni)

    def take(self, readings: Iterable[Reading], generation: int) -> tuple[dict[str, float], list[Event]]:
        """(the statistic of each stream that was read, the worst over its parts; alarms). Of a test, the statistic is
        the logarithm to base 10 of the evidence that something has changed."""
        worst: dict[str, float] = {}
        events = []
        for reading in readings:
            stream, key = self._streams[reading.stream], (reading.stream, reading.part)
            if self._is_cooling(stream, key, generation):
                continue
            detector = self._detectors.get(key)
            if detector is None:
                detector = stream.detector(self._alpha / reading.parts * self._share(stream, key))
                self._detectors[key] = detector
            state = detector.update(reading.value)
            since = self._since(stream, reading, state.warning, generation)
            shown = state.statistic if stream.limit is not None else math.log10(max(state.statistic, 1e-300))
            pick = min if stream.below else max
            worst[stream.name] = pick(worst.get(stream.name, shown), shown)
            self._newest[key] = {
                "part": reading.part, "generation": generation, "statistic": state.statistic,
                "threshold": state.threshold, "counted": reading.counted, "seen": reading.seen,
            }  # fmt: skip
            if state.drift and (key not in self._alarmed or self._starts_anew(stream)):
                self._alarmed.setdefault(key, []).append(generation)
                if self._starts_anew(stream):
                    del self._detectors[key]
                    self._rising.pop(key, None)
                events.append(
                    Event(generation, stream.name, reading.part, stream.detects, stream.test, state.statistic,
                          state.threshold, stream.unit, reading.counted, _sentence(stream, reading), since,
                          reading.seen)
                )  # fmt: skip
        return worst, events if self.settings.alarms else []

    def _is_acted_on(self, stream: Stream) -> bool:
        return self.settings.react == "on-alarm" and any(each in self.settings.actions for each in stream.actions)

    def _starts_anew(self, stream: Stream) -> bool:
        return stream.again or self._is_acted_on(stream)

    def _is_cooling(self, stream: Stream, key: Key, generation: int) -> bool:
        """Whether something was done about its last alarm so short a while ago that its readings are of that."""
        alarmed = self._alarmed.get(key, [])
        acted_on = bool(alarmed) and self._is_acted_on(stream)
        return acted_on and generation - alarmed[-1] <= self.settings.cool_down

    def _share(self, stream: Stream, key: Key) -> float:
        """Of the probability of a false alarm, what is spent on the next one."""
        number = len(self._alarmed.get(key, ())) + 1
        return 1 / (number * (number + 1)) if self._starts_anew(stream) else 1.0

    def _since(self, stream: Stream, reading: Reading, beyond: bool, generation: int) -> int:
        """The generation in which the change began, if there is one: of a test, when the sum of its evidence left 0
        last (Page 1954); of a limit, when values began to be beyond it."""
        key = (reading.stream, reading.part)
        risen, since = self._rising.get(key, (0.0, generation))
        risen = max(0.0, risen + reading.value) if stream.limit is None else float(beyond)
        if risen > 0:
            self._rising[key] = (risen, since)
        else:
            self._rising.pop(key, None)
        return since if reading.since is None else reading.since

    @property
    def alarms(self) -> int:
        """Alarms so far."""
        return sum(map(len, self._alarmed.values()))

    def described(self) -> list[dict[str, Any]]:
        """Every stream in words, with the newest reading of each of its parts and the generation that was of, as JSON
        values. The statistic of a test is evidence: an e-value, for an alarm at the threshold."""
        return [
            {
                **{field.name: getattr(stream, field.name) for field in dataclasses.fields(stream)},
                "parts": [
                    {**newest, "alarmed": self._alarmed.get(key, [None])[-1]}
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
            "detectors": [
                [*key, detector.state(), self._share(self._streams[key[0]], key)]
                for key, detector in self._detectors.items()
            ],
            "alarmed": [[*key, *generations] for key, generations in self._alarmed.items()],
            "rising": [[*key, *risen] for key, risen in self._rising.items()],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """A detector whose settings have changed starts anew."""
        self._alarmed = {(name, part): list(generations) for name, part, *generations in state["alarmed"]}
        rising = state.get("rising", [])  # states of earlier versions have none
        self._rising = {(name, part): (risen, since) for name, part, risen, since in rising}
        self._newest = {(name, part): newest for name, part, newest in state.get("newest", ())}
        self._detectors = {}
        for name, part, held, *share in state["detectors"]:
            if name not in self._streams:
                continue  # of another version
            stream = self._streams[name]
            detector = stream.detector(held["settings"].get("alpha", self._alpha))
            spent = self._share(stream, (name, part))
            if isinstance(detector, EProcess) and (detector.alpha > self._alpha * spent or [*share, 1.0][0] > spent):
                continue  # a smaller alpha was asked for since
            with contextlib.suppress(ValueError):
                detector.restore(held)
            self._detectors[name, part] = detector


def _sentence(stream: Stream, reading: Reading) -> str:
    of = f" ({reading.part})" if reading.part else ""
    return f"{stream.name}{of}: {reading.seen}. {stream.means} {stream.remedy}"
