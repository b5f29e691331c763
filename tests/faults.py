"""Faults of a disk: the k-th call that a save makes to the system fails, or the process dies there.

What is counted is what the standard library asks of the system: open, write, truncate, fsync, mkdir, rename, unlink and
rmdir, with files below one folder only. A file that is being written has no buffer, so that each write is a call.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
from pathlib import Path
from types import TracebackType
from typing import Any

KINDS = ("full", "broken", "interrupted", "killed")
"""full: ENOSPC from the k-th call on, where space is needed; broken: EIO, once; interrupted: Ctrl-C, once;
killed: nothing after it is done, whatever the code catches."""
NEEDLESS = ("read", "unlink", "rmdir", "rename", "fsync")  # of space
_CALLS = ("open", "fsync", "mkdir", "rename", "unlink", "rmdir", "truncate", "replace")


class Killed(BaseException):
    """Stands for SIGKILL: nothing that the code does afterwards changes the disk."""


class Faults:
    """A `with` block in which the call numbered `at`, from 1, fails; 0: none does, and all are counted."""

    def __init__(self, root: Path, kind: str, at: int = 0) -> None:
        self.root, self.kind, self.at = str(root), kind, at
        self.calls: list[tuple[str, str]] = []  # (name, path) of each so far
        self._real = {name: getattr(os, name) for name in _CALLS}
        self._open = io.open

    def reach(self, name: str, path: Any) -> None:
        """Counts a call, and fails where it is its turn."""
        self.calls.append((name, str(path)))
        if not self.at or len(self.calls) < self.at:
            return
        first = len(self.calls) == self.at
        if self.kind == "killed":
            raise Killed
        if self.kind == "full" and name not in NEEDLESS:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        if first and self.kind == "broken":
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))
        if first and self.kind == "interrupted":
            raise KeyboardInterrupt

    @property
    def reached(self) -> bool:
        """Whether there were so many calls."""
        return len(self.calls) >= self.at

    def _wrapped(self, name: str) -> Any:
        real = self._real[name]

        def call(path: Any, *arguments: Any, **named: Any) -> Any:
            inside = isinstance(path, int) or "dir_fd" in named or str(path).startswith(self.root)
            if inside and not (name == "open" and str(path) == "/dev/null"):
                reading = name == "open" and not arguments[0] & (os.O_WRONLY | os.O_RDWR)
                self.reach("read" if reading else name, path)
            return real(path, *arguments, **named)

        return call

    def open(self, path: Any, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        if isinstance(path, int) or not str(path).startswith(self.root):
            return self._open(path, mode, *arguments, **named)
        self.reach("open" if set(mode) & set("wax+") else "read", path)
        if "b" not in mode or not set(mode) & set("wax+"):
            return self._open(path, mode, *arguments, **named)
        return _File(self, self._open(path, mode, buffering=0, opener=named.get("opener")), path)

    def __enter__(self) -> Faults:
        for name in _CALLS:
            setattr(os, name, self._wrapped(name))
        builtins.open = io.open = self.open  # type: ignore[assignment]
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for name, real in self._real.items():
            setattr(os, name, real)
        builtins.open = io.open = self._open  # type: ignore[assignment]


class _File:
    """A file open for writing: a write that fails leaves the first half of its data."""

    def __init__(self, faults: Faults, file: Any, path: Any) -> None:
        self._faults, self._file, self._path = faults, file, path

    def write(self, data: bytes) -> int:
        try:
            self._faults.reach("write", self._path)
        except BaseException:
            if len(self._faults.calls) == self._faults.at:
                self._file.write(data[: len(data) // 2])
            raise
        return int(self._file.write(data))

    def truncate(self, *size: int) -> int:
        self._faults.reach("truncate", self._path)
        return int(self._file.truncate(*size))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __iter__(self) -> Any:
        return iter(self._file)

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
