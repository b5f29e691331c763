"""The plain record format, for games without one of their own: tags in square brackets, the moves, then the result.

    [Game "connect-four"]
    [First "runs/connect-four at 100"]
    [Second "uct:1000"]

    44{+0.12}43265 1-0

Comments stand in braces after the move that they are about. The result is 1-0 where seat 0 won, 0-1, 1/2-1/2, or * for
a game that was not finished. What is read otherwise than it stands is said in a warning; a recorded result is kept
where the board says otherwise. Knows the contract of games, no game; the texts of moves come from a notation.
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np

from games import base
from games.text import game_reader, glyphs, records, scanner, whole_moves
from games.text.game_reader import MAX_TAGS, Failed, GameReader
from games.text.records import GameRecord, RecordError
from games.text.scanner import Token

_WIDTH = 100  # of lines of moves
_TOKEN = re.compile(
    r"""
      (?P<skip>    [\s\ufeff\x1a]++ )
    | (?P<result>  (?: 1-0 | 0-1 | 1/2(?:-1/2)? | \u00bd(?:-\u00bd)? | \* ) (?= [\s{}\[\]] | $ ) )
    | (?P<comment> \{ )
    | (?P<tag>     \[ )
    | (?P<glyph>   \$\d{1,5} (?= [\s{}\[\]$] | $ ) )
    | (?P<move>    [^\s{}\[\]*$]++ )
    """,
    re.VERBOSE,
)


class MoveTexts(Protocol):
    """What this format needs of a game's notation; `games.notation.Notation` is one."""

    @property
    def game(self) -> base.Game: ...

    @property
    def move_separator(self) -> str: ...

    def move_to_string(self, state: np.void, actions: Sequence[int]) -> str: ...

    def action_from_string(self, state: np.void, text: str) -> int: ...

    def whole_moves(self, states: np.ndarray) -> dict[str, tuple[int, ...]]: ...

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
        first, played = played, played + len(move.actions)
        marks = glyphs.written(mark for index in range(first, played) for mark in record.glyphs.get(index, ()))
        text = notation.move_to_string(move.before[0], move.actions)
        pieces.append(f"{text}{f' {marks} ' if marks else ''}{_comment(record, played - 1)}")
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
    for word in moves.split():
        if lines[-1] and len(lines[-1]) + len(word) >= _WIDTH:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return "\n".join(lines)


class _PlainScanner(scanner.Scanner):
    pattern = _TOKEN
    expected = 'means nothing here; expected are tags such as [First "…"], moves, comments in braces and a result'


def read(notation: MoveTexts, text: str) -> list[GameRecord]:
    """See `Notation.read_records`."""
    return list(iterate(notation, io.StringIO(text, newline=None)))


def iterate(notation: MoveTexts, lines: Iterable[str], failed: Failed | None = None) -> Iterator[GameRecord]:
    """The games of a text, line by line, one at a time; see `game_reader.iterate`."""
    none = f"there is no game of {notation.game.name} in this text."
    return game_reader.iterate(_PlainScanner(lines), functools.partial(_GameReader, notation), none, failed)


class _GameReader(GameReader):
    """Gathers one game, token by token."""

    def __init__(self, notation: MoveTexts, number: int) -> None:
        super().__init__(number)
        self.notation, self.game = notation, notation.game
        self.start = self.states = self.game.initial_states(1)
        self.set_up = self.played_on = False

    @property
    def begun(self) -> bool:
        return super().begun or self.set_up

    def _tag(self, token: Token) -> None:
        name, text = token.name, token.text
        self._count(token, "tags", MAX_TAGS)
        if name.lower() == "game":
            self.set_up = True
            if text != self.game.name:
                raise base.IllegalMove(f"this is a game of {base.shorten(text)}, not of {self.game.name}.")
        elif name.lower() == "fen":
            self.set_up = True
            self.start = self.states = self.notation.from_fen(text)
        elif name not in self.tags:
            self.tags[name] = text
        elif self.tags[name] != text:
            self._warn(token, f"the tag {name} is given twice; '{base.shorten(text)}' is left out")

    def _move(self, token: Token) -> None:
        self.in_moves = True
        column = token.column
        for text in self.notation.split(token.text):
            try:
                self._play(text)
            except base.IllegalMove as error:
                message = f"ply {len(self.actions) + 1}: {error}"
                raise RecordError(message, self.number, token.line, column, text) from None
            column += len(text)

    def _play(self, text: str) -> None:
        if len(self.actions) >= self.game.max_game_length:
            raise base.IllegalMove(f"a game has at most {self.game.max_game_length} plies.")
        self._play_on()
        try:
            actions: tuple[int, ...] = (self.notation.action_from_string(self.states[0], text),)
        except base.IllegalMove:
            whole = self.notation.whole_moves(self.states)  # several actions of one player in a row
            if text not in whole:
                raise
            actions = whole[text]
        for action in actions:
            self.states = self.game.step(self.states, np.array([action])).states
        self.actions += actions

    def _play_on(self) -> None:
        """Goes on where a draw was not claimed, and says so once."""
        if not self.states["terminal"][0]:
            return
        self.states = self.game.unclaimed(self.states)
        if not self.states["terminal"][0] and not self.played_on:
            self.played_on = True
            self.warnings.append(
                f"the game was drawn by the rules after {len(self.actions)} plies; nobody claimed it, and play went on"
            )

    def record(self) -> GameRecord:
        points = self._points(records.score(self.game, self.start, self.actions))
        return GameRecord(
            self.start, self.actions, self.tags, self.comments, points, tuple(self.warnings), self.line, self.glyphs
        )
