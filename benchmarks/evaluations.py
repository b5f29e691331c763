"""What do fewer and cheaper evaluations save? One trained agent plays itself, with each setting in turns.

Arms: "none" asks the network about every position; "cache" remembers answers, and asks once about a position that a
batch holds several times (the default); "symmetric" also takes positions that are turned into each other for one
(actor.symmetric_cache). Where openvino is installed, "openvino" and "int8" are "cache" on inference.backend=openvino.
A piece is a number of searched moves from a cache that has just been emptied, as it is when new weights come, loading
of weights included; what is compared is processor time. "ratio" is positions a second of the cache over those without.
"same_games": the arm has played the games of "none" to the last move. "forward": evaluations a second of the bare
network, observing included, in batches of --concurrent-games, and "load", seconds for new weights.

With --mistakes N, also the choices of each kind of answers in N positions of the game's eval set, against the
network's own. With --channels and --blocks, an untrained network of this size plays.
"""

from __future__ import annotations

import functools
import hashlib
import time
from pathlib import Path
from typing import Any

import harness
import numpy as np
import torch

import games
from games.base import Game
from games.knowledge import Knowledge
from selfplay import config as configs
from selfplay.alphazero import evaluation
from selfplay.alphazero.actor import SelfPlayActor
from selfplay.alphazero.config import ActorConfig
from selfplay.league import pool
from selfplay.networks import inference, policy_value
from selfplay.networks.config import IN_PROCESS, InferenceConfig, NetworkConfig
from selfplay.players import player, pretrained
from selfplay.search import evaluators
from selfplay.search.config import SearchConfig

ARMS: dict[str, tuple[dict[str, Any], InferenceConfig]] = {
    "none": ({"cache_entries": 0}, IN_PROCESS),
    "cache": ({}, IN_PROCESS),
    "symmetric": ({"symmetric_cache": True}, IN_PROCESS),
    "openvino": ({}, InferenceConfig(backend="openvino")),
    "int8": ({}, InferenceConfig(backend="openvino", precision="int8")),
}


class Arm:
    """An actor with its settings, and what its pieces have cost."""

    def __init__(
        self, game: Game, settings: dict[str, Any], inferring: InferenceConfig, network: NetworkConfig, weights: Any
    ) -> None:
        self._actor = SelfPlayActor(
            game, ActorConfig(**settings), SearchConfig(), network, seed=1, index=0, inference_config=inferring
        )
        self._weights, self._generation = weights, 0
        self._digest = hashlib.sha256()
        self.pieces: list[dict[str, float]] = []
        self.loads: list[float] = []

    def piece(self, moves: int) -> None:
        """Plays about so many moves with an empty cache."""
        actor = self._actor
        sums: dict[str, float] = {}
        began = time.process_time()
        actor.set_weights(self._weights, self._generation)
        self._generation += 1
        self.loads.append(time.process_time() - began)
        while sums.get("moves", 0) < moves:
            rows, new = actor.generate(1)
            self._digest.update(rows.tobytes())
            sums = {name: sums.get(name, 0.0) + value for name, value in new.items()}
        self.pieces.append(sums | {"seconds": time.process_time() - began})

    def figures(self) -> dict[str, float | str]:
        total = {name: sum(piece[name] for piece in self.pieces) for name in self.pieces[0]}
        lookups = total["cache_lookups"] or 1
        return {
            "positions_per_second": harness.median([piece["moves"] / piece["seconds"] for piece in self.pieces]),
            "evaluations_per_position": harness.significant(total["evaluations"] / total["moves"]),
            "hits": harness.significant(total["cache_hits"] / lookups),
            "merged": harness.significant(total["cache_merged"] / lookups),
            "mean_batch": harness.significant(total["evaluations"] / total["batches"]),
            "load": harness.median(self.loads),
            "games": self._digest.hexdigest()[:16],
        }

    def rates(self) -> list[float]:
        return [piece["moves"] / piece["seconds"] for piece in self.pieces]

    @property
    def network(self) -> inference.NetworkEvaluator:
        """With the weights of the last piece."""
        found = self._actor._newest_network
        assert isinstance(found, inference.NetworkEvaluator)
        return found

    def forward(self, states: np.ndarray, seconds: float = 0.5) -> float:
        """Evaluations a second of processor time of the bare network, in one batch."""
        with torch.inference_mode():
            for _ in range(3):
                self.network.forward(self.network.planes(states))
            done, began = 0, time.process_time()
            while (elapsed := time.process_time() - began) < seconds:
                self.network.forward(self.network.planes(states))
                done += len(states)
        return done / elapsed


