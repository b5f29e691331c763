"""How games of self-play end before the rules end them: scored when they go on for too long, or proven by search."""

from __future__ import annotations

import numpy as np

import games
from games.base import Game, Step
from games.knowledge import Knowledge
from selfplay.alphazero.config import ActorConfig
from selfplay.search.search import Results

Ending = tuple[np.ndarray, np.ndarray, np.ndarray]
"""reward, discount [M] float32 of moves, as of `Step`, and [M] bool: which of them end their game early."""


def adjudicated(game: Game, config: ActorConfig, step: Step, plies: np.ndarray) -> Ending:
    """Games that went on for too long, plies [M] searched before this move, are over and scored by their heuristic."""
    limit = config.adjudicate_after
    if limit is None or (plies + 1 < limit).all():
        return step.reward, step.discount, np.zeros(len(plies), np.bool_)
    lead = games.facet(game, Knowledge).heuristic(step.states)
    open_yet = (np.abs(lead) < config.adjudicate_below) | (plies + 1 >= 2 * limit)
    late = (step.discount != 0) & (plies + 1 >= limit) & open_yet
    score = config.adjudication_scale * step.discount * lead
    return np.where(late, score, step.reward), np.where(late, 0, step.discount), late


def proven(ending: Ending, results: Results, rngs: list[np.random.Generator], share: float) -> Ending:
    """Of the games whose position before the move is proven, this share is over, with the proven result. rngs: [M] of
    the games, each of which gives one number."""
    reward, discount, _ = ending
    draws = np.array([rng.random() for rng in rngs])
    early = results.exact & (discount != 0) & (draws < share)
    return np.where(early, results.value, reward), np.where(early, 0, discount), early
