"""Games read from a text of records, token by token: where one ends and the next begins, alike in all formats.

A format subclasses `GameReader` with a method ``_KIND(token)`` for each kind of token that its scanner yields. Knows
tokens, tags and results as text; no moves.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

from games import base
from games.text import glyphs, records
from games.text.records import GameRecord, RecordError
from games.text.scanner import Scanner, Token

REMARKS = ("comment", "variation", "warning", "glyph")  # tokens that begin no game, and may belong to the one before
MAX_TAGS = 1000  # of a game
MAX_REMARKS = 10_000  # comments, variations or glyphs of a game, and more for a longer one
_POINTS = {text: points for points, text in records.RESULTS.items() if points is not None}
_UNKNOWN = ("*", "?", "", "-")

Failed = Callable[[RecordError], None]  # told of a game that cannot be read


class GameReader(ABC):
    """One game as it is read."""

    idle: ClassVar[tuple[str, ...]] = REMARKS  # kinds of tokens that begin no game
    points_of: ClassVar[Mapping[str, float]] = _POINTS  # of seat 0, by the usual spelling of results
    no_points: ClassVar[Mapping[str, str]] = {}  # what results mean that give nobody points

    def __init__(self, number: int) -> None:
        self.number = number
        self.line = self.last_line = 0
        self.tags: dict[str, str] = {}
        self.actions: list[int] = []
        self.comments: dict[int, str] = {}
        self.glyphs: dict[int, tuple[int, ...]] = {}
        self.warnings: list[str] = []
        self.result = ""
        self.counts = dict.fromkeys(("tags", "comments", "variations", "glyphs"), 0)
        self.in_moves = self.done = False

    @property
    def begun(self) -> bool:
        """Whether there is anything that makes it a game."""
        return bool(self.tags) or self.in_moves

    @property
    def touched(self) -> bool:
        """Whether what follows belongs to this game and no more to the one before."""
        return self.begun

    def take(self, token: Token) -> None:
        """Raises RecordError, with the place."""
        self.line = self.line or token.line
        self.last_line = token.line
        try:
            getattr(self, f"_{token.kind}")(token)
        except RecordError as error:
            raise error.of_game(self.number) from None
        except base.IllegalMove as error:
            raise self._error(str(error), token) from None

    def begins_another(self, token: Token) -> bool:
        """Whether the token is the first of the next game."""
        return token.kind == "tag" and self.in_moves

    def takes_too(self, token: Token) -> bool:
        """Whether a token behind the result still belongs to this game, which then takes it."""
        plain = plain_result(token.text)
        if token.kind == "result" and ("*" in (token.text, self.result) or plain == self.result):
            self.result = plain if self.result == "*" else self.result
        elif token.kind in REMARKS and token.line == self.last_line:
            self.take(token)
        else:
            return False
        return True

    def adopt(self, rest: GameReader) -> None:
        """Takes the remarks after the last game of a text."""
        index = len(self.actions) - 1
        for text in rest.comments.values():
            self.comments[index] = f"{self.comments.get(index, '')} {text}".strip()
        self.counts["variations"] += rest.counts["variations"]
        self.warnings += rest.warnings

    @abstractmethod
    def record(self) -> GameRecord:
        """The game as a whole. Raises RecordError."""

    # -- tokens that all formats have ----------------------------------------------------------------------

    def _warning(self, token: Token) -> None:
        self._warn(token, token.text)

    def _comment(self, token: Token) -> None:
        self._count(token, "comments", MAX_REMARKS + len(self.actions))
        if token.text:
            index = len(self.actions) - 1
            self.comments[index] = f"{self.comments.get(index, '')} {token.text}".strip()

    def _variation(self, token: Token) -> None:
        self._count(token, "variations", MAX_REMARKS + len(self.actions))

    def _glyph(self, token: Token) -> None:
        number = self._glyph_number(token)
        if number is not None:
            index = len(self.actions) - 1
            self.glyphs[index] = (*self.glyphs.get(index, ()), number)

    def _glyph_number(self, token: Token) -> int | None:
        """The number of a glyph that may stand there, else a warning."""
        self._count(token, "glyphs", MAX_REMARKS + len(self.actions))
        number = glyphs.number_of(token.text)
        if number is None or not self.in_moves:
            why = "has no number" if number is None else "follows no move"
            self._warn(token, f"the mark '{base.shorten(token.text)}' {why}, and is left out")
            return None
        return number

    def _result(self, token: Token) -> None:
        if not self.touched:
            raise self._error(f"'{token.text}' is a result without a game.", token)
        self.result = plain_result(token.text)
        self.in_moves = self.done = True

    # -- the whole -----------------------------------------------------------------------------------------

    def _points(self, by_rule: float | None) -> float | None:
        """Points of seat 0 as recorded: the result behind the moves before that of the tag, and either before the
        board's; warnings where they differ. by_rule: what the board says, None for nothing."""
        said = next((text for name, text in self.tags.items() if name.lower() == "result"), "")
        tag = plain_result(said)
        told = tag if self.result in ("", "*") else self.result
        if told not in self.points_of and told not in _UNKNOWN:
            meaning = self.no_points.get(told, "none of 1-0, 0-1, 1/2-1/2 and *,")
            self.warnings.append(f"the result '{base.shorten(said or told)}', {meaning} is read as *")
        points = self.points_of.get(told)
        if tag in self.points_of and points is not None and self.points_of[tag] != points:
            self.warnings.append(f"the tag Result says {tag}, but the moves end with {told}, which is kept")
        elif self.result == "*" and tag in self.points_of:
            self.warnings.append(f"the moves end with *, but the tag Result says {tag}, which is kept")
        if by_rule is not None and points is not None and by_rule != points:
            self.warnings.append(
                f"the recorded result {told} is kept, but on the board it is {records.RESULTS[by_rule]}"
            )
        return points

    # -- warnings and errors -------------------------------------------------------------------------------

    def _error(self, message: str, token: Token) -> RecordError:
        return RecordError(message, self.number, token.line, token.column, token.text)

    def _warn(self, token: Token, sentence: str) -> None:
        self.warnings.append(f"line {token.line}: {sentence}")

    def _count(self, token: Token, what: str, most: int) -> None:
        """Refuses a game with tags or remarks without end."""
        self.counts[what] += 1
        if self.counts[what] > most:
            raise self._error(f"a game has more than {most} {what}.", token)


