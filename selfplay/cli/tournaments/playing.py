"""Execution of a command's tournament: in this process or on Ray, with a progress bar on a terminal, lines elsewhere.

Progress goes to standard error, results to the caller.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from selfplay.cli.console import numbers, output
from selfplay.errors import UserError

if TYPE_CHECKING:
    from games.base import Game
    from selfplay.players.match_worker import MatchSpec
    from selfplay.players.player import Player
    from selfplay.ratings.tournament import MatchTask, TaskResult, WorkerPool

MAX_ACTORS = 10_000
LINE_EVERY = 15.0  # seconds between lines where there is no terminal
FEW = 20  # tasks that are played sooner than processes start


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options about where games are played."""
    parser.add_argument(
        "--actors",
        type=numbers.whole(0, MAX_ACTORS),
        metavar="N",
        help="processes that play (default: one a core), or 0",
    )
    parser.add_argument("--address", metavar="HOST:PORT", help="a Ray cluster to play on; 'auto' finds one")
    parser.add_argument("--plain", action="store_true", help="plain lines instead of a progress bar")


def check(arguments: argparse.Namespace) -> None:
    """Raises UserError."""
    if arguments.address and arguments.actors == 0:
        raise UserError("--address names a Ray cluster for actors, and --actors 0 starts none: leave one of them out.")


class WorkerPools(NamedTuple):
    """Where a tournament can be played."""

    here: Callable[[], WorkerPool]  # in this process
    remote: Callable[[], WorkerPool]  # travels to other processes, by pickle
    leave: Callable[[], None]  # closes here what each process needs for itself


def played(
    workers: WorkerPools, tasks: list[MatchTask], arguments: argparse.Namespace, progress: Progress, each: int
) -> Iterator[TaskResult]:
    """Results as they come. each: what a task counts for in the progress."""
    yield from _results(_pool(workers, len(tasks), arguments), tasks, progress, each)


def played_in_order(
    workers: WorkerPools, tasks: Iterable[MatchTask], most: int, arguments: argparse.Namespace, progress: Progress
) -> Iterator[TaskResult]:
    """The same of pairs of games, begun in order for as long as `tasks` goes on, `most` of them at most."""
    yield from _results(_pool(workers, most, arguments, in_order=True), tasks, progress, 2)


def _results(pool: WorkerPool, tasks: Iterable[MatchTask], progress: Progress, each: int) -> Iterator[TaskResult]:
    try:
        with progress:
            for results, simulations in pool.run(tasks):
                progress.add(each * len(results), simulations)
                yield from results
    finally:
        pool.close()


def workers_of_games(spec: MatchSpec, loaded: tuple[Game, list[Player]]) -> WorkerPools:
    """Workers for games between the spec's players. loaded: the game and these players."""
    from selfplay.players import match_worker, registry

    return WorkerPools(
        lambda: match_worker.MatchWorker(spec, loaded),
        partial(match_worker.MatchWorker, spec),
        lambda: registry.close_players(loaded[1]),
    )


def _pool(workers: WorkerPools, tasks: int, arguments: argparse.Namespace, in_order: bool = False) -> WorkerPool:
    actors = arguments.actors
    if actors is None:
        cores = os.cpu_count() or 1
        actors = cores if arguments.address or (tasks >= FEW and cores > 1) else 0
    if not actors:
        return workers.here()
    workers.leave()
    from selfplay.loop import ray_pool

    return ray_pool.RayWorkerPool(workers.remote, actors, arguments.address, in_order)


class Progress:
    """The progress of a tournament, shown inside its `with` block."""

    def __init__(self, total: int, plain: bool, noun: str = "games") -> None:
        """total: games to be played, or whatever else the noun says."""
        self.total, self.done, self.simulations, self.note, self.noun = total, 0, 0, "", noun
        self._plain = plain or not output.can_redraw(sys.stderr)
        self._began = self._told = time.perf_counter()
        self._ended: float | None = None

    @property
    def seconds(self) -> float:
        """Since it was entered, until it was left."""
        return (self._ended or time.perf_counter()) - self._began

    def __enter__(self) -> Progress:
        self._began = self._told = time.perf_counter()
        if not self._plain:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn(self.noun), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rates]}"),
                TextColumn("left"), TimeRemainingColumn(), console=Console(stderr=True), transient=True,
            )  # fmt: skip
            self._task = self._bar.add_task(self.noun, total=self.total, rates="")
            self._bar.start()
        return self

    def add(self, number: int, simulations: int) -> None:
        """So many have ended, and simulations been searched, since the last call."""
        self.done += number
        self.simulations += simulations
        now = time.perf_counter()
        searched = f", {self.simulations / self.seconds:,.0f} simulations/s" if self.simulations else ""
        rates = f"{self.done / self.seconds:.1f} {self.noun}/s{searched}{self.note}"
        if not self._plain:
            self._bar.update(self._task, completed=self.done, rates=rates)
        elif now - self._told >= LINE_EVERY:
            self._told = now
            print(f"{self.done} of {self.total} {self.noun}, {rates}", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        self._ended = time.perf_counter()
        if not self._plain:
            self._bar.stop()
