"""Games read from a text of records, token by token: where one ends and the next begins, alike in PGN and PDN.

A format subclasses `GameReader` with a method ``_KIND(token)`` for each kind of token that its scanner yields. Knows
tokens, tags and results as text; no moves.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator

from games import base
from games.text.records import GameRecord, RecordError
from games.text.scanner import Token

REMARKS = ("comment", "variation", "warning")  # tokens that begin no game, and may belong to the one before


class GameReader(ABC):
    """One game as it is read."""

    idle: tuple[str, ...] = REMARKS  # kinds of tokens that begin no game

    def __init__(self, number: int) -> None:
        self.number = number
        self.line = self.last_line = 0
        self.tags: dict[str, str] = {}
        self.warnings: list[str] = []
        self.result = ""
        self.counts = dict.fromkeys(("tags", "comments", "variations"), 0)
        self.in_moves = self.done = False

    @property
    def touched(self) -> bool:
        """Whether the game has begun."""
        return bool(self.tags) or self.in_moves

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
        plain = self.plain(token.text)
        if token.kind == "result" and ("*" in (token.text, self.result) or plain == self.result):
            self.result = plain if self.result == "*" else self.result
        elif token.kind in REMARKS and token.line == self.last_line:
            self.take(token)
        else:
            return False
        return True

    @staticmethod
    @abstractmethod
    def plain(result: str) -> str:
        """A result by its usual spelling."""

    @abstractmethod
    def adopt(self, rest: GameReader) -> None:
        """Takes the remarks after the last game of a text."""

    @abstractmethod
    def record(self) -> GameRecord:
        """The game as a whole. Raises RecordError."""

    def _error(self, message: str, token: Token) -> RecordError:
        return RecordError(message, self.number, token.line, token.column, token.text)

    def _warn(self, token: Token, sentence: str) -> None:
        self.warnings.append(f"line {token.line}: {sentence}")

    def _count(self, token: Token, what: str, most: int) -> None:
        """Refuses a game with tags or remarks without end."""
        self.counts[what] += 1
        if self.counts[what] > most:
            raise self._error(f"a game has more than {most} {what}.", token)

    def _warning(self, token: Token) -> None:
        self._warn(token, token.text)


def iterate(tokens: Iterable[Token], make: Callable[[int], GameReader], none: str) -> Iterator[GameRecord]:
    """The games of a text, one at a time. make: the reader of the game of that number. none: what to say of a text
    without a game. Raises RecordError in one sentence at the first thing that is wrong.

    A finished game is kept until the next one begins, for what may still belong to it: a comment in the line of its
    result, the same result once more."""
    reader = _TextReader(make)
    try:
        for token in tokens:
            yield from reader.take(token)
    except RecordError as error:
        raise error.of_game(reader.now.number) from None
    yield from reader.finish(none)


class _TextReader:
    """The games of one text as they are read."""

    def __init__(self, make: Callable[[int], GameReader]) -> None:
        self.make = make
        self.ended: GameReader | None = None
        self.now = make(1)

    def take(self, token: Token) -> Iterator[GameRecord]:
        if self.now.begins_another(token):
            yield from self._end()
        elif self.ended is not None and not self.now.touched and self.ended.takes_too(token):
            return
        if self.ended is not None and token.kind not in self.now.idle:
            yield self.ended.record()
            self.ended = None
        self.now.take(token)
        if self.now.done:
            yield from self._end()

    def _end(self) -> Iterator[GameRecord]:
        if self.ended is not None:
            yield self.ended.record()
        self.ended, self.now = self.now, self.make(self.now.number + 1)

    def finish(self, none: str) -> Iterator[GameRecord]:
        """The last game, with all remarks behind it."""
        if self.now.tags or self.now.in_moves:
            yield from self._end()
        elif self.ended is not None:
            self.ended.adopt(self.now)
        if self.ended is None:
            raise RecordError(none)
        yield self.ended.record()
