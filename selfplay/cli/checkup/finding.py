"""A finding of `selfplay doctor`: what was looked at, how it stands, and what to do about it."""

from __future__ import annotations

from typing import Literal, NamedTuple

GIB = 2**30


class Finding(NamedTuple):
    """One line of the report."""

    status: Literal["ok", "warn", "fail"]  # warn: works, but slower or less safely than it could
    what: str
    figure: str
    remedy: str = ""


def judge(what: str, figure: str, remedy: str, warn: bool = False, fail: bool = False) -> Finding:
    """A finding whose remedy is told only where something is wrong."""
    status: Literal["ok", "warn", "fail"] = "fail" if fail else "warn" if warn else "ok"
    return Finding(status, what, figure, "" if status == "ok" else remedy)


def gib(size: float) -> str:
    return f"{size / GIB:.1f} GiB"
