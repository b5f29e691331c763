"""Metrics of a run on disk: one line a generation in metrics.jsonl, for programs, and the same as TensorBoard events.

Knows names and numbers, not what they measure.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from selfplay import config
from selfplay.storage import artifact

FILE = "metrics.jsonl"


def read(folder: Path) -> list[dict[str, Any]]:
    """The lines {"step": generation, name: value, …} of a run's metrics.jsonl, none where it has no such file. A torn
    last line is dropped; names of earlier versions are today's. Raises OSError where the file cannot be read."""
    try:
        written = (folder / FILE).read_text(errors="replace")
    except FileNotFoundError:
        return []
    lines = []
    for text in written.splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            continue
        if isinstance(line, dict) and "step" in line:
            lines.append({_current(name): value for name, value in line.items()})
    return lines


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
            with (self._folder / FILE).open("a") as file:
                file.write(json.dumps({"step": step, **metrics}) + "\n")
            if self._writer is None:
                from torch.utils.tensorboard import SummaryWriter  # imports slowly

                self._writer = SummaryWriter(str(self._folder / "tensorboard"), purge_step=step)
            for name, value in metrics.items():
                self._writer.add_scalar(name, value, step)
            self._writer.flush()
        except OSError as error:
            self.failure = f"metrics are not being written: {error.strerror or error}"

    def picture(self, step: int, name: str, image: Any) -> None:
        """An image [rows, columns, 3] uint8 for TensorBoard."""
        if self._writer is not None:
            self._writer.add_image(name, image, step, dataformats="HWC")

    def cut(self, before: int) -> None:
        """Drops the lines of step `before` and later: a run resumed from an older state takes back what it had written
        since."""
        try:
            if lines := read(self._folder):
                text = "".join(json.dumps(line) + "\n" for line in lines if line["step"] < before)
                artifact.replace_file(self._folder / FILE, text.encode())
        except OSError as error:
            self.failure = f"metrics are not being written: {error.strerror or error}"

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
