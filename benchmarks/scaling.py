"""What does an actor cost the learner's process? Idle actors send recorded rows at a set rate, through real processes
on Ray, the real intake and the real replay; nothing is learned. The actors keep their pace whatever the machine does,
so that a few cores stand in for many; measured is processor time of the process that receives, and of Ray's own.

Each size of pool is measured with rows sent in the run's own portions, and with portions a tenth as large: from both,
the cost of a row and the cost of a portion are told apart, by least squares (none negative). Weights are
published once a generation, as in a run. `benchmarks/scaling_model.py` reckons with the costs up to 1,000 actors.

"ratio" is rows per second of the largest pool over what its actors were to send: 1 is a process that keeps up.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from typing import Any

import harness
import numpy as np
import psutil
import torch
from scipy import optimize

import games
from selfplay.alphazero import agent
from selfplay.alphazero.config import ActorConfig, AlphaZeroConfig
from selfplay.learning.replay import Replay
from selfplay.loop.intake import Intake
from selfplay.loop.nodes import sizing
from selfplay.loop.ray_pool import RayActorPool
from selfplay.networks import policy_value
from selfplay.networks.config import NetworkConfig

Figures = dict[str, float]


class Idle(agent.AlphaZero):
    """AlphaZero whose actors send the rows that it holds, so many a second, and play nothing."""

    rows: np.ndarray
    rate: float

    def make_actor(self, index: int, seed: int) -> Any:
        return Replayer(self.rows, self.rate, index)


class Replayer:
    """Sends the same rows again and again, at a set rate."""

    progress = 0

    def __init__(self, rows: np.ndarray, rate: float, index: int) -> None:
        self.rows, self.rate, self.generation = rows, rate, 0
        self.due = time.monotonic() + 0.1 * (index % 10)  # out of step

    def set_weights(self, weights: Any, generation: int, opponent_weights: Any) -> None:
        self.generation = generation

    def generate(self, min_rows: int) -> tuple[np.ndarray, dict[str, float]]:
        now = time.monotonic()
        self.due = max(self.due + min_rows / self.rate, now - 1.0)  # what a second has not seen is not made up for
        time.sleep(max(0.0, self.due - now))
        self.progress += 1
        rows = np.resize(self.rows, min_rows)
        rows["generation"] = self.generation
        return rows, {"games": min_rows / 20}


def record(player: agent.AlphaZero, rows: int) -> np.ndarray:
    """Rows that an actor with a new network makes."""
    actor = player.make_actor(0, 1)
    actor.set_weights(weights_of(player), 0, None)
    return actor.generate(rows)[0]


def weights_of(player: agent.AlphaZero) -> dict[str, dict[str, torch.Tensor]]:
    return {policy_value.PLAYER: policy_value.PolicyValueNet(player.game, player.config.network).state_dict()}


def ray_seconds() -> float:
    """Processor seconds of Ray's own processes below this one, its workers left out."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            if process.name() in ("raylet", "gcs_server"):
                total += sum(process.cpu_times()[:2])
        except psutil.NoSuchProcess:
            pass
    return total


def measure(pool: RayActorPool, player: agent.AlphaZero, generation_rows: int, seconds: float) -> Figures:
    """Figures of a pool whose actors are under way."""
    intake, replay = Intake(player), Replay(player.row_dtype, player.config.replay)
    weights, generation, start = weights_of(player), 1, 0
    pool.publish(weights, generation, None)
    delivered = dict.fromkeys(range(pool.size), 0)
    while min(delivered.values()) < 2:  # all under way, and with portions of this size
        for batch in pool.collect(wait=True):
            intake.take(batch, generation)
            delivered[batch.source[0]] += 1
    pool.metrics(), intake.metrics()
    portions = 0
    began, own, rays = time.monotonic(), time.process_time(), ray_seconds()
    elapsed = 0.0  # up to the last arrival: relays deliver once a second
    while elapsed < seconds:
        batches = pool.collect(wait=True)
        elapsed = time.monotonic() - began if batches else elapsed
        for batch in batches:
            taken, wrong = intake.take(batch, generation)
            assert taken is not None and not wrong
            replay.insert(taken.rows)
            portions += 1
            pool.accepted(batch)
        if replay.inserted - start >= generation_rows:
            start, generation = replay.inserted, generation + 1
            pool.publish(weights, generation, None)
    own, rays = time.process_time() - own, ray_seconds() - rays
    found, aged = pool.metrics(), intake.metrics()
    return {
        "rows_per_second": replay.inserted / elapsed,
        "megabytes_per_second": found["megabytes"] / elapsed,
        "messages_per_second": found["messages"] / elapsed,
        "portions_per_second": portions / elapsed,
        "driver_share_of_a_core": own / elapsed,
        "ray_share_of_a_core": rays / elapsed,
        "driver_ms_per_1000_rows": 1e6 * own / max(replay.inserted, 1),
        "generations_behind": aged["generations_behind"],
        "most_generations_behind": aged["most_generations_behind"],
        "rows_in_flight": found["in_flight"],
        "generations": generation - 1,
    }


