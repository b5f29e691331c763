"""Compiles the kernels of connect four and of the search once, for all that come after, and says what torch sees."""

from __future__ import annotations

import time

import points
import torch

from selfplay import device as devices
from selfplay.alphazero.agent import AlphaZero
from selfplay.alphazero.config import ActorConfig, AlphaZeroConfig


def main() -> None:
    told = points.arguments()
    points.sizes(told)
    began = time.perf_counter()
    settings = AlphaZeroConfig(game="connect-four", actor=ActorConfig(num_simulations=2, concurrent_games=4))
    player = AlphaZero(settings)
    player.warm_up()
    actor = player.make_actor(0, 1)
    actor.set_weights({"net": player.updates()[0].module.state_dict()}, 0)
    actor.generate(1)
    points.emit(seconds=time.perf_counter() - began)
    device = devices.best()
    figures = {"device": str(device), "dtype": str(devices.compute_dtype(device.type)), "torch": torch.__version__}
    if device.type == "cuda":
        figures |= {"gpu": torch.cuda.get_device_name(), "cuda": torch.version.cuda}
        figures |= {"cudnn": torch.backends.cudnn.version(), "capability": list(torch.cuda.get_device_capability())}
    points.emit(**figures)


if __name__ == "__main__":
    main()
