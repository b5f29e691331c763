"""Actors on Ray: on this machine, or on the machines of a cluster. The only file that knows Ray.

Each actor is one process with one core, its own copy of the networks and one call in flight; a call takes the newest
weights by reference and plays until it has a chunk of rows. Weights are put into Ray's object store once a generation.
"""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
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
            newest, past = weights
            self._actor.set_weights(newest, generation, past)
            self._generation = generation
        rows, stats = self._actor.generate(min_rows)
        return SampleBatch(rows, stats, generation)


class RayActorPool:
    """`size` actors on Ray, started when made, stopped by `close`."""

    def __init__(
        self, agent: Agent, seed: int, size: int, rollout_rows: int, address: str | None = None, actor_gpus: float = 0.0
    ) -> None:
        """address: an existing cluster's ("auto", or host:port), or None to start Ray on this machine.

        Raises ActorPoolError when Ray or the actors cannot be started.
        """
        self.size = size
        self._rollout_rows = rollout_rows
        self._paused = False
        self._ray = ray = _start_ray(size, address)
        # A failed call is repeated by a restarted actor. Its rows were never delivered, so no game counts twice; its
        # stream of games starts over, which is why a restart moves to a stream of its own (see _restart).
        self._make = lambda index, start: (
            ray.remote(_RemoteActor)
            .options(num_cpus=1, num_gpus=actor_gpus, max_restarts=0)
            .remote(agent, index, seed + start, 1)
        )
        self._hosts = [self._make(index, 0) for index in range(size)]
        self._restarts = 0
        try:
            self.hosts = ray.get([host.ready.remote() for host in self._hosts], timeout=START_TIMEOUT)
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
        self._weights: Any = None
        self._generation = 0
        self._calls: dict[Any, int] = {}  # call in flight → actor

    def publish(self, weights: Weights, generation: int, past: Weights | None) -> None:
        self._weights = self._ray.put((weights, past))
        self._generation = generation
        self._ask()

    def collect(self, wait: bool) -> list[SampleBatch]:
        if not self._calls:
            return []
        ready, _ = self._ray.wait(list(self._calls), num_returns=1, timeout=1.0 if wait else 0)
        if ready:  # others may be done as well
            ready, _ = self._ray.wait(list(self._calls), num_returns=len(self._calls), timeout=0)
        chunks = []
        for call in ready:
            index = self._calls.pop(call)
            try:
                chunk = self._ray.get(call)
                # Arrays from the object store are read-only views of shared memory: copy, and let the store have it.
                chunks.append(SampleBatch(chunk.rows.copy(), chunk.stats, chunk.generation))
            except self._ray.exceptions.RayActorError as error:
                self._restart(index, error)
            except self._ray.exceptions.RayTaskError as error:
                raise ActorPoolError(f"actor {index} failed: {_sentence(error.cause)}") from error
        self._ask()
        return chunks

    def _restart(self, index: int, error: Exception) -> None:
        self._restarts += 1
        if self._restarts > 10 * self.size:
            raise ActorPoolError(f"actors died {self._restarts} times; the last one: {_sentence(error)}") from error
        self._hosts[index] = self._make(index, self._restarts * 1_000_003)

    def _ask(self) -> None:
        if self._paused:
            return
        busy = set(self._calls.values())
        for index, host in enumerate(self._hosts):
            if index not in busy:
                self._calls[host.work.remote(self._generation, self._weights, self._rollout_rows)] = index

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
        for host in self._hosts:
            self._ray.kill(host)
        self._ray.shutdown()


class _RemoteMatchWorker:
    """Runs in an actor's process: a crew of its own."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._crew = make()

    def ready(self) -> str:
        return socket.gethostname()

    def work(self, tasks: Sequence[Any]) -> Iterator[tuple[list[Any], int]]:
        """Results about every second."""
        gathered: list[Any] = []
        simulations, told = 0, time.monotonic()
        for results, made in self._crew.run(tasks):
            gathered += results
            simulations += made
            if time.monotonic() - told >= RESULTS_EVERY:
                yield gathered, simulations
                gathered, simulations, told = [], 0, time.monotonic()
        yield gathered, simulations


class RayWorkerPool:
    """An `arena.Crew` of `size` actors on Ray. Each is given a share of the tasks to play as one stream, several times,
    so that it has many games at once to the end and none is left with a long rest."""

    def __init__(self, make: Callable[[], Any], size: int, address: str | None = None) -> None:
        """make: gives an actor a crew of its own; it travels by pickle. address: as for `RayActorPool`.

        Raises ActorPoolError when Ray or the actors cannot be started."""
        self._ray = ray = _start_ray(size, address)
        self._make = lambda: ray.remote(_RemoteMatchWorker).options(num_cpus=1, max_restarts=0).remote(make)
        self._benches, self._restarts = [self._make() for _ in range(size)], 0
        try:
            ray.get([bench.ready.remote() for bench in self._benches], timeout=START_TIMEOUT)
        except (ray.exceptions.GetTimeoutError, ray.exceptions.RayError) as error:
            self.close()
            raise ActorPoolError(
                f"{size} actors could not be started ({_sentence(error)}): ask for fewer with --actors."
            ) from None

    def run(self, tasks: Sequence[Any]) -> Iterator[tuple[list[Any], int]]:
        """See `arena.Crew`. What an actor had not delivered when it died is played by another."""
        ray, share = self._ray, max(FEWEST, -(-len(tasks) // (SHARES * len(self._benches))))
        waiting = [list(tasks[start : start + share]) for start in range(0, len(tasks), share)][::-1]
        streams: dict[Any, tuple[int, list[Any]]] = {}  # → actor, and what it has not delivered
        while waiting or streams:
            busy = {index for index, _ in streams.values()}
            for index, bench in enumerate(self._benches):
                if index not in busy and waiting:
                    chunk = waiting.pop()
                    streams[bench.work.options(num_returns="streaming").remote(chunk)] = (index, chunk)
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
                    self._restart(index, error)
                    waiting.append(left)
                    continue
                except ray.exceptions.RayTaskError as error:
                    if isinstance(error.cause, UserError):
                        raise error.cause from None
                    raise ActorPoolError(f"actor {index} failed: {_sentence(error.cause)}") from error
                delivered = {result.task for result in results}
                left[:] = [task for task in left if task not in delivered]
                yield results, simulations

    def _restart(self, index: int, error: Exception) -> None:
        self._restarts += 1
        if self._restarts > 3 * len(self._benches):
            raise ActorPoolError(f"actors died {self._restarts} times; the last one: {_sentence(error)}") from error
        self._benches[index] = self._make()

    def close(self) -> None:
        for bench in self._benches:
            self._ray.kill(bench)
        self._ray.shutdown()


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
