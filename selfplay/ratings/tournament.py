"""A tournament in a folder: who is to meet whom, what came of it, and where to go on after a stop.

    arena.json         the terms: what makes results comparable     games.jsonl   one line a result
    games/A - B.pgn    the records, one file a pairing, where there are any

Two games from one opening, with seats swapped, are one observation and one line; where players are measured by a score
that counts no wins, so is one score, with its variance. A line is written after the records it stands for and says
where they end, so that a kill at any instant costs what was in progress and nothing else. Knows players by name and
digest, and games as text.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from selfplay.errors import FolderError
from selfplay.league import payoff
from selfplay.storage import artifact

FORMAT = 1


class Participant(NamedTuple):
    """Who takes part."""

    name: str
    digest: str  # of what plays under the name: results of another digest are not this player's
    role: str = ""  # where players of two roles meet, as in a bipartite `payoff.PayoffTable`


class MatchTask(NamedTuple):
    """Two games to be played: `first` takes seat 0 in the one and seat 1 in the other. Or a score to be measured."""

    first: int  # numbers of entrants, first < second
    second: int
    opening: int  # number of the opening, or of the block of data that the score is measured on


class TaskResult(NamedTuple):
    """What came of a task: two games, or one score."""

    task: MatchTask
    points: tuple[float, ...]  # of `first`, in seat 0 and in seat 1; or its score, in [0, 1]
    plies: tuple[int, ...] = ()
    digests: tuple[str, ...] = ()  # equal for equal games
    adjudicated: int = 0  # games of the two that ended otherwise than by the rules
    text: str = ""  # records of both; none are kept of what has none
    games: float | None = None  # how many won or lost games a score is worth; None: points count games
    variance: float | None = None  # of the score as an estimate
    figures: Mapping[str, float] | None = None  # what else was measured, by name


class WorkerPool(Protocol):
    """Whoever plays: here or on other machines."""

    def run(self, tasks: Sequence[MatchTask]) -> Iterator[tuple[list[TaskResult], int]]:
        """Results as they come, and the simulations that were searched since the last ones."""

    def close(self) -> None:
        """Lets go of engines and machines."""


def round_robin(entrants: int) -> list[tuple[int, int]]:
    """Everyone meets everyone."""
    return list(combinations(range(entrants), 2))


def gauntlet(entrants: int, challengers: Sequence[int]) -> list[tuple[int, int]]:
    """Each challenger meets everyone else."""
    return [pair for pair in round_robin(entrants) if set(pair) & set(challengers)]


def ladder(entrants: int, rungs: Sequence[Sequence[int]], reach: int = 2) -> list[tuple[int, int]]:
    """Within each sequence of rungs, neighbours meet up to `reach` rungs apart; all others meet everyone."""
    rung_of = {number: (k, place) for k, rung in enumerate(rungs) for place, number in enumerate(rung)}

    def meet(i: int, j: int) -> bool:
        if i not in rung_of or j not in rung_of:
            return True
        (k, a), (m, b) = rung_of[i], rung_of[j]
        return abs(a - b) <= (reach if k == m else 0)

    return [pair for pair in round_robin(entrants) if meet(*pair)]


class Tournament:
    """The folder of a tournament, locked until `close`. Results of players who do not take part now stay in it."""

    def __init__(self, folder: Path, entrants: Sequence[Participant], terms: Mapping[str, Any], suffix: str) -> None:
        """terms: must be those of the results already here. suffix: of files with records. Raises FolderError."""
        self.folder, self.entrants, self._suffix = folder, list(entrants), suffix
        self.results: dict[MatchTask, dict[str, Any]] = {}
        self._ends: dict[str, int] = {}
        try:
            (folder / "games").mkdir(parents=True, exist_ok=True)
            self._lines = (folder / "games.jsonl").open("a+b")
        except OSError as error:
            raise FolderError(
                f"cannot write to '{folder}' ({error.strerror}): choose another folder with --out."
            ) from None
        try:
            fcntl.flock(self._lines, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lines.close()
            raise FolderError(
                f"another tournament is writing to '{folder}': wait for it, or choose another folder with --out."
            ) from None
        try:
            self._check_terms({"format": FORMAT, **terms})
            self._load()
        except FolderError:
            self._lines.close()
            raise

    def _check_terms(self, terms: dict[str, Any]) -> None:
        path = self.folder / "arena.json"
        terms = json.loads(json.dumps(terms))
        if not path.exists():
            artifact.replace_file(path, json.dumps(terms, indent=1).encode())
            return
        try:
            saved = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
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
        number_of = {(entrant.name, entrant.digest): number for number, entrant in enumerate(self.entrants)}
        self._lines.seek(0)
        good = 0
        for line in self._lines:
            try:
                entry = json.loads(line)
                players = [number_of.get((name, digest)) for name, digest in entry["players"]]
                points, opening = [float(points) for points in entry["points"]], int(entry["opening"])
                file, end = (str(entry["file"]), int(entry["end"])) if "file" in entry else ("", 0)
            except (ValueError, KeyError, TypeError):
                break
            if not line.endswith(b"\n"):
                break
            good += len(line)
            if file:
                self._ends[file] = end
            if None in players:
                continue
            first, second = (int(number) for number in players if number is not None)
            if first > second:  # they were named in another order then
                first, second, points = second, first, [1 - point for point in reversed(points)]
            self.results[MatchTask(first, second, opening)] = entry | {"points": points}
        self._lines.truncate(good)
        self._lines.seek(0, os.SEEK_END)
        for path in (self.folder / "games").iterdir():
            if path.stat().st_size > self._ends.get(path.name, 0):
                os.truncate(path, self._ends.get(path.name, 0))

    def missing(self, pairings: Sequence[tuple[int, int]], openings: int) -> list[MatchTask]:
        """The tasks of these pairings, from so many openings each, that have no result yet."""
        tasks = [MatchTask(first, second, number) for first, second in pairings for number in range(openings)]
        return [task for task in tasks if task not in self.results]

    def add(self, result: TaskResult) -> None:
        """Keeps a result, on disk too. Raises FolderError when the disk refuses."""
        first, second = (self.entrants[number] for number in result.task[:2])
        entry: dict[str, Any] = {
            "players": [[first.name, first.digest], [second.name, second.digest]],
            "opening": result.task.opening, "points": list(result.points),
        }  # fmt: skip
        if result.games is not None:
            entry |= {"games": result.games, "variance": result.variance, "figures": dict(result.figures or {})}
        else:
            entry |= {"plies": list(result.plies), "digests": list(result.digests), "adjudicated": result.adjudicated}
        try:
            if result.text:
                file = f"{_safe(first.name)} - {_safe(second.name)}.{self._suffix}"
                with (self.folder / "games" / file).open("ab") as records:
                    records.write(result.text.encode())
                    entry |= {"file": file, "end": records.tell()}
            self._lines.write(json.dumps(entry).encode() + b"\n")
            self._lines.flush()
        except OSError as error:
            raise FolderError(
                f"cannot write to '{self.folder}' ({error.strerror}): what was played so far is kept; the same command "
                "goes on."
            ) from None
        self.results[result.task] = entry

    def close(self) -> None:
        """Lets go of the folder; everything is on disk."""
        self._lines.flush()
        os.fsync(self._lines.fileno())
        self._lines.close()

    def __enter__(self) -> Tournament:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- reading off -----------------------------------------------------------------------------------------

    def pairs(self, tasks: Sequence[MatchTask] | None = None) -> np.ndarray:
        """[K, K, 3, 3] int64 as `rating.table` has it: pairs of games by the half points of the lower-numbered player
        moving first, and moving second. tasks: only these; all by default."""
        size = len(self.entrants)
        counts = np.zeros((size, size, 3, 3), dtype=np.int64)
        for task in self.results if tasks is None else tasks:
            x, y = (round(2 * points) for points in self.results[task]["points"])
            counts[task.first, task.second, x, y] += 1
        return counts

    def table(self, *roles: str, tasks: Iterable[MatchTask] | None = None) -> payoff.PayoffTable:
        """Scores by pair, all results of a pair merged, of players by name; the same to the last bit in whatever order
        results came. Of games the variance is left to the table, which takes them for independent.

        roles: as of `payoff.PayoffTable`; with two, entrants have one of them each, and rows are those of the first.
        tasks: only these; all by default."""
        table = payoff.PayoffTable(*roles)
        for task in sorted(self.results if tasks is None else tasks):
            entry, row, column = self.results[task], self.entrants[task.first], self.entrants[task.second]
            points = entry["points"]
            score, games = sum(points) / len(points), entry.get("games", len(points))
            if not table.symmetric and row.role != roles[0]:
                row, column, score = column, row, 1 - score
            table.add(row.name, column.name, score, games, entry.get("variance"))
        return table

    def blocks(self, *roles: str) -> list[payoff.PayoffTable]:
        """A `table` of each opening or block by itself, in the order of their numbers."""
        by_number: dict[int, list[MatchTask]] = {}
        for task in self.results:
            by_number.setdefault(task.opening, []).append(task)
        return [self.table(*roles, tasks=by_number[number]) for number in sorted(by_number)]

    def figure(self, name: str) -> dict[MatchTask, float]:
        """What was measured under this name besides points, by task."""
        figures = {task: self.results[task].get("figures", {}) for task in sorted(self.results)}
        return {task: found[name] for task, found in figures.items() if name in found}

    def duplicates(self) -> int:
        """Games that repeat, move by move, another of the same two players in the same seats."""
        seen = Counter(
            (*((task.first, task.second) if seat == 0 else (task.second, task.first)), digest)
            for task, entry in self.results.items()
            for seat, digest in enumerate(entry.get("digests", ()))
        )
        return sum(seen.values()) - len(seen)

    def adjudicated(self) -> int:
        """Games that ended otherwise than by the rules."""
        return sum(int(entry.get("adjudicated", 0)) for entry in self.results.values())

    def plies(self) -> float:
        """Mean length of a game."""
        return float(np.mean([plies for entry in self.results.values() for plies in entry.get("plies", ())] or [0]))


def _safe(name: str) -> str:
    """A player's name as part of a file's name."""
    return re.sub(r"[^\w.,=@-]+", "_", name).strip("_")[:80] or "player"
