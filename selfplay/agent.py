"""The contract of a family of agents: what the loop asks of an agent, and of the actors that it makes.

A family subclasses `Agent`: nine members are required, the rest have defaults. Names no family.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np

from selfplay.display import Display
from selfplay.drift.monitor import Observer
from selfplay.learning.learner import Update
from selfplay.learning.recurring import Recurrence
from selfplay.types import Batch, MatchResult, Status, Watch, Weights


def unwatched(done: float) -> bool:
    """A `Watch` of an evaluation that may take as long as it takes."""
    return True


class Actor(Protocol):
    """Makes experience with the weights it was given last."""

    def set_weights(self, weights: Weights, generation: int, opponent_weights: Weights | None) -> None:
        """Goes on with `weights`. opponent_weights: what to play against, by role, each network as it was in the
        generation that was drawn for it; None while there is no opponent."""

    def generate(self, min_rows: int) -> tuple[np.ndarray, dict[str, float]]:
        """(rows [M >= min_rows] of the agent's row_dtype, sums of what was done since the last call). The rows are the
        caller's: no later call changes them. The sum "games" counts finished games."""

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """All that `load_state` needs to go on exactly, as arrays and JSON values."""

    def load_state(self, arrays: Mapping[str, np.ndarray], rest: Mapping[str, Any]) -> bool:
        """Goes on from there; `set_weights` must follow. False, changing nothing, where the settings no longer fit."""

    # ended: str, which an actor may have whose data can come to an end, and which works in the learner's process: a
    # sentence, once there are no more rows, after which the run ends; empty before.
    # Two attributes that an actor may have, and should where a call takes longer than some seconds:
    # progress: int, which rises while it works. An actor on Ray that stands still is taken for hung.
    # should_stop: () -> bool, which the loop sets. Once it is true, `generate` returns what rows it has, at once.


class Agent(ABC):
    """One kind of agent with its configuration: one network that plays itself, two that play each other, …

    It holds no weights and never changes, so that it can be pickled at any time: it travels to the machines where
    actors run.
    """

    # -- required ------------------------------------------------------------------------------------------

    roles: tuple[str, ...]
    """Networks, of `updates`, that play matches: one that plays itself, two that play each other, or none."""

    row_dtype: np.dtype
    """Of one row of experience."""

    config: Any
    """Frozen dataclass with at least the sections run, replay, mining, pool and learner."""

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """What checkpoints say of the agent: family, game, versions, network; equal for weights that fit."""

    @abstractmethod
    def updates(self) -> tuple[Update, ...]:
        """Freshly initialised networks and their losses, in the order they learn."""

    @abstractmethod
    def make_actor(self, index: int, seed: int) -> Actor:
        """Actor number `index`; its random streams depend on both numbers."""

    @abstractmethod
    def make_batch(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        """What the losses take, from rows [B]."""

    @abstractmethod
    def evaluate(self, weights: Weights, first: Weights, watch: Watch = unwatched) -> dict[str, float]:
        """Metrics of strength, by name; deterministic unless `watch` cuts it short. first: the weights that the run
        began with."""

    @abstractmethod
    def play_match(self, row: Weights, column: Weights, seed: int) -> MatchResult:
        """A match of the first role, with the weights `row`, against the last role, with `column`; a function of its
        arguments."""

    # -- with defaults -------------------------------------------------------------------------------------

    display: ClassVar[Display] = Display()
    """How the metrics, losses and rates are shown; which of the actors' sums are shown as rates."""

    counts_evaluations: ClassVar[bool] = False
    """Whether the actors' sums have "evaluations", so that a budget can be measured in them."""

    @property
    def shares_inference(self) -> bool:
        """Whether actors in processes of their own let others evaluate their networks, so that they need no GPU.
        Default: no."""
        return False

    def details(self) -> dict[str, Any]:
        """What else a checkpoint records, such as the search settings it was trained with. Default: nothing."""
        return {}

    def at(self, generation: int) -> Agent:
        """This agent as it measures in a generation, for families whose data change with time: `evaluate`,
        `play_match` and `pictures` then go by the data of that time. Default: itself."""
        return self

    def unlike(self, saved: Mapping[str, Any]) -> str:
        """What tells the agent of a run in progress, whose identity was `saved`, from this one, as the end of "holds a
        run …"; empty where this one can go on in its place. Default: the first entry that is not equal."""
        for key, value in self.identity().items():
            if saved.get(key) != value:
                return f"whose {key} is {json.dumps(saved.get(key))}, not {json.dumps(value)}"
        return ""

    def adapt_rows(self, rows: np.ndarray) -> np.ndarray | None:
        """Rows [M] of a session whose settings gave rows another layout, as rows of `row_dtype`; None where they cannot
        be. Default: None."""
        return None

    def recurrence(self) -> Recurrence | None:
        """How rows recur, where rows of equal keys are to be averaged or drawn less often. Default: each row counts."""
        return None

    def buckets(self, rows: np.ndarray) -> np.ndarray:
        """[M] int64: the bucket of each of rows [M], for hard-example mining. Default: one bucket, which turns mining
        into even draws."""
        return np.zeros(len(rows), np.int64)

    def sound(self, rows: np.ndarray) -> np.ndarray:
        """[M] bool: which of rows [M], whose numbers are all finite, may be learned from; the others are left out and
        counted. Default: all."""
        return np.ones(len(rows), bool)

    def difficulty(self, weights: Weights, rows: np.ndarray) -> np.ndarray:
        """[M] float64 ≥ 0: how badly these weights do on each of rows [M], for hard-example mining. Default: 0."""
        return np.zeros(len(rows))

    def fit(self, weights: Weights, rows: np.ndarray) -> float:
        """How well these weights fit rows [M], M ≥ 1: the higher, the better. Chooses the earlier generation to go
        back to when data return to what they were. Default: minus the mean of `difficulty`."""
        return -float(np.mean(self.difficulty(weights, rows)))

    def refit(self, weights: Weights, rows: np.ndarray) -> tuple[Weights, float] | None:
        """(These weights with an output layer that is fitted anew to rows [M], M ≥ 1; what `fit` would be of weights so
        made, on rows that they have not seen), None where rows are too few. Default: None, no layer is fitted by
        itself."""
        return None

    def without_opponents(self) -> str:
        """Why it changes nothing of what is learned which earlier generations are drawn as opponents, as the end of "…,
        since"; empty where it does. Default: without roles there are no opponents."""
        return "" if self.roles else "this family plays against nobody"

    def pictures(self, weights: Weights) -> dict[str, np.ndarray]:
        """Images [R, C, 3] uint8 by name; deterministic. Default: none."""
        return {}

    def alarms(self, status: Status) -> dict[str, str]:
        """Sentences for the user when something looks wrong, by the name of the alarm, each of which is shown once a
        session; asked at the end of every generation. Default: none."""
        return {}

    def observer(self) -> Observer | None:
        """A new observer of a run, which watches it for drift. Default: none."""
        return None

    def is_solved(self, metrics: Mapping[str, float]) -> bool:
        """Whether these metrics say that nothing is left to learn, so that the run may end. Default: never."""
        return False

    def warm_up(self) -> None:
        """Compiles what is compiled on first use, so that actors started later find it cached. Default: nothing."""
        return None
