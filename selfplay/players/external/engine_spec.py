"""The texts that name external engines: program, limits and options, read without starting anything.

uci:stockfish                                    nodes=1000 unless a limit is named
uci:stockfish?UCI_Elo=1500&nodes=20000           options of the engine by their names; UCI_Elo switches itself on
uci:fairy-stockfish?movetime=50                  milliseconds; connect four and tic-tac-toe are taught to it
uci:"python tests/engine.py --fast"?depth=4      a command with arguments
hub:"scan hub"?move-time=0.1                     seconds, as Hub has them; 0.1 unless a limit is named

Of our own: nodes, depth, movetime or move-time: limits, the first one reached counts; processes=4: as many positions
are searched at once; timeout=30: seconds beyond the limit after which an engine is taken to hang; newgame=true:
everything is forgotten before each move. Without it an engine's memory mixes the games that it plays side by side, as
it cannot be told which of them a position belongs to, and what it answers may depend on the other games.

Loads nothing heavy, so that a slip is refused before what a match needs is loaded.
"""

from __future__ import annotations

import os
import shlex
import shutil
from typing import NamedTuple
from urllib.parse import unquote

from selfplay import errors
from selfplay.errors import ConfigError, shorten
from selfplay.players.external.protocols import Language, Limits

MAX_PROCESSES = 64
USUAL_NODES = 1000  # of UCI: a few milliseconds of a strong engine, and the same answer on every machine
USUAL_SECONDS = 0.1  # of Hub, which has no nodes
TIMEOUT_AFTER_TIME = 10.0  # seconds, where the limit is a time
TIMEOUT_AFTER_WORK = 60.0  # where it is nodes or depth, which take an unknown time
_ALSO_IN = ("/usr/games", "/usr/local/games")  # Debian's place for engines, which is often not on the path
_INSTALL = {
    "stockfish": "apt install stockfish, brew install stockfish, or stockfishchess.org",
    "fairy-stockfish": "apt install fairy-stockfish, or fairy-stockfish.github.io",
    "gnuchess": "apt install gnuchess",
    "ethereal": "apt install ethereal-chess",
}


class Spec(NamedTuple):
    """The engine, its limits and its options, as a player's text names them."""

    text: str
    command: list[str]
    limits: Limits
    seconds: float  # until it counts as hung
    processes: int
    new_game: bool
    settings: dict[str, str]  # for the engine, not yet checked


def parse(text: str, language: Language) -> Spec:
    """What a player's text says. Raises ConfigError."""
    rest = text.partition(":")[2]
    if rest[:1] in ("'", '"') and rest:
        command, closed, query = rest[1:].partition(rest[0])
        if not closed or query[:1] not in ("", "?"):
            raise ConfigError(f"'{text}': expected {rest[0]} after the engine's command, and then ? and its options.")
        query = query[1:]
    else:
        command, _, query = rest.partition("?")
    given: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, equals, value = part.partition("=")
        name = unquote(name).strip()
        if not equals or not name or name in given:
            raise ConfigError(f"'{text}': expected options such as name=value&name=value, each once, not '{part}'.")
        given[name] = unquote(value)
    return _spec(text, _command(text, command), given, language)


def _spec(text: str, command: list[str], given: dict[str, str], language: Language) -> Spec:
    def number(name: str, low: float, high: float, whole: bool = True) -> float | None:
        if name not in given:
            return None
        value = given.pop(name)
        try:
            found = int(value) if whole else float(value)
        except ValueError:
            found = low - 1
        if not low <= found <= high:
            kind = "a whole number" if whole else "a number"
            raise ConfigError(f"'{text}': {name} must be {kind} from {low:g} to {high:,g}, not '{shorten(value)}'.")
        return found

    nodes, depth = number("nodes", 1, 1e12), number("depth", 1, 1000)
    if language.name == "UCI":
        seconds = number("movetime", 1, 86_400_000)
        seconds = None if seconds is None else seconds / 1000
    else:
        seconds = number("move-time", 0.001, 86_400, whole=False)
    if nodes is None and depth is None and seconds is None:
        nodes, seconds = (USUAL_NODES, None) if language.name == "UCI" else (None, USUAL_SECONDS)
    beyond = number("timeout", 0.1, 86_400, whole=False)
    beyond = beyond or (TIMEOUT_AFTER_WORK if seconds is None else TIMEOUT_AFTER_TIME)
    new_game = given.pop("newgame", "false").lower()
    if new_game not in ("true", "false"):
        raise ConfigError(f"'{text}': newgame must be true or false, not '{shorten(new_game)}'.")
    limits = Limits(None if nodes is None else int(nodes), seconds, None if depth is None else int(depth))
    return Spec(
        text, command, limits, (seconds or 0.0) + beyond, int(number("processes", 1, MAX_PROCESSES) or 1),
        new_game == "true", given,
    )  # fmt: skip


def _command(text: str, command: str) -> list[str]:
    """The program and its arguments. A text that is a program as a whole may have blanks in it."""
    if _program(command) is not None:
        words = [command]
    else:
        try:
            words = shlex.split(command)
        except ValueError:
            raise ConfigError(f"'{text}': a quotation mark in the engine's command is not closed.") from None
    if not words:
        raise ConfigError(f"'{text}' names no engine; expected one such as uci:stockfish.")
    program = _program(words[0])
    if program is None:
        raise ConfigError(f"'{text}': {_missing(words[0])}")
    return [program, *words[1:]]


def _program(name: str) -> str | None:
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_ALSO_IN])
    return shutil.which(os.path.expanduser(name), path=path) if name and "\0" not in name else None


def _missing(name: str) -> str:
    """Why there is no such program, and what to do."""
    if os.path.isfile(os.path.expanduser(name)):
        return f"the file '{shorten(name)}' is not a program: make it one with chmod +x, or name the one that runs it."
    near = errors.nearest(os.path.basename(name), _INSTALL, 0.7)
    hint = ""
    if near and _program(near):
        hint = f" Did you mean '{near}'?"
    elif near:
        hint = f" {near.capitalize()}: {_INSTALL[near]}."
    return f"there is no engine '{shorten(name)}', neither a file nor a command on the PATH.{hint}"
