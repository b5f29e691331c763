"""How good a detector is: false alarms on streams without a change, and power and delay on streams with one.

Everything is counted with the alarms of three dummies beside it, one that always fires, one that never does, and one
that does periodically: a figure that a dummy reaches means nothing (river's issue 1963; Cerqueira et al., KDD 2026).
Streams are one value a game. `games` makes rows of which those of a game resemble one another, to show what becomes of
false alarms when rows are taken for games.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import ClassVar

import numpy as np

from selfplay.drift.detectors.interface import BatchTest, Groups, State, StreamDetector


@dataclasses.dataclass(frozen=True)
class Stream:
    """Values [N] in order."""

    values: np.ndarray
    change: int | None = None  # index of the first value after the change; None: there is none


@dataclasses.dataclass(frozen=True)
class Score:
    """Counts over several streams. The first alarm within the horizon after a change finds it; all others are false."""

    streams: int
    values: int
    changes: int
    found: int
    false_alarms: int
    streams_with_false_alarm: int
    run_length: float
    """Values a false alarm, those within a horizon after a change not counted; infinite without any."""
    delay: float
    """Median number of values from the change to the alarm, the first being 1; the horizon where it was not found."""

    @property
    def power(self) -> float:
        """Share of changes that were found; 0 without changes."""
        return self.found / self.changes if self.changes else 0.0

    @property
    def false_alarm_share(self) -> float:
        """Share of streams with at least one false alarm."""
        return self.streams_with_false_alarm / self.streams

    @property
    def f1(self) -> float:
        """Harmonic mean of precision (found of alarms) and recall (found of changes)."""
        missed = self.changes - self.found
        return 2 * self.found / max(1, 2 * self.found + self.false_alarms + missed)


def alarms(detector: StreamDetector, values: np.ndarray) -> list[int]:
    """Indices at which the detector alarms."""
    return [index for index, value in enumerate(values.tolist()) if detector.update(value).drift]


def evaluate(make: Callable[[], StreamDetector], streams: Iterable[Stream], horizon: int = 1000) -> Score:
    """A new detector on each stream. horizon: values after a change within which an alarm counts as finding it."""
    count = values = changes = found = false = with_false = quiet = 0
    delays = []
    for stream in streams:
        count, values = count + 1, values + len(stream.values)
        fired = alarms(make(), stream.values)
        quiet += len(stream.values)
        if stream.change is not None:
            changes += 1
            end = min(stream.change + horizon, len(stream.values))
            after = [index for index in fired if stream.change <= index < end]
            delays.append(after[0] - stream.change + 1 if after else horizon)
            found += bool(after)
            quiet -= end - stream.change
            false += len(fired) - bool(after)
            with_false += any(index < stream.change or index >= end for index in fired)
        else:
            false, with_false = false + len(fired), with_false + bool(fired)
    return Score(
        streams=count,
        values=values,
        changes=changes,
        found=found,
        false_alarms=false,
        streams_with_false_alarm=with_false,
        run_length=quiet / false if false else math.inf,
        delay=float(np.median(delays)) if delays else math.nan,
    )


def share_of_alarms(
    test: BatchTest,
    draw: Callable[[], tuple[np.ndarray, np.ndarray]],
    repeats: int,
    groups: Groups | None = None,
) -> float:
    """Share of comparisons of a reference and a window that are alarms."""
    return sum(test.compare(*draw(), groups).drift for _ in range(repeats)) / repeats


def normal(
    rng: np.random.Generator, length: int, change: int | None = None, shift: float = 0.0, over: int = 0
) -> Stream:
    """Standard normal values whose mean moves by `shift` at `change`: at once, or evenly over so many values."""
    values = rng.normal(size=length)
    if change is not None:
        values += shift * np.clip((np.arange(length) - change + 1) / max(1, over), 0, 1)
    return Stream(values, change)


def bits(rng: np.random.Generator, length: int, share: float, change: int | None = None, rise: float = 0.0) -> Stream:
    """Ones in a share of the values, which rises at `change`: wins, or errors."""
    shares = np.full(length, share)
    if change is not None:
        shares[change:] += rise
    return Stream((rng.random(length) < shares).astype(float), change)


def games(rng: np.random.Generator, number: int, rows: int, alike: float = 0.5) -> np.ndarray:
    """[number, rows] standard normal values; those of a game have the correlation `alike`, those of two games none."""
    own = rng.normal(size=(number, rows))
    return math.sqrt(alike) * rng.normal(size=(number, 1)) + math.sqrt(1 - alike) * own


@dataclasses.dataclass
class Periodic(StreamDetector):
    """A dummy that alarms every so many values whatever they are; 0: never, 1: always."""

    every: int = 100

    _MEMORY: ClassVar = ("count",)

    def _begin(self) -> None:
        self.count = 0

    def _take(self, value: float) -> State:
        self.count += 1
        drift = self.every > 0 and self.count >= self.every
        return State(drift, drift, float(self.count), float(self.every or math.inf))
