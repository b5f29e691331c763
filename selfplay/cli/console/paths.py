"""Paths as arguments of the command line: an empty one is refused, where pathlib takes it for the current folder, and
where a file is expected a folder, a device and a pipe that nobody may ever write to are."""

from __future__ import annotations

import argparse
import stat
from pathlib import Path

from selfplay.errors import UserError

PASSED = ("/dev/fd/", "/proc/self/fd/")  # pipes by which a shell passes what another command prints, as in <(zcat x)


def path(text: str) -> Path:
    """The path that an argument names. Raises ArgumentTypeError where it is empty or holds a NUL."""
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError(
            "is empty, as an unset variable of a shell is: name a file or a folder ('.' is the current one)."
        )
    return Path(text)


def file(text: str) -> Path:
    """The path of a file, to be read or to be written. Raises ArgumentTypeError."""
    found = path(text)
    try:
        check_file(found)
    except UserError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return found


def check_file(path: Path, pipes: bool = False) -> None:
    """Raises UserError where something else than a file is there, or nothing can be. pipes: those with a name too."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"'{path}' cannot be used ({error.strerror}): name another file.") from None
    if not stat.S_ISREG(mode) and not (stat.S_ISFIFO(mode) and (pipes or str(path).startswith(PASSED))):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        raise UserError(f"'{path}' is {kinds.get(stat.S_IFMT(mode), 'a device')}: expected a file.")
