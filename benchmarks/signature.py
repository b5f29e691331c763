"""One number a game, from fixed searches: a refactor leaves it alone; a change of behaviour gives the new one, and why.

    python -m benchmarks.signature              # prints {"tic-tac-toe": …, "connect-four": …, …}
    python -m benchmarks.signature > tests/golden/signature.json

The number is a checksum of the visit counts, moves and proofs that PUCT, Gumbel and UCT searches find in positions of
random games, with and without proofs and noise, on a fresh tree and on one that is carried on to the next move.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Iterator

import numpy as np

import games
from games import base
from games.checks import random_play
from selfplay.search.config import SearchConfig
from selfplay.search.evaluators import HashEvaluator
from selfplay.search.search import Search

SIMULATIONS = 64
CONFIGS = [
    SearchConfig(policy="puct"),
    SearchConfig(policy="puct", solve=False),
    SearchConfig(policy="gumbel", max_num_considered_actions=8),
    SearchConfig(policy="gumbel", max_num_considered_actions=8, solve=False),
    SearchConfig(policy="uct"),
    SearchConfig(policy="uct", solve=False),
]


def signature(game: base.Game, seed: int = 0, count: int = 16) -> int:
    """32-bit checksum of searches in `count` positions, each searched, played on and searched again."""
    rng = np.random.default_rng(seed)
    played = [record for record in random_play.random_games(game, rng, 2 * count) if len(record.actions) > 2][:count]
    states = np.array([record.states[rng.integers(len(record.actions))] for record in played], dtype=game.state_dtype)
    checksum = 0
    for config in CONFIGS:
        for noisy in (False, True):
            for found in _two_moves(game, config, states, seed, noisy):
                checksum = zlib.crc32(np.ascontiguousarray(found, dtype="<i4").tobytes(), checksum)
    return checksum


def _two_moves(
    game: base.Game, config: SearchConfig, states: np.ndarray, seed: int, noisy: bool
) -> Iterator[np.ndarray]:
    """What is found in each position, and after the most visited move wherever the game goes on."""
    running, evaluate = Search(game, len(states), config, SIMULATIONS), HashEvaluator(game, seed)
    noise = [np.random.default_rng((seed, row)) for row in range(len(states))] if noisy else None
    rows = np.arange(len(states))
    running.reset_root(rows, states, SIMULATIONS, noise)
    for last in (False, True):
        while len(running.finished()) < len(rows):
            leaves = running.leaves()
            if len(leaves.rows):
                running.expand(leaves, *evaluate(leaves))
        found = running.results(rows)
        yield from (found.actions, found.visits, found.proven, found.play)
        if last:
            return
        moves = found.actions[np.arange(len(rows)), found.visits.argmax(axis=1)]
        going = ~game.step(states, moves).states["terminal"]
        running.stop(rows[~going])
        rows, noise = rows[going], [noise[row] for row in rows[going]] if noise else None
        running.advance(rows, moves[going], SIMULATIONS, noise)


def signatures() -> dict[str, int]:
    return {name: signature(games.make(name)) for name in games.available()}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(signatures()) + "\n")
