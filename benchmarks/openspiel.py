"""OpenSpiel's side of a comparison, in whichever Python has it: it need not be the one that has selfplay.

    python benchmarks/openspiel.py TASK GAME [--seconds S] [--depth D]     prints one JSON line

moves: random games from Python, moves per second. rollouts: random games in C++, inside one simulation of OpenSpiel's
MCTSBot, whose RandomRolloutEvaluator plays ROLLOUTS games from the start; it counts games, so that moves per second are
games times the mean length of random games played from Python (length). perft: sequences of whole moves from Python,
each of them made. Importing this file asks for nothing but the standard library.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

ROLLOUTS = 20
NAMES = {"tic-tac-toe": "tic_tac_toe", "connect-four": "connect_four", "checkers": "checkers", "chess": "chess"}


# In our process


def python_with_openspiel(wanted: str | None) -> str | None:
    """`wanted` or this interpreter, if it can import pyspiel."""
    python = wanted or sys.executable
    done = subprocess.run([python, "-c", "import pyspiel"], capture_output=True, check=False)
    return python if done.returncode == 0 else None


def ask(python: str, task: str, game: str, seconds: float, depth: int = 1) -> dict[str, float]:
    """What a process of its own finds."""
    command = [python, __file__, task, NAMES[game], "--seconds", str(seconds), "--depth", str(depth)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def rollouts(python: str, game: str, seconds: float) -> Callable[[], float]:
    """A measure: moves per second of random games in C++; the mean length is taken from Python beforehand."""
    mean_length = ask(python, "length", game, max(seconds, 3.0) if seconds > 0.1 else seconds)["mean_length"]
    return lambda: mean_length * ask(python, "rollouts", game, seconds)["games_per_second"]


# In OpenSpiel's


def random_game(game: Any, rng: random.Random) -> int:
    """Plays one random game; returns its number of moves."""
    state, moves = game.new_initial_state(), 0
    while not state.is_terminal():
        state.apply_action(rng.choice(state.legal_actions()))
        moves += 1
    return moves


def perft(state: Any, depth: int) -> int:
    """Number of sequences of `depth` moves; a move lasts until the other player's turn."""
    total = 0
    for action in state.legal_actions():
        after = state.child(action)
        if not after.is_terminal() and after.current_player() == state.current_player():
            total += perft(after, depth)
        elif depth == 1:
            total += 1
        else:
            total += perft(after, depth - 1)
    return total


def rate(work: Callable[[], float], seconds: float) -> float:
    """Units a second of `work`, called once unmeasured, then for at least `seconds`."""
    work()
    done, began = 0.0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < seconds:
        done += work()
    return done / elapsed


def answer(task: str, name: str, seconds: float, depth: int) -> dict[str, float]:
    import pyspiel

    game, rng = pyspiel.load_game(name), random.Random(1)
    if task == "moves":
        return {"moves_per_second": rate(lambda: random_game(game, rng), seconds)}
    if task == "length":
        lengths, began = [random_game(game, rng)], time.perf_counter()
        while time.perf_counter() - began < seconds:
            lengths.append(random_game(game, rng))
        return {"mean_length": sum(lengths) / len(lengths), "games": len(lengths)}
    if task == "perft":
        start = game.new_initial_state()
        return {"nodes_per_second": rate(lambda: perft(start, depth), seconds), "nodes": perft(start, depth)}
    evaluator = pyspiel.RandomRolloutEvaluator(ROLLOUTS, 1)
    bot = pyspiel.MCTSBot(game, evaluator, 1.4, 1, 100, False, 1, False)  # 1 simulation: it evaluates the start
    start = game.new_initial_state()

    def roll() -> float:
        bot.mcts_search(start)
        return ROLLOUTS

    return {"games_per_second": rate(roll, seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=["moves", "length", "rollouts", "perft"])
    parser.add_argument("game", help="OpenSpiel's name")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--depth", type=int, default=1)
    arguments = parser.parse_args()
    print(json.dumps(answer(arguments.task, arguments.game, arguments.seconds, arguments.depth)))


if __name__ == "__main__":
    main()
