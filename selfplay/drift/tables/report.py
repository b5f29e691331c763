"""What a watch has found: lines for programs, and a tally for people and pictures in memory that does not grow."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import numpy as np

from selfplay.drift.tables.performance import Performance
from selfplay.drift.tables.reference import Test
from selfplay.drift.tables.statistics import Description
from selfplay.drift.tables.watch import Watch, Whole, Window

KEPT = 200  # episodes of drift, and windows with a performance, that are told one by one
TICKS = 2000  # windows that are drawn; more are joined in twos
DIGITS = 10  # of numbers in JSON lines
METRICS = ("accuracy", "recall", "f1", "roc_auc")


@dataclasses.dataclass
class Episode:
    """Windows that follow one another in which the same test of the same column alarms."""

    test: Test  # that of the smallest p-value
    begin: Window
    end: Window


@dataclasses.dataclass
class ColumnTally:
    """How often a column has drifted."""

    windows: int = 0
    first: Window | None = None
    worst: Test | None = None  # the test of the smallest p-value among its drifts
    psi: float = 0.0  # the largest of any window


class Tally:
    """What is kept of windows after they have passed."""

    def __init__(self, columns: list[str], alpha: float) -> None:
        self.alpha = alpha
        self.windows = self.tested = self.drifted = 0
        self.columns = {name: ColumnTally() for name in columns}
        self.episodes: list[Episode] = []  # the first KEPT
        self.more_episodes = 0
        self.performances: list[Window] = []  # the first KEPT
        self.timeline = Timeline(columns)
        self._open: dict[tuple[str, str], Episode] = {}

    def add(self, window: Window) -> None:
        self.windows += 1
        self.tested += window.level is not None
        self.drifted += bool(window.drifts)
        for test in window.tests:
            tally = self.columns.setdefault(test.column, ColumnTally())
            tally.psi = max(tally.psi, test.psi or 0.0)
        for column in {test.column for test in window.drifts}:
            tally = self.columns[column]
            tally.windows += 1
            tally.first = tally.first or window
        for test in window.drifts:
            tally = self.columns[test.column]
            if tally.worst is None or _p(test) < _p(tally.worst):
                tally.worst = test
            self._continue(window, test)
        if window.performance is not None and len(self.performances) < KEPT:
            self.performances.append(window)
        self.timeline.add(window)

    def _continue(self, window: Window, test: Test) -> None:
        """Adds an alarm to the episode that it goes on with, or begins one."""
        running = self._open.get((test.column, test.what))
        if running is not None and running.end.number == window.number - 1:
            running.end = window
            if _p(test) < _p(running.test):
                running.test = test
            return
        begun = self._open[test.column, test.what] = Episode(test, window, window)
        if len(self.episodes) < KEPT:
            self.episodes.append(begun)
        else:
            self.more_episodes += 1


def _p(test: Test) -> float:
    return 1.0 if test.comparison.p_value is None else test.comparison.p_value


@dataclasses.dataclass
class Tick:
    """One place of a timeline: a window, or some that follow one another."""

    first: int  # row, from 1
    last: int
    begin: float | None
    windows: int
    psi: np.ndarray  # [columns], the largest
    alarms: list[set[str]]  # names of tests that alarmed, of each column
    metrics: np.ndarray  # [METRICS], sums over `defined` windows
    defined: np.ndarray

    def join(self, other: Tick) -> Tick:
        """This and the one after it as one."""
        alarms = [mine | theirs for mine, theirs in zip(self.alarms, other.alarms, strict=True)]
        return Tick(
            self.first, other.last, other.begin if self.begin is None else self.begin, self.windows + other.windows,
            np.maximum(self.psi, other.psi), alarms, self.metrics + other.metrics, self.defined + other.defined,
        )  # fmt: skip


class Timeline:
    """What drifted when, in at most TICKS places: when they are full, each two become one."""

    def __init__(self, columns: list[str]) -> None:
        self.columns = columns
        self.ticks: list[Tick] = []
        self._width = 1  # windows in a tick
        self._place = {name: index for index, name in enumerate(columns)}

    def add(self, window: Window) -> None:
        psi = np.zeros(len(self.columns))
        alarms: list[set[str]] = [set() for _ in self.columns]
        for test in window.tests:
            place = self._place.get(test.column)
            if place is not None:
                psi[place] = max(psi[place], test.psi or 0.0)
                if test.comparison.drift:
                    alarms[place].add(label(test))
        found = window.performance
        values = [None if found is None else getattr(found, name) for name in METRICS]
        defined = np.array([value is not None for value in values], np.int64)
        metrics = np.array([value or 0.0 for value in values])
        tick = Tick(window.first, window.last, window.begin, 1, psi, alarms, metrics, defined)
        if self.ticks and self.ticks[-1].windows < self._width:
            self.ticks[-1] = self.ticks[-1].join(tick)
            return
        self.ticks.append(tick)
        if len(self.ticks) > TICKS:
            pairs = [self.ticks[index : index + 2] for index in range(0, len(self.ticks), 2)]
            self.ticks = [pair[0].join(pair[1]) if len(pair) == 2 else pair[0] for pair in pairs]
            self._width *= 2


def label(test: Test) -> str:
    """A test by its name and what of the column it is of."""
    return test.name if test.what == "values" else f"{test.name} ({test.what})"


def when(seconds: float) -> str:
    """A time, to the second."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return f"{seconds:g} s"


