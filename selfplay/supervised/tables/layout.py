"""The layout of a table of the user's own: its columns as numbers, and its classes, as the first rows show them.

numeric      (value − mean) / standard deviation of the first rows, within ±10; 0 where missing
boolean      1, −1; 0 where missing
categorical  one column for each category of the first rows, or, where they are more than `data.buckets`, for each
             remainder of its hash; a category that was not there: all 0
time         left out
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from selfplay.drift.tables import columns, rows
from selfplay.drift.tables.columns import FALSE, MISSING_TEXTS, NONE, TRUE, Column
from selfplay.drift.tables.files import sources
from selfplay.drift.tables.files.blocks import Block, Cells, Kind, Options, Table, TableError
from selfplay.drift.tables.settings import Settings
from selfplay.errors import ConfigError
from selfplay.supervised.config import DataConfig

FIRST = 16_384  # rows that say what columns are like, at most
FARTHEST = 10.0  # standard deviations from the mean
MOST_CLASSES = 1_000


class Feature(NamedTuple):
    """A column, and the numbers that it becomes."""

    name: str
    kind: Kind
    width: int  # numbers
    mean: float = 0.0
    deviation: float = 1.0
    categories: tuple[int, ...] = ()  # hashes, rising; none of a column that is hashed into buckets

    def encode(self, values: np.ndarray) -> np.ndarray:
        """[n, width] float32 of a column's values [n], as `Column.parse` gives them."""
        if self.kind == "numeric":
            scaled = np.clip((values - self.mean) / self.deviation, -FARTHEST, FARTHEST)
            return np.nan_to_num(scaled, nan=0.0)[:, None].astype(np.float32)
        if self.kind == "boolean":
            return ((values == TRUE).astype(np.float32) - (values == FALSE))[:, None].astype(np.float32)
        known = values != NONE
        if self.categories:
            there = np.array(self.categories, np.uint64)
            place = np.minimum(np.searchsorted(there, values), len(there) - 1)
            known &= there[place] == values
        else:
            place = (values % np.uint64(self.width)).astype(np.int64)
        found = np.zeros((len(values), self.width), np.float32)
        found[np.flatnonzero(known), place[known]] = 1
        return found


@dataclasses.dataclass(frozen=True, eq=False)
class TableLayout:
    """Where rows of a table are read from, and what they become."""

    source: str  # a file, or - for standard input
    block_rows: int  # that are read at once, at most
    label: str
    classes: tuple[str, ...]
    features: tuple[Feature, ...]

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return sum(feature.width for feature in self.features)

    @property
    def digest(self) -> str:
        """SHA-256: equal where the same cells become the same numbers."""
        text = json.dumps([self.label, self.classes, self.features])
        return hashlib.sha256(text.encode()).hexdigest()

    def columns(self) -> list[Column]:
        """Fresh parsers of the columns, one a feature."""
        return [Column(feature.name, feature.kind) for feature in self.features]

    def encode(self, table: Table, block: Block, parsers: Sequence[Column]) -> tuple[np.ndarray, np.ndarray]:
        """(x [n, width] float32, classes [n] int64, −1 where missing or unknown) of a block. Raises TableError where
        the table lacks a column."""
        why = "which the rows that the layout was taken from have"
        found = []
        for feature, parser in zip(self.features, parsers, strict=True):
            cells = block.cells[rows.find(table, feature.name, why)]
            found.append(feature.encode(parser.parse(cells, block.place)))
        numbers = {text: number for number, text in enumerate(self.classes)}
        texts = label_texts(block.cells[rows.find(table, self.label, why)])
        return np.concatenate(found, axis=1), np.array([numbers.get(text, -1) for text in texts], np.int64)


def label_texts(cells: Cells) -> list[str]:
    """The cells of a column of classes as texts; empty where missing."""
    if isinstance(cells, np.ndarray):
        return ["" if math.isnan(value) else columns.number_text(value) for value in cells.tolist()]
    return ["" if text in MISSING_TEXTS else text.strip() for text in cells]


def read(data: DataConfig, block_rows: int) -> TableLayout:
    """The layout by the first rows of the reference, or of the file itself. Raises ConfigError and TableError."""
    if data.name == "file" and not data.path:
        raise ConfigError("data.name=file needs your file: name it with --set data.path=FILE.")
    if data.name == "standard-input" and data.path:
        raise ConfigError("data.path has no meaning for data.name=standard-input: use file, or leave it out.")
    if data.name == "standard-input" and not data.reference:
        raise ConfigError(
            "data.name=standard-input needs a file that says what columns and classes there are: name one that has the "
            "same columns with --set data.reference=FILE."
        )
    source = data.path if data.name == "file" else sources.STANDARD_INPUT
    with sources.opened(data.reference or data.path, Options(rows=FIRST)) as table:
        first = next(iter(table.blocks()), None)
        if first is None:
            raise TableError(f"'{table.name}' has a header and no rows: nothing to learn from.")
        label = data.label or table.columns[-1]
        place = rows.find(table, label, "which data.label names")
        for name in data.ignore:
            rows.find(table, name, "which data.ignore names")
        classes = _classes(table, label, label_texts(first.cells[place]))
        return TableLayout(source, block_rows, label, classes, _features(table, first, label, data))


def _classes(table: Table, label: str, texts: list[str]) -> tuple[str, ...]:
    found = set(texts) - {""}
    if not 2 <= len(found) <= MOST_CLASSES:
        raise TableError(
            f"'{table.name}', column '{label}': {len(found):,} different values in its first {len(texts):,} rows, "
            f"where 2 to {MOST_CLASSES:,} classes are expected: name the column of classes with --set "
            "data.label=COLUMN."
        )
    try:
        return tuple(sorted(found, key=float))
    except ValueError:
        return tuple(sorted(found))


def _features(table: Table, first: Block, label: str, data: DataConfig) -> tuple[Feature, ...]:
    found = []
    for column in rows.layout(table, first, Settings(ignore=(label, *data.ignore)), None).columns:
        if column.kind == "time":
            continue
        values = column.parse(first.cells[table.columns.index(column.name)], first.place)
        if column.kind == "numeric":
            finite = values[np.isfinite(values)]
            mean, deviation = (float(finite.mean()), float(finite.std())) if len(finite) else (0.0, 1.0)
            found.append(Feature(column.name, "numeric", 1, mean, deviation if deviation > 0 else 1.0))
        elif column.kind == "boolean":
            found.append(Feature(column.name, "boolean", 1))
        else:
            there = tuple(int(value) for value in np.unique(values[values != NONE]))
            few = 0 < len(there) <= data.buckets
            found.append(
                Feature(
                    column.name, "categorical", len(there) if few else data.buckets, categories=there if few else ()
                )
            )
    if not found:
        raise TableError(f"'{table.name}' has no column left to learn from but times: ignore fewer.")
    return tuple(found)
