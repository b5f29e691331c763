"""What do the evaluation cache and its settings save? One trained agent plays itself, with each of them in turns.

Arms: "none" asks the network about every position; "cache" remembers answers, and asks once about a position that a
batch holds several times (the default); "symmetric" also takes positions that are turned into each other for one
(actor.symmetric_cache). A piece is a number of searched moves from a cache that has just been emptied, as it is when
new weights come; what is compared is processor time. "ratio" is positions a second of the cache over those without.
"same_games": the arm has played the games of "none" to the last move.

With --mistakes N, also the choices of both kinds of answers in N positions of the game's eval set.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import harness
import numpy as np

import games
from games.base import Game
from games.knowledge import Knowledge
from selfplay import config as configs
from selfplay.alphazero import evaluation
from selfplay.alphazero.actor import SelfPlayActor
from selfplay.alphazero.config import ActorConfig
from selfplay.league import pool
from selfplay.networks import inference, policy_value
from selfplay.networks.config import NetworkConfig
from selfplay.players import player, pretrained
from selfplay.search import evaluators
from selfplay.search.config import SearchConfig

ARMS: dict[str, dict[str, Any]] = {
    "none": {"cache_entries": 0},
    "cache": {},
    "symmetric": {"symmetric_cache": True},
}


class Arm:
    """An actor with its settings, and what its pieces have cost."""

    def __init__(self, game: Game, settings: dict[str, Any], network: NetworkConfig, weights: Any) -> None:
        self._actor = SelfPlayActor(game, ActorConfig(**settings), SearchConfig(), network, seed=1, index=0)
        self._weights, self._generation = weights, 0
        self._digest = hashlib.sha256()
        self.pieces: list[dict[str, float]] = []

    def piece(self, moves: int) -> None:
        """Plays about so many moves with an empty cache."""
        actor = self._actor
        sums: dict[str, float] = {}
        actor.set_weights(self._weights, self._generation)
        self._generation += 1
        began = time.process_time()
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
            "games": self._digest.hexdigest()[:16],
        }

    def rates(self) -> list[float]:
        return [piece["moves"] / piece["seconds"] for piece in self.pieces]


def mistakes(game: Game, network: NetworkConfig, weights: Any, number: int, simulations: int) -> dict[str, Any]:
    """Mistakes with the network's own answers and with those of the symmetric cache, in equal positions: "better" and
    "worse" are positions in which only the one made a mistake, or only the other."""
    eval_set = games.facet(game, Knowledge).eval_set()
    if eval_set is None:
        return {}
    chosen = np.random.default_rng(1).permutation(len(eval_set.states))[:number]
    eval_set = eval_set._replace(
        states=eval_set.states[chosen], values=eval_set.values[chosen], stage=eval_set.stage[chosen]
    )
    net = inference.NetworkEvaluator(game, network)
    net.load(weights[policy_value.PLAYER])
    kept = {}
    for name, evaluate in (("own", net), ("symmetric", evaluators.CachedEvaluator(net, game, 1 << 20, True))):
        for budget in (0, simulations):
            found = player.choices(game, eval_set.states, evaluate, SearchConfig(), budget)
            kept[name, budget] = evaluation.keeps_result(eval_set, found)
    report: dict[str, Any] = {"positions": len(chosen)}
    for budget in (0, simulations):
        own, other = kept["own", budget], kept["symmetric", budget]
        report[f"{budget}_simulations"] = {
            "own": int((~own).sum()), "symmetric": int((~other).sum()),
            "better": int((other & ~own).sum()), "worse": int((own & ~other).sum()),
        }  # fmt: skip
    return report


def main() -> None:
    parser = harness.parser(__doc__, seconds=0.0, repeats=3)
    parser.add_argument("--game", default="connect-four", choices=pretrained.available())
    parser.add_argument("--checkpoint", type=Path, help="an agent (default: the one that comes with the package)")
    parser.add_argument("--simulations", type=int, default=48)
    parser.add_argument("--concurrent-games", type=int, default=128)
    parser.add_argument("--random-opening-plies", type=int, default=24)
    parser.add_argument("--moves", type=int, default=4000, help="searched moves in a piece, not --seconds")
    parser.add_argument("--mistakes", type=int, default=0, metavar="N", help="positions of the eval set to try as well")
    arguments = parser.parse_args()
    harness.start()
    meta, weights = pool.load_weights(pool.newest(arguments.checkpoint or pretrained.path(arguments.game)))
    game, network = games.make(arguments.game), configs.from_values(NetworkConfig, meta["network"])
    common = {
        "num_simulations": arguments.simulations, "concurrent_games": arguments.concurrent_games,
        "random_opening_plies": arguments.random_opening_plies, "opponent_share": 0.0,
    }  # fmt: skip
    arms = {name: Arm(game, common | settings, network, weights) for name, settings in ARMS.items()}
    for arm in arms.values():
        arm.piece(1)  # compiles
        arm.pieces.clear()
    for _ in range(arguments.repeats):
        for arm in arms.values():
            arm.piece(arguments.moves)
    results: dict[str, Any] = {}
    for name, arm in arms.items():
        results[name] = arm.figures() | {"ratio": harness.ratio(arm.rates(), arms["none"].rates())}
        results[name]["same_games"] = results[name].pop("games") == arms["none"].figures()["games"]
    harness.report(
        "evaluations", results["cache"]["ratio"], "self-play without a cache, positions per second",
        game=arguments.game, channels=network.channels, blocks=network.blocks, simulations=arguments.simulations,
        concurrent_games=arguments.concurrent_games, moves=arguments.moves, results=results,
        mistakes=mistakes(game, network, weights, arguments.mistakes, 100),
    )  # fmt: skip


if __name__ == "__main__":
    main()
