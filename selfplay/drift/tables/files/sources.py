"""Opens a table by its name: a file, packed or not, or standard input; CSV or Parquet is told by how it begins."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from selfplay import errors
from selfplay.drift.tables.files import csv_table, parquet_table
from selfplay.drift.tables.files.blocks import Options, Table, TableError

STANDARD_INPUT = "-"
GZIP, BZIP2, PARQUET = b"\x1f\x8b", b"BZh", b"PAR1"
OTHERS = {
    b"PK\x03\x04": "a ZIP archive, as Excel's files are: save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel file: save the sheet as CSV",
    b"\x28\xb5\x2f\xfd": "packed by Zstandard: unpack it, `zstd -dc FILE | selfplay drift watch -`",
    b"\xfd7zXZ": "packed by xz: unpack it, `xz -dc FILE | selfplay drift watch -`",
    b"ARROW1": "an Arrow (Feather) file: write it as Parquet",
    b"SQLite": "an SQLite database: export the table as CSV",
    b"\x89PNG": "a picture",
}


@contextmanager
def opened(name: str, options: Options) -> Iterator[Table]:
    """The table that a name stands for, its header read; `-` is standard input. Raises TableError."""
    if name == STANDARD_INPUT:
        yield _table(io.BufferedReader(_Forward(sys.stdin.buffer)), None, "standard input", options)
        return
    path = Path(name)
    try:
        if path.is_dir():
            raise TableError(f"'{name}' is a folder: expected a CSV or Parquet file.")
        with path.open("rb") as stream:
            yield _table(stream, path, name, options)
    except FileNotFoundError:
        beside = [str(path.with_name(other)) for other in _names(path.parent)]
        raise TableError(f"'{name}' does not exist.{errors.suggest(name, beside)}") from None
    except OSError as error:
        raise TableError(f"'{name}' cannot be read ({error.strerror or error}).") from None


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))[:10_000]
    except OSError:
        return []


def _table(stream: io.BufferedReader, path: Path | None, name: str, options: Options) -> Table:
    begin = stream.peek(8)[:8]
    if begin.startswith(PARQUET):
        if path is None:
            raise TableError(
                "Parquet cannot be read from standard input, as its schema stands at its end: name the file."
            )
        return parquet_table.ParquetTable(path, name)
    for magic, what in OTHERS.items():
        if begin.startswith(magic):
            raise TableError(f"'{name}' is {what}; expected CSV or Parquet.")
    wide = begin.startswith((b"\xff\xfe", b"\xfe\xff"))
    if wide and options.encoding.lower().replace("_", "-") in ("utf-8", "utf8"):
        raise TableError(f"'{name}' begins as UTF-16 does: --encoding utf-16 reads it.")
    unpacked: Any = stream
    if begin.startswith(GZIP):
        unpacked = gzip.GzipFile(fileobj=stream)
    elif begin.startswith(BZIP2):
        unpacked = bz2.BZ2File(stream)
    return csv_table.CsvTable(unpacked, name, options, _share_of(stream if path is not None else None))


def _share_of(stream: BinaryIO | None) -> Callable[[], float | None]:
    """How much of a file on disk has been read, packed bytes counted."""

    def share() -> float | None:
        if stream is None or stream.closed:
            return None
        size = os.fstat(stream.fileno()).st_size
        return min(stream.tell() / size, 1.0) if size else None

    return share


class _Forward(io.RawIOBase):
    """Standard input as a stream that can be peeked into, and that closing leaves open."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        read = getattr(self._stream, "read1", self._stream.read)
        data: bytes = read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
