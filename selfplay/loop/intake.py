"""The intake: which rows of the actors' sample batches are learned from.

What cannot be right (a number that is not finite, a move that is not legal) is left out and counted, and a batch that
arrives a second time is too. Knows an agent's rows by their dtype; what else they must keep, the agent says.
"""

from __future__ import annotations

import numpy as np

from selfplay.agent import Agent
from selfplay.types import SampleBatch


class Intake:
    """Counts of one session, and how old the rows were since they were last asked for."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._last: dict[int, int] = {}  # process → number of its last call
        self.quarantined = 0  # rows that were left out
        self.repeated = 0  # batches that had arrived before
        self._rows = self._behind = self._most_behind = 0

    def take(self, batch: SampleBatch, generation: int) -> tuple[SampleBatch | None, str]:
        """(the batch with the rows that are sound, or None for one taken before; what is wrong with the others).
        generation: the newest."""
        _, process, number = batch.source
        if number:
            if number <= self._last.get(process, 0):
                self.repeated += 1
                return None, ""
            self._last[process] = number
        behind = max(0, generation - batch.generation)
        self._rows += len(batch.rows)
        self._behind += behind * len(batch.rows)
        self._most_behind = max(self._most_behind, behind)
        if not len(batch.rows):  # of an actor that was told to stop
            return batch, ""
        finite = finite_rows(batch.rows)
        sound = finite.copy()
        if len(kept := np.flatnonzero(finite)):
            sound[kept] = self._agent.sound(batch.rows[kept])
        if sound.all():
            return batch, ""
        bad = int(len(sound) - sound.sum())
        self.quarantined += bad
        kind = "numbers that are not finite" if not finite.all() else "what its game does not allow"
        return batch._replace(rows=batch.rows[sound]), f"{bad:,} of {len(sound):,} rows held {kind}"

    def metrics(self) -> dict[str, float]:
        """Counts of the session; and over the rows since the last call of this, how many generations older than the
        newest weights those were that they were made with: on average, and at most."""
        found = {
            "quarantined": float(self.quarantined),
            "repeated": float(self.repeated),
            "generations_behind": self._behind / max(self._rows, 1),
            "most_generations_behind": float(self._most_behind),
        }
        self._rows = self._behind = self._most_behind = 0
        return found


def finite_rows(rows: np.ndarray) -> np.ndarray:
    """[M] bool: whether all numbers of each of rows [M], M ≥ 1, are finite, fields within fields included."""
    found = np.ones(len(rows), bool)
    for name in rows.dtype.names or ():
        column = rows[name]
        if column.dtype.names:
            found &= finite_rows(column.reshape(-1)).reshape(len(rows), -1).all(axis=1)
        elif column.dtype.kind in "fc":
            found &= np.isfinite(column).reshape(len(rows), -1).all(axis=1)
    return found
