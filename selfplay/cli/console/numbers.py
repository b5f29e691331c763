"""Numbers as arguments of the command line: an option states its range, and anything else is refused in a sentence."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

from selfplay import errors

LONGEST = 40  # characters of a number
Number = TypeVar("Number", int, float)


def whole(least: int, most: int, word: str | None = None) -> Callable[[str], int | str]:
    """An argument's type: whole numbers from `least` to `most`, or `word`. It raises ArgumentTypeError."""
    expected = f"a whole number from {least:,} to {most:,}" + (f", or '{word}'" if word else "")

    def read(text: str) -> int | str:
        if word is not None and text == word:
            return text
        value = _number(text, int)
        if value is None or not least <= value <= most:
            raise _refused(text, expected)
        return value

    return read


def several(least: int, most: int) -> Callable[[str], list[int]]:
    """An argument's type: whole numbers from `least` to `most` with commas between them. It raises
    ArgumentTypeError."""

    def read(text: str) -> list[int]:
        found = [_number(word, int) for word in text.split(",")]
        if not all(value is not None and least <= value <= most for value in found):
            raise _refused(text, f"a whole number from {least:,} to {most:,}, or several with commas")
        return [value for value in found if value is not None]

    return read


def real(least: float, most: float, ends: bool = True) -> Callable[[str], float]:
    """An argument's type: numbers from `least` to `most`. ends: these two are among them. It raises
    ArgumentTypeError."""
    expected = f"a number from {least:g} to {most:g}" if ends else f"a number above {least:g} and below {most:g}"

    def read(text: str) -> float:
        value = _number(text, float)
        if value is None or not (least <= value <= most if ends else least < value < most):  # as no NaN is
            raise _refused(text, expected)
        return value

    return read


seed = whole(0, 2**62)


def _number(text: str, kind: Callable[[str], Number]) -> Number | None:
    try:
        return kind(text) if text.isascii() and len(text) <= LONGEST else None
    except ValueError:
        return None


def _refused(text: str, expected: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"expected {expected}, not '{errors.shorten(text)}'")
