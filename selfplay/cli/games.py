"""The games: list them, or check that one keeps its contract."""

from __future__ import annotations

import argparse

from selfplay.errors import UserError

EPILOG = """examples:
  selfplay games list
  selfplay games check connect-four
  selfplay games check my-game          (a game of another package, by its entry point)
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    actions.add_parser("list", help="names and sizes of all games", epilog=EPILOG,
                       formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    check = actions.add_parser("check", help="run every check of the game contract; exit code 1 if one fails",
                               epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    check.add_argument("name", metavar="NAME", help="a game's name")


def run(arguments: argparse.Namespace) -> int:
    return _list() if arguments.action == "list" else _check(arguments.name)


def _list() -> int:
    import games
    from games import base

    print(f"{'name':16} {'actions':>8} {'plies':>6}  {'planes':12} {'symmetries':>10}  exact solver")
    for name in games.available():
        game = games.make(name)
        planes = "×".join(map(str, game.observation_shape))
        exact = type(game).exact_action_values is not base.Game.exact_action_values
        print(f"{name:16} {game.num_actions:8} {game.max_game_length:6}  {planes:12} {game.num_symmetries:10}  "
              f"{'yes' if exact else 'no'}")  # fmt: skip
    return 0


def _check(name: str) -> int:
    import games

    try:
        game = games.make(name)
    except ValueError as error:
        raise UserError(str(error)) from None
    from games import testing

    results = testing.check_game(game)
    for result in results:
        print(
            f"{'ok    ' if result.passed else 'FAILED'} {result.name}" + (f": {result.detail}" if result.detail else "")
        )
    failed = sum(not result.passed for result in results)
    print(f"{game.name}: {len(results) - failed} checks passed, {failed} failed")
    return 1 if failed else 0
