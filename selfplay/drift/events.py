"""drift.jsonl read back: what a run's monitor has said, one JSON object a line, an alarm or an action.

A file of a stranger's run may hold anything: a line that is no event is left out, and named by `warning`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selfplay.storage import line_file
from selfplay.storage.line_file import Line

FILE = "drift.jsonl"
WORDS = ("stream", "part", "detects", "test", "unit", "sentence", "action", "reason")
NUMBERS = ("statistic", "threshold", "counted")  # null: there is none, or it is not finite
LAST = 2**53  # generations below it


def read(folder: Path) -> list[dict[str, Any]]:
    """The events of a run, in their order; none where there is no drift.jsonl. What is damaged is left out, see
    `warning`. Raises OSError where the file cannot be read."""
    return [line.values for line in lines(folder) if line.values is not None]


def warning(folder: Path) -> str | None:
    """A sentence that names the damaged lines, which `read` leaves out; None where there are none. Raises OSError."""
    numbers = line_file.damaged(lines(folder))
    if not numbers:
        return None
    return (
        f"{folder / FILE} is damaged in {line_file.told(numbers)}, so that alarms may be missing: "
        f"`selfplay verify {folder}` says more."
    )


def lines(folder: Path) -> Iterator[Line]:
    """Every line of a run's drift.jsonl, as {"step": generation, "stream": name, …}. Raises OSError where it cannot be
    read."""
    return line_file.lines(folder / FILE, _event)


def _event(text: bytes) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(line, dict) or type(line.get("step")) is not int or not 0 <= line["step"] < LAST:
        return None
    if any(not isinstance(line.get(name) or "", str) for name in WORDS):
        return None
    numbers = [line[name] for name in NUMBERS if line.get(name) is not None]
    return line if all(type(one) in (int, float) and abs(one) < math.inf for one in numbers) else None
