"""Do more actor processes play more games? One Ray actor against two, while the learner is idle and weights stand.

Each measurement starts a pool, waits until every actor has delivered, then counts whole deliveries for some seconds.
"ratio" is games per second of the larger pool over the smaller. Two actors want two idle cores: the target is 1.7.
"""

from __future__ import annotations

import time
from dataclasses import replace

import harness
import torch

import games
from selfplay.alphazero import agent
from selfplay.alphazero.config import ActorConfig, AlphaZeroConfig
from selfplay.loop.ray_pool import RayActorPool
from selfplay.networks import policy_value
from selfplay.networks.config import NetworkConfig

Rates = dict[str, float]


def measure(player: agent.AlphaZero, size: int, rollout_rows: int, seconds: float, address: str | None) -> Rates:
    """Figures per second of a pool of `size` actors."""
    pool = RayActorPool(player, seed=1, size=size, rollout_rows=rollout_rows, address=address)
    try:
        weights = {policy_value.PLAYER: policy_value.PolicyValueNet(player.game, player.config.network).state_dict()}
        pool.publish(weights, 0, None)
        warm = 0
        while warm < 3 * size:  # compiled, games under way, deliveries out of step
            warm += len(pool.collect(wait=True))
        sums: Rates = {}
        began = time.perf_counter()
        while (elapsed := time.perf_counter() - began) < seconds:
            for batch in pool.collect(wait=True):
                for key, value in batch.stats.items():
                    sums[key] = sums.get(key, 0.0) + value
        return {key: value / elapsed for key, value in sums.items()}
    finally:
        pool.close()


def main() -> None:
    parser = harness.parser(__doc__, seconds=10.0, repeats=2)
    parser.add_argument("--game", default="connect-four", choices=games.available())
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--simulations", type=int, default=64)
    parser.add_argument("--sizes", nargs=2, type=int, default=[1, 2], metavar=("FEW", "MANY"))
    parser.add_argument("--rollout-rows", type=int, default=100)
    parser.add_argument("--address", help="of a running Ray cluster; default: Ray is started here")
    arguments = parser.parse_args()
    harness.start()
    torch.manual_seed(1)
    settings = AlphaZeroConfig(game=arguments.game, network=NetworkConfig(arguments.channels, arguments.blocks))
    acting = ActorConfig(num_simulations=arguments.simulations, cache_entries=0, opponent_share=0.0)
    player = agent.AlphaZero(replace(settings, actor=acting))
    player.warm_up()
    found: dict[int, list[Rates]] = {size: [] for size in arguments.sizes}
    for _ in range(arguments.repeats):
        for size in arguments.sizes:
            found[size].append(measure(player, size, arguments.rollout_rows, arguments.seconds, arguments.address))
    few, many = arguments.sizes

    def rates(size: int, key: str) -> list[float]:
        return [piece[key] for piece in found[size]]

    harness.report(
        "actors", harness.ratio(rates(many, "games"), rates(few, "games")), f"a pool of {few}, games per second",
        game=arguments.game, channels=arguments.channels, blocks=arguments.blocks, simulations=arguments.simulations,
        ratio_evaluations=harness.ratio(rates(many, "evaluations"), rates(few, "evaluations")),
        results=[
            {"actors": size, **{f"{key}_per_second": harness.median(rates(size, key))
                                for key in ("games", "positions", "evaluations")}}
            for size in arguments.sizes
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
