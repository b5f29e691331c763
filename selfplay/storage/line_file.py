"""Files of one JSON object a line, which a run appends to and may be killed at: each line, and what it says.

What is sound, the caller's `parse` decides; a last line that lacks its end is torn, not damaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from selfplay.storage import bounded


class Line(NamedTuple):
    """A line of such a file."""

    number: int  # from 1
    text: bytes
    values: dict[str, Any] | None  # what it says; None where that is nothing sound
    torn: bool  # the last one, without its end, as a kill leaves it

    @property
    def is_damaged(self) -> bool:
        return self.values is None and not self.torn


def lines(path: Path, parse: Callable[[bytes], dict[str, Any] | None]) -> Iterator[Line]:
    """Every line of a file, none where there is no such file; one too long to be ours comes in pieces. Raises OSError
    where it cannot be read."""
    try:
        with bounded.opened(path) as file:
            number = 0
            while text := file.readline(bounded.MAX_LINE):
                number += 1
                values = parse(text)
                whole = text.endswith(b"\n") or len(text) == bounded.MAX_LINE
                yield Line(number, text, values, values is None and not whole)
    except FileNotFoundError:
        return


def damaged(found: Iterable[Line]) -> list[int]:
    """Numbers, from 1, of the lines that are not what a session wrote, but for a torn last one."""
    return [line.number for line in found if line.is_damaged]


def told(numbers: list[int]) -> str:
    """Numbers of lines, in words."""
    listed = ", ".join(map(str, numbers[:10])) + (", …" if len(numbers) > 10 else "")
    return f"line{'s' if len(numbers) > 1 else ''} {listed}"
