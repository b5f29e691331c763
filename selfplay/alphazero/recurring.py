"""Positions that recur in the replay: which rows are of one position, mirror images taken as one, and what of them is
averaged. The averaging is `selfplay.learning.recurring`'s."""

from __future__ import annotations

from functools import partial

import numpy as np

from games.base import Game
from selfplay.alphazero import loss
from selfplay.alphazero.config import TargetConfig
from selfplay.learning.recurring import Recurrence

AVERAGED = {"off": (), "values": ("outcome", "search_wdl"), "all": ("outcome", "search_wdl", "policy")}


def recurrence(game: Game, config: TargetConfig, moves_left: bool = False) -> Recurrence | None:
    """What the settings ask for; None where each row counts. moves_left: whether rows say how many plies were left."""
    if config.average_recurring == "off" and config.recurring_power == 1:
        return None
    averaged: tuple[str, ...] = AVERAGED[config.average_recurring]
    if game.max_legal_actions > loss.MAX_POLICY_TARGETS:  # rows of one position may keep different actions
        averaged = tuple(name for name in averaged if name != "policy")
    if averaged and moves_left:
        averaged = (*averaged, "moves_left")
    return Recurrence(partial(canonical, game), averaged, config.recurring_power)


def canonical(game: Game, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rows [M], each turned by the symmetry that gives its position the least key; these keys [M] uint64)."""
    keys, best = game.key(rows["state"]), np.zeros(len(rows), np.int64)
    for symmetry in range(1, game.num_symmetries):
        turned = game.key(game.symmetric_states(rows["state"], np.full(len(rows), symmetry)))
        less = turned < keys
        keys[less], best[less] = turned[less], symmetry
    moved = np.flatnonzero(best)
    if not len(moved):
        return rows, keys
    found, turns = rows.copy(), best[moved]
    found["state"][moved] = game.symmetric_states(rows["state"][moved], turns)
    actions = game.symmetric_actions(rows["actions"][moved], turns)
    order = np.argsort(np.where(actions < 0, game.num_actions, actions), axis=1, kind="stable")  # the padding last
    found["actions"][moved] = np.take_along_axis(actions, order, axis=1)
    found["policy"][moved] = np.take_along_axis(rows["policy"][moved], order, axis=1)
    return found, keys
