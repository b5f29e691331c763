"""Metrics of a run on disk: one line a generation in metrics.jsonl, for programs, and the same as TensorBoard events.

Knows names and numbers, not what they measure.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from selfplay import config
from selfplay.storage import bounded, json_text, records

FILE = "metrics.jsonl"


def read(folder: Path) -> list[dict[str, Any]]:
    """The lines {"step": generation, name: value, …} of a run's metrics.jsonl, none where it has no such file. A torn
    last line is dropped; names of earlier versions are today's; null is read as NaN. Raises OSError where the file
    cannot be read."""
    return list(iterate(folder))


def iterate(folder: Path) -> Iterator[dict[str, Any]]:
    """What `read` gives, a line at a time."""
    try:
        with bounded.opened(folder / FILE) as file:
            while text := file.readline(bounded.MAX_LINE):
                if (line := _line(text)) is not None:
                    yield line
    except FileNotFoundError:
        return


def _line(text: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(text.decode(errors="replace"))
        step = line["step"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if type(step) is not int or not all(value is None or isinstance(value, int | float) for value in line.values()):
        return None
    return json_text.numbers({_current(name): value for name, value in line.items()})


def _current(name: str) -> str:
    section, slash, rest = name.partition("/")
    return config.current_key(section) + slash + rest if slash else name


class MetricsWriter:
    """Appends metrics by step. A file that cannot be written never stops a run: it is reported once and left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: Any = None
        self.failure: str | None = None

    def write(self, step: int, metrics: dict[str, float]) -> None:
        """One line, {"step": …, name: value, …}; and one scalar each for TensorBoard."""
        try:
            records.append(self._folder / FILE, json_text.dumps({"step": step, **metrics}).encode() + b"\n")
            self._scalars(step, metrics)
        except OSError as error:
            self.failure = f"metrics are not being written: {error.strerror or error}"

    def add(self, step: int, metrics: Mapping[str, float]) -> None:
        """Adds metrics to the line of this step, which was written without them."""
        try:
            lines = read(self._folder)
            for line in lines:
                if line["step"] == step:
                    line |= metrics
            self._replace(lines)
            self._scalars(step, next(({**line} for line in lines if line["step"] == step), {}))
        except OSError as error:
            self.failure = f"metrics are not being written: {error.strerror or error}"

    def _scalars(self, step: int, metrics: Mapping[str, float]) -> None:
        for name, value in metrics.items():
            if name != "step":
                self._events(step).add_scalar(name, value, step)
        self._events(step).flush()

    def _events(self, step: int) -> Any:
        """The writer of TensorBoard's events, in which this session's begin with this step."""
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter  # imports slowly

            self._writer = SummaryWriter(str(self._folder / "tensorboard"), purge_step=step)
        return self._writer

    def picture(self, step: int, name: str, image: Any) -> None:
        """An image [rows, columns, 3] uint8 for TensorBoard."""
        try:
            self._events(step).add_image(name, image, step, dataformats="HWC")
        except OSError as error:
            self.failure = f"metrics are not being written: {error.strerror or error}"

    def cut(self, before: int) -> None:
        """Drops the lines of step `before` and later: a run resumed from an older state takes back what it had written
        since."""
        try:
            if lines := read(self._folder):
                self._replace([line for line in lines if line["step"] < before])
        except OSError as error:
            self.failure = f"metrics are not being written: {error.strerror or error}"

    def _replace(self, lines: list[dict[str, Any]]) -> None:
        text = "".join(json_text.dumps(line) + "\n" for line in lines)
        records.replace(self._folder / FILE, text.encode())

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
