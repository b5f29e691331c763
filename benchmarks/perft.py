"""How fast does chess generate and make moves? Perft and random games, against python-chess and any stockfish here.

bulk: the last move of each sequence is counted, not made, as stockfish's ``go perft`` does; "made": every move is made;
"playouts": random games with every rule of draw, positions and moves as the contract has them. All on one core, in
turns. Compile times come from new processes: cold with an empty cache, warm with the one just filled.
"ratio" is nodes per second of bulk perft, ours over stockfish's (python-chess's where no stockfish is installed).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import harness
import numpy as np

import games

ROOT = Path(__file__).resolve().parent.parent
START_NODES = [1, 20, 400, 8902, 197281, 4865609, 119060324]
COMPILE = """
import time
began = time.perf_counter()
import games, numpy as np
game = games.make("chess")
states = game.initial_states(2)
game.step(states, game.legal_actions(states)[0][:, 0]), game.observe(states), game.key(states), game.perft(states[0], 2)
print(time.perf_counter() - began)
"""


def our_perft(depth: int, bulk: bool) -> float:
    game: Any = games.make("chess")
    nodes = game.perft(game.initial_states(1)[0], depth, bulk)
    assert nodes == START_NODES[depth], f"perft({depth}) is {nodes}"
    return nodes


def our_playouts(batch: int, rng: np.random.Generator) -> float:
    """Moves made in `batch` random games."""
    game: Any = games.make("chess")
    plies = np.zeros(batch, dtype=np.int64)
    game.playouts(game.initial_states(batch), rng.integers(1 << 62, size=batch, dtype=np.uint64), plies)
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
        assert found and int(found[1]) == START_NODES[depth], done.stdout[-300:]
        return elapsed

    return START_NODES[depth] / max(seconds(depth) - seconds(1), 1e-9)


def compile_seconds() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", COMPILE]
        runs = [
            subprocess.run(command, capture_output=True, text=True, check=True, env=environment) for _ in range(2)
        ]  # fmt: skip
    return dict(zip(("cold", "warm"), (harness.significant(float(run.stdout)) for run in runs), strict=True))


def main() -> None:
    parser = harness.parser(__doc__, seconds=1.0, repeats=5)
    parser.add_argument("--depth", type=int, default=6, choices=range(3, 7), help="of bulk perft (default 6)")
    parser.add_argument("--batch", type=int, default=1024, help="random games side by side (default 1024)")
    arguments = parser.parse_args()
    harness.start()
    rng, seconds = np.random.default_rng(1), arguments.seconds
    measures = {
        "bulk": lambda: harness.rate(lambda: our_perft(arguments.depth, True), seconds),
        "made": lambda: harness.rate(lambda: our_perft(min(arguments.depth, 5), False), seconds),
        "playouts": lambda: harness.rate(lambda: our_playouts(arguments.batch, rng), seconds),
    }
    if harness.installed("chess"):
        measures["python_chess"] = lambda: harness.rate(lambda: python_chess_perft(3), seconds)
    stockfish = shutil.which("stockfish") or shutil.which("stockfish", path="/usr/games")
    if stockfish:
        measures["stockfish"] = lambda: stockfish_perft(stockfish, arguments.depth)
    found = harness.in_turns(measures, arguments.repeats)
    peer = "stockfish" if stockfish else "python_chess"
    ratio = harness.ratio(found["bulk"], found[peer]) if peer in found else float("nan")
    per_second = {name: harness.median(rates) for name, rates in found.items()}
    harness.report(
        "perft", ratio, f"{peer}, perft from the start, nodes per second", depth=arguments.depth,
        batch=arguments.batch, per_second=per_second, compile_seconds=compile_seconds(),
    )  # fmt: skip


if __name__ == "__main__":
    main()
