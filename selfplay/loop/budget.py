"""The budget of a run: minutes of wall time, generations, or both, and how much of it is used. Owns the run's clock.

Knows numbers of rows and updates, not what is learned.
"""

from __future__ import annotations

import time
from typing import Any

from selfplay.types import Status


class Budget:
    """The clock and the progress of a run. The clock stands still until `start`; then it counts the seconds of all
    sessions."""

    def __init__(self, config: Any) -> None:
        """config: an agent's, with the sections run, replay and learner."""
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
        status.progress = min(1.0, max(self._time_share(status), made))

    def schedule(self, status: Status, steps: int) -> float:
        """Share of the budget used after `steps` updates, in [0, 1], as schedules see it. Of a budget in generations it
        is the share of the updates that these call for, so that schedules are smooth and the same after a stop; of one
        in minutes, of the time; the larger of the two where there are both."""
        shares, config = [self._time_share(status)], self.config
        if config.run.generations:
            rows = config.run.generations * config.run.generation_rows
            shares.append(steps * config.learner.batch_size / (rows * config.replay.samples_per_insert))
        return min(1.0, max(shares))

    def _time_share(self, status: Status) -> float:
        minutes = self.config.run.minutes
        return status.seconds / max(60 * minutes - self.reserve, 1e-9) if minutes else 0.0

    def left(self, status: Status) -> float:
        """Seconds of a budget in minutes that are left, the reserve included; infinite where there is none."""
        minutes = self.config.run.minutes
        return 60 * minutes - status.seconds if minutes else float("inf")

    def ending(self, generation: int) -> str:
        """Which part of the budget is used up after `generation` generations, as a sentence."""
        config = self.config.run
        if config.generations and generation >= config.generations:
            return f"The budget of {config.generations} generations is used up."
        return f"The budget of {config.minutes:g} minutes is used up."
