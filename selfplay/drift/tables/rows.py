"""Rows as numbers: a table's blocks with each cell parsed as its column's type, and what the rows are by time, group,
label, prediction and score."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from selfplay import errors
from selfplay.drift.tables import columns
from selfplay.drift.tables.columns import Column
from selfplay.drift.tables.files.blocks import Block, Cells, Kind, Table, TableError
from selfplay.drift.tables.performance import Classes
from selfplay.drift.tables.settings import Settings


@dataclasses.dataclass(frozen=True)
class Rows:
    """Rows that follow one another."""

    first: int  # number of the first, from 1
    values: list[np.ndarray]  # [n] of each column
    times: np.ndarray | None = None  # [n] seconds since 1970
    groups: np.ndarray | None = None  # [n] uint64
    labels: np.ndarray | None = None  # [n] int32, -1 where missing
    predictions: np.ndarray | None = None
    scores: np.ndarray | None = None  # [n] float64

    def __len__(self) -> int:
        return len(self.values[0])

    def part(self, begin: int, end: int) -> Rows:
        roles = (self.times, self.groups, self.labels, self.predictions, self.scores)
        rest = (None if one is None else one[begin:end] for one in roles)
        return Rows(self.first + begin, [one[begin:end] for one in self.values], *rest)


class Layout:
    """The columns of a reference that are compared, and where a table has them."""

    def __init__(self, found: list[Column], settings: Settings, classes: Classes | None) -> None:
        self.columns = found
        self.settings = settings
        self.classes = classes
        self._time = Column(settings.time, "time", settings.missing) if settings.time else None
        self._score = Column(settings.score, "numeric", settings.missing) if settings.score else None

    def read(self, table: Table, all_roles: bool = True) -> Iterator[Rows]:
        """The rows of a table, block by block. all_roles: False where it may lack label, prediction, score and time.
        Raises TableError where a column is not there."""
        places = [find(table, column.name, "which the reference has") for column in self.columns]
        first = 1
        for block in table.blocks():
            values = [
                column.parse(block.cells[at], block.place)
                for column, at in zip(self.columns, places, strict=True)
            ]  # fmt: skip
            yield self._with_roles(table, block, Rows(first, values), all_roles)
            first += block.rows

    def _with_roles(self, table: Table, block: Block, rows: Rows, all_roles: bool) -> Rows:
        settings = self.settings

        def cells(name: str | None, needed: bool = all_roles) -> Cells | None:
            if name is None or (not needed and name not in table.columns):
                return None
            return block.cells[find(table, name, "which was named")]

        if (group := cells(settings.group, True)) is not None:
            rows = dataclasses.replace(rows, groups=columns.hash_texts(group))
        if self._time is not None and (time := cells(settings.time)) is not None:
            rows = dataclasses.replace(rows, times=self._parsed(self._time, rows, time, block))
        label, prediction, score = cells(settings.label), cells(settings.prediction), cells(settings.score)
        if self.classes is None or label is None or prediction is None:
            return rows
        stated = table.kinds()
        rows = dataclasses.replace(
            rows,
            labels=self.classes.codes(label, stated.get(settings.label or "")),
            predictions=self.classes.codes(prediction, stated.get(settings.prediction or "")),
        )
        if self._score is not None and score is not None:
            rows = dataclasses.replace(rows, scores=self._parsed(self._score, rows, score, block))
        return rows

    def _parsed(self, role: Column, rows: Rows, cells: Cells, block: Block) -> np.ndarray:
        """The values of a column in a role, which may have been parsed as one of the columns."""
        for column, values in zip(self.columns, rows.values, strict=True):
            if (column.name, column.kind) == (role.name, role.kind):
                return values
        return role.parse(cells, block.place)

    def warnings(self, name: str) -> list[str]:
        """Sentences on cells that were not of their column's type since the last call."""
        found = []
        for column in (*self.columns, self._time, self._score):
            if column is not None and column.wrong_example is not None:
                cell, where = column.wrong_example
                are = f"{column.wrong:,} cells are" if column.wrong > 1 else "a cell is"
                what = {"numeric": "number", "time": "time"}.get(column.kind, "truth value")
                found.append(
                    f"'{name}', column '{column.name}': {are} no {what}, the first in {where} "
                    f"('{errors.shorten(cell)}'), and counted as missing; --type '{column.name}=categorical' takes any."
                )
                column.wrong, column.wrong_example = 0, None
        return list(dict.fromkeys(found))


def find(table: Table, name: str, why: str) -> int:
    """Where a table has a column. Raises TableError, with the nearest name."""
    try:
        return table.columns.index(name)
    except ValueError:
        has = ", ".join(errors.shorten(column) for column in table.columns[:12])
        more = f" and {len(table.columns) - 12} more" if len(table.columns) > 12 else ""
        raise TableError(
            f"'{table.name}' has no column '{name}', {why}.{errors.suggest(name, table.columns)} It has: {has}{more}."
        ) from None


def check(reference: Table, table: Table, settings: Settings) -> None:
    """Raises TableError where a column is missing that was named, or that the reference has."""
    for name in (*settings.types, *settings.only, *settings.ignore):
        find(reference, name, "which was named")
    for name, role in settings.named().items():
        if role != "column":
            find(table, name, f"which was named as {role}")
    if settings.group is not None:
        find(reference, settings.group, "which was named as group")
    for name in settings.only or reference.columns:
        if name not in settings.ignore and settings.types.get(name) != "ignore":
            find(table, name, "which the reference has")


def layout(table: Table, first: Block, settings: Settings, classes: Classes | None) -> Layout:
    """The columns of a reference, typed by its first block. Raises TableError where none is left."""
    kinds = {name: _kind(table, name, first, settings) for name in table.columns}
    wanted = [name for name in settings.only or table.columns if name not in settings.ignore]
    found = [Column(name, kinds[name], settings.missing) for name in dict.fromkeys(wanted) if kinds[name] != "ignore"]
    if not found:
        raise TableError(f"no column of '{table.name}' is left to compare: name some with --columns, or ignore fewer.")
    times = [name for name, kind in kinds.items() if kind == "time" and name not in settings.ignore]
    if settings.time is None and len(times) == 1:
        settings = dataclasses.replace(settings, time=times[0])
    if settings.every is not None and settings.time is None:
        there = f"it has {', '.join(times)}" if times else "it has none"
        raise TableError(f"windows by time need a column of times in '{table.name}': {there}; --time COLUMN names it.")
    return Layout(found, settings, classes)


def _kind(table: Table, name: str, first: Block, settings: Settings) -> Kind:
    """The type of a column: as given, as the file states it, as its role asks for, or as its first cells look."""
    stated = table.kinds()
    if name in settings.types:
        return settings.types[name]
    if name in stated:
        return stated[name]
    if name in (settings.time, settings.group):
        return "time" if name == settings.time else "ignore"
    cells = first.cells[table.columns.index(name)]
    assert not isinstance(cells, np.ndarray)
    return columns.infer(cells, settings.missing)