def plain_result(result: str) -> str:
    """A result without spaces, with hyphens for dashes and digits for halves."""
    text = re.sub("[\u2010-\u2015\u2212]", "-", "".join(result.split())).replace("\u00bd", "1/2")
    return "1/2-1/2" if text == "1/2" else text


def iterate(
    scanner: Scanner, make: Callable[[int], GameReader], none: str, failed: Failed | None = None
) -> Iterator[GameRecord]:
    """The games of a text, one at a time. make: the reader of the game of that number. none: what to say of a text
    without a game. Raises RecordError in one sentence at the first thing that is wrong, after the games before it.

    failed: told of every game that cannot be read instead, after which the next one is looked for.

    A finished game is kept until the next one begins, for what may still belong to it: a comment in the line of its
    result, the same result once more."""
    reader = _TextReader(make, failed)
    going = True
    while going:
        going = False
        try:
            for token in scanner.tokens():
                yield from reader.take(token)
        except RecordError as error:
            yield from reader.release()
            tagged, in_moves = bool(reader.now.tags), reader.now.in_moves
            reader.fail(error.of_game(reader.now.number))
            going = scanner.recover(tagged, in_moves)
    yield from reader.finish(none)


class _TextReader:
    """The games of one text as they are read."""

    def __init__(self, make: Callable[[int], GameReader], failed: Failed | None) -> None:
        self.make, self.failed = make, failed
        self.ended: GameReader | None = None
        self.now = make(1)

    def take(self, token: Token) -> Iterator[GameRecord]:
        if self.now.begins_another(token):
            yield from self._end()
        elif self.ended is not None and not self.now.touched and self.ended.takes_too(token):
            return
        if self.ended is not None and token.kind not in self.now.idle:
            yield from self.release()
        self.now.take(token)
        if self.now.done:
            yield from self._end()

    def _end(self) -> Iterator[GameRecord]:
        yield from self.release()
        self.ended, self.now = self.now, self.make(self.now.number + 1)

    def release(self) -> Iterator[GameRecord]:
        """The game that has ended, if one has and is in order."""
        ended, self.ended = self.ended, None
        if ended is None:
            return
        try:
            record = ended.record()
        except RecordError as error:
            self._tell(error)
        else:
            yield record

    def fail(self, error: RecordError) -> None:
        """Gives up the present game. Raises the error where nobody is to be told."""
        self._tell(error)
        self.now = self.make(self.now.number + 1)

    def _tell(self, error: RecordError) -> None:
        if self.failed is None:
            raise error from None
        self.failed(error)

    def finish(self, none: str) -> Iterator[GameRecord]:
        """The last game, with all remarks behind it."""
        if self.now.begun:
            yield from self._end()
        elif self.ended is not None:
            self.ended.adopt(self.now)
        elif self.now.number == 1:
            raise RecordError(none)
        yield from self.release()
