"""Tables made for tests: text as a CSV table, rows of mixed columns, a watch of one text against another."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from selfplay.drift.tables.files.blocks import Options, Table
from selfplay.drift.tables.files.csv_table import CsvTable
from selfplay.drift.tables.settings import Settings
from selfplay.drift.tables.watch import Watch, Window

CITIES = np.array(["Rome", "Oslo", "Lima", "Cairo", "Quito"])
HEADER = "time,age,income,city,active,visits,label,guess,score"


def table(text: str | bytes, name: str = "a.csv", **options: Any) -> CsvTable:
    data = text.encode() if isinstance(text, str) else text
    return CsvTable(io.BytesIO(data), name, Options(**options), lambda: None)


def cells(read: Table) -> list[list[Any]]:
    """All cells, column by column."""
    found: list[list[Any]] = [[] for _ in read.columns]
    for block in read.blocks():
        for column, more in zip(found, block.cells, strict=True):
            column += list(more)
    return found


def rows(count: int, rng: np.random.Generator, **changed: Any) -> dict[str, np.ndarray]:
    """Columns of every type, from one distribution; `changed` replaces some."""
    score = rng.random(count)
    start = np.datetime64("2026-03-01T00:00:00")
    made = {
        "time": (start + np.arange(count) * np.timedelta64(60, "s")).astype(str),
        "age": rng.integers(18, 90, count).astype(str),
        "income": np.where(rng.random(count) < 0.05, "", rng.lognormal(10, 1, count).round(2).astype(str)),
        "city": rng.choice(CITIES, count, p=[0.4, 0.3, 0.2, 0.07, 0.03]),
        "active": np.where(rng.random(count) < 0.3, "true", "false"),
        "visits": rng.poisson(4, count).astype(str),
        "label": (rng.random(count) < score).astype(int).astype(str),
        "guess": (score > 0.5).astype(int).astype(str),
        "score": score.round(4).astype(str),
    }
    return made | changed


def csv_of(columns: dict[str, np.ndarray]) -> str:
    return "\n".join([",".join(columns), *map(",".join, zip(*columns.values(), strict=True))]) + "\n"


def watched(reference: str, text: str, **settings: Any) -> tuple[Watch, list[Window]]:
    watch = Watch(table(reference, "reference.csv"), table(text, "file.csv"), Settings(**settings))
    return watch, list(watch.windows())


def drifted(windows: list[Window]) -> set[tuple[str, str]]:
    """Columns, and what of them drifted in any window."""
    return {(test.column, test.what) for window in windows for test in window.drifts}
