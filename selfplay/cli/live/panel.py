"""The progress display of a run: a live panel on a terminal, plain lines elsewhere. Changes nothing in the run.

Knows terminals; what stands in the panel, `layout.py` says.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
import termios
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleDimensions, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from selfplay.cli.console import output
from selfplay.cli.live import layout
from selfplay.cli.live.layout import Speeds
from selfplay.cli.live.lines import News, PlainLines, Speed
from selfplay.display import Display
from selfplay.types import Status

LEAST_BAR = 12  # characters that the progress bar needs beside the times
KEPT = 40  # lines above the panel that are written again after the window has changed its size
LONG = 5.0  # seconds after which the title says how long a phase has lasted
BELOW = 1  # lines of the window left free


def make(preset: str, path: Path, plain: bool, display: Display) -> LivePanel | PlainLines:
    """A context manager whose value takes each Status. display: of the run's family."""
    output.prepare()
    if plain or not output.can_redraw(sys.stdout):
        return PlainLines(path, display)
    return LivePanel(preset, path, Console(highlight=False), display)


class LivePanel:
    """The panel, redrawn in place four times a second; what was noted and measured stays above it as lines."""

    def __init__(self, preset: str, path: Path, console: Console, display: Display) -> None:
        self._preset, self._path, self._console, self._display = preset, path, console, display
        self._speed, self._news = Speed(), News(display)
        self._status, self._speeds = Status(), Speeds()
        self._phase, self._since = "", time.monotonic()  # of the run, and when it began
        self._said: deque[Text] = deque(maxlen=KEPT)
        self._size: ConsoleDimensions | None = None  # of the window, when it was drawn last
        self._terminal = contextlib.ExitStack()
        self._live = Live(console=console, refresh_per_second=4, get_renderable=self._frame)

    def __enter__(self) -> LivePanel:
        self._terminal.enter_context(_no_echo_of_control_characters())
        self._live.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        self._live.__exit__(*details)
        self._terminal.close()
        sys.stdout.flush()

    def __call__(self, status: Status) -> None:
        notes, evaluations = self._news(status)
        self._speeds = self._speed(status)
        # A copy: the panel is drawn by a thread of its own, while the run goes on.
        self._status = dataclasses.replace(status, history=list(status.history), losses=dict(status.losses))
        if status.phase != self._phase:
            self._phase, self._since = status.phase, time.monotonic()
        for note in notes:
            self.say(note, "yellow")
        for sentence in evaluations:
            self.say(sentence)

    def say(self, sentence: str, style: str = "") -> None:
        """Writes a line above the panel; from any thread."""
        text = Text(sentence, style=style)
        self._said.append(text)
        self._live.console.print(text)

    def _frame(self) -> Panel:
        """What is drawn now. The first time after a change of the window's size, the window is cleared: lines that were
        written for another width lie where they cannot be found again."""
        size = self._console.size
        if self._size is not None and size != self._size:
            self._console.clear()
            self._live.console.print(Group(*self._fitting(size)), end="")
        self._size = size
        return self.draw(self._status)

    def _fitting(self, size: ConsoleDimensions) -> list[Text]:
        """The newest lines above the panel, as many as the window has room for."""
        room = size.height - len(self._console.render_lines(self.draw(self._status))) - BELOW
        kept: list[Text] = []
        for text in reversed(self._said):
            room -= len(text.wrap(self._console, size.width))
            if room < 0:
                break
            kept.insert(0, text)
        return kept

    def draw(self, status: Status) -> Panel:
        """What is shown of this status, at the window's size."""
        width, height = self._console.width - 4, self._console.height - 2 - BELOW
        head = self._head(status, width)
        rest = layout.lines(status, self._speeds, self._display, width, height - len(head))
        phase, lasted = status.phase, time.monotonic() - self._since
        if phase == self._phase and lasted > LONG:
            phase = f"{phase} {layout.duration(lasted)}"
        path = str(self._path)
        return Panel(
            Group(*head, *(Text(line, no_wrap=True, overflow="crop") for line in rest)),
            title=Text(layout.title(self._preset, status, phase, width - 2)),
            subtitle=Text(path if len(path) <= width - 2 else self._path.name[: width - 2]),
        )

    def _head(self, status: Status, width: int) -> list[Table | Text]:
        bar, times = ProgressBar(total=1.0, completed=status.progress), layout.times(status, width)
        beside = len(times) == 1 and len(times[0]) + LEAST_BAR <= width
        head = Table.grid(padding=(0, 2), expand=True)
        head.add_column(ratio=1)
        head.add_column(justify="right")
        head.add_row(bar, times[0] if beside else "")
        return [head] if beside else [head, *(Text(line.strip()) for line in times)]


@contextlib.contextmanager
def _no_echo_of_control_characters() -> Iterator[None]:
    """A Ctrl-C is not written as ^C, which would move the cursor from where the panel left it. Needs a terminal, and to
    be in front: a process in the background is suspended when it changes one."""
    try:
        number = sys.stdin.fileno()
        before = termios.tcgetattr(number)
        if os.tcgetpgrp(number) != os.getpgrp():
            raise OSError
    except (OSError, ValueError, AttributeError, termios.error):
        yield
        return
    quiet = [*before]
    quiet[3] &= ~termios.ECHOCTL
    termios.tcsetattr(number, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            if os.tcgetpgrp(number) == os.getpgrp():
                termios.tcsetattr(number, termios.TCSANOW, before)
