"""How fast are the rules? Random games and perft, batched, against the same in plain Python (or OpenSpiel's).

A random game asks for the legal actions and steps, as a search does; perft expands every position of a move tree.
"ratio" is the median over the games of moves per second, ours over the peer's.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable
from typing import Any

import harness
import numpy as np
import plain

import games
from games import base, perft

PERFT_DEPTHS = {"tic-tac-toe": (7, 5), "connect-four": (7, 4)}  # ours, plain Python's: for every other game (3, None)


def random_games(game: base.Game, batch: int, rng: np.random.Generator) -> tuple[int, int]:
    """(games, moves) of `batch` random games side by side, each to its end."""
    states, moves = game.initial_states(batch), 0
    while len(states):
        actions, count = game.legal_actions(states)
        chosen = actions[np.arange(len(states)), (rng.random(len(states)) * count).astype(np.int64)]
        moves += len(states)
        step = game.step(states, chosen)
        states = step.states[step.discount != 0]
    return batch, moves


def openspiel_name(name: str) -> str | None:
    """OpenSpiel's name of one of our games, where OpenSpiel is installed and has it."""
    if not harness.installed("pyspiel"):
        return None
    import pyspiel

    theirs = name.replace("-", "_")
    return theirs if theirs in pyspiel.registered_names() else {"tic-tac-toe": "tic_tac_toe"}.get(name)


def openspiel_game(name: str, rng: random.Random) -> int:
    import pyspiel

    state, moves = pyspiel.load_game(name).new_initial_state(), 0
    while not state.is_terminal():
        state.apply_action(rng.choice(state.legal_actions()))
        moves += 1
    return moves


def measure(name: str, arguments: Any) -> dict[str, Any]:
    game, rng, python_rng = games.make(name), np.random.default_rng(1), random.Random(1)
    done = {"games": 0, "moves": 0}

    def ours() -> float:
        played, moves = random_games(game, arguments.batch, rng)
        done["games"] += played
        done["moves"] += moves
        return moves

    depth, plain_depth = PERFT_DEPTHS.get(name, (3, None))
    work: dict[str, Callable[[], float]] = {"moves": ours, "nodes": lambda: perft.perft(game, depth)}
    if name in plain.GAMES:
        work["plain moves"] = lambda: plain.random_game(name, python_rng)
        work["plain nodes"] = lambda: plain.perft(plain.GAMES[name](), plain_depth)
    theirs = openspiel_name(name)
    if theirs:
        work["OpenSpiel moves"] = lambda: openspiel_game(theirs, python_rng)
    timed = {key: lambda job=job: harness.rate(job, arguments.seconds) for key, job in work.items()}
    found = harness.in_turns(timed, arguments.repeats)
    row: dict[str, Any] = {
        "game": name,
        "moves_per_second": harness.median(found["moves"]),
        "games_per_second": harness.significant(harness.median(found["moves"]) * done["games"] / done["moves"]),
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
    if theirs:
        row |= {
            "openspiel_moves_per_second": harness.median(found["OpenSpiel moves"]),
            "ratio_openspiel": harness.ratio(found["moves"], found["OpenSpiel moves"]),
        }
    return row


def main() -> None:
    parser = harness.parser(__doc__, seconds=0.5, repeats=5)
    parser.add_argument("games", nargs="*", metavar="GAME", help="games to measure (default: all)")
    parser.add_argument("--batch", type=int, default=1024, help="random games side by side (default 1024)")
    arguments = parser.parse_args()
    harness.start()
    rows = [measure(name, arguments) for name in arguments.games or games.available()]
    ratios = [row["ratio_moves"] for row in rows if "ratio_moves" in row]
    headline = harness.significant(statistics.median(ratios)) if ratios else float("nan")
    against = "plain Python, random games, moves per second"
    harness.report("rules", headline, against, batch=arguments.batch, results=rows)


if __name__ == "__main__":
    main()
