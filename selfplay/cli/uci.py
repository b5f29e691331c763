"""A trained agent as an engine for programs that speak the Universal Chess Interface (UCI).

For chess, and for the games that interfaces know as variants: connect four (cfour) and tic-tac-toe (tictactoe).
Without CHECKPOINT the agent for chess that comes with the package plays.
"""

from __future__ import annotations

import argparse
from typing import NoReturn

from selfplay.cli.console import early, paths
from selfplay.serve import pipe, uci

EPILOG = """examples:
  selfplay uci
  selfplay uci connect-four
  selfplay uci runs/chess
  selfplay uci runs/connect-four/checkpoints/000012
  echo uci | selfplay uci runs/chess

In an interface, give the command as that of an engine: the path of `selfplay` with the arguments uci and a run's
folder. `go perft N` counts moves, `d` shows the board. Options stand in docs/engines.md.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", type=paths.path, nargs="?", metavar="CHECKPOINT",
        help="a run's folder, one generation's, or a game with a packaged agent; left out: chess",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> NoReturn:
    pipe.serve_agent(uci.UciServer, arguments.checkpoint and early.find_agent(arguments.checkpoint))
