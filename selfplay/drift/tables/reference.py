"""A reference, read once: its columns typed and described, and each prepared for the tests of windows against it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np

from selfplay import errors
from selfplay.drift.detectors.interface import Comparison, Drifting
from selfplay.drift.tables import comparisons, rows
from selfplay.drift.tables.columns import NONE, Column
from selfplay.drift.tables.comparisons import Categories, Tenths
from selfplay.drift.tables.files.blocks import Block, Table, TableError
from selfplay.drift.tables.performance import Classes
from selfplay.drift.tables.settings import Settings
from selfplay.drift.tables.windows import Collected, Sampled

LEAST_ROWS = 30  # of a reference
ROW_NUMBERS = 100  # rows from which on a column that only grows, by whole numbers, is taken for a row number

OnProgress = Callable[[Table], None]


class Test(NamedTuple):
    """A comparison of one column of a window with the reference."""

    column: str
    what: str  # "values", "rare or new", "missing", "errors"
    name: str  # of the test
    detects: Drifting
    comparison: Comparison
    psi: float | None = None
    psi_expected: float | None = None


class Reference:
    """See the module docstring."""

    def __init__(self, table: Table, settings: Settings, progress: OnProgress) -> None:
        """Reads the table to its end. Raises TableError."""
        self.name = table.name
        self.classes = Classes(settings.missing, settings.positive) if settings.label else None
        self.notes: list[str] = []
        stream = table.blocks()
        first = next(stream, None)
        if first is None:
            raise TableError(f"'{table.name}' has a header and no rows: a reference needs {LEAST_ROWS} or more.")
        self.layout = rows.layout(table, first, settings, self.classes)
        self.settings = settings = self.layout.settings
        rng = np.random.default_rng([settings.seed, 0])
        self.collected = Collected(len(self.layout.columns), settings.sample, rng, settings.group is not None)
        for part in self.layout.read(_Resumed(table, first, stream), all_roles=False):
            self.collected.add(part)
            progress(table)
        if self.collected.last < LEAST_ROWS:
            raise TableError(f"'{table.name}' has {self.collected.last} rows: a reference needs {LEAST_ROWS} or more.")
        self._require_cells(table)
        self.notes += self.layout.warnings(table.name)
        self.sampled = self.collected.sampled()
        self.performance = self.collected.performance(self.classes, self.sampled)
        self.tested = [self._prepare(*pair) for pair in zip(self.layout.columns, self.sampled.values, strict=True)]
        self.errors = _errors(self.sampled)
        if settings.label is not None and self.errors is None:
            self.notes.append(f"'{table.name}' has no labels and predictions: errors are reported, and not tested.")
        self.tests = sum(len(prepared.names) for prepared in self.tested) + (self.errors is not None)

    def _require_cells(self, table: Table) -> None:
        """Raises TableError where no cell of a column is of the type that it was given."""
        for column, description in zip(self.layout.columns, self.collected.describe(None), strict=True):
            if column.wrong_example is not None and description.missing == description.rows:
                raise TableError(
                    f"'{table.name}': no cell of column '{column.name}' is {column.kind}; the first is "
                    f"'{errors.shorten(column.wrong_example[0])}': --type '{column.name}=categorical' takes any text."
                )

    def _prepare(self, column: Column, values: np.ndarray) -> Prepared:
        detects: Drifting = "label p(y)" if column.name == self.settings.label else "covariate p(x)"
        prepared = Prepared(column, values, detects, self.settings.types.get(column.name) is None)
        if prepared.note:
            self.notes.append(prepared.note)
        return prepared

    def compare(self, window: Sampled, alpha: float) -> list[Test]:
        """All tests of a window, each at the level alpha."""
        found = [
            test
            for prepared, values in zip(self.tested, window.values, strict=True)
            for test in prepared.compare(values, alpha)
        ]
        wrong = _errors(window)
        if self.errors is not None and wrong is not None:
            comparison = comparisons.exact(self.errors, wrong, alpha)
            column = self.settings.prediction or ""
            found.append(Test(column, "errors", "exact", "concept p(y|x)", comparison))
        return found


class Prepared:
    """One column of the reference, ready to be compared with."""

    def __init__(self, column: Column, values: np.ndarray, detects: Drifting, guess: bool) -> None:
        """guess: whether a column of row numbers may be left out."""
        self.column = column
        self.note = ""
        self._detects = detects
        self._rows = len(values)
        present = _present(values)
        self._missing = self._rows - len(present)
        self._sorted: np.ndarray | None = None
        self._tenths: Tenths | None = None
        self._categories: Categories | None = None
        self.names: tuple[str, ...] = ("missing",)
        if column.kind == "time" or (guess and _row_numbers(column, present)):
            if column.kind != "time":
                self.note = (
                    f"column '{column.name}' only grows, as row numbers do, and is not tested; "
                    f"--type '{column.name}=numeric' tests it."
                )
            return
        distinct = len(np.unique(present))
        few = distinct <= min(comparisons.FEW_VALUES, len(present) // 10)
        if column.coded or few:
            self._categories = Categories(present)
            self.names = ("values", "rare or new", "missing")
            if self._categories.hashed:
                self.note = (
                    f"column '{column.name}' has more than {comparisons.MAX_CATEGORIES} categories, which are compared "
                    f"in {comparisons.BUCKETS} groups by hash."
                )
        else:
            self._sorted = np.sort(present)
            self._tenths = Tenths(self._sorted)
            self.names = ("values", "missing")

    def compare(self, values: np.ndarray, alpha: float) -> Iterator[Test]:
        present = _present(values)
        if self._sorted is not None and self._tenths is not None:
            comparison = comparisons.smirnov(self._sorted, np.sort(present), alpha)
            yield self._values("Kolmogorov–Smirnov", comparison, self._tenths.counts, self._tenths.count(present))
        elif self._categories is not None:
            a, b, known = self._categories.table(present)
            rare = comparisons.rare(a, b)
            comparison = comparisons.g_test(a[~rare], b[~rare], alpha)
            inner_a, inner_b = np.append(a[:known], 0), np.append(b[:known], b[known:].sum())
            yield self._values("G-test", comparison, inner_a, inner_b)
            few = comparisons.exact((int(a[rare].sum()), int(a.sum())), (int(b[rare].sum()), int(b.sum())), alpha)
            yield Test(self.column.name, "rare or new", "exact", self._detects, few)
        absent = (self._missing, self._rows), (len(values) - len(present), len(values))
        yield Test(self.column.name, "missing", "exact", self._detects, comparisons.exact(*absent, alpha))

    def _values(self, name: str, comparison: Comparison, a: np.ndarray, b: np.ndarray) -> Test:
        stability = comparisons.stability(a, b)
        return Test(
            self.column.name, "values", name, self._detects, comparison, stability.psi, stability.psi_expected
        )  # fmt: skip


class _Resumed:
    """A table whose first block has been read already."""

    def __init__(self, table: Table, first: Block, rest: Iterator[Block]) -> None:
        self.name, self.columns, self.kinds, self.share_read = table.name, table.columns, table.kinds, table.share_read
        self._blocks = chain([first], rest)

    def blocks(self) -> Iterator[Block]:
        return self._blocks


def _present(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)] if values.dtype == np.float64 else values[values != NONE]


def _row_numbers(column: Column, present: np.ndarray) -> bool:
    if column.kind != "numeric" or len(present) < ROW_NUMBERS:
        return False
    return bool((np.diff(present) > 0).all() and (present == np.floor(present)).all())


def _errors(rows: Sampled) -> tuple[int, int] | None:
    """How many predictions are wrong, of how many; None without labels."""
    if rows.labels is None or rows.predictions is None:
        return None
    known = (rows.labels >= 0) & (rows.predictions >= 0)
    return int(np.count_nonzero(known & (rows.labels != rows.predictions))), int(np.count_nonzero(known))
