"""A trained agent as an engine for draughts programs that speak the Hub protocol (version 2, of Scan and Hub).

For checkers, variant english. Without CHECKPOINT the agent for checkers that comes with the package plays.
"""

from __future__ import annotations

import argparse
from typing import NoReturn

from selfplay.cli.console import early, paths
from selfplay.serve import hub, pipe

EPILOG = """examples:
  selfplay hub
  selfplay hub runs/checkers
  selfplay hub runs/checkers/checkpoints/000012
  echo hub | selfplay hub runs/checkers

In an interface, give the command as that of an engine: the path of `selfplay` with the arguments hub and a run's
folder. Parameters stand in docs/engines.md.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint", type=paths.path, nargs="?", metavar="CHECKPOINT",
        help="a run's folder, one generation's, or a game with a packaged agent; left out: checkers",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> NoReturn:
    pipe.serve_agent(hub.HubServer, arguments.checkpoint and early.find_agent(arguments.checkpoint))
