"""Annotation glyphs: marks of moves and positions such as ! or +-, and their numbers, which PGN and PDN write as $1.

The numbers are those of the PGN standard (Edwards 1994, section 10) and what programs have added. Knows no moves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBERS = {
    "!": 1, "?": 2, "!!": 3, "\u203c": 3, "??": 4, "\u2047": 4, "!?": 5, "\u2049": 5, "?!": 6, "\u2048": 6,
    "\u25a1": 7, "=": 10, "\u221e": 13, "+=": 14, "+/=": 14, "\u2a72": 14, "=+": 15, "=/+": 15, "\u2a71": 15,
    "+/-": 16, "\u00b1": 16, "-/+": 17, "\u2213": 17, "+-": 18, "-+": 19, "\u27f3": 32, "\u2191": 36, "\u2192": 40,
    "\u21c6": 132, "\u2295": 138, "\u25b3": 140, "\u2206": 140, "\u2313": 142, "N": 146,
}  # fmt: skip


def number_of(text: str) -> int | None:
    """The number of "$1", "!" or "(!)"; None for a mark without one."""
    found = re.fullmatch(r"\$(\d{1,5})", text, re.ASCII)
    return int(found[1]) if found else _NUMBERS.get(text.strip("()"))


def written(numbers: Iterable[int]) -> str:
    """As PGN's export format has them: "$1 $18"."""
    return " ".join(f"${number}" for number in numbers)