def window_json(window: Window) -> dict[str, Any]:
    """A window for programs."""
    return {
        "window": window.number,
        "rows": [window.first, window.last],
        "time": None if window.begin is None or window.end is None else [when(window.begin), when(window.end)],
        "drift": sorted({test.column for test in window.drifts}),
        "level": window.level,
        "tests": [_test_json(test) for test in window.tests],
        "columns": {name: description_json(one) for name, one in window.descriptions.items()},
        "performance": _performance_json(window.performance),
    }


def summary_json(watch: Watch, tally: Tally) -> dict[str, Any]:
    """The last line: both tables, and how often each column drifted."""
    assert watch.whole is not None
    return {
        "summary": watch.table.name,
        "windows": tally.windows,
        "tested": tally.tested,
        "drifted": tally.drifted,
        "alpha": tally.alpha,
        "columns": {
            name: {"drifted": one.windows, "first": one.first.number if one.first else None,
                   "largest_psi": _rounded(one.psi), "test": label(one.worst) if one.worst else None}
            for name, one in tally.columns.items()
        },
        "types": {column.name: column.kind for column in watch.reference.layout.columns},
        "reference": _whole_json(watch.reference_whole),
        "file": _whole_json(watch.whole),
        "warnings": watch.warnings,
    }  # fmt: skip


def _whole_json(whole: Whole) -> dict[str, Any]:
    return {
        "rows": whole.rows,
        "columns": {name: description_json(one) for name, one in whole.descriptions.items()},
        "correlations": [[*pair, _rounded(value)] for pair, value in whole.correlations.items()],
        "performance": _performance_json(whole.performance),
    }


def description_json(one: Description) -> dict[str, Any]:
    plain = dataclasses.asdict(one) | {"uniqueness": one.uniqueness}
    return {name: _rounded(value) if isinstance(value, float) else value for name, value in plain.items()}


def _performance_json(found: Performance | None) -> dict[str, Any] | None:
    return None if found is None else found.as_json()


def _test_json(test: Test) -> dict[str, Any]:
    comparison = test.comparison
    threshold = comparison.threshold if np.isfinite(comparison.threshold) else None
    return {
        "column": test.column, "of": test.what, "test": test.name, "detects": test.detects,
        "statistic": _rounded(comparison.statistic), "threshold": _rounded(threshold),
        "p": _rounded(comparison.p_value), "drift": comparison.drift,
        "psi": _rounded(test.psi), "psi_expected": _rounded(test.psi_expected),
    }  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{DIGITS}g}")
