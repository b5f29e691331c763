"""What learning owes: the updates that the rows collected so far call for, so that each row is drawn
`samples_per_insert` times on average.

Counted in draws, of which an update makes as many as its batch has rows: a run that is resumed with another batch size
or another number of draws a row takes over what was owed until then, and counts by the new settings from there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from selfplay.learning.config import LearnerConfig, ReplayConfig


class Due:
    """Updates due by number of rows, since the settings changed last; until they do, since the start."""

    def __init__(self, replay: ReplayConfig, learner: LearnerConfig) -> None:
        self._setting, self._factor = replay.samples_per_insert, 1.0
        self._rate, self._batch_size, self._learn_after = self._setting, learner.batch_size, replay.learn_after
        self._rows = self._steps = self._drawn = 0  # when these settings came
        self._owed = 0.0  # draws that were owed then

    def at(self, rows: int) -> int:
        """The number of updates, since the start of the run, that `rows` rows call for."""
        return self._steps + int(self._owed / self._batch_size + (rows - self._rows) * self._rate / self._batch_size)

    def owed(self, rows: int, steps: int) -> int:
        """Updates still to make, of those that `rows` rows call for, after `steps`."""
        return max(0, self.at(rows) - steps) if rows >= self._learn_after else 0

    def rows_behind(self, rows: int, steps: int) -> float:
        """Rows that nothing was learned from yet, as it were: as many as call for the updates that are owed."""
        return self.owed(rows, steps) * self._batch_size / self._rate

    def share(self, first: int, rows: int, steps: int) -> float:
        """Of the updates that `rows` rows after the first `first` call for, the share that is made after `steps`."""
        start, end = self.at(first), self.at(first + rows)
        return (steps - start) / max(end - start, 1)

    def draws(self, steps: int) -> int:
        """Rows drawn in the first `steps` updates."""
        return self._drawn + (steps - self._steps) * self._batch_size

    @property
    def factor(self) -> float:
        """On the draws a row that the settings ask for."""
        return self._factor

    def slow(self, factor: float, rows: int, steps: int) -> None:
        """From here, `rows` rows and `steps` updates into the run, each row is drawn `factor` times as often as the
        settings say. What was owed until now stays so."""
        held, self._factor = self.state(), factor
        self._rate = self._setting * factor
        self._take_over(held, rows, steps)

    def state(self) -> dict[str, Any]:
        return {
            "samples_per_insert": self._rate, "batch_size": self._batch_size, "rows": self._rows,
            "steps": self._steps, "drawn": self._drawn, "owed": self._owed, "factor": self._factor,
        }  # fmt: skip

    def load_state(self, held: Mapping[str, Any], rows: int, steps: int, target: int | None) -> int | None:
        """Goes on from a state that `state` gave, `rows` rows and `steps` updates into the run; of a run of an earlier
        version, `held` are its settings by dotted key. Returns `target`, a number of updates to reach, as these
        settings make it."""
        self._factor = held.get("factor", 1.0)  # states of earlier versions have none
        self._rate = self._setting * self._factor
        rate = held.get("samples_per_insert", held.get("replay.samples_per_insert", self._rate))
        size = held.get("batch_size", held.get("learner.batch_size", self._batch_size))
        self._rows, self._steps = held.get("rows", 0), held.get("steps", 0)
        self._drawn, self._owed = held.get("drawn", 0), held.get("owed", 0.0)
        if (rate, size) == (self._rate, self._batch_size):
            return target
        self._take_over({"samples_per_insert": rate, "batch_size": size}, rows, steps)
        return None if target is None else steps + math.ceil(max(0, target - steps) * size / self._batch_size)

    def _take_over(self, held: Mapping[str, Any], rows: int, steps: int) -> None:
        """What is owed by the settings `held` is owed still, and is counted by those in force from here."""
        rate, size = held["samples_per_insert"], held["batch_size"]
        owed = self._owed + (rows - self._rows) * rate - (steps - self._steps) * size
        drawn = self._drawn + (steps - self._steps) * size
        self._rows, self._steps, self._drawn, self._owed = rows, steps, drawn, max(0.0, owed)
