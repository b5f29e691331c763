"""Whether moves are drawn as the settings say: a likelihood ratio of the moves played, against other ways to draw them.

An actor draws a move from the search's policy at a temperature that falls from ply to ply, all of which rows and
settings tell. So the probability of every move is known, and how many times as likely another way makes the same moves
is an e-value for each actor. The move played is the one that leads to the next row's position.
"""

from __future__ import annotations

import numpy as np

from games.base import Game
from selfplay.alphazero.config import ActorConfig
from selfplay.drift.detectors import evalues

MOST_STEPS = 3_000  # moves tried out in a batch, to find those played
COLD = 0.02  # below this temperature the search's own choice is played
KEPT = 0.05  # of the expected way in each other way: no move counts for more than 20 times against one
CAP = 9.0  # of a move's logarithm of the ratio, since a move may have no probability at all
WAYS = ("drawn evenly from all legal moves", "always the most visited one", "drawn at the first ply's temperature",
        "drawn at the final temperature")  # fmt: skip


def temperature(config: ActorConfig, plies: np.ndarray) -> np.ndarray:
    """[M] float64, of the move after so many searched plies [M]."""
    fall = 0.5 ** (plies / config.temperature_half_life)
    return config.final_temperature * (1 - fall) + config.temperature * fall


def log_ratios(game: Game, rows: np.ndarray, config: ActorConfig) -> tuple[np.ndarray, int]:
    """([len(WAYS)] logarithm of how many times as likely each other way makes the moves of rows [M] as the expected
    one; how many moves that are)."""
    ply = rows["ply"].astype(np.int64)
    width = rows["policy"].shape[1]
    ahead = temperature(config, ply)
    cut = (rows["actions"][:, -1] != -1) if width < game.max_legal_actions else np.zeros(len(rows), bool)
    follow = np.zeros(len(rows), bool)
    follow[1:] = (ply[:-1] == ply[1:] + 1) & (ahead[1:] > COLD) & ~cut[1:]
    choice = (rows["actions"] >= 0).sum(1) > 1
    before = np.flatnonzero(follow & choice)[: MOST_STEPS // width]
    if not len(before):
        return np.zeros(len(WAYS)), 0
    played, known = _played(game, rows, before)
    before, played = before[known], played[known]
    if not len(before):
        return np.zeros(len(WAYS)), 0
    policy, legal = rows["policy"][before].astype(np.float64), rows["actions"][before] >= 0
    expected = _drawn(policy, ahead[before])
    most = (policy == policy.max(axis=1, keepdims=True)).astype(np.float64)
    others = (
        legal / legal.sum(1, keepdims=True),
        most / most.sum(1, keepdims=True),
        _drawn(policy, np.full(len(before), config.temperature)),
        _drawn(policy, np.full(len(before), config.final_temperature)),
    )
    own = (expected * played).sum(1)
    found = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for other in others:
            log = np.log(((1 - KEPT) * (other * played).sum(1) + KEPT * own) / own)
            found.append(np.nan_to_num(np.minimum(log, CAP), nan=0.0).sum())
    return np.array(found), len(before)


def _drawn(policy: np.ndarray, temperatures: np.ndarray) -> np.ndarray:
    """[M, K] probabilities of moves drawn from policies [M, K] at temperatures [M]."""
    weights = policy / policy.max(axis=1, keepdims=True)
    weights = weights ** (1 / np.maximum(temperatures, 1e-3))[:, None]
    drawn: np.ndarray = weights / weights.sum(axis=1, keepdims=True)
    return drawn


def _played(game: Game, rows: np.ndarray, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """([N, K] bool: which of the listed moves of rows `before` [N] lead to the position of the row in front of each;
    [N] whether any does)."""
    actions = rows["actions"][before]
    at, slot = np.nonzero(actions >= 0)
    after = game.step(rows["state"][before[at]], actions[at, slot].astype(np.int64)).states
    same = game.key(after) == game.key(rows["state"][before - 1])[at]
    played = np.zeros(actions.shape, bool)
    played[at[same], slot[same]] = True
    known = np.asarray(played.any(axis=1))
    return played, known


def e_value(logs: np.ndarray) -> tuple[float, str]:
    """(logarithm of the mean over the ways; the way that makes the moves likeliest)."""
    return evalues.log_mean(logs.tolist()), WAYS[int(logs.argmax())]
