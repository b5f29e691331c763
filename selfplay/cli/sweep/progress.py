"""How far a sweep is, on standard error."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from selfplay.cli.console import output

if TYPE_CHECKING:
    from selfplay.sweeps.training import Progress

LINE_EVERY, DRAW_EVERY = 60.0, 1.0  # seconds


def duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"


class ProgressLine:
    """A line on standard error that is drawn anew on a terminal; else a line for what happens, and one a minute."""

    def __init__(self) -> None:
        self._redraws = output.can_redraw(sys.stderr)
        self._shown, self._drawn = time.monotonic(), False

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(self, *_: object) -> None:
        self._wipe()

    def tell(self, sentence: str) -> None:
        """A sentence on a line of its own."""
        self._wipe()
        print(sentence, file=sys.stderr, flush=True)

    def __call__(self, progress: Progress, sentence: str) -> None:
        if sentence:
            self.tell(sentence)
        now = time.monotonic()
        if now - self._shown < (DRAW_EVERY if self._redraws else LINE_EVERY) or not progress.running:
            return
        self._shown = now
        running = ", ".join(f"{one.trial.name} {one.share:.0%}" for one in progress.running)
        left = "" if progress.left is None else f"; about {duration(progress.left)} left"
        line = f"{progress.done} of {progress.total} trials trained; {running}{left}"
        if self._redraws:
            print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
            self._drawn = True
        else:
            print(line, file=sys.stderr, flush=True)

    def _wipe(self) -> None:
        if self._drawn:
            self._drawn = False
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
