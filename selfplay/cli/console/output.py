"""Output of the command: characters that the stream's encoding lacks are written in others, and never raise.

Knows encodings and terminals, and nothing of what is written. Loads nothing heavy.
"""

from __future__ import annotations

import codecs
import os
import sys
import unicodedata
import warnings
from pathlib import Path
from typing import TextIO

HANDLER = "selfplay.nearest"  # the name among Python's handlers of encoding errors

OURS = Path(__file__).resolve().parents[3]
_python_warning = warnings.formatwarning

# Of one character each where columns must stay aligned: curves, bars, boxes, pieces.
NEAREST = str.maketrans({
    "−": "-", "–": "-", "—": "-", "‐": "-", "―": "-", "·": ".", "…": "...", "×": "x", "±": "+-", "∓": "-+", "½": ".5",
    "≥": ">=", "≤": "<=", "≈": "~", "→": "->", "←": "<-", "°": " deg", "√": "sqrt ", "∞": "inf", "‖": "|", "′": "'",
    "∇": "grad ", "“": '"', "”": '"', "‘": "'", "’": "'", "•": "*", "µ": "u", "�": "?",
    "α": "alpha", "β": "beta", "γ": "gamma", "Δ": "delta ", "η": "eta", "κ": "kappa", "λ": "lambda", "μ": "mu",
    "ν": "nu", "π": "pi", "σ": "sigma", "Σ": "sum ", "τ": "tau", "χ": "chi", "ω": "omega", "ᵢ": "i",
    "▁": "_", "▂": ".", "▃": "-", "▄": "=", "▅": "+", "▆": "*", "▇": "%", "█": "#", "░": ".", "▒": "-", "▓": "+",
    "▕": "|", "▏": "|", "▶": ">", "━": "-", "╸": "-", "╺": "-", "●": "x", "○": "o",
    "♔": "K", "♕": "Q", "♖": "R", "♗": "B", "♘": "N", "♙": "P", "♚": "k", "♛": "q", "♜": "r", "♝": "b", "♞": "n",
    "♟": "p", "⛀": "w", "⛁": "W", "⛂": "b", "⛃": "B",
})  # fmt: skip


def prepare() -> None:
    """Makes standard output and standard error write what they can't encode in the nearest ASCII. A stream that is
    missing, or is not of Python's own kind, is left as it is. Warnings of ours become one sentence."""
    codecs.register_error(HANDLER, _replace)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors=HANDLER)
    warnings.formatwarning = _warning


def _warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    if Path(filename).is_relative_to(OURS):
        return f"selfplay: warning: {message}\n"
    return _python_warning(message, category, filename, lineno, line)


def can_redraw(stream: TextIO) -> bool:
    """Whether a panel can be redrawn in place: on a terminal that moves its cursor."""
    return stream.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


def nearest(text: str) -> str:
    """`text` in ASCII: characters by NEAREST, boxes by their strokes, letters without their accents, others as "?"."""
    return "".join(one if one.isascii() else _nearest(one) for one in text)


def _nearest(character: str) -> str:
    found = character.translate(NEAREST)
    if found.isascii():
        return found
    if "─" <= character <= "╿":  # box drawings
        strokes = unicodedata.name(character, "").split()
        return "+" if "AND" in strokes else "-" if "HORIZONTAL" in strokes else "|"
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    return plain or "?"


def _replace(error: UnicodeError) -> tuple[str | bytes, int]:
    """A handler for `str.encode`: bytes of a file name that Python could not decode are written as they were."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start]
    if "\udc80" <= wrong <= "\udcff":
        return wrong.encode("ascii", "surrogateescape"), error.start + 1
    return nearest(wrong), error.start + 1
