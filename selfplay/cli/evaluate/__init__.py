"""Counts an agent's mistakes in positions with known results: moves that turn a win into a draw or a loss, or a draw
into a loss.

--positions names a text file with a position a line: moves, a blank, and the score for the player to move, whose sign
says who wins. That is the format of Pascal Pons's test files for connect four (Test_L1_R1 and others). What each move
is worth comes from the game's solver, which also checks the scores. Intervals are of 95 % (Wilson).
"""

from __future__ import annotations

import argparse

EPILOG = """examples:
  selfplay evaluate connect-four --positions Test_L2_R1
  selfplay evaluate runs/connect-four --positions Test_L1_R1 Test_L1_R2 --simulations 0,100,600
  selfplay evaluate runs/connect-four/checkpoints/000012 --positions Test_L3_R1 --json

Games with a solver: connect four and tic-tac-toe. --simulations 0 asks for the policy alone. With --json, one object a
file and number of simulations. Solving a thousand positions of connect four takes from seconds to some minutes.
Where the test files come from: docs/recipes.md. Exit codes: 0 done, 2 wrong use, 130 stopped by Ctrl-C.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from selfplay.cli.evaluate import command

    command.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from selfplay.cli.evaluate import command

    return command.run(arguments)
