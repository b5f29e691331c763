"""Endgame tables on disk: in the user's cache, whole or absent, each with its SHA-256. Computes nothing.

A table is two files in a folder of its game: the bytes, and a JSON file that says what they are and their digest. The
bytes are written beside their place, synced and renamed; the JSON file follows, so that a build killed at any instant
leaves no table, or the whole of it. Tables are mapped into memory: processes on one machine share them.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from games.endgames.tables import Endgames

FORMAT = 1
_loaded: dict[Path, np.ndarray] = {}  # by file: tables whose digest was checked in this process
_refused: set[Path] = set()  # files that turned out to be damaged


class TableError(Exception):
    """A table that cannot be used or kept; one sentence for the user."""


class TableWarning(UserWarning):
    """A table that was built but cannot be used, and is passed over."""


def folder(game_name: str) -> Path:
    """Where tables of a game are kept: $SELFPLAY_CACHE_DIR, else `selfplay` in the user's cache ($XDG_CACHE_HOME, else
    ~/.cache; ~/Library/Caches on macOS); then endgames/GAME."""
    given = os.environ.get("SELFPLAY_CACHE_DIR")
    if given:
        return Path(given).expanduser() / "endgames" / game_name
    xdg = os.environ.get("XDG_CACHE_HOME", "")  # a relative one is to be ignored, by its specification
    caches = Path("~/Library/Caches" if sys.platform == "darwin" else xdg if os.path.isabs(xdg) else "~/.cache")
    try:
        return caches.expanduser() / "selfplay" / "endgames" / game_name
    except RuntimeError:
        raise TableError("this user has no home folder; set SELFPLAY_CACHE_DIR to a folder for tables.") from None


def files(endgames: Endgames, name: str) -> tuple[Path, Path]:
    """The bytes of a table, and what says what they are."""
    place = folder(endgames.game.name) / name
    return place.with_name(place.name + ".table"), place.with_name(place.name + ".json")


def exists(endgames: Endgames, name: str) -> bool:
    """Whether a table was built, whole or damaged since."""
    return files(endgames, name)[1].exists()


def available(endgames: Endgames) -> dict[str, np.ndarray]:
    """All tables that were built, by name; none of them that cannot be used, of which a TableWarning says so once."""
    found = {}
    for name in endgames.names:
        if exists(endgames, name) and files(endgames, name)[0] not in _refused:
            try:
                found[name] = load(endgames, name)
            except TableError as error:
                _refused.add(files(endgames, name)[0])
                warnings.warn(str(error), TableWarning, stacklevel=2)
    return found


def load(endgames: Endgames, name: str) -> np.ndarray:
    """[size] uint8: a table that was built, its digest checked once a process. Raises TableError."""
    path, said = files(endgames, name)
    if path not in _loaded:
        _loaded[path] = _read(endgames, name, path, said)
    return _loaded[path]


def _read(endgames: Endgames, name: str, path: Path, said: Path) -> np.ndarray:
    game = endgames.game
    again = f"build it again with `selfplay games endgames build {game.name} {name} --again`"
    try:
        manifest = json.loads(said.read_bytes())
        digest = digest_of(path)
    except FileNotFoundError:
        raise TableError(f"the endgame table '{name}' of {game.name} was not built; {again}.") from None
    except (OSError, ValueError) as error:
        raise TableError(f"the endgame table {path} cannot be read ({error}); {again}.") from None
    expected = _manifest(endgames, name, digest)
    if not isinstance(manifest, dict) or manifest.get("sha256") != digest or path.stat().st_size != expected["slots"]:
        raise TableError(f"the endgame table {path} is damaged: its SHA-256 is not the one written; {again}.")
    if manifest != expected:
        raise TableError(f"the endgame table {path} is one of other rules or of another format; {again}.")
    return np.asarray(np.memmap(path, dtype=np.uint8, mode="c"))  # never written to; writeable, as kernels want it


def digest_of(path: Path) -> str:
    """SHA-256 of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save(endgames: Endgames, name: str, table: np.ndarray) -> str:
    """Keeps a table and returns its SHA-256; an earlier one of that name is replaced. Raises TableError."""
    path, said = files(endgames, name)
    digest = hashlib.sha256(table.data).hexdigest()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        said.unlink(missing_ok=True)  # what it says is true no more once the bytes are replaced
        _write(path, table.data)
        _write(said, json.dumps(_manifest(endgames, name, digest), indent=1).encode() + b"\n")
    except OSError as error:
        raise TableError(
            f"cannot write {path} ({error.strerror or error}): {len(table) / 1e6:.1f} MB and write permission are "
            "needed there; SELFPLAY_CACHE_DIR names another folder."
        ) from None
    _loaded.pop(path, None)
    _refused.discard(path)
    return digest


def _manifest(endgames: Endgames, name: str, digest: str) -> dict[str, object]:
    game = endgames.game
    return {"format": FORMAT, "game": game.name, "game_version": game.version, "table": name,
            "slots": endgames.size(name), "sha256": digest}  # fmt: skip


def _write(path: Path, data: bytes | memoryview) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def building(endgames: Endgames) -> Iterator[None]:
    """Keeps others from building tables of this game meanwhile, and removes what a killed build left. Raises
    TableError."""
    place = folder(endgames.game.name)
    try:
        place.mkdir(parents=True, exist_ok=True)
        lock = (place / ".lock").open("w")
    except OSError as error:
        raise TableError(
            f"cannot write to {place} ({error.strerror or error}); SELFPLAY_CACHE_DIR names another folder."
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise TableError(f"another process is building tables in {place}; wait for it.") from None
        for left in place.glob(".*.partial"):
            left.unlink(missing_ok=True)
        yield


def free_space(game_name: str) -> int:
    """Bytes free where tables of a game are kept."""
    place = folder(game_name)
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free
