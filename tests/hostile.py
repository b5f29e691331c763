"""Commands on files that strangers made to harm: run in a fork of this process, which measures time and memory.

The fork has everything heavy imported already, so that hundreds of commands can be run and only their own work counts.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from selfplay.cli import main


class Outcome(NamedTuple):
    """What a command did."""

    code: int  # −9: killed since it took too long
    out: str
    err: str
    seconds: float
    megabytes: float  # of peak memory above what the fork began with


def run(*words: object, stdin: bytes = b"", limit: int = 20) -> Outcome:
    """Runs a `selfplay` command in a fork, for `limit` seconds at most."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(stdin)
        given.seek(0)
        began, before = time.monotonic(), _resident()
        child = os.fork()
        if child == 0:
            for number, stream in enumerate((given, out, err)):
                os.dup2(stream.fileno(), number)
            _child([str(word) for word in words], limit)
        _, status, usage = os.wait4(child, 0)
        seconds = time.monotonic() - began
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    code = os.waitstatus_to_exitcode(status)
    return Outcome(code, *texts, seconds, usage.ru_maxrss / 2**10 - before)


def _child(words: list[str], limit: int) -> None:
    code = 3
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(limit)
        # Memory that a mistake may ask for, so that it costs this process and not the machine.
        resource.setrlimit(resource.RLIMIT_AS, (_virtual() + 8 * 2**30,) * 2)
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(k, mode) for k, mode in enumerate(("r", "w", "w")))
        code = main.main(words)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def _virtual() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * 4096


def tree(folder: Path) -> dict[str, str | bytes]:
    """Everything below a folder by name: contents of files, targets of links, kinds of others."""
    return dict(_tree(folder, ""))


def _tree(folder: Path, prefix: str) -> Iterator[tuple[str, str | bytes]]:
    for path in sorted(folder.iterdir()):
        name = prefix + path.name
        if path.is_symlink():
            yield name, f"link to {os.readlink(path)}"
        elif path.is_dir():
            yield name, "folder"
            yield from _tree(path, f"{name}/")
        elif path.is_file() and path.stat().st_size < 10**6:
            yield name, path.read_bytes()
        else:
            yield name, f"{path.stat().st_mode:o}"


def replace(path: Path) -> Path:
    """`path`, with nothing there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return path
