"""Digests of a folder's single files: config.json, metrics.jsonl and others that are no artifacts.

digests.json lists, by file name, the length and SHA-256 of what the file holds, or held before its last change: the new
digest is written first, then the file, so that a kill at any instant leaves a file that matches one of the two. A
file that matches neither has been damaged or edited since. A file written for the first time may be absent until it is
there. Reading imports the standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from selfplay.errors import CheckpointError
from selfplay.storage import bounded

FILE = "digests.json"
_BLOCK = 2**20
_DAMAGE = (ValueError, KeyError, TypeError, AttributeError, OverflowError)  # what reading a damaged file raises


class Record(NamedTuple):
    """A file as it was written: its length in bytes and the SHA-256 of its content."""

    length: int
    sha256: str


ABSENT = Record(-1, "")  # no file: what was there before the first write


def replace(path: Path, data: bytes) -> None:
    """Replaces a file, and records its digest. Raises OSError."""
    from selfplay.storage import artifact  # imports torch

    new, first = Record(len(data), hashlib.sha256(data).hexdigest()), not path.exists()
    _note(path, new)
    artifact.replace_file(path, data)
    if first:  # from now on it is missed
        _note(path, new)


def append(path: Path, data: bytes) -> None:
    """Appends to a file, and records its digest. Where the disk refuses, the file stays as it was. Raises OSError."""
    state = hashlib.sha256()
    length = _hash(path, state)
    state.update(data)
    _note(path, Record(length + len(data), state.hexdigest()))
    try:
        with open(path, "ab", opener=_no_link) as file:
            file.write(data)
        if not length:
            _note(path, Record(len(data), state.hexdigest()))
    except OSError:
        with contextlib.suppress(OSError):  # a part of a line must not become the beginning of the next one
            if not path.is_symlink():
                os.truncate(path, length)
        raise


def _no_link(name: str, flags: int) -> int:
    """Opens a file, and no link: what it leads to is not ours to change."""
    return os.open(name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)


def accept(path: Path) -> None:
    """Records a file as it is now. Raises OSError."""
    _note(path, _present(path))


def forget(path: Path) -> None:
    """Takes a file off the record. Raises OSError, and CheckpointError where the records are damaged."""
    known = load(path.parent)
    if known.pop(path.name, None) is not None:
        _write(path.parent, known)


def _note(path: Path, new: Record) -> None:
    try:
        known = _load(path.parent)
    except _DAMAGE:
        known = {}  # `check` has told of it; what is written from now on is recorded
    present = _present(path) if path.exists() else ABSENT
    old = [present] if present == ABSENT or (present != new and present in known.get(path.name, ())) else []
    known[path.name] = (new, *old)
    _write(path.parent, known)


def _write(folder: Path, known: Mapping[str, Iterable[Record]]) -> None:
    from selfplay.storage import artifact

    artifact.replace_file(folder / FILE, _sealed({name: [list(one) for one in ones] for name, ones in known.items()}))


def _sealed(body: dict[str, list[list[object]]]) -> bytes:
    text = json.dumps(body, sort_keys=True)
    return json.dumps({"files": body, "sha256": hashlib.sha256(text.encode()).hexdigest()}, indent=1).encode()


def load(folder: Path) -> dict[str, tuple[Record, ...]]:
    """The records of a folder's files by name; none in a folder of an earlier version. Raises CheckpointError."""
    try:
        return _load(folder)
    except (OSError, *_DAMAGE):
        raise CheckpointError(f"{folder / FILE} is damaged: the files that it lists cannot be checked.") from None


def _load(folder: Path) -> dict[str, tuple[Record, ...]]:
    """The same. Raises OSError where the system fails to read them, and one of _DAMAGE."""
    try:
        data = bounded.read(folder / FILE, bounded.MAX_JSON)
    except FileNotFoundError:
        return {}
    body = bounded.parse_json(data)["files"]
    if data != _sealed(body):
        raise ValueError(data)
    return {name: tuple(Record(int(n), str(digest)) for n, digest in ones) for name, ones in body.items()}


def check(folder: Path, names: Iterable[str] | None = None) -> dict[str, str]:
    """What is wrong with files on record, by name: "missing", "damaged", or "torn" where a kill cut an append short.
    Raises CheckpointError where the records themselves are damaged."""
    found = {}
    for name, ones in load(folder).items():
        if names is not None and name not in names:
            continue
        try:
            if state := _state(folder / name, ones):
                found[name] = state
        except OSError:
            found[name] = "damaged"
    return found


def require(path: Path) -> None:
    """Raises CheckpointError where a file is on record and is not as it was written."""
    if check(path.parent, [path.name]).get(path.name) == "damaged":
        raise CheckpointError(
            f"{path} is damaged or was edited: its SHA-256 is not the one written. `selfplay verify {path.parent}` "
            "says what can be restored, and --repair does it."
        )


def _state(path: Path, ones: tuple[Record, ...]) -> str:
    if not path.exists():
        return "" if ABSENT in ones else "missing"
    present = _present(path)
    if present in ones:
        return ""
    # A kill in the middle of an append: the old content, and a part of the new line.
    newest, *before = ones
    begun = any(one == ABSENT or (one.length <= present.length and _present(path, one.length) == one) for one in before)
    torn = begun and present.length < newest.length and not _whole_line(path)
    return "torn" if torn else "damaged"


def _whole_line(path: Path) -> bool:
    with bounded.opened(path) as file:
        length = file.seek(0, 2)
        file.seek(max(0, length - 1))
        return file.read(1) == b"\n"


def _present(path: Path, limit: int | None = None) -> Record:
    state = hashlib.sha256()
    return Record(_hash(path, state, limit), state.hexdigest())


def _hash(path: Path, state: hashlib._Hash, limit: int | None = None) -> int:
    """Adds a file's first `limit` bytes to `state`; their number, 0 where there is no file."""
    length = 0
    if not path.exists():
        return 0
    with bounded.opened(path) as file:
        while block := file.read(_BLOCK if limit is None else min(_BLOCK, limit - length)):
            state.update(block)
            length += len(block)
    return length
