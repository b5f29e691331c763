"""The texts that name players, read without making any: kinds, numbers and ranges. Loads nothing heavy, so that a slip
is refused before what a player needs is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from selfplay import errors
from selfplay.errors import ConfigError
from selfplay.players import pretrained
from selfplay.players.levels import MAX_SIMULATIONS

BUNDLED = "bundled"  # the agent that comes with the package
ENGINES = ("uci", "hub")
MAX_NODES = 10**12


class Number(NamedTuple):
    """What may stand after the colon of a reference player."""

    usual: int
    low: int
    high: int


REFERENCES: dict[str, Number | None] = {
    "random": None,
    "greedy": None,
    "uct": Number(1000, 1, 10_000_000),  # simulations
    "alphabeta": Number(4, 1, 100),  # plies
    "solver": None,
}
EXAMPLES = "random, greedy, uct:1000, alphabeta:4, solver"


class Reference(NamedTuple):
    """A reference player as its text names it."""

    kind: str  # one of REFERENCES
    number: int  # 0 where the kind takes none
    nodes: bool  # the number counts nodes, not plies


def reference(text: str) -> Reference:
    """The reference player that `text` names; see reference.py. Raises ConfigError for one that is not known."""
    kind, colon, number = text.partition(":")
    if kind not in REFERENCES:
        raise ConfigError(
            f"no reference player is called '{text}'.{errors.suggest(kind, REFERENCES)} Known: {EXAMPLES}."
        )
    takes = REFERENCES[kind]
    if takes is None:
        if colon:
            raise ConfigError(f"'{text}' has a number, but {kind} takes none.")
        return Reference(kind, 0, False)
    if kind == "alphabeta" and number.startswith("nodes="):
        return Reference(kind, _number(text, number.removeprefix("nodes="), 1, MAX_NODES), True)
    return Reference(kind, _number(text, number, takes.low, takes.high) if colon else takes.usual, False)


def _number(text: str, number: str, low: int, high: int) -> int:
    value = int(number) if number.isascii() and number.isdigit() and len(number) < 20 else low - 1
    if not low <= value <= high:
        raise ConfigError(f"'{text}' is not a player: expected a whole number from {low} to {high:,} after the colon.")
    return value


def is_trained(text: str) -> bool:
    """Whether `text` names a checkpoint rather than a player without one."""
    base = text.partition("?")[0]
    if base == BUNDLED:
        return True
    kind = base.partition(":")[0]
    return kind not in ENGINES and kind not in REFERENCES and ("/" in base or Path(base).exists())


def simulations_of(text: str, default: int) -> int:
    """The number after ?simulations= of a trained player, or the default. Raises ConfigError."""
    query = text.partition("?")[2]
    if not query:
        return default
    name, _, number = query.partition("=")
    if name != "simulations":
        hint = errors.suggest(name, ["simulations"])
        raise ConfigError(f"'{text}': a trained player has no option '{name}'.{hint} Known: simulations.")
    if not (number.isascii() and number.isdigit() and len(number) < 20 and int(number) <= MAX_SIMULATIONS):
        raise ConfigError(f"'{text}': simulations must be a whole number from 0 to {MAX_SIMULATIONS:,}.")
    return int(number)


def bundled(game_name: str | None) -> Path:
    """The folder of the packaged agent for a game. Raises ConfigError."""
    if game_name is None:
        raise ConfigError("'bundled' is the agent of a game: name the game with --game.")
    return pretrained.path(game_name)
