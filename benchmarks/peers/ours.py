"""Self-play of ours, in this checkout's environment: an actor with an untrained network, without past selves. With the
argument "cache" evaluations are remembered, and the mirror image's too, as far as the settings have it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

import protocol

import selfplay
from selfplay import device
from selfplay.alphazero import agent
from selfplay.alphazero.config import ActorConfig, AlphaZeroConfig
from selfplay.bench import playing
from selfplay.networks.config import NetworkConfig

GAMES, STEP = 64, 0.25  # at once; seconds of processor time between two looks at the clock


def main() -> None:
    device.tune_process()
    cached = "cache" in sys.argv[1:]

    def prepare(simulations: int) -> protocol.Play:
        acting = ActorConfig(
            concurrent_games=GAMES, num_simulations=simulations, opponent_share=0.0, random_opening_plies=0,
            **({} if cached else {"cache_entries": 0}),
        )  # fmt: skip
        network = NetworkConfig(protocol.CHANNELS, protocol.BLOCKS)
        player = playing.actor(agent.AlphaZero(AlphaZeroConfig(game="connect-four", network=network, actor=acting)))
        playing.begin(player)

        def play() -> tuple[float, float]:
            done = playing.play(player, STEP, time.process_time)
            return done.positions, done.evaluations

        return play

    protocol.serve({"batch": GAMES, "versions": {"selfplay": selfplay.__version__}}, prepare)


if __name__ == "__main__":
    main()
