"""Actor pools: the interface of a set of actors, and its implementation in this process; `ray_pool` has that on Ray.

Data goes one way: weights down by `publish`, rows up by `collect`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from selfplay.agent import Agent
from selfplay.types import SampleBatch, Weights


class ActorPool(Protocol):
    """Actors that make experience with the weights published last."""

    size: int  # actors; 0 when they run in this process

    def publish(self, weights: Weights, generation: int, opponent_weights: Weights | None) -> None:
        """Actors use these weights from their next call on."""

    def collect(self, wait: bool) -> list[SampleBatch]:
        """Sample batches that are ready; with `wait`, at least one, unless `pause` holds all actors."""

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

    size = 0

    def __init__(self, agent: Agent, seed: int, rollout_rows: int) -> None:
        self.actor = agent.make_actor(0, seed)
        self._rollout_rows = rollout_rows
        self._generation = 0

    def publish(self, weights: Weights, generation: int, opponent_weights: Weights | None) -> None:
        self._generation = generation
        self.actor.set_weights(weights, generation, opponent_weights)

    def collect(self, wait: bool) -> list[SampleBatch]:
        if not wait:
            return []
        rows, stats = self.actor.generate(self._rollout_rows)
        return [SampleBatch(rows, stats, self._generation)]

    def pause(self, paused: bool) -> None:
        pass  # it never runs ahead: it plays only when asked

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        return self.actor.state()

    def load_state(self, arrays: Mapping[str, np.ndarray], rest: Mapping[str, Any]) -> bool:
        return self.actor.load_state(arrays, rest)

    def close(self) -> None:
        pass
