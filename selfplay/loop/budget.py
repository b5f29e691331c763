"""The budget of a run: minutes of wall time, generations, evaluations, or several, and how much of it is used.

Owns the run's clock. Says how long an evaluation may take of it: a tenth of the minutes, and none past their end, but
always a few seconds, so that a short run is measured at all.

Knows numbers of rows and updates, not what is learned or measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from selfplay.types import Status

EVALUATION_SHARE = 0.1  # of a budget in minutes, for one evaluation
LEAST_EVALUATION = 5.0  # seconds that any evaluation may take
SHOWN_EVERY = 0.25  # seconds


class Budget:
    """The clock and the progress of a run. The clock stands still until `start`; then it counts the seconds of all
    sessions."""

    def __init__(self, config: Any) -> None:
        """config: an agent's, with the section run."""
        self.config = config
        self.reserve = 0.0  # seconds at the end that are kept for the last evaluation
        self._began: float | None = None  # when the run would have begun, had it never stopped

    def start(self, seconds: float) -> None:
        """The clock runs from `seconds` on: those that the run has taken so far."""
        self._began = time.perf_counter() - seconds

    def tick(self, status: Status) -> None:
        """Brings the seconds and the progress of `status` up to date."""
        if self._began is not None:
            status.seconds = time.perf_counter() - self._began
        wanted = self.config.run.generations
        made = status.generation / wanted if wanted else 0.0
        status.progress = min(1.0, max(self._time_share(status), self._evaluated_share(status), made))

    def schedule(self, status: Status, made: float) -> float:
        """Share of the budget used, in [0, 1], as schedules see it. made: share of this generation's updates that is
        done. Of a budget in generations it is the share of these, so that schedules are smooth and the same after a
        stop; of one in minutes, of the time; of one in evaluations, of those; the largest where there are several. Of
        `run.schedule_generations`, where they are set, instead of the budget."""
        if scheduled := self.config.run.schedule_generations:
            return min(1.0, (status.generation + min(1.0, max(0.0, made))) / scheduled)
        shares, wanted = [self._time_share(status), self._evaluated_share(status)], self.config.run.generations
        if wanted:
            shares.append((status.generation + min(1.0, max(0.0, made))) / wanted)
        return min(1.0, max(shares))

    def _time_share(self, status: Status) -> float:
        minutes = self.config.run.minutes
        return status.seconds / max(60 * minutes - self.reserve, 1e-9) if minutes else 0.0

    def _evaluated_share(self, status: Status) -> float:
        wanted = self.config.run.evaluations
        return status.evaluations / wanted if wanted else 0.0

    def is_out_of_time(self, status: Status) -> bool:
        """Whether the minutes are used up, but for the reserve: what takes long in this process is cut short then."""
        self.tick(status)
        return self._time_share(status) >= 1.0

    def left(self, status: Status) -> float:
        """Seconds of a budget in minutes that are left, the reserve included; infinite where there is none."""
        minutes = self.config.run.minutes
        return 60 * minutes - status.seconds if minutes else float("inf")

    def ending(self, status: Status) -> str:
        """Which part of the budget is used up, as a sentence."""
        config = self.config.run
        if config.generations and status.generation >= config.generations:
            return f"The budget of {config.generations} generations is used up."
        if self._evaluated_share(status) >= 1.0:
            return f"The budget of {config.evaluations:,} evaluations is used up."
        return f"The budget of {config.minutes:g} minutes is used up."


def longest_evaluation(minutes: float | None, left: float = float("inf")) -> float:
    """Seconds that one evaluation may take of a budget in minutes, of which so many seconds are left; infinite where
    there is none."""
    return max(LEAST_EVALUATION, min(60 * EVALUATION_SHARE * minutes, left)) if minutes else float("inf")


def reserve(minutes: float | None, took: float) -> float:
    """Seconds to keep at the end of a budget in minutes for the last evaluation, where the one before took so many."""
    return min(took, longest_evaluation(minutes), 30 * minutes) if minutes else 0.0


class Measuring:
    """The `Watch` of one evaluation, which begins now."""

    def __init__(self, seconds: float, show: Callable[[float], None]) -> None:
        """seconds: that it may take. show: takes the share that is done, a few times a second."""
        self._seconds, self._show = seconds, show
        self._began = self._shown = time.perf_counter()
        self.cut = False  # whether it was told that its time is up

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.perf_counter() - self._began

    def __call__(self, done: float) -> bool:
        now = time.perf_counter()
        if now - self._shown >= SHOWN_EVERY:
            self._shown = now
            self._show(done)
        self.cut = self.cut or now - self._began > self._seconds
        return not self.cut

    def sentence(self, generation: int, minutes: float | None) -> str:
        """What is to be said of it; empty where it took no longer than it might."""
        took = f"Evaluating generation {generation} took {self.seconds:.0f} s"
        if self.cut:
            return (
                f"{took} and was cut short there: of {minutes:g} minutes it may take a tenth, and nothing past their "
                "end. Give more minutes, or ask for less in the settings evaluation.*."
            )
        longer = self.seconds - self._seconds
        return f"{took}, {longer:.0f} s longer than it may of {minutes:g} minutes." if longer >= 1 else ""
