"""Self-play of 1 to 16 processes: with a network in each of them (local), and with one on a server (shared, whose games
may be divided into two groups, so that searches and the network overlap); and search alone, with nothing to evaluate.
"""

from __future__ import annotations

import multiprocessing
import secrets
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import points

import games
from selfplay.alphazero.actor import SelfPlayActor
from selfplay.alphazero.config import ActorConfig
from selfplay.bench import timing
from selfplay.bench import work as works
from selfplay.networks import policy_value
from selfplay.networks.config import InferenceConfig
from selfplay.networks.shared import launcher
from selfplay.search.config import SearchConfig

GAME = games.make("connect-four")
GROUPS = {"local": 1, "shared": 1, "shared, 2 groups": 2}
PATIENCE = 60.0  # seconds for a process that has only to be called


@dataclass(frozen=True)
class Task:
    """What a process plays."""

    mode: str
    channels: int
    blocks: int
    key: str  # of the server
    seconds: float


class Worker:
    """A process's actor, of the task given last."""

    def __init__(self, index: int, sizes: points.Sizes) -> None:
        self._index, self._sizes = index, sizes
        self._playing: tuple[Any, ...] = ()

    def play(self, task: Task) -> dict[str, float]:
        """Sums of what was done in the task's seconds, and seconds."""
        wanted = (task.mode, task.channels, task.blocks)
        if self._playing != wanted:
            self._playing, self._actor = wanted, self._make(task)
        began = time.perf_counter()
        self._actor.should_stop = lambda: time.perf_counter() - began >= task.seconds
        _, sums = self._actor.generate(10**9)
        return sums | {"seconds": time.perf_counter() - began}

    def _make(self, task: Task) -> SelfPlayActor:
        size, server = points.network(task.channels, task.blocks), None
        if task.mode != "local":
            server = launcher.Server(task.key, 0, GAME, size, InferenceConfig(mode="shared", servers=1))
        acting = ActorConfig(
            num_simulations=self._sizes.simulations, concurrent_games=self._sizes.games, opponent_share=0.0,
            cache_entries=0,
        )  # fmt: skip
        actor = SelfPlayActor(
            GAME, acting, SearchConfig(), size, 1, self._index, groups=GROUPS[task.mode], server=server
        )  # fmt: skip
        actor.set_weights({policy_value.PLAYER: policy_value.PolicyValueNet(GAME, size).state_dict()}, 0)
        return actor


def work(pipe: Connection, index: int, told: Any) -> None:
    worker = Worker(index, points.sizes(told))
    while (task := pipe.recv()) is not None:
        pipe.send(worker.play(task))


def together(pipes: list[Connection], task: Task) -> dict[str, float]:
    """Figures a second of all processes at once."""
    for pipe in pipes:
        pipe.send(task)
    found = []
    for pipe in pipes:
        if not pipe.poll(task.seconds + PATIENCE):
            raise TimeoutError(f"a process has not answered for {PATIENCE:.0f} s")
        found.append(pipe.recv())
    total: Counter[str] = Counter()
    for one in found:
        total.update(one)
    seconds = total["seconds"] / len(found)
    figures = {key: total[key] / seconds for key in ("evaluations", "moves", "games")}
    of_server = total["server_batch"] / max(total["server_requests"], 1)
    batch = of_server or total["evaluations"] / max(total["batches"], 1)
    return figures | {"batch": batch, "share_waiting": total["server_waited"] / total["seconds"]}


def main() -> None:
    told = points.arguments()
    sizes = points.sizes(told)
    counts = [count for count in sizes.actors if count <= told.actors]
    alone = works.searches(GAME, sizes.games, sizes.simulations, SearchConfig(solve=False))
    alone()
    points.emit(mode="search alone", actors=1, simulations_per_second=timing.rate(alone, min(1.0, sizes.seconds)))
    context = multiprocessing.get_context("spawn")
    pipes = []
    for index in range(max(counts)):
        here, there = context.Pipe()
        context.Process(target=work, args=(there, index, told), daemon=True).start()
        pipes.append(here)
    key = secrets.token_hex(8)
    for channels, blocks in sizes.networks:
        first = (channels, blocks) == sizes.networks[0]
        for mode in GROUPS:
            for count in counts if first else counts[-1:]:
                task = Task(mode, channels, blocks, f"{key}-{channels}", sizes.seconds)
                warm = Task(mode, channels, blocks, task.key, 0.6 * sizes.seconds)
                try:
                    together(pipes[:count], warm)
                    found = together(pipes[:count], task)
                except (TimeoutError, EOFError, OSError) as error:
                    points.emit(network=points.named(channels, blocks), mode=mode, actors=count, error=str(error)[:300])
                    return  # nobody knows what these processes do
                points.emit(
                    network=points.named(channels, blocks), mode=mode, actors=count,
                    **{f"{name}_per_second": found[name] for name in ("evaluations", "moves", "games")},
                    batch=found["batch"], share_waiting=found["share_waiting"],
                )  # fmt: skip
    for pipe in pipes:
        pipe.send(None)


if __name__ == "__main__":
    main()
