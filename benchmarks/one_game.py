"""How much of the network's speed does a single game keep? One core: an `Analyzer` plays against itself, tree and all.

Whole games are played with several leaves a batch, with a single one, and both in turns with bare forward passes of the
same network at batches of 64, 128 and 256, the best of which is the ceiling. No evaluation cache. "ratio" is the
evaluations per second of play with several leaves over the ceiling; "ratio_single" that of play with a single one.

With --strength RUN, how well is played instead: games between two players with the newest network of a run, the one
with several leaves a batch and the other with a single one, at equal simulations, in pairs that swap seats from one
random opening. Speeds do not matter there; all games go on side by side and share an evaluation cache, and every
search starts anew. "ratio" is then the points a game of the first player over 0.5, with 95 % intervals from pairs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import harness
import numpy as np
import torch

import games
from games import base
from selfplay.networks import inference
from selfplay.networks.config import NetworkConfig
from selfplay.players import match, network_player, openings, player
from selfplay.search import analyzer, evaluators, search
from selfplay.search.config import SearchConfig

BATCHES = (64, 128, 256)
OPENING_PLIES = 5


class Timed:
    """Plays whole games with one analyzer, and counts batches."""

    def __init__(self, game: base.Game, evaluator: inference.NetworkEvaluator, simulations: int, leaves: int) -> None:
        self.game, self.evaluator, self.limit = game, evaluator, analyzer.Limit(simulations)
        self.analyzer = analyzer.Analyzer(game, evaluator, SearchConfig(), 4 * simulations, leaves)
        self.evaluations = self.batches = 0

    def play(self) -> float:
        """One game; returns its evaluations."""
        start, actions = self.game.initial_states(1), []
        states, before = start, (self.evaluator.evaluations, self.evaluator.batches)
        while not states["terminal"][0]:
            self.analyzer.set_position(start, actions)
            actions.append(self.analyzer.analyze(self.limit).lines[0].actions[0])
            states = self.game.step(states, np.array(actions[-1:])).states
        made = self.evaluator.evaluations - before[0]
        self.evaluations += made
        self.batches += self.evaluator.batches - before[1]
        return float(made)


def speed(arguments: Any) -> None:
    game, size = games.make(arguments.game), NetworkConfig(arguments.channels, arguments.blocks)
    torch.manual_seed(1)
    evaluator = inference.NetworkEvaluator(game, size)
    several = Timed(game, evaluator, arguments.simulations, arguments.leaves)
    single = Timed(game, evaluator, arguments.simulations, 1)

    def forward(batch: int) -> float:
        planes = evaluator.planes(game.initial_states(batch))

        def work() -> float:
            with torch.inference_mode():
                _, wdl = evaluator.forward(planes)
                wdl.float().cpu()
            return batch

        return harness.rate(work, arguments.seconds / len(BATCHES))

    found = harness.in_turns({
        "several": lambda: harness.rate(several.play, arguments.seconds),
        **{str(batch): lambda batch=batch: forward(batch) for batch in BATCHES},
        "single": lambda: harness.rate(single.play, arguments.seconds),
    }, arguments.repeats)  # fmt: skip
    ceiling = np.max([found[str(batch)] for batch in BATCHES], axis=0).tolist()
    harness.report(
        "one_game", harness.ratio(found["several"], ceiling),
        "bare forward passes of the same network at its best batch, evaluations per second",
        ratio_single=harness.ratio(found["single"], ceiling),
        game=arguments.game, channels=arguments.channels, blocks=arguments.blocks, simulations=arguments.simulations,
        leaves=arguments.leaves, cache=False, device=str(evaluator.device),
        evaluations_per_second=harness.median(found["several"]),
        evaluations_per_second_single=harness.median(found["single"]),
        ceiling_evaluations_per_second={batch: harness.median(found[str(batch)]) for batch in BATCHES},
        mean_batch=harness.significant(several.evaluations / several.batches),
    )  # fmt: skip


class Player:
    """Searches with so many leaves a batch. See `players.Player`."""

    def __init__(
        self, game: base.Game, evaluate: search.Evaluate, config: SearchConfig, simulations: int, leaves: int
    ) -> None:
        self.game, self.evaluate, self.config = game, evaluate, config
        self.name, self.simulations, self.leaves = f"{leaves} leaves", simulations, leaves

    def choose(self, turn: player.Turn) -> player.Choice:
        crank = search.Search(self.game, len(turn.states), self.config, self.simulations, self.leaves)
        found = search.run(self.game, turn.states, self.evaluate, self.config, self.simulations, None, crank)
        return player.Choice(found.actions[np.arange(len(turn.states)), found.play].astype(np.int64), found.value)


def strength(arguments: Any) -> None:
    agent = network_player.load(Path(arguments.strength))
    evaluate = evaluators.CachedEvaluator(agent.evaluate, agent.game, 2_000_000)
    pair = [
        Player(agent.game, evaluate, agent.config, arguments.simulations, leaves) for leaves in (arguments.leaves, 1)
    ]
    rng = np.random.default_rng(arguments.seed)
    begun = openings.random(agent.game, arguments.games // 2, OPENING_PLIES, rng)
    played = match.play_pairs(agent.game, *pair, begun, arguments.seed)
    points = np.array([one.points_of(0) for one in played])
    pairs = points.reshape(-1, 2).mean(axis=1)
    summary = match.summary(played)
    harness.report(
        "one_game_strength", harness.significant(pairs.mean() / 0.5), "a single leaf a batch, points a game",
        score=harness.significant(pairs.mean()), interval=harness.significant(1.96 * pairs.std() / len(pairs) ** 0.5),
        games=len(points), wins=summary.wins, draws=summary.draws, losses=summary.losses,
        different_openings=len({(one.start.tobytes(), one.actions) for one in begun}), opening_plies=OPENING_PLIES,
        same_game_twice=sum(played[2 * k].actions == played[2 * k + 1].actions for k in range(len(pairs))),
        agent=agent.description, simulations=arguments.simulations, leaves=arguments.leaves,
    )  # fmt: skip


def main() -> None:
    parser = harness.parser(__doc__, seconds=3.0, repeats=5)
    parser.add_argument("--game", default="connect-four", choices=games.available())
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--simulations", type=int, default=800)
    parser.add_argument("--leaves", type=int, default=analyzer.LEAVES, help="evaluated together (default %(default)s)")
    parser.add_argument("--strength", metavar="RUN", help="play games with the network of this run instead")
    parser.add_argument("--games", type=int, default=400, help="with --strength (default %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the openings, with --strength (default %(default)s)")
    arguments = parser.parse_args()
    harness.start()
    if arguments.strength:
        strength(arguments)
    else:
        speed(arguments)


if __name__ == "__main__":
    main()
