"""Pools of processes on Ray, on this machine or a cluster: actors of a run, match workers of a tournament.

Each actor is one process with one core, its own copy of the networks and one call in flight; a call takes the newest
weights by reference and plays until it has its rows. Weights are put into Ray's object store once a generation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from selfplay import cores
from selfplay import device as devices
from selfplay.agent import Agent
from selfplay.errors import ActorPoolError, UserError
from selfplay.loop.nodes import calls, connection, layout, placement, processes, relay, relays
from selfplay.types import SampleBatch, Weights

RESULTS_EVERY = 1.0  # seconds between a tournament's results from one actor
SHARES, FEWEST = 3, 32  # times that an actor of a tournament is given tasks, and the fewest tasks at once
MOST_A_CORE = 8  # actors that may share a core of this machine
STREAMS = 1_000_003  # between the seeds of an actor and of the one started in its place


class _RemoteActor:
    """Runs in an actor's process: an ordinary actor and the weights it has."""

    def __init__(self, agent: Agent, index: int, seed: int, threads: int) -> None:
        devices.tune_process(threads)
        self._actor = agent.make_actor(index, seed)
        self._generation = -1
        self._calls = 0

    def ready(self) -> str:
        return relay.node_id()

    def beat(self) -> int | None:
        """How far it is, as a number that rises; None where its family does not tell."""
        progress: int | None = getattr(self._actor, "progress", None)
        return progress

    def work(
        self, generation: int, weights: tuple[Weights, Weights | None], min_rows: int
    ) -> tuple[np.ndarray, dict[str, float], int, int]:
        """(rows, sums, the generation of the weights, the number of this call)."""
        if generation != self._generation:
            newest, opponent_weights = weights
            self._actor.set_weights(newest, generation, opponent_weights)
            self._generation = generation
        rows, stats = self._actor.generate(min_rows)
        self._calls += 1
        return rows, stats, generation, self._calls


