"""Where a second goes: operators of a server's batches and of the learner's steps, by their time on the device.

`device_busy` is the share of the second in which the GPU computed or copied; on a CPU it says nothing and is left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import points
import torch
from torch import profiler

from selfplay import device as devices
from selfplay.alphazero.agent import AlphaZero
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.bench import work
from selfplay.learning.config import LearnerConfig
from selfplay.networks import policy_value
from selfplay.networks.shared.engine import Engine

TOP = 12  # operators


def main() -> None:
    told = points.arguments()
    sizes = points.sizes(told)
    channels, blocks = sizes.networks[0]
    settings = AlphaZeroConfig(
        game="connect-four", network=points.network(channels, blocks),
        learner=LearnerConfig(batch_size=sizes.learner_batches[0]),
    )  # fmt: skip
    player = AlphaZero(settings)
    seconds = min(1.0, sizes.seconds)
    profile("server's batches", serving(player, sizes.games * sizes.actors[-1] // 2), seconds)
    profile("learner's steps", work.learning(player), seconds)


def serving(player: AlphaZero, batch: int) -> Callable[[], object]:
    """Batches of a server: two on their way where the engine takes two."""
    game = player.game
    engine = Engine(game, player.config.network, devices.best())
    net = policy_value.PolicyValueNet(game, player.config.network)
    engine.load(b"weights", net.state_dict())
    states = game.initial_states(batch)
    actions = game.legal_actions(states)[0].astype(np.int32)
    flights: list[Any] = []

    def turn() -> None:
        flights.append(engine.start(b"weights", states, actions))
        if len(flights) >= engine.depth:
            flights.pop(0)()

    return turn


def profile(name: str, turn: Callable[[], object], seconds: float) -> None:
    """Emits the operators on which most time was spent."""
    for _ in range(10):
        turn()
    points.synchronize()
    cuda = torch.cuda.is_available()
    kinds = [profiler.ProfilerActivity.CPU, *([profiler.ProfilerActivity.CUDA] if cuda else [])]
    turns = 0
    with profiler.profile(activities=kinds) as found:
        began = time.perf_counter()
        while not turns or time.perf_counter() - began < seconds:
            turn()
            turns += 1
        points.synchronize()
        took = time.perf_counter() - began
    listed = found.key_averages()

    def microseconds(event: Any) -> float:
        return float(event.self_device_time_total if cuda else event.self_cpu_time_total)

    ranked = sorted(listed, key=microseconds, reverse=True)
    busy = {"device_busy": sum(map(microseconds, listed)) / 1e6 / took} if cuda else {}
    operators = [
        {"operator": event.key[:90], "calls": event.count, "share": float(f"{microseconds(event) / 1e6 / took:.3g}")}
        for event in ranked[:TOP]
    ]
    points.emit(profile=name, turns_per_second=turns / took, operators=operators, **busy)


if __name__ == "__main__":
    main()
