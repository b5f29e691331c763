"""Rows of connect-four games made without a network: policies by lot, moves drawn from them as an actor draws them,
values that know a little of the outcome and are sure before the last move."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import tiny

import games
from selfplay.alphazero import loss
from selfplay.alphazero.config import ActorConfig, AlphaZeroConfig
from selfplay.alphazero.monitors import moves, openings
from selfplay.types import SampleBatch

GAME = games.make("connect-four")
ACTOR = ActorConfig(
    concurrent_games=8, num_simulations=8, random_opening_plies=6, temperature=1.0, final_temperature=0.2
)
CONFIG: AlphaZeroConfig = replace(tiny.CONFIG, game="connect-four", actor=ACTOR)


def rows_of(
    count: int, seed: int, played: ActorConfig = ACTOR, start: np.ndarray | None = None, generation: int = 0,
    evenly: bool = False,
) -> np.ndarray:  # fmt: skip
    """Rows [M] of `count` games. played: the settings that moves are really drawn by; evenly: they are drawn from all
    legal ones. start: the position that all games start from."""
    rng = np.random.default_rng(seed)
    states = openings.starts(GAME, played.random_opening_plies, count, rng)
    if start is not None:
        states = np.repeat(start, count)
    dtype = loss.row_dtype(GAME)
    kept: list[list[np.ndarray]] = [[] for _ in range(count)]
    rewards: list[list[tuple[float, float]]] = [[] for _ in range(count)]
    going, ply = np.arange(count), 0
    while len(going):
        rows = np.zeros(len(going), dtype)
        actions, number = GAME.legal_actions(states[going])
        legal = actions >= 0
        weights = np.where(legal, rng.gamma(0.5, size=actions.shape), 0) + np.where(legal, 1e-6, 0)
        policy = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
        rows["state"], rows["actions"], rows["policy"] = states[going], actions, policy
        rows["ply"], rows["generation"] = ply, generation
        drawn = moves._drawn(policy.astype(np.float64), moves.temperature(played, np.full(len(going), ply)))
        if evenly:
            drawn = legal / number[:, None]
        slot = np.minimum((drawn.cumsum(1) <= rng.random((len(going), 1))).sum(1), number - 1)
        step = GAME.step(states[going], actions[np.arange(len(going)), slot])
        for place, game in enumerate(going):
            kept[game].append(rows[place : place + 1])
            rewards[game].append((float(step.reward[place]), float(step.discount[place])))
        states[going] = step.states
        going, ply = going[step.discount != 0], ply + 1
    return np.concatenate([_finished(kept[game], rewards[game], rng) for game in range(count)])


def _finished(kept: list[np.ndarray], rewards: list[tuple[float, float]], rng: np.random.Generator) -> np.ndarray:
    rows, outcome = np.concatenate(kept), 0.0
    for place, (reward, discount) in reversed(list(enumerate(rewards))):
        outcome = rows["outcome"][place] = reward + discount * outcome
    value = np.clip(0.4 * rows["outcome"] + 0.2 * rng.normal(size=len(rows)), -0.9, 0.9)
    value[-1] = rows["outcome"][-1]
    rows["search_wdl"] = np.stack([(1 + value) / 2, np.zeros(len(rows)), (1 - value) / 2], axis=1)
    return rows[::-1]


def batch(rows: np.ndarray, actor: int = 0, number: int = 2, generation: int = 0) -> SampleBatch:
    return SampleBatch(rows, {}, generation, (actor, actor, number))
