"""Plays a match between two players, and says how sure its result is.

A PLAYER is a run's folder or one generation's, or a reference player: random, greedy, uct:SIMULATIONS, alphabeta:DEPTH,
alphabeta:nodes=N, solver. Games are played in pairs that swap seats from one opening, all side by side.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

from selfplay.errors import UserError

if TYPE_CHECKING:
    from games.base import Game
    from selfplay.alphazero.players import NetworkPlayer, Player

EPILOG = """examples:
  selfplay match runs/connect-four uct:1000 --games 100
  selfplay match runs/chess runs/chess/checkpoints/000000
  selfplay match runs/checkers alphabeta:4 --simulations 200
  selfplay match uct:1000 solver --game connect-four --json
"""

MAX_GAMES = 100_000
MAX_SIMULATIONS = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("first", metavar="PLAYER", help="a run or checkpoint, or a reference player")
    parser.add_argument("second", metavar="OPPONENT", help="the same")
    parser.add_argument("--game", metavar="NAME", help="the game, where neither player is a checkpoint")
    parser.add_argument("--games", type=int, default=100, metavar="N", help="games in all, even (default 100)")
    parser.add_argument("--simulations", type=int, default=100, metavar="N",
                        help="simulations a move of trained players (default 100)")  # fmt: skip
    parser.add_argument("--random-plies", type=int, default=6, metavar="N",
                        help="random plies before each pair, where a game has no openings (default 6)")  # fmt: skip
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="openings and lots follow from it (default 1)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a sentence")


def run(arguments: argparse.Namespace) -> int:
    for option, value, least, most in (
        ("--games", arguments.games, 2, MAX_GAMES), ("--simulations", arguments.simulations, 0, MAX_SIMULATIONS),
        ("--random-plies", arguments.random_plies, 0, 1000), ("--seed", arguments.seed, 0, 2**62),
    ):  # fmt: skip
        if not least <= value <= most:
            raise UserError(f"{option} is {value}, and must lie between {least} and {most:,}.")
    if arguments.games % 2:
        raise UserError(f"--games is {arguments.games}, and must be even: each opening is played from both sides.")
    import numpy as np

    from selfplay.alphazero import match, players

    game, first, second = _players(arguments)
    began = time.perf_counter()
    starts = match.openings(
        game, arguments.games // 2, arguments.random_plies, np.random.default_rng(arguments.seed)
    )
    played = match.play_pairs(game, first, second, starts, arguments.seed)
    seconds = time.perf_counter() - began
    found = played.summary()
    low, high = found.interval()
    plies = float(np.mean([len(actions) for actions in played.actions]))
    if arguments.json:
        print(json.dumps({
            "game": game.name, "first": arguments.first, "second": arguments.second, "games": found.games,
            "wins": found.wins, "draws": found.draws, "losses": found.losses, "score": found.score,
            "interval": [low, high], "simulations": arguments.simulations, "plies": plies, "seconds": round(seconds, 3),
            "seed": arguments.seed,
        }))  # fmt: skip
        return 0
    print(f"{arguments.first} against {arguments.second}, {game.name}, {found.games} games from "
          f"{len(starts)} openings: won {found.wins}, drawn {found.draws}, lost {found.losses}.")  # fmt: skip
    trained = any(isinstance(player, players.SearchPlayer) for player in (first, second))
    searched = f"{arguments.simulations} simulations a move of trained players, " if trained else ""
    verdict = "better" if low > 0.5 else "worse" if high < 0.5 else "no certain difference"
    print(f"Score {found.score:.1%}, 95 % interval {low:.1%} to {high:.1%}: {verdict}. "
          f"{searched}{plies:.0f} plies a game, {seconds:.0f} s.")  # fmt: skip
    return 0


def _players(arguments: argparse.Namespace) -> tuple[Game, Player, Player]:
    """(game, first, second). The game is that of the checkpoints, which must agree."""
    import games
    from selfplay.alphazero import players, references

    trained: dict[str, NetworkPlayer] = {
        text: players.load(Path(text))
        for text in (arguments.first, arguments.second)
        if Path(text).exists() or "/" in text
    }
    names = {player.game.name for player in trained.values()} | ({arguments.game} if arguments.game else set())
    if not names:
        raise UserError("neither player is a checkpoint: name the game with --game.")
    if len(names) > 1:
        raise UserError(f"these players play different games: {', '.join(sorted(names))}.")
    try:
        game = next(iter(trained.values())).game if trained else games.make(names.pop())
    except ValueError as error:
        raise UserError(str(error)) from None
    first, second = (
        trained[text].at(arguments.simulations, text) if text in trained else references.make(game, text)
        for text in (arguments.first, arguments.second)
    )
    return game, first, second
