"""Pools of processes on Ray, on this machine or a cluster: actors of a run, match workers of a tournament. The only
file that knows Ray.

Each actor is one process with one core, its own copy of the networks and one call in flight; a call takes the newest
weights by reference and plays until it has its rows. Weights are put into Ray's object store once a generation.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from selfplay.agent import Agent
from selfplay.errors import ActorPoolError, UserError
from selfplay.types import SampleBatch, Weights

START_TIMEOUT = 120.0  # seconds for an actor to answer for the first time
CONNECT_TIMEOUT = 5.0  # seconds for a cluster's address to answer at all
RESULTS_EVERY = 1.0  # seconds between a tournament's results from one actor
SHARES, FEWEST = 3, 32  # times that an actor of a tournament is given tasks, and the fewest tasks at once


class _RemoteActor:
    """Runs in an actor's process: an ordinary actor and the weights it has."""

    def __init__(self, agent: Agent, index: int, seed: int, threads: int) -> None:
        from selfplay import device

        device.tune_process(threads)
        self._actor = agent.make_actor(index, seed)
        self._generation = -1

    def ready(self) -> str:
        return socket.gethostname()

    def work(self, generation: int, weights: tuple[Weights, Weights | None], min_rows: int) -> SampleBatch:
        if generation != self._generation:
            newest, opponent_weights = weights
            self._actor.set_weights(newest, generation, opponent_weights)
            self._generation = generation
        rows, stats = self._actor.generate(min_rows)
        return SampleBatch(rows, stats, generation)


class _Processes:
    """N actor processes on Ray with one lifecycle: started when made, replaced when they die, stopped by `close`."""

    def __init__(self, size: int, address: str | None, start: Callable[[Any, int, int], Any], restarts: int) -> None:
        """start: (ray, index, how many restarts came before) → a handle whose `ready` answers with its host's name.
        restarts: how often processes may die, times `size`. address: an existing cluster's ("auto", or host:port), or
        None to start Ray on this machine.

        Raises ActorPoolError when Ray or the actors cannot be started."""
        self.ray = ray = _start_ray(size, address)
        self._start, self._allowed, self._restarts = start, restarts * size, 0
        self.handles = [start(ray, index, 0) for index in range(size)]
        try:
            ray.get([handle.ready.remote() for handle in self.handles], timeout=START_TIMEOUT)
        except ray.exceptions.GetTimeoutError:
            free = ray.available_resources().get("CPU", 0)
            self.close()
            raise ActorPoolError(
                f"{size} actors did not start within {START_TIMEOUT:.0f} s: each needs one free CPU, and Ray has "
                f"{free:.0f} left. Ask for fewer with --actors, or add nodes to the cluster."
            ) from None
        except ray.exceptions.RayError as error:
            self.close()
            raise ActorPoolError(f"an actor died while starting: {_sentence(error)}") from error

    def replace(self, index: int, error: Exception) -> None:
        """Starts another process in the place of one that died of `error`. Raises ActorPoolError after too many."""
        self._restarts += 1
        if self._restarts > self._allowed:
            raise ActorPoolError(f"actors died {self._restarts} times; the last one: {_sentence(error)}") from error
        self.handles[index] = self._start(self.ray, index, self._restarts)

    def idle(self, busy: Collection[int]) -> list[tuple[int, Any]]:
        """(index, handle) of the processes that are not busy."""
        return [(index, handle) for index, handle in enumerate(self.handles) if index not in busy]

    def close(self) -> None:
        for handle in self.handles:
            self.ray.kill(handle)
        self.ray.shutdown()


class RayActorPool:
    """`size` actors on Ray, started when made, stopped by `close`."""

    def __init__(
        self, agent: Agent, seed: int, size: int, rollout_rows: int, address: str | None = None, actor_gpus: float = 0.0
    ) -> None:
        """address: as for `_Processes`. Raises ActorPoolError when Ray or the actors cannot be started."""

        def start(ray: Any, index: int, restarts: int) -> Any:
            # A failed call is repeated by a restarted actor. Its rows were never delivered, so no game counts twice;
            # its stream of games starts over, which is why a restart moves to a stream of its own.
            options = {"num_cpus": 1, "num_gpus": actor_gpus, "max_restarts": 0}
            return ray.remote(_RemoteActor).options(**options).remote(agent, index, seed + restarts * 1_000_003, 1)

        self.size = size
        self._rollout_rows = rollout_rows
        self._paused = False
        self._processes = _Processes(size, address, start, restarts=10)
        self._weights: Any = None
        self._generation = 0
        self._calls: dict[Any, int] = {}  # call in flight → actor

    def publish(self, weights: Weights, generation: int, opponent_weights: Weights | None) -> None:
        self._weights = self._processes.ray.put((weights, opponent_weights))
        self._generation = generation
        self._ask()

    def collect(self, wait: bool) -> list[SampleBatch]:
        if not self._calls:
            return []
        ray = self._processes.ray
        ready, _ = ray.wait(list(self._calls), num_returns=1, timeout=1.0 if wait else 0)
        if ready:  # others may be done as well
            ready, _ = ray.wait(list(self._calls), num_returns=len(self._calls), timeout=0)
        batches = []
        for call in ready:
            index = self._calls.pop(call)
            try:
                # Its rows are a read-only view of the object store's memory, which the replay copies from.
                batches.append(ray.get(call))
            except ray.exceptions.RayActorError as error:
                self._processes.replace(index, error)
            except ray.exceptions.RayTaskError as error:
                raise ActorPoolError(f"actor {index} failed: {_sentence(error.cause)}") from error
        self._ask()
        return batches

    def _ask(self) -> None:
        if self._paused:
            return
        for index, handle in self._processes.idle(set(self._calls.values())):
            self._calls[handle.work.remote(self._generation, self._weights, self._rollout_rows)] = index

    def pause(self, paused: bool) -> None:
        resumed = self._paused and not paused
        self._paused = paused
        if resumed:
            self._ask()

    def state(self) -> None:
        return None  # games in progress on other machines are not kept: a resumed run starts new ones

    def load_state(self, arrays: Mapping[str, np.ndarray], rest: Mapping[str, Any]) -> bool:
        return False

    def close(self) -> None:
        self._processes.close()


