"""The progress of a run as plain lines, for logs, pipes and terminals that cannot move their cursor."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

from selfplay.cli.live import evaluation
from selfplay.cli.live.layout import Speeds, duration, time_left
from selfplay.display import Display
from selfplay.types import Status

LINE_EVERY = 30.0  # seconds between plain lines while nothing new is measured
SPEED_OVER = 10.0  # seconds


class Speed:
    """Updates and rows a second over the last SPEED_OVER seconds of the run's own clock."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int, int]] = deque()

    def __call__(self, status: Status) -> Speeds:
        """Up to this status; 0 while there is too little to tell."""
        self._seen.append((status.seconds, status.steps, status.rows))
        while len(self._seen) > 2 and status.seconds - self._seen[1][0] > SPEED_OVER:
            self._seen.popleft()
        then, steps, rows = self._seen[0]
        passed = status.seconds - then
        return Speeds((status.steps - steps) / passed, (status.rows - rows) / passed) if passed > 0.5 else Speeds()


class News:
    """What was noted and measured since the last status, as sentences; of a resumed run's past only the last."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._measured: int | None = None
        self._notes = 0

    def __call__(self, status: Status) -> tuple[list[str], list[str]]:
        """(new notes, new evaluations)"""
        notes = status.notes[self._notes :]
        self._notes = len(status.notes)
        if self._measured is None:
            self._measured = max(0, len(status.history) - 1)
        new = status.history[self._measured :]
        self._measured = len(status.history)
        return notes, [evaluation.sentence(number, metrics, self._display) for number, metrics in new]


class PlainLines:
    """A line at each generation and each note, and one now and then in between."""

    def __init__(self, path: Path, display: Display) -> None:
        self._path, self._display = path, display
        self._last = 0.0
        self._generation = -1
        self._speed, self._news = Speed(), News(display)

    def __enter__(self) -> PlainLines:
        print(f"Run folder: {self._path}", flush=True)
        return self

    def __call__(self, status: Status) -> None:
        notes, evaluations = self._news(status)
        for sentence in [*notes, *evaluations]:
            print(sentence, flush=True)
        speeds = self._speed(status)
        now = time.monotonic()
        if status.generation == self._generation and now - self._last < LINE_EVERY:
            return
        self._last, self._generation = now, status.generation
        shown = self._display
        parts = [_counts(status, shown), *_speeds(status, shown, speeds), *_losses(status, shown)]
        line = "; ".join([*parts, f"left {time_left(status)}"])
        print(f"[{duration(status.seconds)}] generation {status.generation} {status.phase}: {line}", flush=True)

    def __exit__(self, *_: object) -> None:
        pass


def _counts(status: Status, display: Display) -> str:
    played = f"{status.games:,} games, " if display.counts_games else ""
    return f"{played}{status.rows:,} {display.rows}, {status.steps:,} updates"


def _speeds(status: Status, display: Display, speeds: Speeds) -> list[str]:
    if status.rates and display.counts_games:
        return [" ".join(f"{name} {value:,.4g}" for name, value in status.rates.items())]
    return [f"{speeds.updates:,.0f} updates/s, {speeds.rows:,.0f} {display.rows}/s"] if speeds.updates else []


def _losses(status: Status, display: Display) -> list[str]:
    losses, of = [f"{name} {value:.3f}" for name, value in status.losses.items() if "loss" in name], display.balance
    if of and of.metric in status.losses:
        losses.append(f"{of.right} wins {status.losses[of.metric]:.0%}")
    return [", ".join(losses)] if losses else []
