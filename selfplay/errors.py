"""Errors that a user can correct, and the wording that their messages share. A message is for the user: what was
wrong, what was expected, what to do, and the nearest match of a wrong word. Imports the standard library only."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Shown as one sentence, without a traceback, and with exit code 2."""


class ConfigError(UserError):
    """A setting that cannot be used."""


class CheckpointError(UserError):
    """An artifact that cannot be read or written."""


class FolderError(UserError):
    """A folder that cannot hold this run."""


class ActorPoolError(UserError):
    """Ray or an actor could not be started, or actors keep failing."""


class EngineError(UserError):
    """An engine of others that ended, fell silent or broke the rules."""


class OutOfMemory(UserError):
    """Memory ran out, and does so again."""


class TrainingDiverged(UserError):
    """A loss or gradient is not finite: going on would destroy the weights."""


class ArgumentError(UserError, ValueError):
    """An argument of a Python call whose value cannot be used."""


class ArgumentTypeError(UserError, TypeError):
    """An argument of a Python call of the wrong kind."""


def nearest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word most like `word`, capitals or not; None where none is near.

    cutoff: least similarity in [0, 1], as of `difflib.get_close_matches`."""
    by_lower: dict[str, str] = {}
    for one in known:
        by_lower.setdefault(one.lower(), one)
    near = difflib.get_close_matches(word.lower(), by_lower, 1, cutoff)
    return by_lower[near[0]] if near else None


def suggest(word: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """The nearest match as a sentence to append to a message, " Did you mean 'x'?"; "" where nothing is near."""
    near = nearest(word, known, cutoff)
    return f" Did you mean '{near}'?" if near else ""


def shorten(value: object, limit: int = 40) -> str:
    """`value` as text fit for one line of a message: at most `limit` characters, control characters escaped."""
    text = str(value)
    safe = text if text.isprintable() else ascii(text)[1:-1]
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"
