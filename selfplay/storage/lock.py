"""A folder's lock: one writer at a time, released when its process ends, however it ends.

Locks by `filelock` and adds who holds it; knows nothing of what the folder holds.
"""

from __future__ import annotations

import os
from pathlib import Path

import filelock


class Held(Exception):
    """Another process holds the lock. holder: its number as text, or "unknown"."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"held by process {holder}")
        self.holder = holder


class Lock:
    """An exclusive lock on the file `path`, held from `__init__` to `release`. The holder's process number is written
    beside it, in `path`.pid: some versions of filelock empty the lock file when another process asks for it."""

    def __init__(self, path: Path) -> None:
        """Raises Held at once where another holder has it, OSError where the file cannot be written."""
        self._lock = filelock.FileLock(path, thread_local=False)
        try:
            self._lock.acquire(blocking=False)
        except filelock.Timeout:
            raise Held(_read_holder(path)) from None
        path.with_name(f"{path.name}.pid").write_text(str(os.getpid()))

    @classmethod
    def holder(cls, path: Path) -> str | None:
        """Who holds the lock on `path`, as text; None where nobody does, or it cannot be told. Changes nothing."""
        import fcntl

        try:
            with path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read_holder(path)
        except OSError:
            return None
        return None

    def release(self) -> None:
        """Lets others have it; asking twice does nothing more."""
        self._lock.release()


def _read_holder(path: Path) -> str:
    try:
        return path.with_name(f"{path.name}.pid").read_text().strip() or "unknown"
    except (OSError, ValueError):
        return "unknown"
