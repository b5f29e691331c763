"""The folder of a tournament: a lock, a log of results, and the games' records; where to go on after a stop.

    arena.json         the terms: what makes results comparable     games.jsonl   one line a result
    games/A - B.pgn    the records, one file a pairing, where there are any

A line is written after the records it stands for and says where they end, so that a kill at any instant costs what was
in progress and nothing else. Knows results as they are logged, and no statistics.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfplay.errors import CheckpointError, FolderError, shorten
from selfplay.ratings.tournament import MatchTask, Participant, TaskResult, TournamentResults
from selfplay.storage import artifact, bounded, json_text, lock, records

FORMAT = 1
TERMS, RESULTS = "arena.json", "games.jsonl"
DAMAGE = (ValueError, KeyError, TypeError, AttributeError, OverflowError)  # what reading a damaged line raises
_CHECK = "sha256"  # of the rest of its line, the first 16 digits; lines of earlier versions have none
OUTPUTS = (RESULTS, "ratings.json", "ratings.csv", "ratings.md", "crosstable.csv", "elo.png")


class TournamentFolder:
    """The folder of a tournament, locked until `close`. Results of players who do not take part now stay in it."""

    def __init__(
        self, folder: Path, participants: Sequence[Participant], terms: Mapping[str, Any], suffix: str
    ) -> None:  # fmt: skip
        """terms: must be those of the results already here. suffix: of files with records. Raises FolderError."""
        self.folder, self.results, self._suffix = folder, TournamentResults(participants), suffix
        self._ends: dict[str, int] = {}
        with contextlib.ExitStack() as undo:  # so that a folder that is refused can be opened again
            try:
                _check_ours(folder)
                (folder / "games").mkdir(parents=True, exist_ok=True)
                self._lock = lock.Lock(folder / "lock")
                undo.callback(self._lock.release)
                self._lines = (folder / RESULTS).open("a+b")
                undo.callback(self._lines.close)
                self._check_terms({"format": FORMAT, **terms})
                self._load()
            except lock.Held as held:
                raise FolderError(
                    f"another tournament (process {held.holder}) is writing to '{folder}': wait for it, or choose "
                    "another folder with --out."
                ) from None
            except OSError as error:
                raise FolderError(
                    f"cannot write to '{folder}' ({error.strerror}): choose another folder with --out."
                ) from None
            undo.pop_all()

    def _check_terms(self, terms: dict[str, Any]) -> None:
        path = self.folder / TERMS
        terms = json.loads(json_text.dumps(terms))
        if not path.exists():
            records.replace(path, json_text.dumps(terms, indent=1).encode())
            return
        try:
            records.require(path)
            saved = dict(bounded.read_json(path))
        except (OSError, ValueError, TypeError, CheckpointError):
            raise FolderError(f"{path} is damaged: choose another folder with --out.") from None
        other = [key for key in {**saved, **terms} if saved.get(key) != terms.get(key)]
        if other:
            said = "; ".join(f"{key} {saved.get(key)}, now {terms.get(key)}" for key in other)
            raise FolderError(
                f"'{self.folder}' holds results under other terms ({said}), which cannot be rated together: choose "
                "another folder with --out, or ask for the same."
            )

    def _load(self) -> None:
        """Reads the lines that are whole, and cuts off what a kill left behind them."""
        number_of = {(player.name, player.digest): k for k, player in enumerate(self.results.participants)}
        self._lines.seek(0)
        good = 0
        for number, line in enumerate(iter(lambda: self._lines.readline(bounded.MAX_LINE), b""), 1):
            if not line.endswith(b"\n"):
                break
            try:
                entry = unseal(line)
                players = [number_of.get((name, digest)) for name, digest in entry["players"]]
                result = _read(entry)
                file, end = (str(entry["file"]), int(entry["end"])) if "file" in entry else ("", 0)
            except DAMAGE:
                raise FolderError(
                    f"{self.folder / RESULTS} is damaged in line {number}, and good results follow or may follow: "
                    f"`selfplay verify {self.folder} --repair` takes that line out, and its games are played again."
                ) from None
            good += len(line)
            if file:
                self._ends[file] = end
            first, second = players
            if first is None or second is None:
                continue
            result = result._replace(task=MatchTask(first, second, result.task.opening))
            self.results.add(result if first < second else result.swapped())  # they were named in another order then
        self._lines.truncate(good)
        self._lines.seek(0, os.SEEK_END)
        for name, end in self._ends.items():
            path = self.folder / "games" / name
            if Path(name).name == name and path.is_file() and path.stat().st_size > end:
                os.truncate(path, end)

    def add(self, result: TaskResult) -> None:
        """Keeps a result, on disk too. Raises FolderError when the disk refuses."""
        first, second = (self.results.participants[number] for number in result.task[:2])
        entry = {"players": [[first.name, first.digest], [second.name, second.digest]], **_written(result)}
        try:
            if result.text:
                text = result.text.encode()
                file = f"{_safe(first.name)} - {_safe(second.name)}.{self._suffix}"
                with (self.folder / "games" / file).open("ab") as games:
                    if file not in self._ends and games.tell():  # a pairing's first game, cut short by a kill
                        games.truncate(0)
                    begin = games.tell()
                    games.write(text)
                    end = self._ends[file] = games.tell()
                entry |= {"file": file, "begin": begin, "end": end, "records": artifact.digest(text)[:16]}
            self._lines.write(seal(entry))
            self._lines.flush()
        except OSError as error:
            raise self._refused(error) from None
        self.results.add(result)

    def close(self) -> None:
        """Everything is on disk; the folder is unlocked whatever happens. Raises FolderError when the disk refuses."""
        try:
            self._lines.flush()
            os.fsync(self._lines.fileno())
        except OSError as error:
            raise self._refused(error) from None
        finally:
            with contextlib.suppress(OSError):  # what could not be written is told already
                self._lines.close()
            self._lock.release()

    def _refused(self, error: OSError) -> FolderError:
        return FolderError(
            f"cannot write to '{self.folder}' ({error.strerror}): what was played so far is kept; the same command "
            "goes on."
        )

    def __enter__(self) -> TournamentFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def seal(entry: Mapping[str, Any]) -> bytes:
    """A line of games.jsonl, with the digest of what it says."""
    check = artifact.digest(json_text.dumps(entry).encode())[:16]
    return json_text.dumps({**entry, _CHECK: check}).encode() + b"\n"


def unseal(line: bytes) -> dict[str, Any]:
    """What a line of games.jsonl says. Raises one of DAMAGE where it is not as it was written."""
    entry: dict[str, Any] = bounded.parse_json(line)
    check = entry.pop(_CHECK, None)
    if check is not None and line != seal(entry):
        raise ValueError(line)
    if len(entry["players"]) != 2:
        raise ValueError(entry["players"])
    _read(entry)
    return entry


def _written(result: TaskResult) -> dict[str, Any]:
    """A result as JSON, without its players."""
    entry: dict[str, Any] = {"opening": result.task.opening, "points": list(result.points)}
    if result.games is not None:
        return entry | {"games": result.games, "variance": result.variance, "figures": dict(result.figures or {})}
    return entry | {"plies": list(result.plies), "digests": list(result.digests), "adjudicated": result.adjudicated}


def _read(entry: Mapping[str, Any]) -> TaskResult:
    """The inverse, with players 0 and 0. Raises KeyError, TypeError and ValueError for what is no result."""
    games = entry.get("games")
    return TaskResult(
        MatchTask(0, 0, int(entry["opening"])), tuple(float(points) for points in entry["points"]),
        tuple(int(plies) for plies in entry.get("plies", ())), tuple(map(str, entry.get("digests", ()))),
        int(entry.get("adjudicated", 0)), games=None if games is None else float(games),
        variance=entry.get("variance"), figures=entry.get("figures"),
    )  # fmt: skip


def _check_ours(folder: Path) -> None:
    """Raises FolderError where files of someone else's have the names that a tournament would write to, or links do."""
    if not folder.is_dir():
        return
    for entry in (*folder.iterdir(), *(folder / "games").glob("*")):
        if entry.is_symlink() or not (entry.is_file() or entry.is_dir()):
            raise FolderError(
                f"'{folder}' holds '{shorten(entry.relative_to(folder))}', which is a link or no plain file: choose "
                "another folder with --out."
            )
    if (folder / "arena.json").exists():
        return
    taken = [name for name in OUTPUTS if (folder / name).exists()]
    games = folder / "games"
    if games.is_dir() and any(games.iterdir()):
        taken.append("games")
    if taken:
        raise FolderError(
            f"'{folder}' holds '{taken[0]}' and no tournament (no arena.json): choose an empty or a new folder with "
            "--out, so that its files and yours stay apart."
        )


def _safe(name: str) -> str:
    """A player's name as part of a file's name."""
    return re.sub(r"[^\w.,=@-]+", "_", name).strip("_")[:80] or "player"
