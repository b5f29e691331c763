"""Compares settings: trains named arms, each with several seeds and an equal budget, and says what is better.

SOURCE is a preset, as `selfplay train` takes it, with --arm for each group of settings; or a file FILE.toml that says
all of it (docs/sweep.md). The first arm is what the others are compared with. Trials run one after another, or side by
side with --cores; their order hits all arms alike. Trained agents are measured at the end, on equal positions with
exact values where the game has them, else by a tournament. Ctrl-C stops and saves; the same command goes on, also
after a kill, and more seeds and arms may be added to it.
"""

from __future__ import annotations

import argparse

EPILOG = """examples:
  selfplay sweep tic-tac-toe --arm base --arm few:actor.num_simulations=8 --evaluations 400000 --dry-run
  selfplay sweep connect-four --arm base --arm look:search.look_ahead=true --minutes 20 --seeds 5
  selfplay sweep connect-four --set run.actors=0 --cores 0 --cores 1 --arm base --arm wide:network.channels=48
  selfplay sweep checkers --arm base --arm few:actor.num_simulations=24 --minutes 30 --measure games --games 40
  selfplay sweep my-sweep.toml --out sweeps/again --json

Written to sweeps/NAME: table.csv, results.jsonl, curve.csv, curve.png, and a run for each trial.
Exit codes: 0 done, 1 some trials failed, 2 wrong use, 130 stopped by Ctrl-C.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from selfplay.cli.sweep import command

    command.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from selfplay.cli.sweep import command

    return command.run(arguments)
