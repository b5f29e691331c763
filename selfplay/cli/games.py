"""Lists the games, checks one against the game contract, counts its move sequences (perft), reads its records, builds
its endgame tables."""

from __future__ import annotations

import argparse
import inspect
import json
import time
from typing import TYPE_CHECKING

from selfplay.cli.console import endgames, numbers, records
from selfplay.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from games.base import Game

EPILOG = """examples:
  selfplay games list
  selfplay games check connect-four
  selfplay games check my-game          (a game of another package, by its entry point)
  selfplay games perft chess --depth 5
  selfplay games perft chess --position "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1" --depth 5 --divide
  selfplay games perft checkers --position "B:W21,22,K24:B1,2,K30" --depth 6 --json
  selfplay games perft connect-four --position 4453 --depth 6
  selfplay games read checkers club.pdn
  selfplay games endgames build checkers
"""

PERFT = """Counts the sequences of D moves from a position: the leaves at exactly that depth of the move tree.

TEXT is a FEN in chess and checkers, and the moves that lead there in other games. A jump over several pieces is one
move. Chess and checkers look past draws by repetition and clocks, as published counts do. Compiling is not timed.
"""
MAX_DEPTH = 64


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="names and sizes of all games", epilog=EPILOG,
                       formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    check = actions.add_parser("check", help="run every check of the game contract; exit code 1 if one fails",
                               epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    check.add_argument("name", metavar="NAME", help="a game's name")
    perft = actions.add_parser("perft", help="count the move sequences of a length, the quickest proof of rules",
                               description=PERFT, epilog=EPILOG,
                               formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    perft.add_argument("name", metavar="NAME", help="a game's name")
    perft.add_argument(
        "--depth", type=numbers.whole(0, MAX_DEPTH), required=True, metavar="D", help="moves in a sequence"
    )
    perft.add_argument("--position", metavar="TEXT", help="where to count from (default: the start)")
    perft.add_argument("--chess960", action="store_true", help="castling as in Chess960, in TEXT and in the output")
    perft.add_argument("--divide", action="store_true", help="a count for each first move as well")
    perft.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    read = actions.add_parser("read", help="files of game records as JSON lines", description=records.DESCRIPTION,
                              epilog=records.EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    records.add_arguments(read)
    tables = actions.add_parser("endgames", help="exact tables of endgames: build, list, count, verify",
                                description=endgames.DESCRIPTION, epilog=endgames.EPILOG,
                                formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    endgames.add_arguments(tables)


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "list":
        return _list()
    if arguments.action == "endgames":
        return endgames.run(arguments)
    if arguments.action == "read":
        return records.run(arguments, _make(arguments.name))
    return _check(arguments.name) if arguments.action == "check" else _perft(arguments)


def _make(name: str, **options: int) -> Game:
    import games

    try:
        return games.make(name, **options)
    except ValueError as error:
        raise UserError(str(error)) from None


def _list() -> int:
    import games
    from games.knowledge import Knowledge

    print(f"{'name':16} {'actions':>8} {'plies':>6}  {'planes':10} {'symmetries':>10}  "
          f"{'solver':6}  {'engine':6}  options")  # fmt: skip
    for name in games.available():
        game = games.make(name)
        planes = "×".join(map(str, game.observation_shape))
        knowledge = games.facet(game, Knowledge)
        exact = type(knowledge).exact_action_values is not Knowledge.exact_action_values
        engine = type(knowledge).engine is not Knowledge.engine
        print(f"{name:16} {game.num_actions:8} {game.max_game_length:6}  {planes:10} {game.num_symmetries:10}  "
              f"{'yes' if exact else 'no':6}  {'yes' if engine else 'no':6}  "
              f"{', '.join(inspect.signature(type(game)).parameters) or '–'}")  # fmt: skip
    return 0


def _check(name: str) -> int:
    game = _make(name)
    from games.checks import contract

    results = contract.check_game(game)
    for result in results:
        print(
            f"{'ok    ' if result.passed else 'FAILED'} {result.name}" + (f": {result.detail}" if result.detail else "")
        )
    failed = sum(not result.passed for result in results)
    print(f"{game.name}: {len(results) - failed} checks passed, {failed} failed")
    return 1 if failed else 0


def _perft(arguments: argparse.Namespace) -> int:
    game = _make(arguments.name, **({"chess960": True} if arguments.chess960 else {}))
    import games
    from games import base
    from games.checks import perft
    from games.knowledge import Knowledge

    try:
        text = arguments.position
        states = game.initial_states(1) if text is None else _position(game, text)
    except base.IllegalMove as error:
        raise UserError(str(error)) from None
    knowledge = games.facet(game, Knowledge)
    knowledge.perft(states[0], min(2, arguments.depth))  # compiles what there is to compile
    began = time.perf_counter()
    divided = (
        perft.divide(game, arguments.depth, states, knowledge.perft) if arguments.divide and arguments.depth else {}
    )
    nodes = sum(divided.values()) if divided else knowledge.perft(states[0], arguments.depth)
    seconds = time.perf_counter() - began
    found = {"nodes": nodes, "seconds": round(seconds, 6), "nodes_per_s": round(nodes / max(seconds, 1e-9))}
    if arguments.json:
        asked = {"game": game.name, "depth": arguments.depth, "position": text}
        print(json.dumps(asked | found | ({"divide": divided} if arguments.divide else {})))
        return 0
    for move, count in divided.items():
        print(f"{move}: {count:,}")
    print(f"{nodes:,} sequences of {arguments.depth} moves, {seconds:.2f} s, {found['nodes_per_s']:,}/s")
    return 0


def _position(game: Game, text: str) -> np.ndarray:
    import games
    from games.notation import Notation

    notation = games.facet(game, Notation)
    return notation.from_fen(text) if notation.has_fen else notation.state_after(text)
