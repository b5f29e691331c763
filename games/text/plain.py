"""The plain record format, for games without one of their own: tags in square brackets, the moves, then the result.

    [Game "connect-four"]
    [First "runs/connect-four at 100"]
    [Second "uct:1000"]

    44{+0.12}43265 1-0

Comments stand in braces after the move that they are about. The result is 1-0 where seat 0 won, 0-1, 1/2-1/2, or * for
a game that was not finished. Knows the contract of games, no game; the texts of moves come from a notation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from games import base
from games.text import records, whole_moves
from games.text.records import GameRecord

MAX_TEXT = 100_000_000  # characters
_WIDTH = 100  # of lines of moves
_TAG = re.compile(r'\[(\w+)\s+"((?:[^"\\]|\\.)*)"\]')
_TOKEN = re.compile(
    rf"\s+|{_TAG.pattern}|{{(?P<comment>[^}}]*)}}|(?P<result>1-0|0-1|1/2-1/2|\*)(?=\s|$)|(?P<word>[^\s{{}}\[\]*]+)"
)


class MoveTexts(Protocol):
    """What this format needs of a game's notation; `games.notation.Notation` is one."""

    @property
    def game(self) -> base.Game: ...

    @property
    def move_separator(self) -> str: ...

    def move_to_string(self, state: np.void, actions: Sequence[int]) -> str: ...

    def action_from_string(self, state: np.void, text: str) -> int: ...

    def split(self, moves: str) -> list[str]: ...

    def to_fen(self, state: np.void) -> str | None: ...

    def from_fen(self, text: str) -> np.ndarray: ...


def write(notation: MoveTexts, record: GameRecord) -> str:
    """See `Notation.write_record`. Raises IllegalMove for a start that the game has no text for, or a wrong action."""
    game = notation.game
    tags = {"Game": game.name} | {name: text for name, text in record.tags.items() if name not in ("Game", "Fen")}
    if record.start.tobytes() != game.initial_states(1).tobytes():
        fen = notation.to_fen(record.start[0])
        if fen is None:
            raise base.IllegalMove(f"a record of {game.name} begins at the game's start: its positions have no FEN.")
        tags["Fen"] = fen
    pieces, played = [_comment(record, -1)], 0
    for move in whole_moves.split(game, record.start, record.actions, checked=True):
        played += len(move.actions)
        pieces.append(notation.move_to_string(move.before[0], move.actions) + _comment(record, played - 1))
    by_rule = records.score(game, record.start, record.actions)
    result = records.RESULTS[by_rule if record.result is None else record.result]
    moves = notation.move_separator.join(piece for piece in pieces if piece)
    head = "\n".join(f'[{name} "{_escaped(text)}"]' for name, text in tags.items())
    return f"{head}\n\n{_wrapped(moves)} {result}\n\n".replace("\n\n ", "\n\n")


def _comment(record: GameRecord, index: int) -> str:
    text = record.comments.get(index, "")
    return "{" + " ".join(text.replace("{", "(").replace("}", ")").split()) + "}" if text else ""


def _escaped(text: str) -> str:
    return " ".join(str(text).replace("\\", "\\\\").replace('"', '\\"').split())


def _wrapped(moves: str) -> str:
    """Lines of moderate length, broken at spaces; a comment may hold the break, where it is a space all the same."""
    lines = [""]
    for word in moves.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) >= _WIDTH:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return "\n".join(lines)


def read(notation: MoveTexts, text: str) -> list[GameRecord]:
    """See `Notation.read_records`. Raises IllegalMove in one sentence at the first thing that is wrong."""
    if len(text) > MAX_TEXT:
        raise base.IllegalMove(f"a text of {len(text):,} characters is too long; the limit is {MAX_TEXT:,}.")
    games: list[GameRecord] = []
    reader = _GameReader(notation)
    position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            line = text.count("\n", 0, position) + 1
            raise base.IllegalMove(f"line {line}: '{base.shorten(text[position : position + 20])}' means nothing here.")
        position = token.end()
        try:
            reader.take(token)
        except base.IllegalMove as error:
            line = text.count("\n", 0, token.start()) + 1
            raise base.IllegalMove(f"game {len(games) + 1}, line {line}: {error}") from None
        if reader.done:
            games.append(reader.record())
            reader = _GameReader(notation)
    if reader.touched:
        games.append(reader.record())
    if not games:
        raise base.IllegalMove(f"there is no game of {notation.game.name} in this text.")
    return games


class _GameReader:
    """Gathers one game, token by token."""

    def __init__(self, notation: MoveTexts) -> None:
        self.notation, self.game = notation, notation.game
        self.tags: dict[str, str] = {}
        self.start = self.states = self.game.initial_states(1)
        self.actions: list[int] = []
        self.comments: dict[int, str] = {}
        self.result: float | None = None
        self.touched = self.done = False

    def take(self, token: re.Match) -> None:
        if token["comment"] is not None:
            index = len(self.actions) - 1
            self.comments[index] = " ".join(f"{self.comments.get(index, '')} {token['comment']}".split())
        elif token["result"]:
            self._end(token["result"])
        elif token["word"]:
            for text in self.notation.split(token["word"]):
                self._move(text)
        elif token[1]:
            self._tag(token[1], re.sub(r"\\(.)", r"\1", token[2]))
        self.touched = self.touched or bool(token[0].strip())

    def _tag(self, name: str, text: str) -> None:
        if name == "Game" and text != self.game.name:
            raise base.IllegalMove(f"this is a game of {base.shorten(text)}, not of {self.game.name}.")
        if name == "Fen":
            self.start = self.states = self.notation.from_fen(text)
        elif name != "Game":
            self.tags[name] = text

    def _move(self, text: str) -> None:
        if len(self.actions) >= self.game.max_game_length:
            raise base.IllegalMove(f"a game has at most {self.game.max_game_length} plies.")
        try:
            action = self.notation.action_from_string(self.states[0], text)
        except base.IllegalMove as error:
            raise base.IllegalMove(f"ply {len(self.actions) + 1}: {error}") from None
        self.actions.append(action)
        self.states = self.game.step(self.states, np.array([action])).states

    def _end(self, result: str) -> None:
        told, by_rule = records.points_of(result), records.score(self.game, self.start, self.actions)
        if by_rule is not None and told is not None and told != by_rule:
            raise base.IllegalMove(
                f"the result is given as {result}, but by the rules it is {records.RESULTS[by_rule]}."
            )
        self.result = told if by_rule is None else None
        self.done = True

    def record(self) -> GameRecord:
        return GameRecord(self.start, self.actions, self.tags, self.comments, self.result)
