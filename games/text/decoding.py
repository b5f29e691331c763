"""Bytes of files into lines of text: UTF-8 or UTF-16 with their marks, UTF-8 without one, and Latin-1 where it is not.

Line ends of all systems become "\\n". One line is held at a time. Knows no format.
"""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import Protocol

from games.text.records import RecordError

MAX_LINE = 2**25  # characters; a line is held in memory a few times over
_CHUNK, _MOST = 2**16, 2**20  # bytes read at once, more in long lines
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class _Bytes(Protocol):
    def read(self, size: int, /) -> bytes | None: ...


class Lines:
    """The lines of a stream of bytes, each with its "\\n"."""

    def __init__(self, stream: _Bytes) -> None:
        self._stream = stream
        self.warning = ""  # a sentence where a line was not UTF-8

    def __iter__(self) -> Iterator[str]:
        data = b""
        while len(data) < len(codecs.BOM_UTF8) and (more := self._stream.read(_CHUNK)):
            data += more
        if data.startswith(_UTF_16):
            yield from self._split(data, "utf-16")
            return
        # Latin-1 gives every byte a character and back, and ends lines where UTF-8 does.
        for number, line in enumerate(self._split(data.removeprefix(codecs.BOM_UTF8), "latin-1"), start=1):
            yield line if line.isascii() else self._decoded(line, number)

    def _split(self, data: bytes, encoding: str) -> Iterator[str]:
        """Lines of the stream, of which `data` has been read."""
        decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("replace"), translate=True)
        text, number = "", 0
        while data:
            *lines, text = (text + decoder.decode(data)).split("\n")
            for line in lines:
                yield line + "\n"
            number += len(lines)
            if len(text) > MAX_LINE:
                raise RecordError(f"a line has more than {MAX_LINE:,} characters: it is no record.", line=number + 1)
            data = self._stream.read(max(_CHUNK, min(len(text), _MOST))) or b""
        text += decoder.decode(b"", final=True)
        if text:
            yield text

    def _decoded(self, line: str, number: int) -> str:
        data = line.encode("latin-1")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            self.warning = self.warning or f"line {number} is not UTF-8; it is read as Latin-1"
        try:
            return data.decode("cp1252")
        except UnicodeDecodeError:
            return line