class RayActorPool:
    """`size` actors on Ray, started when made, stopped by `close`."""

    def __init__(
        self, agent: Agent, seed: int, size: int, rollout_rows: int, address: str | None = None,
        actor_gpus: float | None = 0.0, owner: Path | None = None,
        note: Callable[[str], None] = lambda sentence: None, relayed: bool | None = None,
    ) -> None:  # fmt: skip
        """address, owner, note: as for `processes.Processes`. actor_gpus: see `layout.decide`. relayed: whether a relay
        on each node stands between its actors and this process; None: on a cluster. Raises ActorPoolError when Ray or
        the actors cannot be started."""
        if address is None:
            check(size, actor_gpus or 0.0, note)
            if not learns_on_gpu():
                actor_gpus = 0.0
        placed: list[placement.Placement] = []  # one, from the first start on

        def start(ray: Any, index: int, before: int) -> Any:
            if not placed:
                placed.append(placement.Placement(ray, size, actor_gpus, learns_on_gpu(), address is None))
            elif before >= size:
                placed[0].renew(index)
            # A failed call is repeated by another actor. Its rows were never delivered, so no game counts twice; its
            # stream of games starts over, which is why it moves to a stream of its own.
            moved = seed + (before // size) * STREAMS
            options = placed[0].options(index) | {"max_restarts": 0}
            return processes.remote(ray, _RemoteActor, **options).remote(agent, index, moved, 1)

        self.size = size
        self.rollout_rows = rollout_rows  # of calls from the next publication on
        self._paused = False
        needs = {"CPU": 1.0} | ({"GPU": actor_gpus} if actor_gpus else {})
        self._processes = processes.Processes(size, address, start, owner, note, needs, sees_gpus=actor_gpus != 0)
        self._order: calls.Order | None = None  # once weights are published
        ray = self._processes.ray
        relayed = address is not None if relayed is None else relayed
        self._calls: calls.Calls | relays.Relays = relays.Relays(ray, agent.row_dtype) if relayed else calls.Calls(ray)
        self._told = (0, 0)  # messages and bytes that metrics have been told of

    @property
    def restarts(self) -> int:
        return self._processes.restarts

    def metrics(self) -> dict[str, float]:
        received = self._calls.messages, self._calls.bytes
        messages, size = (now - before for now, before in zip(received, self._told, strict=True))
        self._told = received
        in_flight = len(self._calls.busy()) * self.rollout_rows
        return {"in_flight": float(in_flight), "messages": float(messages), "megabytes": size / 1e6}

    @property
    def ended(self) -> str:
        return ""  # actors of data that end work in the learner's process

    def publish(self, weights: Weights, generation: int, opponent_weights: Weights | None) -> None:
        put = self._processes.ray.put((weights, opponent_weights))
        self._order = calls.Order(generation, put, self.rollout_rows)
        self._ask()

    def collect(self, wait: bool) -> list[SampleBatch]:
        for index, why in self._processes.watch(self._calls.busy()):
            self._replace(index, why)
        self._ask()
        if wait and not self._calls.busy() and not self._paused:
            time.sleep(0.05)  # all of them are starting
        made, failed = self._calls.collect(1.0 if wait else 0.0)
        for index, incarnation, why, error in failed:
            if error is not None:
                raise error from None
            if self._processes.incarnation(index) == incarnation:
                self._replace(index, why)
        self._ask()
        return [SampleBatch(m.rows, m.stats, m.generation, (m.actor, m.incarnation, m.number)) for m in made]

    def accepted(self, batch: SampleBatch) -> None:
        self._processes.delivered(batch.source[0])

    def reject(self, batch: SampleBatch, why: str) -> None:
        index, incarnation, _ = batch.source
        if self._processes.incarnation(index) == incarnation:
            self._replace(index, why)

    def _replace(self, index: int, why: str) -> None:
        self._calls.forget(index)
        self._processes.replace(index, why)

    def _ask(self) -> None:
        if self._order is not None:
            self._calls.ask(self._processes.started(), self._order, self._paused)

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


def learns_on_gpu() -> bool:
    """Whether the learner, which is in this process, computes on a GPU."""
    return devices.best().type == "cuda"


def check(size: int, gpus: float, note: Callable[[str], None] = lambda sentence: None) -> None:
    """Refuses what this machine has not got, and says what shared cores mean. Raises ActorPoolError."""
    usable, found = cores.usable(), 0
    if gpus:
        found = devices.gpus()
        if size * gpus > found:
            has = "no GPU" if not found else f"{found} GPU{'s' * (found > 1)}"
            raise ActorPoolError(
                f"run.actor_gpus={gpus:g} asks for {gpus:g} of a GPU for each of {size} actors, and this machine "
                f"has {has}: set run.actor_gpus=0, and actors compute on the CPU."
            )
    if size > MOST_A_CORE * usable:
        raise ActorPoolError(
            f"{size} actors are too many for the {usable} core{'s' * (usable > 1)} of this machine, which can hold up "
            f"to {MOST_A_CORE * usable}: more are no faster. Ask for --actors {max(1, usable - 1)}, or name a cluster "
            "with --address."
        )
    if size > usable:
        note(
            f"{size} actors and the learner share {usable} core{'s' * (usable > 1)}: they take turns, and more than "
            f"--actors {max(1, usable - 1)} make nothing faster."
        )


def as_many_as_fit(address: str | None) -> tuple[int, str]:
    """(number of actors for all cores of this machine, or of the cluster at `address`, but the learner's; a sentence
    that says so). Raises ActorPoolError where the cluster cannot be reached."""
    here = cores.granted()
    if address is None:
        return layout.as_many_as_fit([layout.Room("here", here)], "here", here)
    joined = connection.Connection(0, address)
    try:
        driver = joined.ray.get_runtime_context().get_node_id()
        return layout.as_many_as_fit(placement.rooms(joined.ray), driver, here)
    finally:
        joined.close()


class _RemoteMatchWorker:
    """Runs in an actor's process: a worker of its own."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._worker = make()

    def beat(self) -> None:
        """It answers, so it has not hung."""

    def ready(self) -> str:
        return relay.node_id()

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

    def __init__(
        self, make: Callable[[], Any], size: int, address: str | None = None, in_order: bool = False
    ) -> None:  # fmt: skip
        """make: gives an actor a worker of its own; it travels by pickle. address: as for `processes.Processes`.
        in_order: tasks may end early, and are given out in small shares, so that none is begun long before another.

        Raises ActorPoolError when Ray or the actors cannot be started."""

        def start(ray: Any, index: int, restarts: int) -> Any:
            return processes.remote(ray, _RemoteMatchWorker, num_cpus=1 if address else 0, max_restarts=0).remote(make)

        self._size, self._in_order = size, in_order
        self._processes = processes.Processes(size, address, start)

    def run(self, tasks: Iterable[Any]) -> Iterator[tuple[list[Any], int]]:
        """See `tournament.WorkerPool`. What an actor had not delivered when it died is played by another."""
        ray = self._processes.ray
        shares = _shares(tasks, FEWEST) if self._in_order else self._even_shares(list(tasks))
        again: list[list[Any]] = []  # begun, and not delivered by actors that died
        streams: dict[Any, tuple[int, list[Any]]] = {}  # → actor, and what it has not delivered
        ended = False
        while again or streams or not ended:
            busy = {index for index, _ in streams.values()}
            for index, why in self._processes.watch(busy):
                again += [left for at, left in streams.values() if at == index]
                streams = {stream: told for stream, told in streams.items() if told[0] != index}
                self._processes.replace(index, why)
            for index, handle in self._processes.idle({index for index, _ in streams.values()}):
                share = again.pop() if again else next(shares, [])
                if share:
                    streams[handle.work.options(num_returns="streaming").remote(share)] = (index, share)
                else:
                    ended = True
            if not streams:
                time.sleep(0.05)  # all of them are starting
                continue
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
                    self._processes.replace(index, f"it died ({connection.sentence(error)})")
                    again.append(left)
                    continue
                except ray.exceptions.RayTaskError as error:
                    if isinstance(error.cause, UserError):
                        raise error.cause from None
                    raise ActorPoolError(f"actor {index} failed: {connection.sentence(error.cause)}") from error
                self._processes.delivered(index)
                delivered = {result.task for result in results}
                left[:] = [task for task in left if task not in delivered]
                yield results, simulations

    def _even_shares(self, tasks: list[Any]) -> Iterator[list[Any]]:
        return _shares(tasks, max(FEWEST, -(-len(tasks) // (SHARES * self._size))))

    def close(self) -> None:
        self._processes.close()


def _shares(tasks: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """The tasks in their order, so many at a time; each is taken from `tasks` when its share is asked for."""
    left = iter(tasks)
    while share := list(islice(left, size)):
        yield share
