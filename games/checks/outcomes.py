"""Checks of how games end: rewards, heuristics, exact values and random play must agree. Knows no game.

They belong to the list of `games.checks.contract`.
"""

from __future__ import annotations

import numpy as np

import games
from games import base
from games.checks.answers import require, require_kind
from games.checks.random_play import Sample, same
from games.knowledge import Knowledge


def heuristics_stay_in_range(game: base.Game, sample: Sample) -> None:
    worth = games.facet(game, Knowledge).heuristic(sample.states)
    require_kind("heuristic", worth, (len(sample.states),), np.float32)
    require(np.abs(worth) <= 1, game, sample.states, "heuristic is outside [-1, 1]")


def playouts_are_the_games_of_the_contract(game: base.Game, sample: Sample) -> None:
    """By position and seed, whatever else is in the batch: draw for draw those that `Game.playouts` of `base` plays."""
    states = sample.some(len(sample.games))
    seeds, backwards = np.arange(len(states), dtype=np.uint64), slice(None, None, -1)
    kept, kept_seeds, plies = states.copy(), seeds.copy(), np.ones(len(states), dtype=np.int64)
    outcome = game.playouts(states, seeds, plies)
    require_kind("playouts", outcome, (len(states),), np.int8)
    require(same(states, kept) & (seeds == kept_seeds), game, kept, "playouts change their input")
    expected_plies = np.ones(len(states), dtype=np.int64)
    expected = base.Game.playouts(game, states, seeds, expected_plies)
    require(outcome == expected, game, states, "playouts have other outcomes than the contract's")
    require(plies == expected_plies, game, states, "playouts have other lengths than the contract's")
    require(~states["terminal"] | (plies == 1), game, states, "playouts go on where the game is over")
    again = game.playouts(states[backwards], seeds[backwards])
    require(again[backwards] == outcome, game, states, "playouts depend on what else is in the batch")
