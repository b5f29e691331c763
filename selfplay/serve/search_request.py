"""A search request of an engine, and the stopper that ends a search by the request's limits. Knows clocks
and what a search reports, not positions."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from selfplay.players import time_manager

if TYPE_CHECKING:
    from selfplay.search.analyzer import Analyzer, Limit, SearchInfo

_EVERY = 0.05  # seconds between looks at what the search found, where a clock runs
_RARELY = 0.5  # the same where none does
_SERIOUS = 0.25  # an action with this share of the best one's visits may put it in doubt


@dataclass
class SearchRequest:
    """The limits and options of one search. It ends at the first limit that is met, or when stopped."""

    began: float = field(default_factory=time.perf_counter)  # when it was asked
    simulations: int | None = None
    depth: int | None = None  # as reports count it
    seconds: float | None = None  # for this move
    clock: time_manager.Clock | None = None
    endless: bool = False  # answers only when stopped, however soon it knows
    ponder: bool = False  # the same until `hit`; its limits of time count from then on
    analysis: bool = False  # levels of strength do not apply
    only: list[str] = field(default_factory=list)  # moves to choose from; none: all
    stopped: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)  # stopped, or hit
    hit_at: float | None = None

    def stop(self) -> None:
        self.stopped.set()
        self.released.set()

    def hit(self) -> None:
        """The move that was pondered on was played."""
        self.hit_at = time.perf_counter()
        if not self.endless:
            self.released.set()


class Stopper:
    """Ends one search when its request says so: checks the clock before every batch, and the search's
    findings at intervals.

    All calls come from the thread that searches."""

    def __init__(
        self, request: SearchRequest, analyzer: Analyzer, simulations: int | None, plies_left: int, overhead: float
    ) -> None:  # fmt: skip
        """simulations: the most to make. plies_left, overhead: see `time_manager.budget`."""
        self.request, self.analyzer, self.simulations = request, analyzer, simulations
        self.budget: time_manager.TimeBudget | None = None
        if request.clock is not None:
            self.budget = time_manager.budget(request.clock, plies_left, overhead)
        if request.seconds is not None:
            alone = time_manager.for_one_move(request.seconds, overhead)
            self.budget = alone if self.budget is None or alone.most < self.budget.most else self.budget
        self.saves = self.budget is not None and self.budget.usual < self.budget.most  # time for later moves
        self.every = 0.0 if request.depth is not None else _EVERY if self.saves else _RARELY
        self._waits = request.ponder or request.endless  # no limit of time, for now
        self._longer = False
        self._batch, self._slowest = time.perf_counter(), 0.0  # when the last began, and seconds of one, lately

    def limit(self) -> Limit:
        """The limit of the search at its beginning, and again once the move pondered on was played."""
        from selfplay.search.analyzer import Limit

        if self.budget is None or self._waits:
            return Limit(self.simulations)
        left = self.request.began + (self.budget.most if self._longer else self.budget.usual) - time.perf_counter()
        return Limit(self.simulations, max(left, 0.0), early=self.request.clock is not None)

    def before_batch(self) -> None:
        """Stops the search where another batch would end after the deadline, or a stop was requested."""
        now = time.perf_counter()
        self._slowest = max(now - self._batch, 0.8 * self._slowest)
        self._batch = now
        if self._waits and self.request.hit_at is not None and not self.request.endless:
            self._waits = False
            self.analyzer.limit(self.limit())
        if self.request.stopped.is_set() or self._left(now) <= self._slowest:
            self.analyzer.stop()

    def _left(self, now: float) -> float:
        """Seconds until the search must have ended."""
        if self.budget is None or self._waits:
            return math.inf
        return (self.request.hit_at or self.request.began) + self.budget.most - now

    def consider(self, info: SearchInfo) -> None:
        """Stops the search at the requested depth; extends its time while the best move is in doubt."""
        if self.request.stopped.is_set() or (self.request.depth is not None and depth(info) >= self.request.depth):
            self.analyzer.stop()
        if self.budget is None or self._waits or self._longer or not self.saves:
            return
        ends = self.request.began + self.budget.usual
        if time.perf_counter() >= ends - _EVERY and _in_doubt(info):
            self._longer = True
            self.analyzer.limit(self.limit())


def depth(info: SearchInfo) -> int:
    """Plies from the root to where the search is at work, on average."""
    return max(1, round(info.mean_depth))


def _in_doubt(info: SearchInfo) -> bool:
    """Whether an action that was looked at seriously seems better than the one with the most visits."""
    best = info.lines[0]
    return any(line.value > best.value and line.visits >= _SERIOUS * best.visits for line in info.lines[1:])
