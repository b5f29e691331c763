"""Actor pools: the interface of a set of actors, and its implementation in this process; `ray_pool` has that on Ray.

Data goes one way: weights down by `publish`, rows up by `collect`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from selfplay.agent import Agent
from selfplay.errors import ActorPoolError
from selfplay.types import SampleBatch, Weights

REJECTED_IN_A_ROW = 5  # batches with rows that cannot be right, after which the run gives up


class ActorPool(Protocol):
    """Actors that make experience with the weights published last."""

    size: int  # actors; 0 when they run in this process

    @property
    def restarts(self) -> int:
        """Actors that were started in the place of others in this session."""

    def metrics(self) -> dict[str, float]:
        """Of actors in other processes, in_flight: rows that they were asked for and have not delivered; messages and
        megabytes received since the last call of this."""

    @property
    def ended(self) -> str:
        """Why there will be no more rows, as a sentence; empty while there may be."""

    def publish(self, weights: Weights, generation: int, opponent_weights: Weights | None) -> None:
        """Actors use these weights from their next call on."""

    def collect(self, wait: bool) -> list[SampleBatch]:
        """Sample batches that are ready; with `wait`, at least one, unless `pause` holds all actors."""

    def accepted(self, batch: SampleBatch) -> None:
        """A batch of `collect` has been found sound."""

    def reject(self, batch: SampleBatch, why: str) -> None:
        """A batch of `collect` held rows that cannot be right; why, as a clause. Raises ActorPoolError where its actor
        has done so too often."""

    def pause(self, paused: bool) -> None:
        """While paused, no actor is asked for more: the learner has fallen behind."""

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
        """Games in progress, or None where they are not kept."""

    def load_state(self, arrays: Mapping[str, np.ndarray], rest: Mapping[str, Any]) -> bool:
        """Goes on with the games that `state` gave; False, changing nothing, where they do not fit these actors."""

    def close(self) -> None:
        """Stops all actors; nothing is left running."""


class InlineActorPool:
    """One actor in this process, which plays only while `collect` waits: reproducible to the bit on a CPU."""

    size = restarts = 0

    def __init__(
        self, agent: Agent, seed: int, rollout_rows: int, should_stop: Callable[[], bool] = lambda: False
    ) -> None:
        """should_stop: asked while the actor plays, where it takes that; see `agent.Actor`."""
        self.actor = agent.make_actor(0, seed)
        if hasattr(self.actor, "should_stop"):
            self.actor.should_stop = should_stop
        self._rollout_rows = rollout_rows
        self._generation = 0
        self._rejected = 0  # batches in a row

    @property
    def ended(self) -> str:
        return str(getattr(self.actor, "ended", ""))

    def publish(self, weights: Weights, generation: int, opponent_weights: Weights | None) -> None:
        self._generation = generation
        self.actor.set_weights(weights, generation, opponent_weights)

    def collect(self, wait: bool) -> list[SampleBatch]:
        if not wait:
            return []
        rows, stats = self.actor.generate(self._rollout_rows)
        return [SampleBatch(rows, stats, self._generation)]

    def accepted(self, batch: SampleBatch) -> None:
        self._rejected = 0

    def reject(self, batch: SampleBatch, why: str) -> None:
        self._rejected += 1
        if self._rejected >= REJECTED_IN_A_ROW:
            raise ActorPoolError(f"of {self._rejected} batches in a row, some rows cannot be learned from: {why}.")

    def metrics(self) -> dict[str, float]:
        return {}

    def pause(self, paused: bool) -> None:
        pass  # it never runs ahead: it plays only when asked

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return self.actor.state()

    def load_state(self, arrays: Mapping[str, np.ndarray], rest: Mapping[str, Any]) -> bool:
        return self.actor.load_state(arrays, rest)

    def close(self) -> None:
        pass