def mistakes(game: Game, arms: dict[str, Arm], number: int, simulations: int) -> dict[str, Any]:
    """Mistakes with each kind of answers, in the same positions: "better" are those where the network's own answers led
    to a mistake and others did not, "worse" the contrary."""
    eval_set = games.facet(game, Knowledge).eval_set()
    if eval_set is None or not number:
        return {}
    chosen = np.random.default_rng(1).permutation(len(eval_set.states))[:number]
    eval_set = eval_set._replace(
        states=eval_set.states[chosen], values=eval_set.values[chosen], stage=eval_set.stage[chosen]
    )
    asked: dict[str, Any] = {"own": arms["none"].network}
    asked["symmetric"] = evaluators.CachedEvaluator(arms["none"].network, game, 1 << 20, symmetric=True)
    asked |= {name: arms[name].network for name in ("openvino", "int8") if name in arms}
    report: dict[str, Any] = {"positions": len(chosen)}
    for budget in (0, simulations):
        kept = {
            name: evaluation.keeps_result(
                eval_set, player.choices(game, eval_set.states, evaluate, SearchConfig(), budget)
            )
            for name, evaluate in asked.items()
        }
        report[f"{budget}_simulations"] = {
            name: {
                "mistakes": int((~own).sum()), "better": int((own & ~kept["own"]).sum()),
                "worse": int((kept["own"] & ~own).sum()),
            }
            for name, own in kept.items()
        }  # fmt: skip
    return report


def network_of(arguments: Any, game: Game) -> tuple[NetworkConfig, Any]:
    """Its size, and weights by role."""
    if arguments.channels:
        size = NetworkConfig(arguments.channels, arguments.blocks)
        torch.manual_seed(1)
        return size, {policy_value.PLAYER: policy_value.PolicyValueNet(game, size).state_dict()}
    meta, weights = pool.load_weights(pool.newest(arguments.checkpoint or pretrained.path(arguments.game)))
    return configs.from_values(NetworkConfig, meta["network"]), weights


def main() -> None:
    parser = harness.parser(__doc__, seconds=0.0, repeats=3)
    parser.add_argument("--game", default="connect-four", choices=pretrained.available())
    parser.add_argument("--checkpoint", type=Path, help="an agent (default: the one that comes with the package)")
    parser.add_argument("--channels", type=int, help="an untrained network of so many channels instead")
    parser.add_argument("--blocks", type=int, default=5, help="and blocks")
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS)
    parser.add_argument("--simulations", type=int, default=48)
    parser.add_argument("--concurrent-games", type=int, default=128)
    parser.add_argument("--random-opening-plies", type=int, default=24)
    parser.add_argument("--moves", type=int, default=4000, help="searched moves in a piece, not --seconds")
    parser.add_argument("--mistakes", type=int, default=0, metavar="N", help="positions of the eval set to try as well")
    arguments = parser.parse_args()
    harness.start()
    game = games.make(arguments.game)
    network, weights = network_of(arguments, game)
    common = {
        "num_simulations": arguments.simulations, "concurrent_games": arguments.concurrent_games,
        "random_opening_plies": arguments.random_opening_plies, "opponent_share": 0.0,
    }  # fmt: skip
    wanted = {"none", *arguments.arms} - (set() if harness.installed("openvino") else {"openvino", "int8"})
    arms = {
        name: Arm(game, common | settings, inferring, network, weights)
        for name, (settings, inferring) in ARMS.items() if name in wanted
    }  # fmt: skip
    for arm in arms.values():
        arm.piece(1)  # compiles
        arm.pieces.clear()
        arm.loads.clear()
    for _ in range(arguments.repeats):
        for arm in arms.values():
            arm.piece(arguments.moves)
    states = game.initial_states(arguments.concurrent_games)
    forward = harness.in_turns({name: functools.partial(arm.forward, states) for name, arm in arms.items()}, 3)
    results: dict[str, Any] = {}
    for name, arm in arms.items():
        results[name] = arm.figures() | {"forward": harness.median(forward[name])}
        results[name] |= {"ratio": harness.ratio(arm.rates(), arms["none"].rates())}
        results[name]["same_games"] = results[name].pop("games") == arms["none"].figures()["games"]
        if arm.network.verdict is not None:
            results[name]["verdict"] = arm.network.verdict._asdict()
    headline = "cache" if "cache" in results else arguments.arms[0]
    harness.report(
        "evaluations", results[headline]["ratio"], "self-play without a cache, positions per second",
        game=arguments.game, channels=network.channels, blocks=network.blocks, simulations=arguments.simulations,
        concurrent_games=arguments.concurrent_games, moves=arguments.moves, results=results,
        mistakes=mistakes(game, arms, arguments.mistakes, 100),
    )  # fmt: skip


if __name__ == "__main__":
    main()
