"""Does an arena search as fast as self-play? One process, in turns: matches between two networks, and an actor.

Both play the same game with networks of one size, the same number of simulations a move and no evaluation cache, and
start every search anew, so that every simulation that does not end in a finished game is one evaluation. The actor has
no past selves. "ratio" is the arena's evaluations per second over the actor's.
"""

from __future__ import annotations

import time

import harness
import numpy as np
import torch

import games
from selfplay.alphazero import actor
from selfplay.alphazero.config import ActorConfig
from selfplay.networks import inference, policy_value
from selfplay.networks.config import NetworkConfig
from selfplay.players import match, openings, player
from selfplay.search.config import SearchConfig


def main() -> None:
    parser = harness.parser(__doc__, seconds=6.0, repeats=3)
    parser.add_argument("--game", default="connect-four", choices=games.available())
    parser.add_argument("--channels", type=int, default=32)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--simulations", type=int, default=100)
    parser.add_argument("--together", type=int, default=match.TOGETHER, help="games side by side in the arena")
    parser.add_argument("--concurrent-games", type=int, default=128, help="games of the actor")
    arguments = parser.parse_args()
    harness.start()
    game, size = games.make(arguments.game), NetworkConfig(arguments.channels, arguments.blocks)
    config = SearchConfig(reuse_tree=False)
    weights = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        weights.append(policy_value.PolicyValueNet(game, size).state_dict())
    pair = []
    for number, one in enumerate(weights):
        evaluator = inference.NetworkEvaluator(game, size)
        evaluator.load(one)
        pair.append(player.SearchPlayer(str(number), game, evaluator, config, arguments.simulations))
    playing = actor.SelfPlayActor(
        game,
        ActorConfig(
            num_simulations=arguments.simulations, concurrent_games=arguments.concurrent_games, cache_entries=0,
            opponent_share=0.0,
        ),
        config, size, seed=1, index=0,
    )  # fmt: skip
    playing.set_weights({policy_value.PLAYER: weights[0]}, generation=0)
    plies = min(6, game.max_game_length // 4)
    starts = openings.random(game, 2000, plies, np.random.default_rng(1))
    stream = match.stream(game, pair, match.pairs(starts * 1000), 1, together=arguments.together)

    def evaluations() -> int:
        return sum(player.evaluate.evaluations for player in pair)

    def arena() -> float:
        """Evaluations a second, games ending and beginning all the time."""
        before, began = evaluations(), time.perf_counter()
        while time.perf_counter() - began < arguments.seconds:
            next(stream)
        return (evaluations() - before) / (time.perf_counter() - began)

    def self_play() -> float:
        done, began = 0.0, time.perf_counter()
        while time.perf_counter() - began < arguments.seconds:
            done += playing.generate(1)[1]["evaluations"]
        return done / (time.perf_counter() - began)

    found = harness.in_turns({"arena": arena, "self_play": self_play}, arguments.repeats)
    harness.report(
        "arena", harness.ratio(found["arena"], found["self_play"]), "self-play, evaluations per second",
        game=game.name, channels=arguments.channels, blocks=arguments.blocks, simulations=arguments.simulations,
        together=arguments.together, concurrent_games=arguments.concurrent_games,
        arena_evaluations_per_second=harness.median(found["arena"]),
        self_play_evaluations_per_second=harness.median(found["self_play"]),
    )  # fmt: skip


if __name__ == "__main__":
    main()
