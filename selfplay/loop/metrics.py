"""Metrics: one writer, two files. metrics.jsonl for programs, TensorBoard events for eyes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from selfplay.storage import artifact


class Metrics:
    """Appends figures by step. A log that cannot be written never stops a run: it is reported once and left."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "metrics.jsonl"
        self._events = folder / "tensorboard"
        self._writer: Any = None
        self.failure: str | None = None

    def write(self, step: int, figures: dict[str, float]) -> None:
        """One line, {"step": …, name: value, …}; and one scalar each for TensorBoard."""
        try:
            with self._path.open("a") as file:
                file.write(json.dumps({"step": step, **figures}) + "\n")
            if self._writer is None:
                from torch.utils.tensorboard import SummaryWriter  # imports slowly

                self._writer = SummaryWriter(str(self._events), purge_step=step)
            for name, value in figures.items():
                self._writer.add_scalar(name, value, step)
            self._writer.flush()
        except OSError as error:
            self.failure = f"metrics are not being written: {error.strerror or error}"

    def picture(self, step: int, name: str, image: Any) -> None:
        """An image [rows, columns, 3] uint8 for TensorBoard."""
        if self._writer is not None:
            self._writer.add_image(name, image, step, dataformats="HWC")

    def history(self, before: int | None = None) -> list[dict[str, Any]]:
        """All lines so far; with `before`, those of earlier steps only, and the file is cut to them (a run resumed from
        an older state takes back what it had written since). A torn last line is dropped."""
        try:
            written = self._path.read_text(errors="replace")
        except FileNotFoundError:
            return []
        except OSError as error:
            self.failure = f"metrics cannot be read: {error.strerror or error}"
            return []
        lines = []
        for text in written.splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and "step" in line:
                lines.append(line)
        if before is not None:
            lines = [line for line in lines if line["step"] < before]
            text = "".join(json.dumps(line) + "\n" for line in lines)
            try:
                artifact.replace_file(self._path, text.encode())
            except OSError as error:
                self.failure = f"metrics are not being written: {error.strerror or error}"
        return lines

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
