"""How far the reading of a file has come: one line on standard error that is drawn anew, and wiped at the end.

It is shown on a terminal only, after a second, and not where the output itself runs over that terminal.
"""

from __future__ import annotations

import os
import sys
import time
from types import TracebackType
from typing import BinaryIO

from selfplay.cli.console import output

_FIRST, _EVERY = 1.0, 0.25  # seconds


class Progress:
    """The line of one file while it is read; a context, which wipes it."""

    def __init__(self, name: str, stream: BinaryIO, silent: bool) -> None:
        """stream: the file as it lies on the disk, compressed or not. silent: the output is progress enough."""
        self._name, self._stream = name, stream
        self._due = time.monotonic() + _FIRST if output.can_redraw(sys.stderr) and not silent else float("inf")
        self._drawn = False

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.wipe()

    def show(self, games: int) -> None:
        """After each game; draws seldom."""
        now = time.monotonic()
        if now >= self._due:
            self._due, self._drawn = now + _EVERY, True
            print(f"\r\x1b[K{self._name}: {self._read()}{games:,} games", end="", file=sys.stderr, flush=True)

    def wipe(self) -> None:
        """Before anything else is written on the terminal."""
        if self._drawn:
            self._drawn = False
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def _read(self) -> str:
        """ "12.3 of 80.0 MB, ", or nothing where that is not known, as of a pipe."""
        try:
            size, read = os.fstat(self._stream.fileno()).st_size, self._stream.tell()
        except OSError:
            return ""
        return f"{read / 1e6:,.1f} of {size / 1e6:,.1f} MB, " if size else ""
