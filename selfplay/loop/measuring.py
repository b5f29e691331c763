"""Measuring within the budget: how long one evaluation may take, and how far it is.

Of a budget in minutes one evaluation may take a tenth, and none goes on past the end; but a few seconds are always
given, so that a short run is measured at all. Knows the clock, not what is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SHARE = 0.1  # of a budget in minutes, for one evaluation
LEAST = 5.0  # seconds that any evaluation may take
SHOWN_EVERY = 0.25  # seconds


def most(minutes: float | None, left: float = float("inf")) -> float:
    """Seconds that one evaluation may take of a budget in minutes, of which so many seconds are left; infinite where
    there is none."""
    return max(LEAST, min(60 * SHARE * minutes, left)) if minutes else float("inf")


def reserve(minutes: float | None, took: float) -> float:
    """Seconds to keep at the end of a budget in minutes for the last evaluation, where the one before took so many."""
    return min(took, most(minutes), 30 * minutes) if minutes else 0.0


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
