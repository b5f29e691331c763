"""Scanning of record formats: lines into tags, comments, variations and what a format has besides, with their places.

A format is a subclass of `Scanner`: its pattern has a named group for every kind of token it knows. Tags, comments,
variations and the rest of a line are found here, alike in all formats. Lines mean nothing but the end of a comment that
begins with ";" or "%"; a tag, or a move, may go on in the next one. Knows no moves, and holds no more than a few lines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, NamedTuple, NoReturn

from games import base
from games.text.records import RecordError

MAX_COMMENT = 1_000_000  # characters
MAX_DEPTH = 10_000  # of variations in variations
_MAX_JOINED = 5  # lines that one token may take
_SHOWN = 40  # characters of a wrong word in a message

_TAG = re.compile(
    r"""\[ \s* (?P<name>[^\W_]\w{0,63}) \s*
        (?: "(?P<value>(?:[^"\\\n]|\\[^\n])*)" | [:=]? (?P<bare>[^\]\["\n]*) ) \s* \]""",
    re.VERBOSE,
)
_TAG_LINE = re.compile(
    r'\s*\[\s*[^\W_]\w{0,63}\s+"(?:[^"\\]|\\.)*"\s*\]\s*'
)  # in the middle of a comment: it was not closed
_RESULT = re.compile(r"(?<!\S)(?:1-0|0-1|1/2-1/2|\*)(?!\S)")  # behind a game without tags that cannot be read
_ESCAPE = re.compile(r'\\(["\\])')
_IN_VARIATION = re.compile(r"[^(){};\[]++")
_WORD = re.compile(r"\S[^\s{}\[\]();]*")


class Token(NamedTuple):
    """Something that means something."""

    kind: str  # tag, comment, variation, warning, or what a format has besides
    text: str  # the value of a tag, the sentence of a warning
    line: int  # both from 1
    column: int
    name: str = ""  # of a tag


class Scanner:
    """A place in a text that is read line by line. Kinds of tokens in a pattern: "skip" for what means nothing; "tag",
    "comment", "rest", "escape", "variation" for what begins one of those; any other is a token as it stands."""

    pattern: ClassVar[re.Pattern]
    cut: ClassVar[re.Pattern | None] = None  # the rest of a line that may go on in the next one
    expected: ClassVar[str]  # what a wrong word is told to be: "is not PDN; expected are …"

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.text = ""  # the present line, or a few where one token goes on
        self.at = 0  # in text
        self.first = 1  # number of the first line of text
        self.held = 0  # lines in text
        self.begun = False  # whether there was anything but blanks
        self._recovered = (0, 0)  # first and at, where `recover` went last
        self._escapes = "escape" in self.pattern.groupindex

    # -- places ------------------------------------------------------------------------------------------

    def _next_line(self, skip_empty: bool = False) -> bool:
        """Goes to the next line, or to the next that holds something for readers; False at the end."""
        self.first += self.held
        self.held = 1
        for line in self._lines:
            if skip_empty and (line == "\n" or (line[0] == "%" and self._escapes)):
                self.first += 1
                continue
            self.text, self.at = line, 0
            return True
        return False

    def _join_line(self) -> bool:
        """Adds the next line to the text; False at the end, and where a token has had its share of lines."""
        line = next(self._lines, None) if self.held < _MAX_JOINED else None
        if line is None:
            return False
        self.text, self.held = self.text + line, self.held + 1
        return True

    def _place(self, at: int | None = None) -> tuple[int, int]:
        """(line, column) of an index in text."""
        at = self.at if at is None else at
        if self.held == 1:  # a line may be a whole file
            return self.first, at + 1
        return self.first + self.text.count("\n", 0, at), at - self.text.rfind("\n", 0, at)

    def _error(self, message: str, word: str = "", place: tuple[int, int] | None = None) -> RecordError:
        line, column = place or self._place()
        return RecordError(message, line=line, column=column, word=word)

    def skip(self, end: int) -> bool:
        """Goes on at `end` in text, as far as which somebody else has read; True where that is in a new line."""
        self.at = end
        return end == len(self.text) and self._next_line(skip_empty=True)

    def recover(self, tagged: bool, in_moves: bool) -> bool:
        """Goes on behind a game in which something is wrong: to the next tag behind a line without one, or, where the
        game has no tags, behind its result. False where the text ends before.

        tagged, in_moves: whether the game had tags and moves before it went wrong."""
        in_tags = not in_moves and (tagged or self.text.startswith("[", self.at))
        behind_tags = not (in_tags and self.text.lstrip().startswith("["))
        while True:
            begin = self.at + ((self.first, self.at) == self._recovered)  # a tag that is wrong is not met again
            found = _TAG_LINE.search(self.text, begin) if behind_tags else None
            result = None if tagged else _RESULT.search(self.text, begin)
            if found is not None:
                self.at = found.start()
            if result is not None and (found is None or result.start() < self.at):
                self.at = result.end()
            if found is not None or result is not None:
                self._recovered = (self.first, self.at)
                return True
            if not self._next_line():
                return False
            behind_tags = behind_tags or bool(self.text.strip() and not self.text.lstrip().startswith("["))

    # -- tokens ------------------------------------------------------------------------------------------

    def tokens(self) -> Iterator[Token]:
        """All of the text, or what is left of it behind `recover`."""
        while self.at < len(self.text) or self._next_line(skip_empty=True):
            while self.at < len(self.text):
                yield from self._token()

    def _token(self) -> Iterator[Token]:
        found = self.pattern.match(self.text, self.at)
        if found is None:
            if self.cut is not None and self.cut.fullmatch(self.text, self.at) and self._join_line():
                return
            if not self.begun:
                yield from self._preamble()
                return
            raise self._unknown()
        kind, line_column = str(found.lastgroup), self._place()
        if kind == "skip":
            self.at = found.end()
            return
        self.begun = True
        spanning: Callable[[], Iterator[Token]] | None = getattr(self, f"_{kind}", None)
        if spanning is not None:
            yield from spanning()
            return
        self.at = found.end()
        yield Token(kind, found[0], *line_column)

    def _word(self) -> str:
        found = _WORD.match(self.text, self.at)
        return found[0] if found else self.text[self.at]

    def _unknown(self) -> RecordError:
        word = self._word()
        return self._error(f"'{base.shorten(word, _SHOWN)}' {self.expected}{self._hint(word)}.", word)

    def _hint(self, word: str) -> str:
        """What to add about a wrong word."""
        return ""

    def _preamble(self) -> Iterator[Token]:
        """Text before the first tag of a file, such as a title. Where no tag follows it is an error."""
        place, error, word = self._place(), self._unknown(), self._word()
        while (found := _TAG_LINE.search(self.text, self.at)) is None:
            if not self._next_line():
                raise error
        self.at = found.start()
        self.begun = True
        yield Token(
            "warning", f"the text before the first tag, from '{base.shorten(word)}' on, was passed over", *place
        )

    def _tag(self) -> Iterator[Token]:
        place = self._place()
        found = _TAG.match(self.text, self.at)
        while found is None and self.text.find("]", self.at) < 0 and self._join_line():
            found = _TAG.match(self.text, self.at)
        if found is None:
            shown = base.shorten(self.text[self.at :].split("\n")[0].strip(), _SHOWN)
            raise self._error(f"'{shown}' is not a tag; one looks like [Event \"…\"].", "[")
        self.at = found.end()
        if found["value"] is None:
            bare = found["bare"].strip()
            yield Token("warning", f"the tag {found['name']} has no quotes around '{base.shorten(bare)}'", *place)
            yield Token("tag", bare, *place, found["name"])
        else:
            yield Token("tag", _ESCAPE.sub(r"\1", found["value"]), *place, found["name"])

    def _comment(self) -> Iterator[Token]:
        place = self._place()
        self.at += 1
        pieces: list[str] = []
        size = 0
        while (end := self.text.find("}", self.at)) < 0:
            pieces.append(self.text[self.at :])
            size += len(pieces[-1])
            if size > MAX_COMMENT or not self._next_line():
                raise self._error("a comment begins with { and does not end.", "{", place)
            if _TAG_LINE.match(self.text):
                message = f"a comment begins with {{ and is still open where line {self.first} has a tag."
                raise self._error(message, "{", place)
        pieces.append(self.text[self.at : end])
        self.at = end + 1
        text = " ".join("".join(pieces).split())
        if "{" in text:
            yield Token("warning", "a comment holds another {, and ends at the first }", *place)
        yield Token("comment", text, *place)

    def _rest(self) -> Iterator[Token]:
        place = self._place()
        end = self.text.find("\n", self.at)
        end = len(self.text) if end < 0 else end
        text = self.text[self.at + 1 : end].strip()
        self.at = end
        yield Token("comment", text, *place)

    def _escape(self) -> Iterator[Token]:
        """The rest of a line where nothing but blanks is before %."""
        begin = self.text.rfind("\n", 0, self.at) + 1
        if self.text[begin : self.at].strip():
            raise self._unknown()
        end = self.text.find("\n", self.at)
        self.at = len(self.text) if end < 0 else end
        yield from ()

    def _close(self) -> NoReturn:
        raise self._error("')' closes a variation that was not opened.", ")")

    def _variation(self) -> Iterator[Token]:
        """A variation and all that it holds as one token."""
        opened = [self._place()]
        place = opened[0]
        self.at += 1
        while opened:
            if self.at >= len(self.text) and not self._next_line():
                raise self._error("a variation begins with ( and does not end.", "(", opened[0])
            mark = self.text[self.at : self.at + 1]
            if mark == "{":
                for _ in self._comment():
                    pass
            elif mark == ";":
                for _ in self._rest():
                    pass
            elif mark == "[" and _TAG_LINE.match(self.text, self.at):
                line = self._place()[0]
                message = f"a variation begins with ( and is still open where line {line} has a tag."
                raise self._error(message, "(", opened[0])
            elif mark in "()[":
                opened += [self._place()] if mark == "(" else []
                del opened[len(opened) - (mark == ")") :]
                if len(opened) > MAX_DEPTH:
                    raise self._error(f"variations are more than {MAX_DEPTH} deep.", "(")
                self.at += 1
            else:
                found = _IN_VARIATION.match(self.text, self.at)
                self.at = found.end() if found else self.at + 1
        yield Token("variation", "", *place)
