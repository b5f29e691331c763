"""Reads CSV in blocks of rows, in bounded memory, and says in which line it is wrong.

Quotes are those of RFC 4180: a quoted field may hold delimiters, quotes (doubled) and line ends. Empty lines are left
out. A chunk of bytes is decoded and split at a time, so neither a huge file nor one without line ends fills memory.
"""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from selfplay import errors
from selfplay.drift.tables.files import blocks
from selfplay.drift.tables.files.blocks import Block, Kind, Options, TableError

CHUNK = 2**20  # bytes read at once
MAX_LINE = 16 * 2**20  # characters
MAX_BLOCK = 8 * 2**20  # characters after which a block is handed on, however few rows it has
DELIMITERS = ",;\t|"


class CsvTable:
    """See the module docstring. `share_read` is asked of whoever opened the stream."""

    def __init__(self, stream: BinaryIO, name: str, options: Options, share: Callable[[], float | None]) -> None:
        """Reads the header. Raises TableError where there is none."""
        self.name = name
        self.share_read = share
        self._characters = 0  # handed to the parser so far
        self._decoded = self._lines(stream, options.encoding)
        self._step = min(options.rows, 1024)
        self._rows = options.rows
        first = next(self._decoded, "")
        self._before = 0  # empty lines, which the parser does not see
        while first and not first.strip():
            first = next(self._decoded, "")
            self._before += 1
        if not first:
            raise TableError(f"'{name}' is empty: expected a header line and rows.")
        delimiter = options.delimiter or max(DELIMITERS, key=first.count)
        try:
            self._reader = csv.reader(itertools.chain([first], self._decoded), delimiter=delimiter, strict=True)
            header = next(self._reader)
        except csv.Error as error:
            raise self._malformed(error) from None
        self.columns = blocks.check_columns(name, header)
        if all(_is_number(text) for text in header):
            raise TableError(
                f"'{name}': the first line holds numbers ({errors.shorten(','.join(header))}): expected the names of "
                "the columns there."
            )

    def kinds(self) -> dict[str, Kind]:
        return {}

    def blocks(self) -> Iterator[Block]:
        width = len(self.columns)
        while True:
            first_line, begun = self._line() + 1, self._characters
            rows: list[list[str]] = []
            try:
                while len(rows) < self._rows and self._characters - begun < MAX_BLOCK:
                    more = list(itertools.islice(self._reader, self._step))
                    if not more:
                        break
                    rows += more
            except csv.Error as error:
                raise self._malformed(error) from None
            if not rows:
                return
            blank: tuple[int, ...] = ()
            if set(map(len, rows)) != {width}:
                rows, blank = self._without_blank(rows, first_line)
            if rows:
                yield Block(list(zip(*rows, strict=True)), len(rows), first_line, blank)

    def _without_blank(self, rows: list[list[str]], line: int) -> tuple[list[list[str]], tuple[int, ...]]:
        """Rows without empty lines, and where those were. Raises TableError for a ragged row, with its line."""
        kept: list[list[str]] = []
        blank: list[int] = []
        for row in rows:
            if not row:
                blank.append(len(kept))
            elif len(row) != len(self.columns):
                few = "" if len(row) > len(self.columns) else f" (from '{self.columns[len(row)]}' on none)"
                fields = "1 field" if len(row) == 1 else f"{len(row)} fields"
                raise TableError(
                    f"'{self.name}', line {line:,}: {fields} where the header names {len(self.columns)}{few}: mend the "
                    "line, or quote what holds the delimiter."
                )
            else:
                kept.append(row)
            line += 1 + sum(field.count("\n") for field in row)
        return kept, tuple(blank)

    def _line(self) -> int:
        return self._before + self._reader.line_num

    def _malformed(self, error: csv.Error) -> TableError:
        reason = str(error)
        if "field larger" in reason:
            reason = f"a field of more than {csv.field_size_limit():,} characters; is a quote left open?"
        elif "unexpected end" in reason:
            reason = "a quote is left open to the end of the file."
        elif "expected after" in reason:
            reason = "text after a closing quote; quotes inside a quoted field are doubled."
        return TableError(f"'{self.name}', line {self._line():,}: {reason}")

    def _lines(self, stream: BinaryIO, encoding: str) -> Iterator[str]:
        decoder = _decoder(encoding)
        read = getattr(stream, "read1", stream.read)  # what a pipe has now, rather than wait for all of it
        lines, rest = 0, ""
        while True:
            try:
                chunk = read(CHUNK)
            except (OSError, EOFError, zlib.error) as error:
                reason = getattr(error, "strerror", None) or str(error)
                raise TableError(f"'{self.name}' cannot be read to its end ({reason}).") from None
            try:
                text = rest + decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                line = lines + rest.count("\n") + error.object[: error.start].count(b"\n") + 1
                raise self._undecodable(error, line) from None
            cut = len(text) if not chunk else text.rfind("\n") + 1
            ready, rest = text[:cut], text[cut:]
            if len(rest) > MAX_LINE:
                raise TableError(
                    f"'{self.name}', line {lines + ready.count(chr(10)) + 1:,}: longer than {MAX_LINE:,} characters: "
                    "is this a CSV file?"
                )
            if ready:
                lines += ready.count("\n")
                self._characters += len(ready)
                yield from io.StringIO(ready, newline="")
            if not chunk:
                return

    def _undecodable(self, error: UnicodeDecodeError, line: int) -> TableError:
        byte = error.object[error.start]
        return TableError(
            f"'{self.name}', line {line:,}: byte 0x{byte:02x} is not {error.encoding.upper()}: name the file's "
            "encoding, such as --encoding cp1252."
        )


def _decoder(encoding: str) -> codecs.IncrementalDecoder:
    """A decoder from bytes to text. Raises TableError where there is none of that name."""
    try:
        "".encode(encoding)  # refuses codecs that are not of text
        name = codecs.lookup(encoding).name
        return codecs.getincrementaldecoder("utf-8-sig" if name == "utf-8" else name)()
    except LookupError:
        known = ("utf-8", "utf-16", "latin-1", "cp1252", "cp1251", "cp932", "gb18030", "shift_jis")
        raise TableError(
            f"no encoding is called '{encoding}'.{errors.suggest(encoding, known)} Known: {', '.join(known)}, …"
        ) from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
