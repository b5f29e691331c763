"""The progress display of a run: a live panel on a terminal, plain lines elsewhere. Changes nothing in the run.

Knows what every run has; what a family's numbers are called, its `Display` says.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from selfplay.cli.live import evaluation
from selfplay.display import Balance, Display, RateSpec
from selfplay.types import Status

LINE_EVERY = 30.0  # seconds between plain lines while nothing new is measured
SPEED_OVER = 10.0  # seconds
EVEN = 0.14  # about one half: within 100 Elo of each other
BALANCE_WIDTH = 20  # characters
NARROW, WIDE, BESIDE = 10, 60, 54  # characters of a curve; and of what stands beside it


def make(preset: str, path: Path, plain: bool, display: Display) -> LivePanel | PlainLines:
    """A context manager whose value takes each Status. display: of the run's family."""
    console = Console()
    if plain or not console.is_terminal:
        return PlainLines(path, display)
    return LivePanel(preset, path, console, display)


def duration(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def time_left(status: Status) -> str:
    if not 0.002 < status.progress < 1:
        return "–"
    return duration(status.seconds / status.progress * (1 - status.progress))


class Speed:
    """Updates and rows a second over the last SPEED_OVER seconds of the run's own clock."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int, int]] = deque()

    def __call__(self, status: Status) -> tuple[float, float]:
        """(updates/s, rows/s) up to this status; 0 while there is too little to tell."""
        self._seen.append((status.seconds, status.steps, status.rows))
        while len(self._seen) > 2 and status.seconds - self._seen[1][0] > SPEED_OVER:
            self._seen.popleft()
        then, steps, rows = self._seen[0]
        passed = status.seconds - then
        return ((status.steps - steps) / passed, (status.rows - rows) / passed) if passed > 0.5 else (0.0, 0.0)


def balance(share: float, of: Balance) -> str:
    """Who of two players is ahead, as a bar and a word. share: of games that the one on the right wins."""
    word = "balanced"
    if abs(share - 0.5) > EVEN:
        word = f"{of.right if share > 0.5 else of.left} ahead"
    filled = round(share * BALANCE_WIDTH)
    bar = f"▕{'█' * filled}{'░' * (BALANCE_WIDTH - filled)}▏"
    return f"{of.left} {bar} {of.right} wins {share:.0%}: {word}"


class PlainLines:
    """A line at each generation and each note, and one now and then in between."""

    def __init__(self, path: Path, display: Display) -> None:
        self._path, self._display = path, display
        self._last = 0.0
        self._generation = -1
        self._measured: int | None = None  # lines already shown; of a resumed run's past only the last is
        self._notes = 0
        self._speed = Speed()

    def __enter__(self) -> PlainLines:
        print(f"Run folder: {self._path}", flush=True)
        return self

    def __call__(self, status: Status) -> None:
        for note in status.notes[self._notes :]:
            print(note, flush=True)
        self._notes = len(status.notes)
        if self._measured is None:
            self._measured = max(0, len(status.history) - 1)
        for generation, metrics in status.history[self._measured :]:
            print(evaluation.sentence(generation, metrics, self._display), flush=True)
        self._measured = len(status.history)
        updates, rows = self._speed(status)
        now = time.monotonic()
        if status.generation == self._generation and now - self._last < LINE_EVERY:
            return
        self._last, self._generation = now, status.generation
        shown = self._display
        parts = [_counts(status, shown), *_speeds(status, shown, updates, rows), *_losses(status, shown)]
        line = "; ".join([*parts, f"left {time_left(status)}"])
        print(f"[{duration(status.seconds)}] generation {status.generation} {status.phase}: {line}", flush=True)

    def __exit__(self, *_: object) -> None:
        pass


def _counts(status: Status, display: Display) -> str:
    played = f"{status.games:,} games, " if display.counts_games else ""
    return f"{played}{status.rows:,} {display.rows}, {status.steps:,} updates"


def _speeds(status: Status, display: Display, updates: float, rows: float) -> list[str]:
    if status.rates and display.counts_games:
        return [" ".join(f"{name} {value:,.4g}" for name, value in status.rates.items())]
    return [f"{updates:,.0f} updates/s, {rows:,.0f} {display.rows}/s"] if updates else []


def _losses(status: Status, display: Display) -> list[str]:
    losses, of = [f"{name} {value:.3f}" for name, value in status.losses.items() if "loss" in name], display.balance
    if of and of.metric in status.losses:
        losses.append(f"{of.right} wins {status.losses[of.metric]:.0%}")
    return [", ".join(losses)] if losses else []


class LivePanel:
    """The panel, redrawn in place; what was measured stays above it as lines."""

    def __init__(self, preset: str, path: Path, console: Console, display: Display) -> None:
        self._preset, self._path, self._console, self._display = preset, path, console, display
        self._live = Live(console=console, refresh_per_second=4, transient=False)
        self._measured: int | None = None  # lines already shown; of a resumed run's past only the last is
        self._notes = 0
        self._speed = Speed()

    def __enter__(self) -> LivePanel:
        self._live.__enter__()
        return self

    def __exit__(self, *details: Any) -> None:
        self._live.__exit__(*details)
        sys.stdout.flush()

    def __call__(self, status: Status) -> None:
        for note in status.notes[self._notes :]:
            self._live.console.print(Text(note, style="yellow"))
        self._notes = len(status.notes)
        if self._measured is None:
            self._measured = max(0, len(status.history) - 1)
        for generation, metrics in status.history[self._measured :]:
            self._live.console.print(Text(evaluation.sentence(generation, metrics, self._display)))
        self._measured = len(status.history)
        self._live.update(self.draw(status))

    def draw(self, status: Status) -> Panel:
        """What is shown of this status."""
        self._updates_per_second, self._rows_per_second = self._speed(status)
        head = Table.grid(padding=(0, 2), expand=True)
        head.add_column(ratio=1)
        head.add_column(justify="right")
        head.add_row(
            ProgressBar(total=1.0, completed=status.progress),
            f"{status.progress:4.0%}   time {duration(status.seconds)}   left {time_left(status)}",
        )
        return Panel(
            Group(head, Text(""), self._columns(status), *self._curves(status)),
            title=f"selfplay · {self._preset} · generation {status.generation} · {status.phase}",
            subtitle=str(self._path),
        )

    def _columns(self, status: Status) -> Table:
        made, learned = self._made(status), self._learned(status)
        table = Table.grid(padding=(0, 2))
        for justify in ("left", "right", "right", "left", "left", "right", "right"):
            table.add_column(justify=justify, no_wrap=True)
        for index in range(max(len(made), len(learned))):
            left = made[index] if index < len(made) else ("", "", "")
            right = learned[index] if index < len(learned) else ("", "", "")
            table.add_row(*left, "", *right)
        return table

    def _made(self, status: Status) -> list[tuple[str, str, str]]:
        """What actors have made, and how fast: (name, count, rate)."""
        shown, rates = self._display, status.rates
        count = {shown.rows: f"{status.rows:,}"} | ({"games": f"{status.games:,}"} if shown.counts_games else {})
        lines = [self._line(spec, count.pop(spec.label, ""), rates) for spec in shown.rates if spec.label]
        if shown.rows in count:
            lines.insert(0, (shown.rows, count[shown.rows], _per_second(self._rows_per_second)))
        kept = [line for line in lines if line[1] or line[2]]
        return [*kept, ("this generation", "", f"{status.generation_progress:.0%}")]

    def _line(self, spec: RateSpec, count: str, rates: Mapping[str, float]) -> tuple[str, str, str]:
        value = rates.get(spec.key)
        if spec.of:
            return spec.label, count, "" if value is None else spec.show.format(value)
        if value is None and spec.label == self._display.rows:
            value = self._rows_per_second
        return spec.label, count, _per_second(value or 0.0, 1 if spec.name == "games" else 0)

    def _learned(self, status: Status) -> list[tuple[str, str, str]]:
        rates, losses = status.rates, status.losses
        lines = [
            ("updates", f"{status.steps:,}", _per_second(self._updates_per_second)),
            ("replay window", f"{status.window:,}", ""),
        ]
        if "reuse" in rates:
            lines.append(("reuse", "", f"{rates['reuse']:.1f}×"))
        if rates.get("lag"):
            lines.append(("weights behind", "", f"{rates['lag']:.2f} gen."))
        several = len({name.partition("/")[0] for name in losses}) > 1
        for name, value in losses.items():
            role, _, rest = name.partition("/")
            title = f"{self._display.players.get(role, role)} {rest}" if several else rest
            if self._display.balance is None or name != self._display.balance.metric:
                lines.append((title.replace("_", " "), "", f"{value:.3f}"))
        return lines

    def _curves(self, status: Status) -> list[Any]:
        lines: list[Any] = []
        of = self._display.balance
        if of and of.metric in status.losses:
            lines += [Text(""), Text(balance(status.losses[of.metric], of), no_wrap=True)]
        room = min(WIDE, max(NARROW, self._console.width - BESIDE))
        curves = evaluation.curves(status.history, room, self._display)
        if not curves:
            return lines
        table = Table.grid(padding=(0, 2))
        for title, bars, newest, best in curves:
            table.add_row(title, bars, newest, f"best {best}" if best else "")
        return [*lines, Text(""), table]


def _per_second(rate: float, digits: int = 0) -> str:
    return f"{rate:,.{digits}f}/s" if rate else ""
