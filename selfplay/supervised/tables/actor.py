"""The actor of tables of the user's own: hands out their rows in order, each once, in bounded memory.

A run that goes on skips the rows that a file has given before; standard input goes on with whatever comes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from selfplay.drift.tables.files import sources
from selfplay.drift.tables.files.blocks import Options, TableError
from selfplay.supervised import rows as row_layout
from selfplay.supervised.tables.layout import TableLayout
from selfplay.types import Weights

Part = tuple[np.ndarray, np.ndarray]  # x [n, width] float32, classes [n] int64, −1 where there is none that is known


class TableActor:
    """See `selfplay.agent.Actor`."""

    def __init__(self, layout: TableLayout) -> None:
        self.layout = layout
        self.ended = ""  # a sentence, once there are no more rows
        self._read = 0  # rows of the table that were handed out or left out
        self._left_out = 0  # of these, without a class that is known
        self._parts: Iterator[Part] | None = None
        self._rest: Part | None = None  # of the last part, what is still to be handed out

    def set_weights(self, weights: Weights, generation: int, opponent_weights: Weights | None) -> None:
        pass

    def generate(self, min_rows: int) -> tuple[np.ndarray, dict[str, float]]:
        """See `Actor.generate`; fewer rows at the end of the table. Raises TableError where it cannot be read."""
        found = [row_layout.make(np.zeros((0, self.layout.width), np.float32), np.zeros(0, np.int64))]
        wanted, before = min_rows, self._left_out
        while wanted > 0 and (part := self._next(wanted)) is not None:
            x, classes = part
            known = classes >= 0
            self._read += len(classes)
            self._left_out += int(len(classes) - known.sum())
            wanted -= int(known.sum())
            found.append(row_layout.make(x[known], classes[known]))
        return np.concatenate(found), {"left_out": float(self._left_out - before)}

    def _next(self, most: int) -> Part | None:
        """At most so many rows; None at the end of the table."""
        if self._parts is None:
            self._parts = self._open()
        part = self._rest or next(self._parts, None)
        if part is None:
            self.ended = self._ending()
            return None
        x, classes = part
        self._rest = (x[most:], classes[most:]) if len(classes) > most else None
        return x[:most], classes[:most]

    def _open(self) -> Iterator[Part]:
        layout, parsers = self.layout, self.layout.columns()
        from_file = layout.source != sources.STANDARD_INPUT
        skip = self._read if from_file else 0
        with contextlib.ExitStack() as stack:
            table = stack.enter_context(sources.opened(layout.source, Options(rows=layout.block_rows)))
            for block in table.blocks():
                if block.rows <= skip:
                    skip -= block.rows
                    continue
                x, classes = layout.encode(table, block, parsers)
                yield x[skip:], classes[skip:]
                skip = 0
        if skip:
            raise TableError(
                f"'{layout.source}' has {self._read - skip:,} rows, of which {self._read:,} were read before: expected "
                "the same file, which may have grown."
            )

    def _ending(self) -> str:
        what = "Standard input" if self.layout.source == sources.STANDARD_INPUT else f"'{self.layout.source}'"
        left_out = f"; {self._left_out:,} had no class that is known" if self._left_out else ""
        return f"{what} has ended after {self._read:,} rows{left_out}."

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return {}, {"read": self._read, "left_out": self._left_out}

    def load_state(self, arrays: Mapping[str, np.ndarray], rest: Mapping[str, Any]) -> bool:
        self._read, self._left_out = int(rest["read"]), int(rest["left_out"])
        self._parts, self._rest = None, None
        return True
