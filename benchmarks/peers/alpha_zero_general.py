"""alpha-zero-general: its connect four and its MCTS, in Python, one game and one position at a time.

It is on no package index: the environment variable ALPHA_ZERO_GENERAL names a checkout of yours. `setup.sh
alpha-zero-general` makes its environment.
"""

from __future__ import annotations

import os
import sys
from importlib import metadata
from types import SimpleNamespace

import jax_network
import numpy as np
import protocol

sys.path.insert(0, os.environ["ALPHA_ZERO_GENERAL"])
vars(np)["int"] = int  # of NumPy before 1.24, which its boards ask for

from connect4.Connect4Game import Connect4Game  # noqa: E402
from MCTS import MCTS  # noqa: E402


class Network:
    """What its MCTS asks of a network: `predict`."""

    def __init__(self) -> None:
        self.network = jax_network.OneAtATime((6, 7, 1))

    def predict(self, board: np.ndarray) -> tuple[np.ndarray, float]:
        return self.network(np.asarray(board, np.float32)[:, :, None])


def main() -> None:
    game, net = Connect4Game(), Network()

    def prepare(simulations: int) -> protocol.Play:
        rng = np.random.default_rng(1)
        settings = SimpleNamespace(numMCTSSims=simulations, cpuct=1.0)
        search, board, player = MCTS(game, net, settings), game.getInitBoard(), 1

        def play() -> tuple[float, float]:
            nonlocal search, board, player
            before = net.network.evaluations
            policy = search.getActionProb(game.getCanonicalForm(board, player), temp=1)
            board, player = game.getNextState(board, player, rng.choice(len(policy), p=policy))
            if game.getGameEnded(board, player) != 0:  # a new tree for a new game, as in its Coach
                search, board, player = MCTS(game, net, settings), game.getInitBoard(), 1
            return 1.0, float(net.network.evaluations - before)

        play()
        return play

    versions = {name: metadata.version(name) for name in ("jax", "dm-haiku", "numpy")}
    protocol.serve({"batch": 1, "versions": versions}, prepare)


if __name__ == "__main__":
    main()
