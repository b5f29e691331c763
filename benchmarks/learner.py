"""How fast does the learner learn? Its step, batch making included, against torch's own operators.

The learner draws rows, makes planes and targets, clips gradients, checks them and averages weights. "ratio" is samples
per second over those of the same learner whose network is computed by torch's operators under autocast, as on machines
where selfplay/networks/fused does not apply. The bare loop runs the same network, loss, autocast and optimizer on one
batch that stays in memory: what the learner's other duties cost.
"""

from __future__ import annotations

import copy
from dataclasses import replace

import harness
import numpy as np
import torch

import games
from selfplay import device as devices
from selfplay.alphazero import agent
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.bench import work
from selfplay.learning import learner
from selfplay.learning.config import LearnerConfig
from selfplay.networks.config import NetworkConfig
from selfplay.networks.fused import layers


def main() -> None:
    parser = harness.parser(__doc__, seconds=2.0, repeats=5)
    parser.add_argument("--game", default="connect-four", choices=games.available())
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=512)
    arguments = parser.parse_args()
    harness.start()
    settings = AlphaZeroConfig(game=arguments.game, network=NetworkConfig(arguments.channels, arguments.blocks))
    settings = replace(settings, learner=LearnerConfig(batch_size=arguments.batch_size))
    player, rng = agent.AlphaZero(settings), np.random.default_rng(1)
    teacher = learner.Learner(player.updates(), settings.learner)
    replay = work.filled_replay(player, rng)

    update = teacher.updates[0]
    net = copy.deepcopy(update.module).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=settings.learner.learning_rate, fused=True)
    resident = player.make_batch(replay.sample(arguments.batch_size, rng), rng)

    def learn() -> float:
        teacher.step(player.make_batch(replay.sample(arguments.batch_size, rng), rng), 0.0)
        return arguments.batch_size

    def plain() -> float:
        applies, layers.applies = layers.applies, lambda x: False
        try:
            return learn()
        finally:
            layers.applies = applies

    def bare() -> float:
        optimizer.zero_grad(set_to_none=True)
        update.loss(net, resident, 0.0)[0].backward()
        optimizer.step()
        if resident["planes"].is_cuda:
            torch.cuda.synchronize()
        return arguments.batch_size

    def make() -> float:
        player.make_batch(replay.sample(arguments.batch_size, rng), rng)
        return arguments.batch_size

    jobs = {"learner": learn, "plain": plain, "bare": bare, "batches": make}
    measures = {name: lambda job=job: harness.rate(job, arguments.seconds) for name, job in jobs.items()}
    found = harness.in_turns(measures, arguments.repeats)
    device = devices.best()
    harness.report(
        "learner", harness.ratio(found["learner"], found["plain"]),
        "the same learner by torch's operators, samples per second",
        game=arguments.game, channels=arguments.channels, blocks=arguments.blocks, batch_size=arguments.batch_size,
        device=str(device), autocast=str(devices.compute_dtype(device.type)).removeprefix("torch."),
        samples_per_second=harness.median(found["learner"]),
        plain_samples_per_second=harness.median(found["plain"]), bare_samples_per_second=harness.median(found["bare"]),
        batch_making_samples_per_second=harness.median(found["batches"]),
    )  # fmt: skip


if __name__ == "__main__":
    main()
