"""The tally of a match: which pairs of games are to be played, which were, which of them count, and what they say.

Pairs count in the order of their openings, those before the first that is not finished: short games end first, and to
count whichever ended would favour what is quickly decided. A sequential test looks at them in the same order. Once it
is decided no more are begun; those in progress are finished and count, though no longer for the test.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from selfplay.ratings.sprt import EloEstimate, SequentialTest
    from selfplay.ratings.tournament import MatchTask, TaskResult


class MatchSummary(NamedTuple):
    """The result of the games that count, for the first player."""

    games: int
    wins: int
    draws: int
    losses: int
    pentanomial: list[int]  # pairs with 0, 1/2, 1, 3/2, 2 points
    measured: EloEstimate
    plies: float  # of a game, on average
    out_of_order: int  # games of pairs that were finished and do not count, as an earlier pair was not finished
    broken_off: int  # games of pairs that were begun and not finished
    beyond: int  # games that were kept from an earlier match with more openings


class Tally:
    """The results of a match so far."""

    def __init__(
        self, tasks: Sequence[MatchTask], kept: Iterable[TaskResult], test: SequentialTest | None
    ) -> None:  # fmt: skip
        """tasks: all pairs that may be played, in order. kept: results from before."""
        self.test = test
        self._tasks, self._asked = tasks, set(tasks)
        self._begun: set[MatchTask] = set()
        self._results: dict[MatchTask, TaskResult] = {}
        self._counted = 0  # pairs before the first that is not finished
        self._beyond = 0
        for result in kept:
            self.add(result)

    @property
    def missing(self) -> int:
        """Pairs that have no result."""
        return len(self._asked - self._results.keys())

    @property
    def decided(self) -> bool:
        """Whether there is a test and it has its verdict."""
        return self.test is not None and self.test.verdict.accepted is not None

    def to_play(self) -> Iterator[MatchTask]:
        """Pairs that have no result, each when it is to be begun; none once the test is decided."""
        for task in self._tasks:
            if self.decided:
                return
            if task not in self._results:
                self._begun.add(task)
                yield task

    def add(self, result: TaskResult) -> None:
        """Notes a result, without the games' records."""
        if result.task not in self._asked:
            self._beyond += len(result.points)
            return
        self._results[result.task] = result._replace(text="")
        while self._counted < len(self._tasks) and self._tasks[self._counted] in self._results:
            if self.test is not None:
                self.test.add(self._results[self._tasks[self._counted]].points)
            self._counted += 1

    def summary(self) -> MatchSummary | None:
        """None where no pair counts."""
        import numpy as np

        from selfplay.ratings import sprt

        counted = [self._results[task] for task in self._tasks[: self._counted]]
        if not counted:
            return None
        moving_first, moving_second = np.array([result.points for result in counted]).T
        counts = sprt.pentanomial(sprt.kinds(moving_first, moving_second))
        points = np.concatenate([moving_first, moving_second])
        wins, draws = int((points == 1).sum()), int((points == 0.5).sum())
        plies = [ply for result in counted for ply in result.plies]
        return MatchSummary(
            len(points), wins, draws, len(points) - wins - draws, counts.tolist(), sprt.measure(counts),
            sum(plies) / max(1, len(plies)), 2 * (len(self._results) - self._counted),
            2 * len(self._begun - self._results.keys()), self._beyond,
        )  # fmt: skip


def remarks(summary: MatchSummary, test: SequentialTest | None) -> list[str]:
    """What is to be said of games that were played and do not count, and of those that count and decided nothing."""
    told = []
    if test is not None and test.verdict.accepted is not None and (later := summary.games - 2 * test.pairs):
        told.append(
            f"The first {2 * test.pairs} games decided the test; {later} more had been begun by then, were played to "
            "their ends, and count in the score but not in the test."
        )
    if summary.out_of_order:
        told.append(
            f"{summary.out_of_order} more games were finished and do not count: an earlier pair was not finished, and "
            "to count what ends first would favour short games."
        )
    if summary.broken_off:
        told.append(f"{summary.broken_off} games, of pairs that were not finished, were broken off and do not count.")
    if summary.beyond:
        told.append(f"{summary.beyond} games that were kept from a longer match do not count: they are beyond --games.")
    return told
