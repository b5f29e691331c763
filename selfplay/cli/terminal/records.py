"""Files of game records: writing, appending, reading. The suffix chooses the format: the game's own, or .txt for tags
and moves as text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import games
from games.notation import Notation
from games.text import decoding, files, plain
from selfplay.cli.console import paths
from selfplay.errors import UserError
from selfplay.storage import bounded

if TYPE_CHECKING:
    from games.base import Game
    from games.text.records import GameRecord

MAX_BYTES = 50_000_000


def place(game: Game, name: str) -> Path:
    """The file that a name means. Raises UserError for a suffix that is no format, a folder that is not there, or
    what is no file."""
    path, own = Path(name).expanduser(), games.facet(game, Notation).record_suffix
    if not path.suffix:
        path = path.with_name(f"{path.name}.{own}") if path.name else path
    known = dict.fromkeys((own, "txt"))
    if path.suffix[1:] not in known:
        raise UserError(f"'{name}' does not end in {' or '.join(f'.{suffix}' for suffix in known)}.")
    if not path.parent.is_dir():
        raise UserError(f"'{path.parent}' is no folder: make it first, or name another.")
    paths.check_file(path)
    return path


def text_of(game: Game, record: GameRecord, path: Path) -> str:
    """The game in the format of the file. Raises IllegalMove for a game that cannot be written."""
    notation = games.facet(game, Notation)
    return notation.write_record(record) if path.suffix[1:] == notation.record_suffix else plain.write(notation, record)


def save(path: Path, text: str, replace: bool) -> None:
    """Raises UserError where the file exists, unless it is to be replaced, and where it cannot be written."""
    if path.exists() and not replace:
        raise UserError(f"'{path}' exists: 'save! {path}' replaces it.")
    try:
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(text, "utf-8")
        partial.rename(path)
    except OSError as error:
        raise UserError(f"'{path}' cannot be written ({error.strerror}).") from None


def append(path: Path, text: str) -> None:
    """Raises UserError where the file cannot be written."""
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UserError(f"'{path}' cannot be written ({error.strerror}).") from None


def load(game: Game, name: str, number: int = 1) -> tuple[GameRecord, int, list[str]]:
    """(the game of that number, 1 the first; how many there are; what of it was read otherwise than it stands). Raises
    UserError, IllegalMove."""
    path = Path(name).expanduser()
    if not path.exists():
        path = place(game, name)
    paths.check_file(path)
    try:
        with bounded.named(path, MAX_BYTES) as stream:
            suffix = path.suffix.removeprefix(".")
            lines = decoding.Lines(stream)
            found = list(files.iterate(games.facet(game, Notation), lines, suffix))
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror}).") from None
    if not 1 <= number <= len(found):
        raise UserError(f"'{path}' holds {len(found)} game{'s' * (len(found) != 1)}: there is no number {number}.")
    return found[number - 1], len(found), files.remarks({number: found[number - 1]}, lines.warning)