class _RemoteMatchWorker:
    """Runs in an actor's process: a worker of its own."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._worker = make()

    def ready(self) -> str:
        return socket.gethostname()

    def work(self, tasks: Sequence[Any]) -> Iterator[tuple[list[Any], int]]:
        """Results about every second."""
        gathered: list[Any] = []
        simulations, yielded = 0, time.monotonic()
        for results, made in self._worker.run(tasks):
            gathered += results
            simulations += made
            if time.monotonic() - yielded >= RESULTS_EVERY:
                yield gathered, simulations
                gathered, simulations, yielded = [], 0, time.monotonic()
        yield gathered, simulations


class RayWorkerPool:
    """A `tournament.WorkerPool` of `size` actors on Ray. Each is given a share of the tasks to play as one stream,
    several times, so that it has many games at once to the end and none is left with a long rest."""

    def __init__(self, make: Callable[[], Any], size: int, address: str | None = None) -> None:
        """make: gives an actor a worker of its own; it travels by pickle. address: as for `_Processes`.

        Raises ActorPoolError when Ray or the actors cannot be started."""

        def start(ray: Any, index: int, restarts: int) -> Any:
            return ray.remote(_RemoteMatchWorker).options(num_cpus=1, max_restarts=0).remote(make)

        self._processes = _Processes(size, address, start, restarts=3)

    def run(self, tasks: Sequence[Any]) -> Iterator[tuple[list[Any], int]]:
        """See `tournament.WorkerPool`. What an actor had not delivered when it died is played by another."""
        ray = self._processes.ray
        size = max(FEWEST, -(-len(tasks) // (SHARES * len(self._processes.handles))))
        waiting = [list(tasks[start : start + size]) for start in range(0, len(tasks), size)][::-1]
        streams: dict[Any, tuple[int, list[Any]]] = {}  # → actor, and what it has not delivered
        while waiting or streams:
            for index, handle in self._processes.idle({index for index, _ in streams.values()}):
                if waiting:
                    share = waiting.pop()
                    streams[handle.work.options(num_returns="streaming").remote(share)] = (index, share)
            ready, _ = ray.wait(list(streams), num_returns=1, timeout=1.0)
            for stream in ready:
                index, left = streams[stream]
                try:
                    results, simulations = ray.get(next(stream))
                except StopIteration:
                    del streams[stream]
                    continue
                except ray.exceptions.RayActorError as error:
                    del streams[stream]
                    self._processes.replace(index, error)
                    waiting.append(left)
                    continue
                except ray.exceptions.RayTaskError as error:
                    if isinstance(error.cause, UserError):
                        raise error.cause from None
                    raise ActorPoolError(f"actor {index} failed: {_sentence(error.cause)}") from error
                delivered = {result.task for result in results}
                left[:] = [task for task in left if task not in delivered]
                yield results, simulations

    def close(self) -> None:
        self._processes.close()


def _sentence(error: BaseException) -> str:
    """What a person can use of an error's message: Ray puts the cause last, below traces, and colours some of it."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    causes = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Exit|Interrupt)\b.*:", line)]
    return (causes or lines[:1] or [type(error).__name__])[-1]


def _answers(address: str) -> bool:
    """Whether anything listens at host:port (Ray itself tries for minutes); True for what is no such address."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return True
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT).close()
    except (OSError, OverflowError):
        return False
    return True


def _start_ray(size: int, address: str | None) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    options: dict[str, Any] = {"logging_level": "error", "log_to_driver": False, "configure_logging": True}
    if address is None:
        # The driver learns while actors play, so on a small machine they share cores: Ray is told of enough.
        options |= {"num_cpus": max(size, os.cpu_count() or 1), "include_dashboard": False}
    elif not _answers(address):
        raise ActorPoolError(
            f"cannot reach the Ray cluster at '{address}': nothing answers there. Is the address right?"
        )
    try:
        ray.init(address=address or "local", **options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = f"the Ray cluster at '{address}'" if address else "Ray on this machine"
        hint = " Is the address right, and is RAY_AUTH_TOKEN the cluster's token?" if address else ""
        raise ActorPoolError(f"cannot reach {where}: {_sentence(error)}{hint}") from error
    token = Path.home() / ".ray" / "auth_token"
    if token.exists() and token.stat().st_uid == os.getuid():
        token.chmod(0o600)  # Ray leaves it readable for all, and whoever reads it can run code here
    return ray
