"""Analyses positions with a trained agent: a run's, or the packaged one of a game.

Given --moves or --fen, prints the board and a table of the legal moves. Otherwise reads positions as JSON lines from
standard input and answers one JSON line each; a line that cannot be answered gets {"error": …}, and it goes on.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from selfplay.cli.console import early, numbers, paths
from selfplay.errors import UserError
from selfplay.players.levels import MAX_SIMULATIONS

if TYPE_CHECKING:
    from selfplay.players.network_player import NetworkPlayer

EPILOG = """examples:
  selfplay analyze chess --moves "e2e4 c7c5"
  selfplay analyze runs/connect-four --moves 4453
  selfplay analyze runs/connect-four/checkpoints/000012 --moves "" --simulations 800
  selfplay analyze runs/chess --fen "6k1/5ppp/8/8/8/8/8/3R2K1 w - - 0 1" --moves "d1d8"
  echo '{"game": "connect-four", "moves": "4453", "simulations": 100}' | selfplay analyze runs/connect-four
  echo '{"game": "chess", "moves": "e2e4 e7e5"}' | selfplay analyze runs/chess
  echo '{"game": "checkers", "fen": "B:W21,22,K24:B1,2,K30"}' | selfplay analyze runs/checkers

Moves are columns 1-7 in connect four, cells 1-9 in tic-tac-toe, UCI (e2e4) in chess, PDN (11-15, 22x15x8) in checkers.
In chess and checkers "fen" (or "start_fen") sets the position that "moves" start from, and answers name the position
reached as "fen". "simulations": 0 asks for the policy alone. An "id" comes back with its answer, which has visits,
prior, value and expected line of every move ("moveInfos"; all keys: docs/interface.md).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "checkpoint",
        type=paths.path,
        metavar="AGENT",
        help="a run's folder, one generation's, or a game with a packaged agent",
    )
    parser.add_argument("--moves", metavar="MOVES", help="the position after these moves, shown as a table")
    parser.add_argument("--fen", metavar="FEN", help="the position that --moves start from (chess, checkers)")
    parser.add_argument(
        "--simulations",
        type=numbers.whole(0, MAX_SIMULATIONS),
        default=100,
        metavar="N",
        help="simulations a position (default 100)",
    )


def run(arguments: argparse.Namespace) -> int:
    folder = early.find_agent(arguments.checkpoint)
    from selfplay.players import network_player
    from selfplay.serve import json_lines

    player = network_player.load(folder)
    if arguments.moves is not None or arguments.fen is not None:
        _print_table(player, arguments.moves or "", arguments.fen, arguments.simulations)
        return 0
    json_lines.serve(player, sys.stdin.buffer, lambda line: print(line, flush=True), arguments.simulations)
    return 0


def _print_table(player: NetworkPlayer, moves: str, fen: str | None, simulations: int) -> None:
    from rich.console import Console
    from rich.table import Table

    from selfplay.serve import json_lines

    try:
        states = json_lines.position(player, moves, fen)
    except ValueError as error:
        raise UserError(str(error)) from None
    found = player.analyze(states, simulations)[0]
    exact = player.verdicts(states[0])
    print(found.board)
    win, draw, loss = found.wdl
    print(f"\n{player.description}, {simulations} simulations: value {found.value:+.3f} for the player to move "
          f"(win {win:.1%}, draw {draw:.1%}, loss {loss:.1%})")  # fmt: skip
    table = Table("move", "visits", "policy", "value", "prior", *(["exact"] if exact else []))
    for move in sorted(player.game.legal_moves(states[0]), key=lambda move: -round(found.policy[move], 6)):
        verdict = [str(exact[move])] if exact else []
        mark = " ←" if move == found.best else ""
        value = f"{found.values[move]:+.3f}" if found.visits[move] else "–"
        table.add_row(f"{move}{mark}", str(found.visits[move]), f"{found.policy[move]:.1%}",
                      value, f"{found.priors[move]:.1%}", *verdict)  # fmt: skip
    Console().print(table)
