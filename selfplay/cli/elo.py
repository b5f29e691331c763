"""Rates players against each other: the generations of runs, reference players, external engines.

A PLAYER that is a run's folder takes part with several of its generations; everything else is one player: a
generation's folder, random, greedy, uct:SIMULATIONS, alphabeta:DEPTH, solver, uci:ENGINE, hub:ENGINE. Results are kept
in the output folder as they come: the same command goes on after a stop, and plays only what is new when a run has
grown. Of GAN runs, each generation's generator is rated against each generation's discriminator.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from selfplay.cli.console import early, numbers, paths
from selfplay.cli.tournaments import conditions, contest, playing
from selfplay.errors import UserError
from selfplay.players.levels import MAX_SIMULATIONS

EPILOG = """examples:
  selfplay elo runs/connect-four
  selfplay elo runs/connect-four random uct:1000 solver --games 100 --simulations 100
  selfplay elo runs/a runs/b --generations 5 --schedule ladder
  selfplay elo runs/connect-four --generations 1 --simulations 0,25,50,100,200,400
  selfplay elo runs/chess uci:stockfish?UCI_Elo=1350 --schedule gauntlet --games 40
  selfplay elo random greedy uct:100 alphabeta:4 --game checkers --anchor random=0
  selfplay elo runs/gan-ring --generations all --samples 2000

--simulations with several numbers lets every trained player take part at each of them: what doubling is worth, and
what search adds to the policy alone (0). Written: ratings.csv, ratings.json, ratings.md, crosstable.csv, elo.png, and
the games, one file a pairing.

In a GAN run a game is a real sample against a fake: the generator wins it if the discriminator scores the fake higher.
--games is the number of blocks that each generator and discriminator are scored on, each of --samples fakes and as
many reals that were held out of training; all games of a block are played, and what they are worth is told.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("players", nargs="+", metavar="PLAYER", help="runs, checkpoints, reference players, engines")
    parser.add_argument("--game", metavar="NAME", help="the game, where no player is a checkpoint")
    parser.add_argument("--generations", type=numbers.whole(1, 10**6, "all"), default=10, metavar="N",
                        help="how many of each run, evenly spread; 1: the newest; 'all' (default 10)")  # fmt: skip
    parser.add_argument("--games", type=numbers.whole(1, conditions.MAX_GAMES), metavar="N",
                        help="games a pair of players (default 100); of GAN runs, blocks of samples "
                        "(default 20)")  # fmt: skip
    parser.add_argument("--simulations", type=numbers.several(0, MAX_SIMULATIONS), metavar="N[,N…]",
                        help="simulations a move of trained players (default 100); 0: the policy alone")  # fmt: skip
    parser.add_argument("--samples", type=numbers.whole(10, contest.MAX_SAMPLES), metavar="N",
                        help="of GAN runs: fakes in a block, and reals (default 1000)")  # fmt: skip
    parser.add_argument("--schedule", choices=contest.SCHEDULES, default="round-robin",
                        help="gauntlet: each newest generation (or the first player) against all; "
                        "ladder: neighbours")  # fmt: skip
    parser.add_argument("--anchor", metavar="NAME[=ELO]", help="whose rating is fixed (default: the mean is 0)")
    conditions.add_openings(parser)
    conditions.add_adjudication(parser)
    parser.add_argument("--seed", type=numbers.seed, default=1, metavar="S",
                        help="random seed of openings, samples and moves (default 1)")  # fmt: skip
    playing.add_arguments(parser)
    parser.add_argument("--out", type=paths.path, metavar="DIR", help="output folder (default: elo/ in the first run)")
    parser.add_argument("--json", action="store_true", help="print ratings.json instead of tables")


def run(arguments: argparse.Namespace) -> int:
    playing.check(arguments)
    early.check_players(arguments.players, arguments.game)
    wanted = _enter(arguments)
    from selfplay.cli.tournaments import report
    from selfplay.ratings.tournament_folder import TournamentFolder

    out, (noun, each) = arguments.out or _default_out(arguments.players), wanted.counted
    folder = TournamentFolder(out, wanted.participants, wanted.terms, wanted.suffix)
    try:
        tasks = folder.results.missing(wanted.pairings, wanted.openings)
        progress = playing.Progress(each * len(tasks), arguments.plain or arguments.json, noun)
        if tasks:
            for result in playing.played(wanted.workers, tasks, arguments, progress, each):
                folder.add(result)
        found = wanted.report(folder.results, progress)
    except KeyboardInterrupt:
        done = each * len(folder.results)
        print(f"Stopped: {done} {noun} are kept in {out}. The same command goes on.", file=sys.stderr)
        return 130
    finally:
        folder.close()
    report.write(out, found)
    if arguments.json:
        print((out / "ratings.json").read_text("utf-8"), end="")
    else:
        report.show(out, found)
    return 0


def _enter(arguments: argparse.Namespace) -> contest.Contest:
    """The tournament, by the family that the players are of. Raises UserError."""
    from selfplay.cli.tournaments import board_ratings, gan_ratings
    from selfplay.players import player_spec

    trained = [text for text in arguments.players if player_spec.is_trained(text)]
    gans = [text for text in trained if text != player_spec.BUNDLED and gan_ratings.is_gan(text)]
    if not gans:
        return board_ratings.enter(arguments)
    if other := next((text for text in arguments.players if text not in gans), None):
        raise UserError(f"'{gans[0]}' is a GAN run and '{other}' plays games: rate them apart.")
    return gan_ratings.enter(arguments)


def _default_out(players: list[str]) -> Path:
    from selfplay.players import player_spec

    for text in players:
        if player_spec.is_trained(text) and "?" not in text and text != player_spec.BUNDLED:
            path = Path(text)
            return path / "elo" if (path / "checkpoints").is_dir() else Path("elo")
    return Path("elo")
