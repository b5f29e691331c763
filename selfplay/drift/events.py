"""drift.jsonl read back: what a run's monitor has said, one JSON object a line, an alarm or an action.

A file of a stranger's run may hold anything: a line that is no event is left out, and named by `warning`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from selfplay.storage import bounded

FILE = "drift.jsonl"
WORDS = ("stream", "part", "detects", "test", "unit", "sentence", "action", "reason")
NUMBERS = ("statistic", "threshold", "counted")  # null: there is none, or it is not finite
LAST = 2**53  # generations below it


class Line(NamedTuple):
    """A line of drift.jsonl."""

    number: int  # from 1
    text: bytes
    event: dict[str, Any] | None  # {"step": generation, "stream": name, …}; None where it is damaged
    torn: bool  # the last one, without its end, as a kill leaves it


def read(folder: Path) -> list[dict[str, Any]]:
    """The events of a run, in their order; none where there is no drift.jsonl. What is damaged is left out, see
    `warning`. Raises OSError where the file cannot be read."""
    return [line.event for line in lines(folder) if line.event is not None]


def warning(folder: Path) -> str | None:
    """A sentence that names the damaged lines, which `read` leaves out; None where there are none. Raises OSError."""
    numbers = [line.number for line in lines(folder) if line.event is None and not line.torn]
    if not numbers:
        return None
    listed = ", ".join(map(str, numbers[:10])) + (", …" if len(numbers) > 10 else "")
    return (
        f"{folder / FILE} is damaged in line{'s' * (len(numbers) > 1)} {listed}, so that alarms may be missing: "
        f"`selfplay verify {folder}` says more."
    )


def lines(folder: Path) -> Iterator[Line]:
    """Every line of a run's drift.jsonl; one too long to be ours comes in pieces. Raises OSError where it cannot be
    read."""
    try:
        with bounded.opened(folder / FILE) as file:
            number = 0
            while text := file.readline(bounded.MAX_LINE):
                number += 1
                event = _event(text)
                whole = text.endswith(b"\n") or len(text) == bounded.MAX_LINE
                yield Line(number, text, event, event is None and not whole)
    except FileNotFoundError:
        return


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
