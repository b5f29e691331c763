"""The conditions of games for `match` and `elo`: openings and adjudication, from options that both have."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from selfplay.cli.console import numbers, paths
from selfplay.errors import UserError

if TYPE_CHECKING:
    from games.base import Game
    from selfplay.players.openings import Opening


MAX_GAMES = 100_000


def add_openings(parser: argparse.ArgumentParser) -> None:
    """Options about where games begin; `match` has them too."""
    parser.add_argument("--random-plies", type=numbers.whole(0, 1000), metavar="N",
                        help="random plies before each pair, in games without ballots (default 6 or less)")  # fmt: skip
    parser.add_argument("--balance", type=numbers.real(0, 1), default=0.5, metavar="V",
                        help="take random openings of a value within ±V only, by the solver, or else by the first "
                        "trained player's network (default 0.5); 1: all")  # fmt: skip
    parser.add_argument("--book", type=paths.file, metavar="FILE",
                        help="openings from a file: games, or lines of FEN or moves")  # fmt: skip


def add_adjudication(parser: argparse.ArgumentParser) -> None:
    """Options about when games end early."""
    parser.add_argument(
        "--max-plies", type=numbers.whole(0, 10**9), default=0, metavar="N", help="longer games are drawn"
    )
    parser.add_argument("--resign", type=numbers.real(0, 1), default=0.0, metavar="V",
                        help="a game is lost where both players agree on ±V for 4 moves each (say 0.95)")  # fmt: skip
    parser.add_argument("--draw", type=numbers.real(0, 1), default=0.0, metavar="V",
                        help="a game is drawn where both stay within ±V (0.02) for 4 moves after ply 40")  # fmt: skip
    parser.add_argument("--exact-after", type=numbers.whole(0, 10**9), default=0, metavar="N",
                        help="from this ply on, a game counts as what its solver or endgame tables say")  # fmt: skip


def check_range(option: str, value: float, least: float, most: float) -> None:
    """Raises UserError."""
    if not least <= value <= most:
        raise UserError(f"{option} is {value}, and must lie between {least:,} and {most:,}.")


def check_even(arguments: argparse.Namespace) -> None:
    """Raises UserError for a number of games that are no pairs."""
    if arguments.games % 2:
        raise UserError(f"--games is {arguments.games}, and must be even: each opening is played from both sides.")


def adjudication(game: Game, arguments: argparse.Namespace) -> Any:
    """Raises UserError where games are to end by exact knowledge, and there is none."""
    import games
    from games.knowledge import Knowledge
    from selfplay.players import match

    if arguments.exact_after and games.facet(game, Knowledge).exact(game.initial_states(0)) is None:
        hint = f": build some with `selfplay games endgames build {game.name}`" if _has_tables(game) else ""
        raise UserError(f"--exact-after needs a solver or endgame tables, and {game.name} has none here{hint}.")
    return match.Adjudication(
        max_plies=arguments.max_plies, resign=arguments.resign, draw=arguments.draw, exact_after=arguments.exact_after
    )


def _has_tables(game: Game) -> bool:
    import games
    from games.endgames.tables import Endgames

    return bool(games.facet(game, Endgames).names)


def find_openings(game: Game, arguments: argparse.Namespace, number: int, players: list[Any]) -> list[Opening]:
    """Where games begin, by the options of `add_openings`."""
    from selfplay.players import openings
    from selfplay.players.player import SearchPlayer

    trained = next((player for player in players if isinstance(player, SearchPlayer)), None)
    return openings.for_match(
        game, number, arguments.seed, arguments.random_plies, arguments.balance, arguments.book,
        trained.values if trained is not None else None,
    )  # fmt: skip


def random_plies(game: Game, arguments: argparse.Namespace) -> int:
    """As asked for, or the usual number."""
    from selfplay.players import openings

    return openings.usual_plies(game) if arguments.random_plies is None else int(arguments.random_plies)


def describe_openings(game: Game, arguments: argparse.Namespace, number: int) -> str:
    if arguments.book is not None:
        return f"{number} openings of {arguments.book}"
    import games
    from games.knowledge import Knowledge

    if games.facet(game, Knowledge).openings() is not None and arguments.random_plies is None:
        return f"{number} customary openings"
    balanced = f", balanced within ±{arguments.balance:g}" if arguments.balance < 1 else ""
    return f"{number} openings of {random_plies(game, arguments)} random plies{balanced}"


def terms(game: Game, arguments: argparse.Namespace) -> dict[str, Any]:
    """What must be the same for results to be rated together; players' simulations are part of who they are."""
    return {
        "game": game.name, "game_version": game.version, "seed": arguments.seed,
        "openings": describe_openings(game, arguments, 0).removeprefix("0 "),
        "max_plies": arguments.max_plies, "resign": arguments.resign, "draw": arguments.draw,
        "exact_after": arguments.exact_after,
    }  # fmt: skip
