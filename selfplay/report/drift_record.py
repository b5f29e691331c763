"""What a run's files say of its drift: streams with their values, limits, alarms and actions, and figures beside them.

From streams.json, drift.jsonl and lines of metrics alone, so that any family's run is told of, also a stranger's and
one that is being trained. A file that is missing or damaged makes the record smaller and is named among its warnings.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from selfplay.display import Display, MetricSpec
from selfplay.drift import events
from selfplay.drift.watching import PREFIX, STREAMS
from selfplay.storage import bounded

Values = list[tuple[int, float]]  # (generation, value), finite, ascending
COUNTS = ("alarms", "actions")  # among the metrics: how many so far
MOST = 4 * bounded.MAX_JSON  # bytes of streams.json; ours have some 10,000


class Part(msgspec.Struct, frozen=True):
    """The newest reading of one part of a stream, such as "actor 1"."""

    part: str
    generation: int
    statistic: float | None = None  # None: not finite
    threshold: float | None = None
    counted: int = 0
    seen: str = ""


class Described(msgspec.Struct, frozen=True):
    """A stream as streams.json describes it, see `selfplay.drift.monitor.Stream`."""

    name: str
    detects: str = ""
    unit: str = ""
    test: str = ""
    means: str = ""
    remedy: str = ""
    measure: str = ""
    limit: float | None = None
    below: bool = False
    times: int = 1
    parts: tuple[Part, ...] = ()


class _File(msgspec.Struct, frozen=True):
    generation: int
    streams: tuple[Described, ...]
    alpha: float | None = None


@dataclasses.dataclass(frozen=True)
class StreamRecord:
    """One stream of a run."""

    described: Described
    is_known: bool  # described by streams.json; else only alarms have told of it
    values: Values  # by generation: of a test log10 of the evidence, else of what has a limit
    alarms: list[dict[str, Any]]  # events
    actions: list[dict[str, Any]]

    @property
    def is_test(self) -> bool:
        """Whether its values are evidence, with a known rate of false alarms."""
        return self.described.limit is None and (self.is_known or any(alarm.get("threshold") for alarm in self.alarms))

    @property
    def worst(self) -> Part | None:
        """The part whose newest reading is nearest to its limit or furthest beyond it; None before there is one."""
        parts = [part for part in self.described.parts if part.statistic is not None]
        if not parts:
            return self.described.parts[0] if self.described.parts else None
        if self.is_test:
            return max(parts, key=lambda part: (part.statistic or 0.0) / (part.threshold or math.inf))
        pick = min if self.described.below else max
        return pick(parts, key=lambda part: part.statistic or 0.0)

    @property
    def threshold(self) -> float | None:
        """Where its limit lies now: of a test an e-value; None where that is not told."""
        if self.described.limit is not None:
            return self.described.limit
        if self.worst is not None:
            return self.worst.threshold
        told = [alarm["threshold"] for alarm in self.alarms if alarm.get("threshold")]
        return told[-1] if told else None

    @property
    def limit(self) -> float | None:
        """The same on the scale of `values`."""
        threshold = self.threshold
        if threshold is None or not self.is_test:
            return threshold
        return math.log10(threshold) if threshold > 0 else None


class Figure(NamedTuple):
    """Something that is described and has no alarm."""

    heading: str
    name: str  # as in metrics.jsonl
    spec: MetricSpec
    values: Values

    @property
    def title(self) -> str:
        return self.spec.title(self.name)


@dataclasses.dataclass(frozen=True)
class DriftRecord:
    """All of one run."""

    streams: list[StreamRecord]
    figures: list[Figure]
    alarms: list[dict[str, Any]]  # events, oldest first
    actions: list[dict[str, Any]]
    generations: int  # that were watched
    alpha: float | None  # probability of a false alarm of any test in the whole run
    warnings: list[str]

    @property
    def is_watched(self) -> bool:
        return bool(self.generations or self.alarms or self.streams)


def read(folder: Path, lines: Sequence[Mapping[str, float]], display: Display) -> DriftRecord:
    """The record of the run in a folder. lines: of its metrics. display: of its family. Raises OSError where
    drift.jsonl cannot be read."""
    found, warnings = events.read(folder), [said] if (said := events.warning(folder)) else []
    alarms = [event for event in found if not event.get("action")]
    actions = [event for event in found if event.get("action")]
    watched = [line for line in lines if any(name.startswith(PREFIX) for name in line)]
    file = _streams(folder, bool(watched), warnings)
    known = {described.name: described for described in (file.streams if file else ())}
    named = [*known, *dict.fromkeys(str(event.get("stream") or "") for event in found)]
    streams = [
        StreamRecord(
            known.get(name) or _told_by(name, alarms), name in known, values(watched, PREFIX + name),
            [alarm for alarm in alarms if alarm.get("stream") == name],
            [action for action in actions if action.get("stream") == name],
        )
        for name in dict.fromkeys(named) if name
    ]  # fmt: skip
    taken = {PREFIX + name for name in (*(stream.described.name for stream in streams), *COUNTS)}
    return DriftRecord(
        streams, figures(lines, display, taken), alarms, actions, len(watched), file.alpha if file else None, warnings
    )


def _streams(folder: Path, is_watched: bool, warnings: list[str]) -> _File | None:
    try:
        return msgspec.json.decode(bounded.read(folder / STREAMS, MOST), type=_File)
    except FileNotFoundError:
        if is_watched:
            warnings.append(f"It was watched by an earlier version, which kept no {STREAMS}: limits are not known.")
    except (OSError, ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
        reason = bounded.reason(error) if isinstance(error, OSError) else "it does not describe streams"
        warnings.append(f"{folder / STREAMS} cannot be read ({reason}): limits are not known.")
    return None


def _told_by(name: str, alarms: Sequence[Mapping[str, Any]]) -> Described:
    """A stream that streams.json does not describe, by the last alarm over it."""
    last: Mapping[str, Any] = next((alarm for alarm in reversed(alarms) if alarm.get("stream") == name), {})
    detects, unit, test = (str(last.get(word) or "") for word in ("detects", "unit", "test"))
    return Described(name, detects, unit, test)


def values(lines: Iterable[Mapping[str, float]], name: str) -> Values:
    """Those of one metric that are finite; of a generation that is there twice, the last."""
    found = {int(line["step"]): float(line[name]) for line in lines if math.isfinite(line.get(name, math.nan))}
    return sorted(found.items())


def figures(lines: Sequence[Mapping[str, float]], display: Display, taken: Iterable[str] = ()) -> list[Figure]:
    """What a family describes of its generations, by heading, and what else is watched. taken: names of metrics that
    are shown elsewhere."""
    names = list(dict.fromkeys(name for line in lines for name in line))
    shown_elsewhere = set(taken)
    left = {name: None for name in names if name not in shown_elsewhere}
    found = []
    for heading, specs in display.figures.items():
        for spec in specs:
            for name in [name for name in left if spec.matches(name)]:
                del left[name]
                found.append(Figure(heading, name, spec, values(lines, name)))
    for name in left:
        if name.startswith(PREFIX):
            spec = MetricSpec(name, name.removeprefix(PREFIX).replace("_", " "), better="neither")
            found.append(Figure("others", name, spec, values(lines, name)))
    return [figure for figure in found if figure.values]
