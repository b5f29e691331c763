"""The agent: plays matches by arithmetic, so that every figure is exact."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from rock_paper_scissors import actor, loss, network
from selfplay.agent import Agent, unwatched
from selfplay.display import Display, RateSpec
from selfplay.league.config import PoolConfig
from selfplay.learning.config import LearnerConfig, MiningConfig, ReplayConfig
from selfplay.learning.learner import Update
from selfplay.loop.config import RunConfig
from selfplay.types import Batch, MatchResult, Status, Watch, Weights

REPLAY = ReplayConfig(samples_per_insert=20, window_min=64, window_fraction=1e-6, learn_after=1)
LEARNER = LearnerConfig(
    batch_size=64, learning_rate=0.9, final_learning_rate=0.9, optimizer="sgd", ema_decay=0.0, weight_decay=0.0
)
RUN = RunConfig(generations=30, generation_rows=64, rollout_rows=64, evaluate_every=1_000)


@dataclass(frozen=True)
class Config:
    """Every setting of a run. By default a generation forgets all rows but its own and learns a best response."""

    replay: ReplayConfig = REPLAY
    mining: MiningConfig = field(default_factory=MiningConfig)
    learner: LearnerConfig = LEARNER
    pool: PoolConfig = field(default_factory=PoolConfig)
    run: RunConfig = RUN


class Thrower(Agent):
    """See `selfplay.agent.Agent`."""

    roles = (actor.ROLE,)
    row_dtype = loss.ROW
    display = Display(rows="throws", rates=(RateSpec("games"),))

    def __init__(self, config: Config) -> None:
        self.config = config

    def identity(self) -> dict[str, Any]:
        return {"family": "rock-paper-scissors"}

    def updates(self) -> tuple[Update, ...]:
        return (Update(actor.ROLE, network.Worth(), loss.squared_error),)

    def make_actor(self, index: int, seed: int) -> actor.Actor:
        return actor.Actor(index, seed)

    def make_batch(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        return {"opponent": torch.from_numpy(rows["opponent"].copy())}

    def play_match(self, row: Weights, column: Weights, seed: int) -> MatchResult:
        one, other = (network.mixture(weights[actor.ROLE]["points"]) for weights in (row, column))
        return MatchResult(float(one @ network.POINTS @ other), 100.0, 0.0)

    def evaluate(self, weights: Weights, first: Weights, watch: Watch = unwatched) -> dict[str, float]:
        return {"exploitability": exploitability(network.mixture(weights[actor.ROLE]["points"]))}

    def pictures(self, weights: Weights) -> dict[str, np.ndarray]:
        shares = network.mixture(weights[actor.ROLE]["points"])
        return {"mixture": np.repeat((255 * shares).round().astype(np.uint8)[None, :, None], 3, axis=2)}

    def alarms(self, status: Status) -> dict[str, str]:
        return {"rock": "rock is not everything."} if status.generation >= 2 else {}

    def buckets(self, rows: np.ndarray) -> np.ndarray:
        return rows["opponent"].astype(np.int64)

    def difficulty(self, weights: Weights, rows: np.ndarray) -> np.ndarray:
        shares = network.mixture(weights[actor.ROLE]["points"])
        return np.asarray(1 - (shares @ network.POINTS)[rows["opponent"]])


def exploitability(shares: np.ndarray) -> float:
    """Points a game that the best action gains against a mixture [3], beyond the ½ of an even game; in [0, ½]."""
    return float((network.POINTS @ shares).max() - 0.5)
