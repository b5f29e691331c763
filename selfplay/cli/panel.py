"""What a run looks like: a live panel on a terminal, plain lines elsewhere. Only shows; decides nothing."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from selfplay.status import Status

LINE_EVERY = 30.0  # seconds between plain lines while nothing new is measured
BARS = "▁▂▃▄▅▆▇█"


def make(preset: str, path: Path, plain: bool) -> LivePanel | PlainLines:
    """A context manager whose value takes each Status."""
    console = Console()
    return PlainLines(path) if plain or not console.is_terminal else LivePanel(preset, path, console)


def duration(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def time_left(status: Status) -> str:
    if not 0.002 < status.progress < 1:
        return "–"
    return duration(status.seconds / status.progress * (1 - status.progress))


def strength_line(generation: int, figures: dict[str, float]) -> str:
    """One measurement as a sentence."""
    told = [_exactness(figures)] if "accuracy" in figures else []
    played = [
        f"{value:.0%} against {_opponent(name)}" for name, value in figures.items() if name.startswith("score_")
    ]
    if played:
        told.append(f"points {', '.join(played)}, in {figures.get('games', 0):.0f} games each")
    if not told:
        return f"generation {generation}: not measured"
    return f"generation {generation}: {'; '.join(told)}, at {figures.get('simulations', 0):.0f} simulations"


def _exactness(figures: dict[str, float]) -> str:
    stages = [f"{name.removeprefix('accuracy_')} {value:.1%}" for name, value in figures.items() if "accuracy_" in name]
    worst = f" ({', '.join(stages)})" if stages else ""
    raw, contested = (figures.get(name, 0) for name in ("raw_accuracy", "contested_accuracy"))
    return (
        f"{figures.get('mistakes', 0):.0f} mistakes in {figures.get('positions', 0):,.0f} positions against exact play "
        f"— accuracy {figures['accuracy']:.2%}{worst}, where a wrong move exists {contested:.1%}, "
        f"policy alone {raw:.1%}"
    )


def headline(figures: dict[str, float]) -> tuple[str, float] | None:
    """(name, value in [0, 1]) of the figure that says most: accuracy, else points against the hardest opponent."""
    if "accuracy" in figures:
        return "accuracy", figures["accuracy"]
    scores = {name: value for name, value in figures.items() if name.startswith("score_")}
    if not scores:
        return None
    hardest = min(scores, key=scores.__getitem__)
    return f"points against {_opponent(hardest)}", scores[hardest]


def _opponent(name: str) -> str:
    name = name.removeprefix("score_")
    return "the first generation" if name == "first" else name


class PlainLines:
    """A line at each generation and each note, and one now and then in between."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = 0.0
        self._generation = -1
        self._measured: int | None = None  # lines already shown; of a resumed run's past only the last is
        self._notes = 0

    def __enter__(self) -> PlainLines:
        print(f"Run folder: {self._path}", flush=True)
        return self

    def __call__(self, status: Status) -> None:
        for note in status.notes[self._notes :]:
            print(note, flush=True)
        self._notes = len(status.notes)
        if self._measured is None:
            self._measured = max(0, len(status.history) - 1)
        for generation, figures in status.history[self._measured :]:
            print(strength_line(generation, figures), flush=True)
        self._measured = len(status.history)
        now = time.monotonic()
        if status.generation == self._generation and now - self._last < LINE_EVERY:
            return
        self._last, self._generation = now, status.generation
        rates = " ".join(f"{name} {value:,.4g}" for name, value in status.rates.items())
        losses = " ".join(f"{name} {value:.3f}" for name, value in status.losses.items() if "loss" in name)
        print(
            f"[{duration(status.seconds)}] generation {status.generation} {status.phase}: {status.games:,} games, "
            f"{status.rows:,} positions, {status.steps:,} updates; {rates}; {losses}; left {time_left(status)}",
            flush=True,
        )

    def __exit__(self, *_: object) -> None:
        pass


class LivePanel:
    """The panel, redrawn in place; what was measured stays above it as lines."""

    def __init__(self, preset: str, path: Path, console: Console) -> None:
        self._preset, self._path = preset, path
        self._live = Live(console=console, refresh_per_second=4, transient=False)
        self._measured: int | None = None  # lines already shown; of a resumed run's past only the last is
        self._notes = 0

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
        for generation, figures in status.history[self._measured :]:
            self._live.console.print(Text(strength_line(generation, figures)))
        self._measured = len(status.history)
        self._live.update(self._draw(status))

    def _draw(self, status: Status) -> Panel:
        head = Table.grid(padding=(0, 2), expand=True)
        head.add_column(ratio=1)
        head.add_column(justify="right")
        head.add_row(
            ProgressBar(total=1.0, completed=status.progress),
            f"{status.progress:4.0%}   time {duration(status.seconds)}   left {time_left(status)}",
        )
        return Panel(
            Group(head, Text(""), self._columns(status), *self._curve(status)),
            title=f"selfplay · {self._preset} · generation {status.generation} · {status.phase}",
            subtitle=str(self._path),
        )

    def _columns(self, status: Status) -> Table:
        rates, losses = status.rates, status.losses
        play = [
            ("games", f"{status.games:,}", f"{rates.get('games/s', 0):,.1f}/s"),
            ("positions", f"{status.rows:,}", f"{rates.get('positions/s', 0):,.0f}/s"),
            ("evaluations", "", f"{rates.get('evaluations/s', 0):,.0f}/s"),
            ("mean batch", "", f"{rates.get('batch', 0):.1f}"),
            ("cache hits", "", f"{rates.get('cache_hits', 0):.0%}"),
            ("proven moves", "", f"{rates.get('exact', 0):.0%}"),
            ("plies a game", "", f"{rates.get('plies', 0):.1f}"),
        ]
        learn = [
            ("updates", f"{status.steps:,}", ""),
            ("replay window", f"{status.window:,}", ""),
            ("reuse", "", f"{rates.get('reuse', 0):.1f}×"),
            ("weights behind", "", f"{rates.get('lag', 0):.2f} gen."),
            *((name.partition("/")[2].replace("_", " "), "", f"{value:.3f}") for name, value in losses.items()),
        ]
        table = Table.grid(padding=(0, 2))
        for justify in ("left", "right", "right", "left", "left", "right", "right"):
            table.add_column(justify=justify)
        for index in range(max(len(play), len(learn))):
            left = play[index] if index < len(play) else ("", "", "")
            right = learn[index] if index < len(learn) else ("", "", "")
            table.add_row(*left, "", *right)
        generation = f"{status.generation_progress:.0%}"
        table.add_row("this generation", "", generation, "", "", "", "")
        return table

    def _curve(self, status: Status) -> list[Any]:
        last = status.history[-1][1] if status.history else {}
        lines = []
        for name in ["accuracy"] if "accuracy" in last else [name for name in last if name.startswith("score_")]:
            values = [figures[name] for _, figures in status.history if name in figures][-60:]
            low, high = min(values), max(max(values), min(values) + 1e-6)
            bars = "".join(BARS[int((value - low) / (high - low) * (len(BARS) - 1))] for value in values)
            title = "accuracy" if name == "accuracy" else f"points against {_opponent(name)}"
            lines.append(Text(f"{title} by generation  {bars}  {values[-1]:.2%} (best {max(values):.2%})"))
        return [Text(""), *lines] if lines else []
