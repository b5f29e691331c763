"""The client side of UCI and Hub: the lines that a program sends to an engine, and the meaning of its answers.

Positions and moves are texts here, scores become values in [-1, 1]. Knows no game and no process.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from selfplay import errors
from selfplay.errors import ConfigError, shorten
from selfplay.players.external import centipawns

_WON_MEN = 90.0  # scores in men beyond this are announcements of a win


class Limits(NamedTuple):
    """When an engine is to answer: at the first of these that is not None."""

    nodes: int | None
    seconds: float | None
    depth: int | None


class Question(NamedTuple):
    """A position: where the game began, and the moves since."""

    start: str  # empty: the usual start
    moves: Sequence[str]


class EngineOption(NamedTuple):
    """A setting that an engine announces."""

    name: str
    kind: str  # check, spin, real, combo, button or string
    default: str = ""
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()

    def read(self, text: str, engine: str) -> str:
        """The value as the engine takes it. Raises ConfigError for one that it does not."""
        expected = ""
        if self.kind == "check":
            text = {"yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"}.get(
                text.lower(), text.lower()
            )
            expected = "" if text in ("true", "false") else "true or false"
        elif self.kind in ("spin", "real"):
            try:
                number = int(text) if self.kind == "spin" else float(text)
            except ValueError:
                number = math.nan
            if not self.low <= number <= self.high:
                kind = "a whole number" if self.kind == "spin" else "a number"
                expected = f"{kind} from {self.low:g} to {self.high:g}"
        elif self.kind == "combo" and self.choices:
            same = [choice for choice in self.choices if choice.lower() == text.lower()]
            text = same[0] if same else text
            expected = "" if same else f"one of {', '.join(self.choices)}"
        if expected or not text.isprintable():
            raise ConfigError(
                f"{engine}: {self.name} cannot be '{shorten(text)}'; expected {expected or 'text on one line'}."
            )
        return text


def find(options: Sequence[EngineOption], name: str, known: Sequence[str], engine: str) -> EngineOption:
    """The option called `name`, capitals or not. known: what else could be meant. Raises ConfigError."""
    for option in options:
        if option.name.lower() == name.lower():
            return option
    names = {each.lower(): each for each in [*known, *(option.name for option in options)]}
    hint = errors.suggest(name, names.values())
    raise ConfigError(f"{engine} has no option '{shorten(name)}'.{hint} It has: {', '.join(names.values())}.")


class Language(Protocol):
    """A protocol as seen by a client."""

    name: str
    hello: tuple[str, str]  # the first thing to say, and what ends the answer
    ready: tuple[str, str]  # to be said after all settings
    ping: tuple[str, str]  # to be said later
    new_game: str
    hint: str  # for an engine that does not answer

    def option(self, line: str) -> EngineOption | None:
        """The option that a line of the answer to hello announces."""

    def setting(self, name: str, value: str) -> str:
        """The line that sets an option."""

    def ask(self, question: Question, limits: Limits) -> list[str]:
        """The lines that start a search."""

    def value(self, line: str) -> float | None:
        """The outcome in [-1, 1] that a line says the mover may expect, if it does."""

    def move(self, line: str) -> str | None:
        """The move that a line answers with, if it does."""


class UciLanguage:
    """The Universal Chess Interface."""

    name = "UCI"
    hello = ("uci", "uciok")
    ready = ping = ("isready", "readyok")
    new_game = "ucinewgame"
    hint = ""

    _OPTION = re.compile(r"option\s+name\s+(?P<name>.+?)\s+type\s+(?P<kind>\w+)(?P<rest>.*)")
    _PART = re.compile(r"\s+(default|min|max|var)\b\s*")

    def option(self, line: str) -> EngineOption | None:
        found = self._OPTION.fullmatch(line)
        if found is None:
            return None
        parts = self._PART.split(found["rest"])
        said = list(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))
        one = dict(reversed(said))
        return EngineOption(
            found["name"], found["kind"], one.get("default", ""), _number(one.get("min"), -math.inf),
            _number(one.get("max"), math.inf), tuple(text for word, text in said if word == "var"),
        )  # fmt: skip

    def setting(self, name: str, value: str) -> str:
        return f"setoption name {name} value {value}" if value else f"setoption name {name}"

    def ask(self, question: Question, limits: Limits) -> list[str]:
        start = f"fen {question.start}" if question.start else "startpos"
        moves = f" moves {' '.join(question.moves)}" if question.moves else ""
        go = ["go"]
        if limits.nodes is not None:
            go += ["nodes", str(limits.nodes)]
        if limits.seconds is not None:
            go += ["movetime", str(max(1, round(1000 * limits.seconds)))]
        if limits.depth is not None:
            go += ["depth", str(limits.depth)]
        return [f"position {start}{moves}", " ".join(go)]

    def value(self, line: str) -> float | None:
        words = line.split()
        if words[:1] != ["info"] or "score" not in words or "string" in words:
            return None
        if "multipv" in words and words[words.index("multipv") + 1 :][:1] != ["1"]:
            return None
        try:
            if "wdl" in words:
                win, draw, loss = map(int, words[words.index("wdl") + 1 :][:3])
                return max(-1.0, min(1.0, (win - loss) / max(1, win + draw + loss)))
            kind, number = words[words.index("score") + 1 :][:2]
            return centipawns.to_value(int(number)) if kind == "cp" else 1.0 if int(number) > 0 else -1.0
        except ValueError:
            return None

    def move(self, line: str) -> str | None:
        words = line.split()
        return (words[1] if len(words) > 1 else "") if words[:1] == ["bestmove"] else None


class HubLanguage:
    """The Hub protocol of draughts programs, version 2."""

    name = "Hub"
    hello = ("hub", "wait")
    ready = ("init", "ready")
    ping = ("ping", "pong")
    new_game = "new-game"
    hint = ' Some engines need an argument for it, as in hub:"scan hub".'

    _KINDS = {"bool": "check", "int": "spin", "real": "real", "enum": "combo"}

    def option(self, line: str) -> EngineOption | None:
        command, said = _pairs(line)
        if command != "param" or not said.get("name"):
            return None
        return EngineOption(
            said["name"], self._KINDS.get(said.get("type", ""), "string"), said.get("value", ""),
            _number(said.get("min"), -math.inf), _number(said.get("max"), math.inf),
            tuple(said.get("values", "").split()),
        )  # fmt: skip

    def setting(self, name: str, value: str) -> str:
        return f"set-param name={_quoted(name)} value={_quoted(value)}"

    def ask(self, question: Question, limits: Limits) -> list[str]:
        moves = f' moves="{" ".join(question.moves)}"' if question.moves else ""
        level = ["level"]
        if limits.depth is not None:
            level.append(f"depth={limits.depth}")
        if limits.nodes is not None:
            level.append(f"nodes={limits.nodes}")
        if limits.seconds is not None:
            level.append(f"move-time={limits.seconds:g}")
        return [f"pos pos={question.start}{moves}", " ".join(level), "go think"]

    def value(self, line: str) -> float | None:
        command, said = _pairs(line)
        men = _number(said.get("score"), math.nan) if command == "info" else math.nan
        if math.isnan(men):
            return None
        return math.copysign(1.0, men) if abs(men) > _WON_MEN else centipawns.to_value(100 * men)

    def move(self, line: str) -> str | None:
        command, said = _pairs(line)
        return said.get("move", "") if command == "done" else None


def _number(text: str | None, default: float) -> float:
    try:
        return default if text is None else float(text)
    except ValueError:
        return default


def _pairs(line: str) -> tuple[str, dict[str, str]]:
    """The command of a line of Hub and its arguments; nothing where the line is none."""
    try:
        words = shlex.split(line, posix=True)
    except ValueError:
        words = []
    if not words:
        return "", {}
    return words[0], dict(word.partition("=")[::2] for word in words[1:])


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[\w.+/-]+", text) else '"' + text.replace('"', "") + '"'
