"""OpenSpiel: the Python search that its AlphaZero plays with (MCTSBot, PUCT, Dirichlet noise), one game and one
position at a time; positions that were evaluated before are remembered, as there. `setup.sh openspiel` makes its
environment.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any

import jax_network
import numpy as np
import protocol
import pyspiel
from open_spiel.python.algorithms import mcts
from open_spiel.python.utils import lru_cache

CACHE = 2**16  # positions, as its AlphaZeroEvaluator


class Evaluator(mcts.Evaluator):
    """The network, with a cache, as OpenSpiel's AlphaZeroEvaluator."""

    def __init__(self, network: jax_network.OneAtATime, shape: tuple[int, ...]) -> None:
        self._network, self._shape = network, shape
        self._cache = lru_cache.LRUCache(CACHE)

    def _inference(self, state: Any) -> tuple[np.ndarray, float]:
        planes = np.asarray(state.observation_tensor(), np.float32).reshape(self._shape)
        found: tuple[np.ndarray, float] = self._cache.make(
            planes.tobytes(), lambda: self._network(planes.transpose(1, 2, 0))
        )
        return found

    def evaluate(self, state: Any) -> np.ndarray:
        value = self._inference(state)[1]
        return np.array([value, -value])

    def prior(self, state: Any) -> list[tuple[int, float]]:
        policy = self._inference(state)[0]
        return [(action, policy[action]) for action in state.legal_actions()]


def main() -> None:
    game = pyspiel.load_game("connect_four")
    planes, rows, columns = game.observation_tensor_shape()
    network = jax_network.OneAtATime((rows, columns, planes))

    def prepare(simulations: int) -> protocol.Play:
        rng = np.random.RandomState(1)
        bot = mcts.MCTSBot(
            game, 1.5, simulations, Evaluator(network, (planes, rows, columns)), random_state=rng, solve=False,
            dirichlet_noise=(0.25, 1.0), child_selection_fn=mcts.SearchNode.puct_value,
        )  # fmt: skip
        state = game.new_initial_state()

        def play() -> tuple[float, float]:
            nonlocal state
            before = network.evaluations
            root = bot.mcts_search(state)
            visits = np.array([child.explore_count for child in root.children], np.float64)
            state.apply_action(root.children[rng.choice(len(visits), p=visits / visits.sum())].action)
            if state.is_terminal():
                state = game.new_initial_state()
            return 1.0, float(network.evaluations - before)

        play()
        return play

    versions = {name: metadata.version(name) for name in ("open_spiel", "jax", "dm-haiku")}
    protocol.serve({"batch": 1, "versions": versions}, prepare)


if __name__ == "__main__":
    main()
