"""Actors in processes of this machine, for where Ray is not installed: an actor pool as the loop knows it.

Each process plays whenever it is asked for rows, with the weights sent last; one that fails ends the run, since a check
has nothing to gain from going on without it.
"""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Mapping
from multiprocessing import connection
from typing import Any

import numpy as np

from selfplay.agent import Agent
from selfplay.errors import ActorPoolError
from selfplay.loop.run import Run
from selfplay.types import SampleBatch, Weights


def play(pipe: connection.Connection, index: int) -> None:
    """The process of an actor."""
    from selfplay import device

    device.tune_process(threads=1)
    agent, seed, rollout_rows = pickle.loads(pipe.recv_bytes())
    actor, generation, calls = agent.make_actor(index, seed), 0, 0
    while told := pipe.recv_bytes():
        if told != b"play":
            weights, generation, opponent_weights = pickle.loads(told)
            actor.set_weights(weights, generation, opponent_weights)
            continue
        rows, stats = actor.generate(rollout_rows)
        calls += 1
        pipe.send_bytes(pickle.dumps(SampleBatch(rows, stats, generation, (index, index, calls))))


class ProcessPool:
    """See `selfplay.loop.actor_pool.ActorPool`."""

    restarts = 0
    ended = ""

    def __init__(self, agent: Agent, seed: int, size: int, rollout_rows: int) -> None:
        self.size = size
        self._paused, self._rollout_rows, self._received = False, rollout_rows, 0
        context = multiprocessing.get_context("spawn")
        self._pipes: list[connection.Connection] = []
        self._processes = []
        given = pickle.dumps((agent, seed, rollout_rows))
        for index in range(size):
            here, there = context.Pipe()
            self._processes.append(context.Process(target=play, args=(there, index), daemon=True))
            self._processes[-1].start()
            there.close()
            here.send_bytes(given)
            self._pipes.append(here)
        self._waiting = list(self._pipes)  # actors that were asked for nothing

    def publish(self, weights: Weights, generation: int, opponent_weights: Weights | None) -> None:
        told = pickle.dumps((weights, generation, opponent_weights))
        for pipe in self._pipes:
            pipe.send_bytes(told)

    def collect(self, wait: bool) -> list[SampleBatch]:
        if not self._paused:
            for pipe in self._waiting:
                pipe.send_bytes(b"play")
            self._waiting = []
        asked = [pipe for pipe in self._pipes if pipe not in self._waiting]
        found = []
        for ready in connection.wait(asked, None if wait else 0) if asked else []:
            assert isinstance(ready, connection.Connection)
            try:
                data = ready.recv_bytes()
            except (EOFError, OSError):
                raise ActorPoolError("an actor's process has ended.") from None
            self._received += len(data)
            self._waiting.append(ready)
            found.append(pickle.loads(data))
        return found

    def accepted(self, batch: SampleBatch) -> None:
        pass

    def reject(self, batch: SampleBatch, why: str) -> None:
        raise ActorPoolError(f"actor {batch.source[0]} made rows that cannot be learned from: {why}.")

    def pause(self, paused: bool) -> None:
        self._paused = paused

    def metrics(self) -> dict[str, float]:
        megabytes, self._received = self._received / 1e6, 0
        return {"in_flight": float((self.size - len(self._waiting)) * self._rollout_rows), "megabytes": megabytes}

    def state(self) -> None:
        return None

    def load_state(self, arrays: Mapping[str, np.ndarray], rest: Mapping[str, Any]) -> bool:
        return False

    def close(self) -> None:
        for process in self._processes:
            process.kill()
        for process in self._processes:
            process.join(10)


class ProcessRun(Run):
    """A run whose actors are processes of this machine."""

    def _make_actors(self, address: str | None) -> ProcessPool:
        return ProcessPool(self.agent, self.config.seed, self.config.actors, self._rollout_rows)
