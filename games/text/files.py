"""Files of games and positions of every format, told apart by their first line.

A file that begins with a tag, a comment or a move number holds records, in the format of its game or the plain one. A
book has a position or the moves of an opening on each line, with comments after #; so does a file that begins with
neither, unless its suffix is that of records, and one with the suffix epd. Knows no game.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

import numpy as np

from games.text import plain
from games.text.game_reader import Failed
from games.text.records import GameRecord, RecordError

_MAX_LINE = 10_000  # characters of a line in a book
_REMARKS = 5  # warnings that are told one by one
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

    def iterate_records(self, lines: Iterable[str], failed: Failed | None = None) -> Iterator[GameRecord]: ...


def iterate(
    notation: Formats, lines: Iterable[str], suffix: str = "", failed: Failed | None = None
) -> Iterator[GameRecord]:
    """The games of a text, one at a time; a position is a game without moves. suffix: of the file, without a dot.
    Raises RecordError in one sentence at the first thing that is wrong, after the games before.

    failed: told of every game that cannot be read instead, after which the next one is looked for."""
    stream = iter(lines)
    first, seen = "", []
    for line in itertools.islice(stream, _PEEKED):
        seen.append(line)
        first = _REMARK.sub("", line[:_MAX_LINE].lstrip("\ufeff")).strip()
        if first:
            break
    again = itertools.chain(seen, stream)
    if notation.is_position(first):
        return _book(notation, again, failed)
    if _IS_PLAIN.match(first):
        return plain.iterate(notation, again, failed)
    if (_IS_RECORD.match(first) and suffix != "epd") or suffix in ("", notation.record_suffix):
        return notation.iterate_records(again, failed)
    return _book(notation, again, failed)


def remarks(found: Mapping[int, GameRecord], of_file: str = "") -> list[str]:
    """The first few warnings of games, by their numbers, then how many more there are. of_file: a warning that belongs
    to the file as a whole."""
    told = [of_file] * bool(of_file)
    told += [f"game {number}: {warning}" for number, record in found.items() for warning in record.warnings]
    more = len(told) - _REMARKS
    return [*told[:_REMARKS], f"and {more} more warning{'s' * (more > 1)}"] if more > 0 else told


def _book(notation: Formats, lines: Iterable[str], failed: Failed | None) -> Iterator[GameRecord]:
    game = 0
    for number, line in enumerate(lines, start=1):
        text = _REMARK.sub("", line[: _MAX_LINE + 1].lstrip("\ufeff")).strip()
        if not text:
            continue
        try:
            found = _line(notation, text, len(line))
        except ValueError as wrong:
            place = (wrong.column, wrong.word) if isinstance(wrong, RecordError) else ()
            message = wrong.message if isinstance(wrong, RecordError) else str(wrong)
            error = RecordError(message, 0, number, *place)
            if failed is None:
                raise error from None
            failed(error.of_game(game + 1))
            game += 1
            continue
        game += len(found)
        yield from (record._replace(line=number) for record in found)
    if not game:
        raise RecordError("there is nothing to play in this text: no position and no moves.")


def _line(notation: Formats, text: str, length: int) -> list[GameRecord]:
    if length > _MAX_LINE:
        raise ValueError(f"the line has more than {_MAX_LINE} characters.")
    if not notation.is_position(text):
        return list(notation.iterate_records([text + "\n"]))
    states, operations, warnings = notation.read_position(text)
    return [GameRecord(states, [], operations, {}, None, warnings)]
