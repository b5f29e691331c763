"""Measures this machine: rules, search, network, learner, self-play; says which settings suit it, and what a preset
takes.

Each speed is the median of some pieces, with the least and the greatest. All but self-play in several processes are of
one thread, in seconds of processor time, so that other work on the machine shows little. Actors, games at once and
where networks are evaluated are recommended; simulations stay as the preset has them, since they change what is
learned. --write keeps the recommendation as settings of a run. Ctrl-C ends it, and what was measured is shown.
"""

from __future__ import annotations

import argparse

EPILOG = """examples:
  selfplay bench --quick
  selfplay bench
  selfplay bench --preset chess --write here.toml && selfplay train --config here.toml
  selfplay bench --preset tic-tac-toe --json

On an idle machine --quick takes about half a minute and the default about three, after the first time, when kernels are
compiled. --json prints one object (docs/performance.md). Exit codes: 0 done, 2 wrong use, 130 stopped by Ctrl-C.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from selfplay.cli.bench import command

    command.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from selfplay.cli.bench import command

    return command.run(arguments)
