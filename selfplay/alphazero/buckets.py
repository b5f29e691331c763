"""Buckets for hard-example mining: rows of experience by opening, and how far off a network's values are.

Trains nothing."""

from __future__ import annotations

import numpy as np

from games.base import Game
from selfplay.search.search import Evaluate, Leaves

OPENING_PLIES = 4  # positions after fewer plies than this are told apart
OPENINGS = 64  # buckets that these fall into
LATER = 0  # the bucket of all other rows
BATCH = 1024  # positions evaluated at a time


def buckets(game: Game, rows: np.ndarray) -> np.ndarray:
    """[M] int64 of rows [M]: LATER, or 1 to OPENINGS by the position after fewer than OPENING_PLIES plies.

    By a hash, so that one bucket may hold several openings and no game needs a list of them.
    """
    hashed = (game.key(rows["state"]) >> np.uint64(32)).astype(np.int64) % OPENINGS
    return np.where(rows["ply"] < OPENING_PLIES, 1 + hashed, LATER)


def value_errors(game: Game, evaluate: Evaluate, rows: np.ndarray) -> np.ndarray:
    """[M] float64 in [0, 4]: (win − loss − outcome)², of the evaluator and of how the game went, of rows [M].

    The outcome is one draw of what may follow, so that no value is without error where games are open: a bucket of long
    games is difficult to any agent.
    """
    found = [np.zeros(0)]
    for start in range(0, len(rows), BATCH):
        part = rows[start : start + BATCH]
        actions, count = game.legal_actions(part["state"])
        numbers = np.arange(len(part))
        wdl = evaluate(Leaves(numbers, numbers, part["state"], actions, count))[1].astype(np.float64)
        found.append(np.square(wdl[:, 0] - wdl[:, 2] - part["outcome"]))
    return np.concatenate(found)
