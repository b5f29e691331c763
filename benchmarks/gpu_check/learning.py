"""The learner's samples a second, batches made and copied included, against bare loops on one batch that stays where it
is: the same network, loss and optimizer, as they are and compiled by torch.compile.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import points
import torch

from selfplay.alphazero.agent import AlphaZero
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.bench import work
from selfplay.bench.timing import rate
from selfplay.learning.config import LearnerConfig
from selfplay.learning.learner import Learner


def main() -> None:
    told = points.arguments()
    sizes = points.sizes(told)
    for channels, blocks in sizes.networks:
        for batch in sizes.learner_batches:
            size = points.network(channels, blocks)
            settings = AlphaZeroConfig(game="connect-four", network=size, learner=LearnerConfig(batch_size=batch))
            compiles = sizes.compiles and (channels, blocks) == sizes.networks[0]
            measure(AlphaZero(settings), points.named(channels, blocks), min(1.0, sizes.seconds), compiles)


def measure(player: AlphaZero, network: str, seconds: float, compiles: bool) -> None:
    """Emits the points of one network and batch."""
    settings, rng = player.config.learner, np.random.default_rng(1)
    teacher, replay = Learner(player.updates(), settings), work.filled_replay(player, rng)
    resident = player.make_batch(replay.sample(settings.batch_size, rng), rng)

    def learn() -> float:
        for _ in range(10):
            teacher.step(player.make_batch(replay.sample(settings.batch_size, rng), rng), 0.0)
        points.synchronize()
        return 10.0 * settings.batch_size

    jobs: dict[str, Callable[[], float]] = {"learner": learn, "bare": bare(player, resident, False)}
    if compiles:
        jobs["bare, compiled"] = bare(player, resident, True)
    for name, job in jobs.items():
        figures: dict[str, Any] = {"network": network, "batch": settings.batch_size, "form": name}
        try:
            job()  # compiles, warms up
            points.emit(**figures, samples_per_second=rate(job, seconds))
        except Exception as error:  # torch.compile wants a compiler
            points.emit(**figures, error=f"{type(error).__name__}: {str(error)[:300]}")


def bare(player: AlphaZero, resident: Any, compiled: bool) -> Callable[[], float]:
    """A loop of steps with nothing around them."""
    update, settings = player.updates()[0], player.config.learner
    net = copy.deepcopy(update.module).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=settings.learning_rate, fused=True)
    called = torch.compile(net) if compiled else net

    def steps() -> float:
        for _ in range(10):
            optimizer.zero_grad(set_to_none=True)
            update.loss(called, resident, 0.0)[0].backward()
            optimizer.step()
        points.synchronize()
        return 10.0 * settings.batch_size

    return steps


if __name__ == "__main__":
    main()
