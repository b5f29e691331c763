"""How fast are the rules? Random games and perft, batched, against the same in plain Python (or OpenSpiel's).

moves: a random game asks for the legal actions and steps, as a search does. playouts: the same games in one call of
`Game.playouts`. nodes: perft expands every position of a move tree through the contract; `perft.py` has the fast way.
"ratio" is the median over the games of moves per second, ours over plain Python's; where none of the games has a plain
twin, playouts over moves.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from typing import Any

import harness
import numpy as np
import openspiel
import plain

import games
from games.checks import perft
from selfplay.bench import work

PERFT_DEPTHS = {"tic-tac-toe": (7, 5), "connect-four": (7, 4)}  # ours, plain Python's: for every other game (3, None)


def measure(name: str, python: str | None, arguments: Any) -> dict[str, Any]:
    """The row of one game. python: an interpreter that has OpenSpiel, if any."""
    game, rng, python_rng = games.make(name), np.random.default_rng(1), random.Random(1)
    done = {"games": 0, "moves": 0}

    def ours() -> float:
        played, moves = work.random_games(game, arguments.batch, rng)
        done["games"] += played
        done["moves"] += moves
        return moves

    depth, plain_depth = PERFT_DEPTHS.get(name, (3, None))
    jobs: dict[str, Callable[[], float]] = {
        "moves": ours,
        "playouts": lambda: work.playouts(game, arguments.batch, rng),
        "nodes": lambda: perft.perft(game, depth),
    }
    if name in plain.GAMES:
        jobs["plain moves"] = lambda: plain.random_game(name, python_rng)
        jobs["plain nodes"] = lambda: plain.perft(plain.GAMES[name](), plain_depth)
    timed = {key: lambda job=job: harness.rate(job, arguments.seconds) for key, job in jobs.items()}
    if python and name in openspiel.NAMES:
        timed["OpenSpiel moves"] = lambda: openspiel.ask(python, "moves", name, arguments.seconds)["moves_per_second"]
    found = harness.in_turns(timed, arguments.repeats)
    row: dict[str, Any] = {
        "game": name,
        "moves_per_second": harness.median(found["moves"]),
        "games_per_second": harness.significant(harness.median(found["moves"]) * done["games"] / done["moves"]),
        "playouts_moves_per_second": harness.median(found["playouts"]),
        "ratio_playouts": harness.ratio(found["playouts"], found["moves"]),
        "perft_depth": depth,
        "perft_nodes_per_second": harness.median(found["nodes"]),
    }
    if name in plain.GAMES:
        row |= {
            "plain_python_moves_per_second": harness.median(found["plain moves"]),
            "plain_python_perft_nodes_per_second": harness.median(found["plain nodes"]),
            "ratio_moves": harness.ratio(found["moves"], found["plain moves"]),
            "ratio_perft": harness.ratio(found["nodes"], found["plain nodes"]),
        }
    if "OpenSpiel moves" in found:
        row |= {
            "openspiel_moves_per_second": harness.median(found["OpenSpiel moves"]),
            "ratio_openspiel": harness.ratio(found["moves"], found["OpenSpiel moves"]),
        }
    return row


def main() -> None:
    parser = harness.parser(__doc__, seconds=0.5, repeats=5)
    parser.add_argument("games", nargs="*", metavar="GAME", help="games to measure (default: all)")
    parser.add_argument("--batch", type=int, default=1024, help="random games side by side (default 1024)")
    parser.add_argument("--openspiel", metavar="PYTHON", help="an interpreter that has pyspiel (default: this one)")
    arguments = parser.parse_args()
    harness.start()
    python = openspiel.python_with_openspiel(arguments.openspiel)
    rows = [measure(name, python, arguments) for name in arguments.games or games.available()]
    ratios, against = [row["ratio_moves"] for row in rows if "ratio_moves" in row], "plain Python"
    if not ratios:
        ratios, against = [row["ratio_playouts"] for row in rows], "the same games step by step"
    headline = harness.significant(statistics.median(ratios))
    missing = [] if python else ["openspiel"]
    against += ", random games, moves per second"
    harness.report("rules", headline, against, batch=arguments.batch, results=rows, missing=missing)


if __name__ == "__main__":
    main()
