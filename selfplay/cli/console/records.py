"""Reads files of game records, every game as one JSON object on a line, or written back as a record."""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from selfplay.errors import UserError

if TYPE_CHECKING:
    from games.base import Game
    from games.notation import Notation
    from games.text.records import GameRecord

EPILOG = """examples:
  selfplay games read chess games.pgn
  selfplay games read checkers club.pdn.gz old/*.pdn | head
  zcat games.pgn.gz | selfplay games read chess -
  selfplay games read checkers club.pdn --to pdn > clean.pdn
"""
DESCRIPTION = """Reads files of game records (PGN, PDN, text) of any size and encoding; prints a JSON object a game:

  {"game": 1, "tags": {...}, "start": FEN or null, "moves": ["e4", ...], "plies": 1, "result": "*", "comments": 0,
   "warnings": []}

"result" is as recorded, with the points of the player who moves first in front; "comments" counts those of the main
line; "warnings" say what was read otherwise than it stands. The first thing that is no record ends the reading: the
games before it are printed, the sentence says file, line and column, and the exit code is 2.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="GAME", help="a game's name")
    parser.add_argument("files", metavar="FILE", nargs="+", help="a file, also .gz or .bz2; - for standard input")
    parser.add_argument("--to", choices=["json", "pgn", "pdn", "txt"], default="json", help="write the games as "
                        "records in the format of their game, or as plain text (default: %(default)s)")  # fmt: skip


def run(arguments: argparse.Namespace, game: Game) -> int:
    import games
    from games.notation import Notation

    notation = games.facet(game, Notation)
    if arguments.to not in ("json", "txt", notation.record_suffix):
        own = "" if notation.record_suffix == "txt" else f"{notation.record_suffix}, "
        raise UserError(f"{game.name} has no {arguments.to}; its records are {own}txt or json.")
    several = len(arguments.files) > 1
    for name in arguments.files:
        for number, record in enumerate(_read(notation, name), start=1):
            if arguments.to == "json":
                told = described(notation, record, number) | ({"file": name} if several else {})
                print(json.dumps(told, ensure_ascii=False))
            else:
                print(_written(notation, record, arguments.to, name), end="")
    return 0


def _read(notation: Notation, name: str) -> Iterator[GameRecord]:
    """The games of a file. Raises UserError with its name."""
    from games.base import IllegalMove
    from games.text import decoding, files

    suffix = Path(name.removesuffix(".gz").removesuffix(".bz2")).suffix.removeprefix(".")
    try:
        with _opened(name) as stream:
            lines = decoding.Lines(stream)
            told = False
            for record in files.iterate(notation, lines, suffix):
                if lines.warning and not told:
                    told = True
                    record = record._replace(warnings=(lines.warning, *record.warnings))
                yield record
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(f"'{name}' cannot be read ({reason}).") from None
    except IllegalMove as error:
        raise UserError(f"'{name}', {error}") from None


def _opened(name: str) -> BinaryIO:
    if name == "-":
        return sys.stdin.buffer
    if Path(name).is_dir():
        raise UserError(f"'{name}' is a folder; name the files in it.")
    opener = {".gz": gzip.open, ".bz2": bz2.open}.get(Path(name).suffix, open)
    return opener(name, "rb")  # type: ignore[operator]


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
