"""Files of games and positions of every format, told apart by their first line.

A file that begins with a tag, a comment or a move number holds records, in the format of its game or the plain one. A
book has a position or the moves of an opening on each line, with comments after #; so does a file that begins with
neither, unless its suffix is that of records, and one with the suffix epd. Knows no game.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from games.text import plain
from games.text.records import GameRecord, RecordError

_MAX_LINE = 10_000  # characters of a line in a book
_PEEKED = 10_000  # lines before the first that says something
_REMARK = re.compile(r"""(?:^|\s)\#[^"\n]*(?:"[^"\n]*"[^"\n]*)*$""")  # not within quotes
_IS_RECORD = re.compile(r"\s*(?: [\[{;%] | \d+\s?\. )", re.VERBOSE)
_IS_PLAIN = re.compile(r'\s*\[\s*Game\s+"')


class Formats(plain.MoveTexts, Protocol):
    """What is needed of a game's notation; `games.notation.Notation` is one."""

    @property
    def record_suffix(self) -> str: ...

    def is_position(self, line: str) -> bool: ...

    def read_position(self, line: str) -> tuple[np.ndarray, dict[str, str], tuple[str, ...]]: ...

    def iterate_records(self, lines: Iterable[str]) -> Iterator[GameRecord]: ...


def iterate(notation: Formats, lines: Iterable[str], suffix: str = "") -> Iterator[GameRecord]:
    """The games of a text, one at a time; a position is a game without moves. suffix: of the file, without a dot.
    Raises RecordError in one sentence at the first thing that is wrong, after the games before."""
    stream = iter(lines)
    first, seen = "", []
    for line in itertools.islice(stream, _PEEKED):
        seen.append(line)
        first = _REMARK.sub("", line[:_MAX_LINE].lstrip("\ufeff")).strip()
        if first:
            break
    again = itertools.chain(seen, stream)
    if notation.is_position(first):
        return _book(notation, again)
    if _IS_PLAIN.match(first):
        return plain.iterate(notation, again)
    if (_IS_RECORD.match(first) and suffix != "epd") or suffix in ("", notation.record_suffix):
        return notation.iterate_records(again)
    return _book(notation, again)


def _book(notation: Formats, lines: Iterable[str]) -> Iterator[GameRecord]:
    found = False
    for number, line in enumerate(lines, start=1):
        text = _REMARK.sub("", line[: _MAX_LINE + 1].lstrip("\ufeff")).strip()
        if not text:
            continue
        found = True
        try:
            if len(line) > _MAX_LINE:
                raise ValueError(f"the line has more than {_MAX_LINE} characters.")
            yield from (record._replace(line=number) for record in _line(notation, text))
        except RecordError as error:
            raise RecordError(error.message, 0, number, error.column, error.word) from None
        except ValueError as error:
            raise RecordError(str(error), line=number) from None
    if not found:
        raise RecordError("there is nothing to play in this text: no position and no moves.")


def _line(notation: Formats, text: str) -> list[GameRecord]:
    if not notation.is_position(text):
        return list(notation.iterate_records([text + "\n"]))
    states, operations, warnings = notation.read_position(text)
    return [GameRecord(states, [], operations, {}, None, warnings)]
