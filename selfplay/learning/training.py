"""Training: the learning side of a run. Rows come in; the updates that they call for change the weights, generation by
generation.

Owns the replay, the learner, what is owed, the miner and the random stream that batches are drawn by, and which rows
and updates belong to the present generation. Knows no actors, no folder and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfplay import device as devices
from selfplay.agent import Agent
from selfplay.errors import OutOfMemory
from selfplay.learning.due import Due
from selfplay.learning.learner import Learner, half_cosine
from selfplay.learning.mining import HardExampleMiner
from selfplay.learning.replay import Replay
from selfplay.learning.rows import Pieces
from selfplay.storage import random_stream

LearnerState = tuple[Mapping[str, torch.Tensor], Mapping[str, Any]]


class Training:
    """What a run has learned from, what it has made of that, and what is still to do.

    `overlapping`, where a method asks for it: whether actors play on while the learner learns. Then what they send
    beyond a generation's rows belongs to the next one."""

    def __init__(self, agent: Agent, generation_rows: int, folder: Path | None = None) -> None:
        """generation_rows: new rows that make a generation. folder: of rows that are kept on disk."""
        self.agent = agent
        self.generation_rows = generation_rows
        self.learner = Learner(agent.updates(), agent.config.learner)
        self.replay = Replay(agent.row_dtype, agent.config.replay, agent.recurrence(), folder)
        self.miner = HardExampleMiner(agent.config.mining)
        self.rng = np.random.default_rng(np.random.SeedSequence(agent.config.run.seed, spawn_key=(2**31,)))
        self._due = Due(agent.config.replay, agent.config.learner)
        self._start = 0  # rows inserted when this generation began
        self._target: int | None = None  # updates that end this generation, once it has its rows
        self._slow_for = 0  # generations that rows are still drawn less often
        self._raised: tuple[float, int, int] | None = None  # learning rate, for so many generations, so many to come
        self._out_of_memory_at = -1  # learner's step at which memory ran out since the last save

    # -- updates ---------------------------------------------------------------------------------------------

    def owed(self) -> int:
        """Updates that the rows inserted so far call for, and that are still to be made."""
        return self._due.owed(self.replay.inserted, self.learner.steps)

    def rows_behind(self) -> float:
        """Rows that nothing was learned from yet, as it were."""
        return self._due.rows_behind(self.replay.inserted, self.learner.steps)

    def step(
        self, progress: float, watch: Callable[[np.ndarray], None] = lambda rows: None
    ) -> dict[str, torch.Tensor]:  # fmt: skip
        """One update, and what it reports. progress: share of the run's budget that is used. watch: is shown the rows
        that are drawn for it."""
        rows = self.miner.sample(self.replay, self.agent.config.learner.batch_size, self.rng, self.agent.buckets)
        watch(rows)
        self._set_rate()
        return self.learner.step(self.agent.make_batch(rows, self.rng), progress)

    def recover_memory(self, error: Exception, load: Callable[[], LearnerState] | None) -> str:
        """Goes back to the learner saved last, since a step may have been cut short half-way; the rows are kept, so the
        updates are made again. load: gives it, None where nothing was saved. Returns a sentence about it. Raises
        OutOfMemory where memory runs out again before the next save."""
        if self._out_of_memory_at >= 0 or load is None:
            smaller = max(1, self.agent.config.learner.batch_size // 2)
            raise OutOfMemory(
                f"the learner runs out of memory ({(str(error).splitlines() or ['none left'])[0]}): try a smaller "
                f"batch, as with --set learner.batch_size={smaller}. What was saved last is kept."
            ) from error
        self._out_of_memory_at = self.learner.steps
        devices.release_memory()
        self.learner.load_state(*load())
        return (
            f"The learner ran out of memory at update {self._out_of_memory_at:,}: it goes on from update "
            f"{self.learner.steps:,}, which was saved last."
        )

    def saved(self) -> None:
        """The present state has been saved: the learner can go back to it."""
        self._out_of_memory_at = -1

    def reuse(self) -> float:
        """How often a row was drawn, on average."""
        return self._due.draws(self.learner.steps) / max(self.replay.inserted, 1)

    # -- the present generation ------------------------------------------------------------------------------

    def share(self) -> float:
        """Share of this generation's updates that is made; beyond 1 for those on rows beyond its own."""
        return self._due.share(self._start, self.generation_rows, self.learner.steps)

    def share_of_rows(self) -> float:
        """Share of this generation's rows that is there, in [0, 1]."""
        return min(1.0, (self.replay.inserted - self._start) / self.generation_rows)

    def generation_is_over(self, overlapping: bool) -> bool:
        """Whether the generation has its rows, and the updates that were owed when it got them are done."""
        if self._target is None and self.replay.inserted - self._start >= self.generation_rows:
            self._target = self.learner.steps + self.owed()
            if overlapping:
                self._target = min(self._target, self._due.at(self._end(overlapping)))
        return self._target is not None and self.learner.steps >= max(self._target, 1)

    def end_generation(self, overlapping: bool) -> None:
        """The next generation begins."""
        self._start, self._target = self._end(overlapping), None
        self._slow_for = max(0, self._slow_for - 1)
        if not self._slow_for and self._due.factor != 1:
            self._due.slow(1.0, self.replay.inserted, self.learner.steps)
        if self._raised is not None:
            rate, wanted, left = self._raised
            self._raised = (rate, wanted, left - 1) if left > 1 else None
        self._set_rate()

    @property
    def start(self) -> int:
        """Rows inserted when the present generation began."""
        return self._start

    def _end(self, overlapping: bool) -> int:
        """Rows inserted at the generation's end."""
        rows = self.replay.inserted
        return min(rows, self._start + self.generation_rows) if overlapping else rows

    # -- what is done about drift, at the end of a generation ------------------------------------------------

    def slow_reuse(self, factor: float, generations: int) -> None:
        """Rows are drawn `factor` times as often as the settings say, for so many generations."""
        self._due.slow(factor, self.replay.inserted, self.learner.steps)
        self._slow_for = generations

    def raise_learning_rate(self, factor: float, generations: int) -> None:
        """The learning rate begins anew at `factor` times its first value, and goes back to the schedule along half a
        cosine (a warm restart, Loshchilov and Hutter 2017) within so many generations; never below the schedule.
        Weights are averaged anew, since those from before are of what was learned until then."""
        self.learner.average_anew()
        self._raised = (factor * self.agent.config.learner.learning_rate, generations, generations)
        self._set_rate()

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """The learner goes on from an earlier state of its own; the updates made since count as made."""
        self.learner.load_state(tensors, {"steps": self.learner.steps})

    def _set_rate(self) -> None:
        if self._raised is None:
            self.learner.raised = (self.agent.config.learner.learning_rate, 0.0)
        else:
            rate, wanted, left = self._raised
            gone = (wanted - left + min(1.0, max(0.0, self.share()))) / wanted
            self.learner.raised = (rate, half_cosine(gone))

    # -- going on exactly ------------------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """Tensors, and the rest as JSON values: all that `load_state` needs besides the replay's rows."""
        tensors, rest = self.learner.state()
        return tensors, rest | {
            "generation_start": self._start,
            "target_steps": self._target,
            "due": self._due.state(),
            "slow_for": self._slow_for,
            "raised": self._raised,
            "mining": self.miner.state(),
            "rng": random_stream.pack(self.rng),
        }

    def load_state(
        self, tensors: Mapping[str, torch.Tensor], rest: Mapping[str, Any], rows: np.ndarray | Pieces, inserted: int,
        settings: Mapping[str, Any],
    ) -> None:  # fmt: skip
        """Goes on from what `state` gave. rows: the replay's window, of `inserted` rows. settings: by dotted key, those
        that the state was made with. What states of earlier versions lack starts afresh. Raises RuntimeError, KeyError,
        IndexError or ValueError where the tensors are another network's."""
        self.learner.load_state(tensors, rest)
        self.replay.restore(rows, inserted)
        self.miner.load_state(rest.get("mining", self.miner.state()))
        self._start = int(rest["generation_start"])
        held = rest.get("due") or settings
        self._target = self._due.load_state(held, inserted, self.learner.steps, rest["target_steps"])
        self._slow_for = int(rest.get("slow_for", 0))
        self._raised = tuple(rest["raised"]) if rest.get("raised") else None
        self._set_rate()
        self.rng = random_stream.unpack(rest["rng"])
