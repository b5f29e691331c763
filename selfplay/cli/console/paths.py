"""Paths as arguments of the command line: an empty one is refused, where pathlib takes it for the current folder."""

from __future__ import annotations

import argparse
from pathlib import Path


def path(text: str) -> Path:
    """The path that an argument names. Raises ArgumentTypeError where it is empty or holds a NUL."""
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError(
            "is empty, as an unset variable of a shell is: name a file or a folder ('.' is the current one)."
        )
    return Path(text)
