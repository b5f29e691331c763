"""How much of the network's speed does self-play keep? One process plays, in turns with bare forward passes.

The actor plays against itself with an untrained network, no evaluation cache and no past selves; each piece of play is
followed by forward passes of the same fast network on one resident batch of the mean size that play used. "ratio" is
evaluations per second while playing over evaluations per second of the bare network: 1 would mean that rules, search,
encoding and recording cost nothing.
"""

from __future__ import annotations

import time
from typing import Any

import harness
import numpy as np
import torch

import games
from selfplay.alphazero import actor
from selfplay.alphazero.config import ActorConfig
from selfplay.networks import inference, policy_value
from selfplay.networks.config import NetworkConfig
from selfplay.search.config import SearchConfig


def main() -> None:
    parser = harness.parser(__doc__, seconds=2.0, repeats=5)
    parser.add_argument("--game", default="connect-four", choices=games.available())
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--simulations", type=int, default=64)
    parser.add_argument("--concurrent-games", type=int, default=128)
    parser.add_argument("--policy", default="puct", choices=["puct", "gumbel"])
    arguments = parser.parse_args()
    harness.start()
    game, size = games.make(arguments.game), NetworkConfig(arguments.channels, arguments.blocks)
    torch.manual_seed(1)
    weights = policy_value.PolicyValueNet(game, size).state_dict()
    config = ActorConfig(
        num_simulations=arguments.simulations, concurrent_games=arguments.concurrent_games,
        cache_entries=0, opponent_share=0.0,
    )  # fmt: skip
    player = actor.SelfPlayActor(game, config, SearchConfig(policy=arguments.policy), size, seed=1, index=0)
    player.set_weights({policy_value.PLAYER: weights}, generation=0)
    bare = inference.NetworkEvaluator(game, size)
    bare.load(weights)

    def play() -> dict[str, float]:
        """Sums of what was done in some seconds of play, and the seconds."""
        sums: dict[str, float] = {}
        began = time.perf_counter()
        while (elapsed := time.perf_counter() - began) < arguments.seconds:
            for key, value in player.generate(1)[1].items():
                sums[key] = sums.get(key, 0.0) + value
        return sums | {"seconds": elapsed}

    def forward(batch: int) -> float:
        planes = bare.planes(game.initial_states(batch))

        def work() -> float:
            with torch.inference_mode():
                _, wdl = bare.forward(planes)
                wdl.float().cpu()
            return batch

        return harness.rate(work, arguments.seconds / 2)

    play()  # compiles
    done: list[dict[str, Any]] = []
    for _ in range(arguments.repeats):
        sums = play()
        batch = round(sums["evaluations"] / sums["batches"])
        done.append({
            "evaluations": sums["evaluations"] / sums["seconds"],
            "positions": sums["moves"] / sums["seconds"],  # each is recorded, later, when its game ends
            "games": sums["games"] / sums["seconds"],
            "per_position": sums["evaluations"] / sums["moves"],
            "batch": batch,
            "ceiling": forward(batch),
        })  # fmt: skip
    column = {key: [piece[key] for piece in done] for key in done[0]}
    harness.report(
        "self_play", harness.ratio(column["evaluations"], column["ceiling"]),
        "bare forward passes of the same network, evaluations per second",
        game=arguments.game, channels=arguments.channels, blocks=arguments.blocks, simulations=arguments.simulations,
        concurrent_games=arguments.concurrent_games, policy=arguments.policy, cache=False, device=str(bare.device),
        evaluations_per_second=harness.median(column["evaluations"]),
        ceiling_evaluations_per_second=harness.median(column["ceiling"]),
        positions_per_second=harness.median(column["positions"]), games_per_second=harness.median(column["games"]),
        evaluations_per_position=harness.median(column["per_position"]),
        mean_batch=float(np.mean(column["batch"])),
    )  # fmt: skip


if __name__ == "__main__":
    main()
