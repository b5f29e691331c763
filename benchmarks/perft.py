"""How fast is one game, from its rules to its search? Everything that has a peer, in turns, in one run on one core.

perft: move sequences from the start, the last move counted where the game can do so, as stockfish's ``go perft`` does
(chess: "made" makes every move); against stockfish and python-chess (chess), OpenSpiel called from Python (checkers).
playouts: moves of random games with every rule of draw, a batch in one call; against OpenSpiel's random rollouts in C++
(`openspiel.py` says how they are counted) and the contract's own loop over `step` and `legal_actions`.
search: simulations with an evaluator that costs next to nothing, as in `search.py`, against none.
Compile times come from new processes: cold with an empty cache, warm with the one just filled; the rules with random
games and perft, then a search with random games besides, its imports included.

"ratio" is the first of "ratios", medians all of them; "missing" names the peers that are not installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import harness
import numpy as np
import openspiel

import games
from games import base
from games.knowledge import Knowledge
from selfplay.bench import work as timed
from selfplay.search.config import SearchConfig

ROOT = Path(__file__).resolve().parent.parent
START_NODES = {
    "chess": [1, 20, 400, 8902, 197281, 4865609, 119060324],
    "checkers": [1, 7, 49, 302, 1469, 7361, 36768, 179740, 845931, 3963680, 18391564],
}
DEPTHS = {"chess": 6, "checkers": 10, "connect-four": 7, "tic-tac-toe": 7}  # of perft; 3 for every other game
PEER_DEPTHS = {"python_chess": 3, "openspiel": 5}
COMPARED = ("perft stockfish", "perft openspiel", "perft python_chess", "playouts openspiel", "playouts contract")
SIMULATIONS = 64
COMPILE = """
import sys, time
began = time.perf_counter()
import games, numpy as np
from games.knowledge import Knowledge
game = games.make(sys.argv[1])
states = game.initial_states(2)
game.step(states, game.legal_actions(states)[0][:, 0]), game.observe(states), game.key(states)
games.facet(game, Knowledge).perft(states[0], 2)
game.playouts(states, np.arange(2))
print(time.perf_counter() - began)
from selfplay.search import config, evaluators, search
search.run(game, states, evaluators.RolloutEvaluator(game), config.SearchConfig(), 8)
print(time.perf_counter() - began)
"""


def our_perft(game: Any, depth: int, **options: bool) -> float:
    nodes = games.facet(game, Knowledge).perft(game.initial_states(1)[0], depth, **options)
    assert game.name not in START_NODES or nodes == START_NODES[game.name][depth], f"perft({depth}) is {nodes}"
    return float(nodes)


def our_playouts(game: base.Game, playouts: Callable[..., np.ndarray], batch: int, rng: np.random.Generator) -> float:
    """Moves made in `batch` random games. playouts: the game's method, or the contract's own."""
    plies = np.zeros(batch, dtype=np.int64)
    playouts(game.initial_states(batch), rng.integers(1 << 62, size=batch, dtype=np.uint64), plies)
    return float(plies.sum())


def python_chess_perft(depth: int) -> float:
    import chess

    def count(board: Any, left: int) -> int:
        if left == 1:
            return board.legal_moves.count()
        total = 0
        for move in board.legal_moves:
            board.push(move)
            total += count(board, left - 1)
            board.pop()
        return total

    return count(chess.Board(), depth)


def stockfish_perft(program: str, depth: int) -> float:
    """Nodes per second, its start-up left out as far as its own clock does not tell: two depths are subtracted."""

    def seconds(depth: int) -> float:
        began = time.perf_counter()
        done = subprocess.run([program], input=f"go perft {depth}\nquit\n", capture_output=True, text=True, check=True)
        elapsed = time.perf_counter() - began
        found = re.search(r"Nodes searched: (\d+)", done.stdout)
        assert found and int(found[1]) == START_NODES["chess"][depth], done.stdout[-300:]
        return elapsed

    return START_NODES["chess"][depth] / max(seconds(depth) - seconds(1), 1e-9)


def openspiel_perft(python: str, game: str, seconds: float) -> float:
    found = openspiel.ask(python, "perft", game, seconds, PEER_DEPTHS["openspiel"])
    assert found["nodes"] == START_NODES[game][PEER_DEPTHS["openspiel"]], found
    return found["nodes_per_second"]


def compile_seconds(name: str) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", COMPILE, name]
        runs = [
            subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.split()
            for _ in range(2)
        ]
    return {
        kind: {
            what: harness.significant(float(value)) for what, value in zip(("rules", "with_search"), run, strict=True)
        }
        for kind, run in zip(("cold", "warm"), runs, strict=True)
    }


def peers(name: str, arguments: Any) -> tuple[dict[str, Callable[[], float]], list[str]]:
    """What is installed here to compare with, by what it does and who; and the names of what is not."""
    found: dict[str, Callable[[], float]] = {}
    missing = []
    if name == "chess":
        stockfish = shutil.which("stockfish") or shutil.which("stockfish", path="/usr/games")
        if stockfish:
            found["perft stockfish"] = lambda: stockfish_perft(stockfish, arguments.depth or DEPTHS["chess"])
        else:
            missing.append("stockfish")
        if harness.installed("chess"):
            depth = PEER_DEPTHS["python_chess"]
            found["perft python_chess"] = lambda: harness.rate(lambda: python_chess_perft(depth), arguments.seconds)
        else:
            missing.append("python-chess")
    python = openspiel.python_with_openspiel(arguments.openspiel) if name in openspiel.NAMES else None
    if python:
        found["playouts openspiel"] = openspiel.rollouts(python, name, arguments.seconds)
        if name == "checkers":
            found["perft openspiel"] = lambda: openspiel_perft(python, name, arguments.seconds)
    else:
        missing.append("openspiel")
    return found, missing


def main() -> None:
    parser = harness.parser(__doc__, seconds=1.0, repeats=5)
    parser.add_argument("--game", default="chess", choices=games.available())
    parser.add_argument("--depth", type=int, help="of perft (default 6 for chess, 10 for checkers)")
    parser.add_argument("--batch", type=int, default=1024, help="random games side by side (default 1024)")
    parser.add_argument("--searches", type=int, default=64, help="searches side by side (default 64)")
    parser.add_argument("--openspiel", metavar="PYTHON", help="an interpreter that has pyspiel (default: this one)")
    arguments = parser.parse_args()
    harness.start()
    name, game, rng = arguments.game, games.make(arguments.game), np.random.default_rng(1)
    depth = arguments.depth or DEPTHS.get(name, 3)
    settings = SearchConfig(solve=False)
    work: dict[str, Callable[[], float]] = {
        "perft": lambda: our_perft(game, depth),
        "playouts": lambda: our_playouts(game, game.playouts, arguments.batch, rng),
        "playouts contract": lambda: our_playouts(game, partial(base.Game.playouts, game), arguments.batch, rng),
        "search": timed.searches(game, arguments.searches, SIMULATIONS, settings),
    }
    if name == "chess":
        work["made"] = lambda: our_perft(game, min(depth, 5), bulk=False)
    measures = {key: lambda job=job: harness.rate(job, arguments.seconds) for key, job in work.items()}
    theirs, missing = peers(name, arguments)
    found = harness.in_turns(measures | theirs, arguments.repeats)
    ratios = {key: harness.ratio(found[key.split()[0]], found[key]) for key in COMPARED if key in found}
    what, who = next(iter(ratios)).split()
    unit = {"perft": "nodes", "playouts": "moves"}[what]
    harness.report(
        "perft", ratios[f"{what} {who}"], f"{who}, {what} from the start, {unit} per second",
        game=name, depth=depth, batch=arguments.batch, searches=arguments.searches, simulations=SIMULATIONS,
        per_second={key: harness.median(rates) for key, rates in found.items()}, ratios=ratios, missing=missing,
        compile_seconds=compile_seconds(name),
    )  # fmt: skip


if __name__ == "__main__":
    main()
