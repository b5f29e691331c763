"""Reads files of game records, every game as one JSON object on a line, or written back as a record."""

from __future__ import annotations

import argparse
import bz2
import contextlib
import gzip
import json
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from selfplay.cli.console import numbers, paths, progress
from selfplay.errors import UserError

if TYPE_CHECKING:
    from games.base import Game
    from games.notation import Notation
    from games.text.game_reader import Failed
    from games.text.records import GameRecord, RecordError

EPILOG = """examples:
  selfplay games read chess games.pgn
  selfplay games read chess games.pgn --count
  selfplay games read checkers club.pdn.gz old/*.pdn --keep-going | head
  zcat games.pgn.gz | selfplay games read chess - --limit 100
  selfplay games read checkers club.pdn --to pdn > clean.pdn
"""
DESCRIPTION = """Reads files of game records (PGN, PDN, text) of any size and encoding; prints a JSON object a game:

  {"game": 1, "tags": {...}, "start": FEN or null, "moves": ["e4", ...], "plies": 1, "result": "*", "comments": 0,
   "warnings": []}

"result" is as recorded, with the points of the player who moves first in front; "comments" counts those of the main
line; "glyphs", where there are any, marks such as !; "warnings" say what was read otherwise than it stands. The first
thing that is no record ends the reading: the games before it are printed, the sentence says file, line and column, and
the exit code is 2. With --keep-going the other games are read too.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="GAME", help="a game's name")
    parser.add_argument("files", metavar="FILE", nargs="+", help="a file, also .gz or .bz2; - for standard input")
    parser.add_argument("--to", choices=["json", "pgn", "pdn", "txt"], default="json", help="write the games as "
                        "records in the format of their game, or as plain text (default: %(default)s)")  # fmt: skip
    parser.add_argument("--limit", type=numbers.whole(1, 2**62), metavar="N", help="stop after N games")
    parser.add_argument("--count", action="store_true", help="no games, but one JSON object a file: games, plies, "
                        "results, warnings")  # fmt: skip
    parser.add_argument("--keep-going", action="store_true", help='pass over games that cannot be read, each as {"game"'
                        ': N, "error": ...} (on standard error with --to or --count); exit code 2 if any')  # fmt: skip


def run(arguments: argparse.Namespace, game: Game) -> int:
    import games
    from games.notation import Notation

    notation = games.facet(game, Notation)
    if arguments.to not in ("json", "txt", notation.record_suffix):
        own = "" if notation.record_suffix == "txt" else f"{notation.record_suffix}, "
        raise UserError(f"{game.name} has no {arguments.to}; its records are {own}txt or json.")
    if arguments.count and arguments.to != "json":
        raise UserError("--count writes no games, and --to writes them: give one of the two.")
    reading = _Reading(notation, arguments)
    try:
        for name in arguments.files:
            reading.file(name)
    finally:
        sys.stdout.flush()  # here, where a reader of ours that has gone is noticed
    return 2 if reading.failed else 0


class _Reading:
    """Files read one after the other, and what is printed of them."""

    def __init__(self, notation: Notation, arguments: argparse.Namespace) -> None:
        self.notation, self.form, self.count = notation, arguments.to, arguments.count
        self.keep_going = arguments.keep_going
        self.several = len(arguments.files) > 1
        self.left = arguments.limit  # games that may still be read; None for any number
        self.failed = 0  # games, in all files

    def file(self, name: str) -> None:
        """Raises UserError at the first thing that is wrong, after what was printed of the games before."""
        counts = Counts()
        with _opened(name) as raw, progress.Progress(name, raw, not self.count and sys.stdout.isatty()) as line:
            found = _read(self.notation, name, raw, self._on_failure(name, counts, line))
            try:
                while self.left != 0 and (record := next(found, None)) is not None:
                    self.left = self.left and self.left - 1
                    counts.add(self.notation, record)
                    self._print(record, counts.number, name)
                    line.show(counts.number)
            except UserError:
                self._print_counts(name, counts)
                raise
        self._print_counts(name, counts)

    def _print_counts(self, name: str, counts: Counts) -> None:
        if self.count:
            print(json.dumps({"file": name} | counts.told(), ensure_ascii=False))

    def _on_failure(self, name: str, counts: Counts, line: progress.Progress) -> Failed | None:
        def failed(error: RecordError) -> None:
            self.failed += 1
            counts.failed += 1
            if self.form == "json" and not self.count:
                place = {"line": error.line, "column": error.column} if error.line else {}
                told = {"game": counts.number, "error": error.message} | place
                print(json.dumps(told | ({"file": name} if self.several else {}), ensure_ascii=False))
            else:
                line.wipe()
                print(f"selfplay: '{name}', {error.of_game(counts.number)}", file=sys.stderr)

        return failed if self.keep_going else None

    def _print(self, record: GameRecord, number: int, name: str) -> None:
        if self.count:
            return
        if self.form == "json":
            told = described(self.notation, record, number) | ({"file": name} if self.several else {})
            print(json.dumps(told, ensure_ascii=False))
        else:
            print(_written(self.notation, record, self.form, name), end="")


class Counts:
    """What a file holds, as far as it was read."""

    def __init__(self) -> None:
        self.games = self.plies = self.warnings = self.failed = 0
        self.results = dict.fromkeys(("1-0", "0-1", "1/2-1/2", "*"), 0)

    @property
    def number(self) -> int:
        """Of the last game, those that cannot be read among them."""
        return self.games + self.failed

    def add(self, notation: Notation, record: GameRecord) -> None:
        from games.text import records

        self.games += 1
        self.plies += notation.record_plies(record)
        self.warnings += len(record.warnings)
        self.results[records.RESULTS[record.result]] += 1

    def told(self) -> dict[str, object]:
        return {
            "games": self.games, "plies": self.plies, "results": self.results, "warnings": self.warnings,
            "errors": self.failed,
        }  # fmt: skip


def _read(notation: Notation, name: str, raw: BinaryIO, failed: Failed | None) -> Iterator[GameRecord]:
    """The games of a file. Raises UserError with its name."""
    from games.base import IllegalMove
    from games.text import decoding, files

    openers: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open}
    opener = openers.get(Path(name).suffix, contextlib.nullcontext)
    suffix = Path(name.removesuffix(".gz").removesuffix(".bz2")).suffix.removeprefix(".")
    try:
        with opener(raw) as stream:
            lines = decoding.Lines(stream)
            told = False
            for record in files.iterate(notation, lines, suffix, failed):
                if lines.warning and not told:
                    told = True
                    record = record._replace(warnings=(lines.warning, *record.warnings))
                yield record
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(name, error) from None
    except IllegalMove as error:
        raise UserError(f"'{name}', {error}") from None


def _opened(name: str) -> BinaryIO:
    """The file as it lies on the disk."""
    if name == "-":
        return sys.stdin.buffer
    paths.check_file(Path(name), pipes=True)
    try:
        return open(name, "rb")
    except OSError as error:
        raise _unreadable(name, error) from None


def _unreadable(name: str, error: Exception) -> UserError:
    return UserError(f"'{name}' cannot be read ({getattr(error, 'strerror', None) or error}).")


def described(notation: Notation, record: GameRecord, number: int) -> dict[str, object]:
    """A game as the command prints it."""
    from games.text import records

    at_start = record.start.tobytes() == notation.game.initial_states(1).tobytes()
    names = dict(zip(("First", "Second"), notation.player_tags, strict=True))
    moves = notation.record_moves(record)
    return {
        "game": number,
        "tags": {names.get(name, name): text for name, text in record.tags.items()},
        "start": None if at_start else notation.to_fen(record.start[0]),
        "moves": moves,
        "plies": len(moves),
        "result": records.RESULTS[record.result],
        "comments": len(record.comments),
        "warnings": list(record.warnings),
        **({"glyphs": sum(map(len, record.glyphs.values()))} if record.glyphs else {}),
    }


def _written(notation: Notation, record: GameRecord, form: str, name: str) -> str:
    from games.base import IllegalMove
    from games.text import plain

    try:
        if form == notation.record_suffix:
            return notation.write_record(record)
        return plain.write(notation, record)
    except IllegalMove as error:
        raise UserError(f"'{name}', the game in line {record.line} cannot be written: {error}") from None