def fitted(results: list[dict[str, Any]]) -> Figures:
    """Costs that explain the driver's share of a core, by least squares without negative ones, in milliseconds: of an
    actor's portion of rows, of 1,000 rows, of each actor by itself (it is asked how far it is), and of everything that
    there is once a second, the exchange with one relay included."""
    names = ("ms_per_portion", "ms_per_1000_rows", "ms_per_actor_second", "ms_per_second")
    parts = np.array([
        [one["portions_per_second"], one["rows_per_second"] / 1000, one["actors"], 1.0] for one in results
    ])  # fmt: skip
    shares = np.array([one["driver_share_of_a_core"] for one in results]) * 1000
    weights = 1 / np.maximum(shares, 1e-9)
    costs, _ = optimize.nnls(parts * weights[:, None], shares * weights)
    off = np.abs(parts @ costs - shares) / np.maximum(shares, 1e-9)
    return dict(zip(names, costs.tolist(), strict=True)) | {"median_error": float(np.median(off))}


def main() -> None:
    parser = harness.parser(__doc__, seconds=8.0, repeats=1)
    parser.add_argument("--game", default="connect-four", choices=games.available())
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--rate", type=float, default=500.0, help="rows per second of each actor")
    parser.add_argument("--sizes", nargs="+", type=int, default=[1, 2, 4, 8, 16])
    parser.add_argument("--relayed", action="store_true", help="with a relay, as on a cluster")
    parser.add_argument("--address", help="of a running Ray cluster; default: Ray is started here")
    arguments = parser.parse_args()
    harness.start()
    torch.manual_seed(1)
    network = NetworkConfig(arguments.channels, arguments.blocks)
    settings = AlphaZeroConfig(game=arguments.game, network=network, actor=ActorConfig(num_simulations=8))
    player = Idle(settings)
    player.rows, player.rate = record(agent.AlphaZero(settings), 2_000), arguments.rate
    results, relayed = [], arguments.relayed or arguments.address is not None
    for size in arguments.sizes:
        rollout, generation_rows = sizing.sizes(replace(settings.run, actors=size))
        pool = RayActorPool(player, 1, size, rollout, arguments.address, relayed=relayed)
        try:
            for pool.rollout_rows in (rollout, max(10, rollout // 10)):
                for _ in range(arguments.repeats):
                    found = measure(pool, player, generation_rows, arguments.seconds)
                    results.append({"actors": size, "rows_per_portion": pool.rollout_rows, **found})
                    print(json.dumps(results[-1]), file=sys.stderr, flush=True)
        finally:
            pool.close()
    most = results[-2 * arguments.repeats]
    tensors = weights_of(player)[policy_value.PLAYER].values()
    harness.report(
        "scaling", most["rows_per_second"] / (most["actors"] * arguments.rate), "what the actors were to send",
        game=arguments.game, rate=arguments.rate, relayed=relayed, bytes_per_row=player.row_dtype.itemsize,
        weights_megabytes=sum(tensor.numel() * tensor.element_size() for tensor in tensors) / 1e6,
        costs=fitted(results), results=results,
    )  # fmt: skip


if __name__ == "__main__":
    main()
