"""Lines from another program, of which none is kept that is too long, however much it sends without an end of line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

MAX_LINE = 1 << 18  # bytes; the longest sensible line, a game of 5,000 moves, has a tenth of it


def read(source: BinaryIO) -> Iterator[tuple[bytes, bool]]:
    """Every line to the end of the input, and whether it is whole; of one that is too long, its beginning, at once."""
    too_long = False
    while chunk := source.readline(MAX_LINE):
        ended = chunk.endswith(b"\n")
        if too_long:
            too_long = not ended
        elif not ended and len(chunk) >= MAX_LINE:
            too_long = True
            yield chunk, False
        else:
            yield chunk, True
