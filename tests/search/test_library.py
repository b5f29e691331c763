"""Search on its own: any game, any evaluator, no torch; and mistakes answered in one sentence."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from facets import notation_of

import games
from selfplay.search import evaluators, search
from selfplay.search.config import SearchConfig
from selfplay.search.search import Leaves

TIC_TAC_TOE = games.make("tic-tac-toe")
EXAMPLE = """
import sys
import numpy as np
import games
from selfplay.search import config, evaluators, search

game = games.make("connect-four")
states = game.initial_states(8)

def evaluate(leaves):  # positions -> priors over their legal actions, and win, draw, loss
    prior = (leaves.actions >= 0) / np.maximum(leaves.count, 1)[:, None]
    return prior, np.tile([0.25, 0.5, 0.25], (len(leaves.rows), 1))

found = search.run(game, states, evaluate, config.SearchConfig(), num_simulations=50)
assert found.visits.shape == (8, 7) and (found.visits.sum(axis=1) >= 50).all()
own = search.run(game, states, evaluators.RolloutEvaluator(game), config.SearchConfig(policy="uct"), 100)
assert abs(own.policy.sum(axis=1) - 1).max() < 1e-5
assert not {"torch", "ray", "selfplay.loop"} & set(sys.modules), "search needs none of these"
"""


def test_search_runs_alone_in_fifteen_lines_without_torch() -> None:
    assert len(EXAMPLE.strip().splitlines()) <= 18
    subprocess.run([sys.executable, "-c", EXAMPLE], check=True, timeout=120)


def test_mistakes_of_a_caller_are_one_sentence() -> None:
    uniform, start = evaluators.UniformEvaluator(), TIC_TAC_TOE.initial_states(2)

    def run(states: np.ndarray, evaluate: search.Evaluate = uniform, number: int = 5) -> search.Results:
        return search.run(TIC_TAC_TOE, states, evaluate, SearchConfig(), number)

    with pytest.raises(ValueError, match=r"-5 simulations were asked for: expected 0 .* or more\."):
        run(start, number=-5)
    with pytest.raises(ValueError, match=r"The game is over in the position of row 1"):
        run(np.concatenate([start[:1], notation_of(TIC_TAC_TOE).state_after("14253")]))
    with pytest.raises(ValueError, match=r"tic-tac-toe needs an array \[2\] of its own state_dtype"):
        run(np.zeros(2, dtype=np.float32))
    with pytest.raises(ValueError, match=r"needs an array \[1\]"):
        search.Search(TIC_TAC_TOE, 1, SearchConfig(), 5).reset_root(np.arange(1), start, 5)


def test_an_evaluators_wrong_shapes_are_named_with_those_expected() -> None:
    def evaluate(leaves: Leaves) -> tuple[np.ndarray, np.ndarray]:
        return np.full((len(leaves.rows), 4), 0.25), np.full((len(leaves.rows), 3), 1 / 3)

    with pytest.raises(ValueError, match=r"shapes \[1, 4\] and \[1, 3\]; expected priors \[1, 9\]"):
        search.run(TIC_TAC_TOE, TIC_TAC_TOE.initial_states(1), evaluate, SearchConfig(), 5)
