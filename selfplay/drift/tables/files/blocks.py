"""What every reader of tables hands on: blocks of rows, column by column, and where in the file they stand."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np

from selfplay.errors import UserError

Kind = Literal["numeric", "categorical", "boolean", "time", "ignore"]
KINDS: tuple[Kind, ...] = ("numeric", "categorical", "boolean", "time", "ignore")
Cells = Sequence[str] | np.ndarray  # texts; or float64, NaN where missing, of a column that the file itself types

ROWS = 16_384  # in a block at most


class TableError(UserError):
    """A file that is no table, or whose columns are not those that were expected."""


class Options(NamedTuple):
    """How a CSV file is to be read."""

    delimiter: str | None = None  # None: the one of , ; tab | that the first line has most of
    encoding: str = "utf-8"
    rows: int = ROWS  # in a block at most


@dataclasses.dataclass(frozen=True)
class Block:
    """Rows that follow one another in a file."""

    cells: Sequence[Cells]  # one entry a column
    rows: int
    first_line: int | None = None  # of a file of lines
    blank: tuple[int, ...] = ()  # rows before which an empty line was left out, once for each

    def place(self, row: int) -> str:
        """Where a row of this block stands, for a message."""
        if self.first_line is None:
            return "a row"
        broken = sum(text.count("\n") for cells in self.cells for text in cells[:row] if isinstance(text, str))
        return f"line {self.first_line + row + broken + sum(before <= row for before in self.blank):,}"


class Table(Protocol):
    """A file being read, once, from its beginning to its end."""

    name: str
    columns: list[str]

    def kinds(self) -> dict[str, Kind]:
        """Types of columns that the file itself states."""
        ...

    def blocks(self) -> Iterator[Block]:
        """The rows, in order. Raises TableError where they are not as the header says."""
        ...

    def share_read(self) -> float | None:
        """How much of the file has been read, in [0, 1]; None where its size is unknown."""
        ...


def check_columns(name: str, columns: list[str]) -> list[str]:
    """Names of columns, those without one numbered. Raises TableError where two share a name."""
    named = [column.strip() or f"column {place}" for place, column in enumerate(columns, start=1)]
    for place, column in enumerate(named, start=1):
        if column in named[: place - 1]:
            first = named.index(column) + 1
            raise TableError(
                f"'{name}': columns {first} and {place} are both called '{column}': each needs a name of its own."
            )
    return named
