"""Metrics of a run on disk: one line a generation in metrics.jsonl, for programs, and the same as TensorBoard events.

Knows names and numbers, not what they measure.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from selfplay import config
from selfplay.storage import json_text, line_file, records
from selfplay.storage.line_file import Line

FILE = "metrics.jsonl"


def read(folder: Path) -> list[dict[str, Any]]:
    """The lines {"step": generation, name: value, …} of a run's metrics.jsonl, none where it has no such file. What is
    damaged is left out, see `damaged`; names of earlier versions are today's; null is read as NaN. Raises OSError where
    the file cannot be read."""
    return list(iterate(folder))


def iterate(folder: Path) -> Iterator[dict[str, Any]]:
    """What `read` gives, a line at a time."""
    return (line.values for line in lines(folder) if line.values is not None)


def damaged(folder: Path) -> list[int]:
    """See `line_file.damaged`. Raises OSError."""
    return line_file.damaged(lines(folder))


def warning(folder: Path) -> str | None:
    """A sentence that names the damaged lines, which `read` leaves out; None where there are none. Raises OSError."""
    numbers = damaged(folder)
    return (
        f"{folder / FILE} is damaged in {line_file.told(numbers)}: `selfplay verify {folder}` says more."
        if numbers
        else None
    )


def lines(folder: Path) -> Iterator[Line]:
    """Every line of a run's metrics.jsonl, as {"step": generation, name: number, …}. Raises OSError where it cannot be
    read."""
    return line_file.lines(folder / FILE, _values)


def _values(text: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
        step = line["step"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    if type(step) is not int or not all(value is None or type(value) in (int, float) for value in line.values()):
        return None
    return json_text.numbers({_current(name): value for name, value in line.items()})


def _in_todays_names(line: Line) -> bytes:
    """The text of a line; written anew where it has names of earlier versions."""
    if line.values is None or all(f'"{name}"'.encode() in line.text for name in line.values):
        return line.text
    return json_text.dumps(line.values).encode() + b"\n"


def _current(name: str) -> str:
    section, slash, rest = name.partition("/")
    return config.current_key(section) + slash + rest if slash else name


class MetricsWriter:
    """Appends metrics by step. A file that cannot be written never stops a run: it is reported once and left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._events: EventFile | None = None
        self.failures: dict[str, str] = {}  # sentences, by what could not be written first

    def write(self, step: int, metrics: dict[str, float]) -> None:
        """One line, {"step": …, name: value, …}; and one scalar each for TensorBoard."""
        with self._reported():
            records.append(self._folder / FILE, json_text.dumps({"step": step, **metrics}).encode() + b"\n")
        self._scalars(step, metrics)

    def add(self, step: int, metrics: Mapping[str, float]) -> None:
        """Adds metrics to the line of this step, which was written without them."""
        line: dict[str, Any] = {}
        with self._reported():
            texts = []
            for found in lines(self._folder):
                if found.values is not None and found.values["step"] == step:
                    line = found.values | dict(metrics)
                    found = found._replace(text=json_text.dumps(line).encode())
                texts.append(found.text)
            self._replace(texts)
        self._scalars(step, line)

    def _scalars(self, step: int, metrics: Mapping[str, float]) -> None:
        def write(events: EventFile) -> None:
            for name, value in metrics.items():
                if name != "step":
                    events.scalar(step, name, value)
            events.flush()

        self._to_tensorboard(step, write)

    def picture(self, step: int, name: str, image: Any) -> None:
        """An image [rows, columns, 3] uint8 for TensorBoard."""
        self._to_tensorboard(step, lambda events: events.image(step, name, image))

    def text(self, step: int, name: str, words: str) -> None:
        """A text for TensorBoard, which shows it among those of its name."""

        def write(events: EventFile) -> None:
            events.text(step, name, words)
            events.flush()

        self._to_tensorboard(step, write)

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failures.setdefault(FILE, f"metrics are not being written: {error.strerror or error}")

    def _to_tensorboard(self, step: int, write: Callable[[EventFile], None]) -> None:
        """Writes events, of which this session's begin with this step. After a failure of whatever kind (it is other
        people's code, and nothing depends on it) this session writes no more of them."""
        if "tensorboard" in self.failures:
            return
        try:
            self._events = self._events or EventFile(self._folder / "tensorboard", step)
            write(self._events)
        except Exception as error:
            told = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
            self.failures["tensorboard"] = f"TensorBoard's events are not written any more in this session: {told}"
            self.close()

    def cut(self, before: int) -> None:
        """Drops the lines of step `before` and later, and a torn last one: a run resumed from an older state takes back
        what it had written since. Damaged lines stay where they are."""
        with self._reported():
            found = list(lines(self._folder))
            kept = [line for line in found if not line.torn and (line.values or {"step": -1})["step"] < before]
            texts = [_in_todays_names(line) for line in kept]
            if texts != [line.text for line in found] or not all(text.endswith(b"\n") for text in texts):
                self._replace(texts)

    def _replace(self, texts: list[bytes]) -> None:
        records.replace(self._folder / FILE, b"".join(text.rstrip(b"\n") + b"\n" for text in texts))

    def close(self) -> None:
        if self._events is not None:
            with contextlib.suppress(OSError):  # what a full disk refuses to take is lost
                self._events.close()
            self._events = None


class EventFile:
    """A file of TensorBoard's events. Written in the caller's thread, so that an error is the caller's too;
    TensorBoard's own writer has a thread, whose errors end up on the screen."""

    def __init__(self, folder: Path, first_step: int) -> None:
        """first_step: TensorBoard forgets events of earlier files from this step on. Raises OSError, ImportError."""
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer import record_writer
        from torch.utils.tensorboard import summary  # imports slowly

        self._event, self._summary = event_pb2.Event, summary
        folder.mkdir(exist_ok=True)
        # Files are read in the order of their names: a clock that was set back must not put this one before others.
        before = [_seconds(path.name) for path in folder.glob("events.out.tfevents.*")]
        now = max([int(time.time()), *(seconds + 1 for seconds in before)])
        self._file = (folder / f"events.out.tfevents.{now:010d}.{socket.gethostname()}.{os.getpid()}.0").open("xb")
        self._records = record_writer.RecordWriter(self._file)
        self._write(file_version="brain.Event:2")
        started = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(step=first_step, session_log=started)

    def _write(self, **fields: Any) -> None:
        self._records.write(self._event(wall_time=time.time(), **fields).SerializeToString())

    def scalar(self, step: int, name: str, value: float) -> None:
        self._write(step=step, summary=self._summary.scalar(name, value))

    def image(self, step: int, name: str, picture: Any) -> None:
        """picture: [rows, columns, 3] uint8."""
        self._write(step=step, summary=self._summary.image(name, picture, dataformats="HWC"))

    def text(self, step: int, name: str, words: str) -> None:
        self._write(step=step, summary=self._summary.text(name, words))

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _seconds(name: str) -> int:
    """When a file of events was begun, by its name; 0 where that does not say."""
    part = name.split(".")[3]
    return int(part) if part.isdecimal() and len(part) < 12 else 0
