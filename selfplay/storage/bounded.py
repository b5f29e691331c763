"""Reading of files that others may have made: what is no plain file, is mostly holes or is larger than it may be is
refused before it is read, and JSON that no writer of ours makes is refused too.

Reading a pipe or a device may never end; a sparse file of terabytes costs its maker nothing. Imports the standard
library only.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import stat
from pathlib import Path
from typing import Any, BinaryIO

MAX_JSON = 2**20  # bytes of settings and manifests; ours have a few thousand
MAX_LINE = 2**20  # bytes of a line of JSON
_SMALL = 2**26  # bytes: below this, holes do not matter
_MOST_HOLES = 16  # times as long as what is stored of it


class Refused(OSError):
    """A file that is not read. strerror: what it is, such as "a pipe"."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(errno.EINVAL, reason, str(path))


def opened(path: Path, limit: int | None = None) -> io.BufferedReader:
    """A plain file of at most `limit` bytes, to read. Raises Refused for others, OSError as `open` does."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # does not wait for the writer of a pipe
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise Refused(path, "it is no plain file")
        if limit is not None and found.st_size > limit:
            raise Refused(path, f"it has {found.st_size:,} bytes, more than the {limit:,} that are read")
        if found.st_size > _SMALL and _stored(handle, found.st_size) * _MOST_HOLES < found.st_size:
            raise Refused(path, f"it claims {found.st_size:,} bytes and is mostly empty")
        return io.BufferedReader(io.FileIO(handle, "rb"))
    except BaseException:
        os.close(handle)
        raise


class Limited:
    """The first bytes of a stream, which raises Refused where more follow."""

    def __init__(self, path: Path, stream: BinaryIO, limit: int) -> None:
        self._path, self._stream, self._left = path, stream, limit

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise Refused(self._path, "it has more bytes than are read")
        return data

    def __enter__(self) -> Limited:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()


def named(path: Path, limit: int) -> Limited:
    """A file that a user names, which may be a pipe, such as `<(zcat FILE)`, up to `limit` bytes. Raises OSError,
    Refused for a file that is longer; a pipe raises it while it is read."""
    if path.is_file():
        return Limited(path, opened(path, limit), limit)
    return Limited(path, path.open("rb"), limit)


def _stored(handle: int, size: int) -> int:
    """Bytes of a file that are not in holes, counted until they are enough; all where the system does not tell."""
    found = end = 0
    try:
        while end < size and found * _MOST_HOLES < size:
            begin = os.lseek(handle, end, os.SEEK_DATA)
            end = os.lseek(handle, begin, os.SEEK_HOLE)
            found += end - begin
    except OSError as error:
        if error.errno != errno.ENXIO:  # ENXIO: nothing but a hole follows
            found = size
    os.lseek(handle, 0, os.SEEK_SET)
    return found


def read(path: Path, limit: int | None = None) -> bytes:
    """The content of a file. Raises OSError; Refused for one that `opened` refuses."""
    with opened(path, limit) as file:
        data = file.read() if limit is None else file.read(limit + 1)
    if limit is not None and len(data) > limit:  # it has grown since, or lies about its length, as those in /proc do
        raise Refused(path, f"it has more than the {limit:,} bytes that are read")
    return data


def read_json(path: Path, limit: int = MAX_JSON) -> Any:
    """The value in a JSON file. Raises OSError as `read` does, ValueError as `parse_json` does."""
    return parse_json(read(path, limit))


def parse_json(data: bytes | str) -> Any:
    """The value of a JSON text. Raises ValueError where it is none, is nested too deeply, gives a name twice, or holds
    a number that is beyond what numbers here can be."""
    try:
        return json.loads(data, object_pairs_hook=_object, parse_float=_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("it gives a name twice")
    return found


def _number(text: str) -> float:
    found = float(text)
    if math.isinf(found):
        raise ValueError(f"{text[:20]} is too large a number")
    return found


def reason(error: Exception) -> str:
    """Why a file could not be read, for a message: what the system or `Refused` says, or what kind of error it was."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) if isinstance(error, ValueError) and type(error) is ValueError else type(error).__name__
