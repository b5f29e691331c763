"""Watches a table against a reference, window by window, and keeps what a report needs in bounded memory."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator

import numpy as np

from selfplay.drift.tables import rows, statistics
from selfplay.drift.tables.alarm import AlphaSpending
from selfplay.drift.tables.files.blocks import Table, TableError
from selfplay.drift.tables.performance import Performance
from selfplay.drift.tables.reference import OnProgress, Reference, Test
from selfplay.drift.tables.rows import Rows
from selfplay.drift.tables.settings import Settings
from selfplay.drift.tables.statistics import Description
from selfplay.drift.tables.windows import Collected, Cut, Sampled

LEAST_ROWS = 20  # of a window, to be tested
MOST_CORRELATED = 40  # numeric columns whose correlations are told


@dataclasses.dataclass(frozen=True)
class Window:
    """One window, tested."""

    number: int  # from 1
    first: int  # row, from 1
    last: int
    begin: float | None  # least and greatest time, seconds since 1970
    end: float | None
    level: float | None  # of each of its tests; None: too few rows to be tested
    tests: list[Test]
    descriptions: dict[str, Description]
    performance: Performance | None

    @property
    def drifts(self) -> list[Test]:
        return [test for test in self.tests if test.comparison.drift]


@dataclasses.dataclass(frozen=True)
class Whole:
    """A whole table, described."""

    rows: int
    descriptions: dict[str, Description]
    correlations: dict[tuple[str, str], float]
    performance: Performance | None


class Watch:
    """See the module docstring."""

    def __init__(
        self, reference: Table, table: Table, settings: Settings, progress: OnProgress = lambda table: None
    ) -> None:
        """Reads the reference to its end, and of the table no more than its columns. Raises TableError."""
        rows.check(reference, table, settings)
        self.reference = Reference(reference, settings, progress)
        self.settings = self.reference.settings
        self.names = [column.name for column in self.reference.layout.columns]
        self.table = table
        self.warnings = list(self.reference.notes)
        extra = [name for name in table.columns if name not in {*reference.columns, *settings.named()}]
        if extra:
            self.warnings.append(f"'{table.name}' has columns that the reference has not: {', '.join(extra[:10])}.")
        self.whole: Whole | None = None
        self._spending = AlphaSpending(settings.alpha, self.reference.tests)
        self._progress = progress
        self._rng = np.random.default_rng([settings.seed, 1])
        self._number = 0

    @functools.cached_property
    def reference_whole(self) -> Whole:
        return self._described(self.reference.collected, self.reference.sampled)

    def windows(self) -> Iterator[Window]:
        """The windows of the table, each as soon as its last row has been read; `whole` is there after the last one.
        Raises TableError."""
        whole, current, key = self._collected(), self._collected(), None
        cut = Cut(self.settings.window, self.settings.every)
        for found, part in cut.pieces(self._rows(whole)):
            if key is not None and found != key:
                yield self._tested(current)
                current = self._collected()
            key = found
            current.add(part)
        if key is None:
            raise TableError(f"'{self.table.name}' has a header and no rows: nothing to watch.")
        yield self._tested(current)
        if cut.late:
            self.warnings.append(
                f"{cut.late:,} rows have no time, or one before their window, and were counted in the window then open."
            )
        self.whole = self._described(whole, whole.sampled())
        if self.reference.classes is not None:
            self.reference.classes.require_positive((self.reference.performance, self.whole.performance))

    def _rows(self, whole: Collected) -> Iterator[Rows]:
        for part in self.reference.layout.read(self.table):
            whole.add(part)
            yield part
            self._progress(self.table)
        self.warnings += self.reference.layout.warnings(self.table.name)

    def _collected(self) -> Collected:
        return Collected(len(self.names), self.settings.sample, self._rng, self.settings.group is not None)

    def _tested(self, collected: Collected) -> Window:
        sampled = collected.sampled()
        level = self._spending.next() if len(sampled) >= LEAST_ROWS else None
        tests = [] if level is None else [self._weighed(test) for test in self.reference.compare(sampled, level)]
        self._number += 1
        return Window(
            self._number, collected.first, collected.last, collected.begin, collected.end, level, tests,
            dict(zip(self.names, collected.describe(sampled), strict=True)),
            collected.performance(self.reference.classes, sampled),
        )  # fmt: skip

    def _weighed(self, test: Test) -> Test:
        """A test without its alarm, where the change is smaller than is asked for."""
        least = self.settings.least_psi
        if not test.comparison.drift or test.psi is None or test.psi >= least:
            return test
        return test._replace(comparison=dataclasses.replace(test.comparison, drift=False))

    def _described(self, collected: Collected, sampled: Sampled) -> Whole:
        numeric: dict[str, np.ndarray] = {}
        for column, values in zip(self.reference.layout.columns, sampled.values, strict=True):
            if column.kind == "numeric" and len(numeric) < MOST_CORRELATED:
                numeric[column.name] = values
            elif column.kind == "boolean" and len(numeric) < MOST_CORRELATED:
                numeric[column.name] = np.where(values == 0, np.nan, values.astype(np.float64) - 1)
        return Whole(
            collected.last,
            dict(zip(self.names, collected.describe(sampled), strict=True)),
            statistics.correlations(numeric),
            collected.performance(self.reference.classes, sampled),
        )
