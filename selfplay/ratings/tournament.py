"""A tournament: who plays whom, the results of it, and the statistics that ratings are computed from.

Two games from one opening, with seats swapped, are one observation and one result; where players are measured by a
score that counts no wins, so is one score, with its variance. Knows players by name and digest; no games and no files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple, Protocol

import numpy as np

from selfplay.league import payoff


class Participant(NamedTuple):
    """A player who takes part."""

    name: str
    digest: str  # of what plays under the name: results under another digest are another player's
    role: str = ""  # in a tournament between two roles, as in a bipartite `payoff.PayoffTable`


class MatchTask(NamedTuple):
    """Two games to be played: `first` takes seat 0 in the one and seat 1 in the other. Or a score to be measured."""

    first: int  # numbers of participants, first < second
    second: int
    opening: int  # number of the opening, or of the block of data that the score is measured on


class TaskResult(NamedTuple):
    """The result of a task: two games, or one score."""

    task: MatchTask
    points: tuple[float, ...]  # of `first`, in seat 0 and in seat 1; or its score, in [0, 1]
    plies: tuple[int, ...] = ()
    digests: tuple[str, ...] = ()  # equal for equal games
    adjudicated: int = 0  # games of the two that ended otherwise than by the rules
    text: str = ""  # records of both games, on their way to a file; empty for what was read back from one
    games: float | None = None  # how many won or lost games a score is worth; None: points count games
    variance: float | None = None  # of the score as an estimate
    figures: Mapping[str, float] | None = None  # what else was measured, by name

    def swapped(self) -> TaskResult:
        """The same result with the two players in the other order."""
        return self._replace(
            task=MatchTask(self.task.second, self.task.first, self.task.opening),
            points=tuple(1 - points for points in reversed(self.points)),
            plies=self.plies[::-1], digests=self.digests[::-1],
        )  # fmt: skip


class WorkerPool(Protocol):
    """What plays a tournament's tasks: in this process or on other machines."""

    def run(self, tasks: Iterable[MatchTask]) -> Iterator[tuple[list[TaskResult], int]]:
        """Results as they come, in any order, each with the number of simulations searched since the last.

        Tasks are taken as they are begun, in their order: where `tasks` ends early, what was begun is finished."""

    def close(self) -> None:
        """Ends engines, and releases machines."""


def round_robin(players: int) -> list[tuple[int, int]]:
    """Every pair of players."""
    return list(combinations(range(players), 2))


def gauntlet(players: int, challengers: Sequence[int]) -> list[tuple[int, int]]:
    """Each challenger against every other player."""
    return [pair for pair in round_robin(players) if set(pair) & set(challengers)]


def ladder(players: int, rungs: Sequence[Sequence[int]], reach: int = 2) -> list[tuple[int, int]]:
    """Within each sequence of rungs, neighbours up to `reach` rungs apart; all others against every player."""
    rung_of = {number: (k, place) for k, rung in enumerate(rungs) for place, number in enumerate(rung)}

    def paired(i: int, j: int) -> bool:
        if i not in rung_of or j not in rung_of:
            return True
        (k, a), (m, b) = rung_of[i], rung_of[j]
        return abs(a - b) <= (reach if k == m else 0)

    return [pair for pair in round_robin(players) if paired(*pair)]


class TournamentResults:
    """The results of a tournament so far, by task, and what is read off them."""

    def __init__(self, participants: Sequence[Participant]) -> None:
        self.participants = list(participants)
        self.by_task: dict[MatchTask, TaskResult] = {}

    def __len__(self) -> int:
        return len(self.by_task)

    def add(self, result: TaskResult) -> None:
        """Keeps a result, without the games' records."""
        self.by_task[result.task] = result._replace(text="")

    def missing(self, pairings: Sequence[tuple[int, int]], openings: int) -> list[MatchTask]:
        """The tasks of these pairings, from so many openings each, that have no result yet."""
        tasks = [MatchTask(first, second, number) for first, second in pairings for number in range(openings)]
        return [task for task in tasks if task not in self.by_task]

    def pairs(self, tasks: Sequence[MatchTask] | None = None) -> np.ndarray:
        """[K, K, 3, 3] int64 as `elo.table` has it: pairs of games by the half points of the lower-numbered player
        moving first, and moving second. tasks: only these; all by default."""
        size = len(self.participants)
        counts = np.zeros((size, size, 3, 3), dtype=np.int64)
        for task in self.by_task if tasks is None else tasks:
            x, y = (round(2 * points) for points in self.by_task[task].points)
            counts[task.first, task.second, x, y] += 1
        return counts

    def table(self, *roles: str, tasks: Iterable[MatchTask] | None = None) -> payoff.PayoffTable:
        """Scores by pair, all results of a pair merged, of players by name; the same to the last bit in whatever order
        results came. Of games the variance is left to the table, which takes them for independent.

        roles: as of `payoff.PayoffTable`; with two, participants have one of them each, and rows are the first's.
        tasks: only these; all by default."""
        table = payoff.PayoffTable(*roles)
        for task in sorted(self.by_task if tasks is None else tasks):
            result, row, column = self.by_task[task], self.participants[task.first], self.participants[task.second]
            score = sum(result.points) / len(result.points)
            games = len(result.points) if result.games is None else result.games
            if not table.symmetric and row.role != roles[0]:
                row, column, score = column, row, 1 - score
            table.add(row.name, column.name, score, games, result.variance)
        return table

    def blocks(self, *roles: str) -> list[payoff.PayoffTable]:
        """A `table` of each opening or block by itself, in the order of their numbers."""
        by_number: dict[int, list[MatchTask]] = {}
        for task in self.by_task:
            by_number.setdefault(task.opening, []).append(task)
        return [self.table(*roles, tasks=by_number[number]) for number in sorted(by_number)]

    def figure(self, name: str) -> dict[MatchTask, float]:
        """What was measured under this name besides points, by task."""
        figures = {task: self.by_task[task].figures or {} for task in sorted(self.by_task)}
        return {task: found[name] for task, found in figures.items() if name in found}

    def duplicates(self) -> int:
        """Games that repeat, move by move, another of the same two players in the same seats."""
        seen = Counter(
            (*((task.first, task.second) if seat == 0 else (task.second, task.first)), digest)
            for task, result in self.by_task.items()
            for seat, digest in enumerate(result.digests)
        )
        return sum(seen.values()) - len(seen)

    def adjudicated(self) -> int:
        """Games that ended otherwise than by the rules."""
        return sum(result.adjudicated for result in self.by_task.values())

    def plies(self) -> float:
        """Mean length of a game."""
        return float(np.mean([plies for result in self.by_task.values() for plies in result.plies] or [0]))
