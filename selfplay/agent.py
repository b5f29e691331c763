"""What the loop asks of a family of agents, and of the actors that it makes. It names no family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from selfplay.learning.learner import Update
from selfplay.types import Batch, MatchResult, Status, Weights


class Actor(Protocol):
    """Makes experience with the weights it was given last."""

    def set_weights(self, weights: Weights, generation: int, past: Weights | None) -> None:
        """Goes on with `weights`; `past` holds what to play against, by player, if anything: each network as it was in
        the generation that was drawn for it."""

    def generate(self, min_rows: int) -> tuple[np.ndarray, dict[str, float]]:
        """(rows [M >= min_rows] of the agent's row_dtype, sums of what was done since the last call)."""

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """All that `load_state` needs to go on exactly, as arrays and JSON values."""

    def load_state(self, arrays: Mapping[str, np.ndarray], rest: Mapping[str, Any]) -> bool:
        """Goes on from there; `set_weights` must follow. False, changing nothing, where the settings no longer fit."""


class Agent(Protocol):
    """One kind of agent with its configuration: one network that plays itself, two that play each other, …

    Picklable and cheap to make: it travels to the machines where actors run.
    """

    roles: tuple[str, ...]  # players that meet others, of `updates`: one that meets itself, or two that meet each other
    row_dtype: np.dtype
    per_second: tuple[str, ...]  # sums of the actors' that are shown per second
    ratios: Mapping[str, tuple[str, str]]  # and those that are shown as a ratio of two: name → (part, whole)
    config: Any  # frozen dataclass with at least .run, .replay, .mining, .pool, .learner

    def identity(self) -> dict[str, Any]:
        """What checkpoints say of the agent: family, game, versions, network; equal for weights that fit."""

    def details(self) -> dict[str, Any]:
        """What else whoever uses a checkpoint wants to know, such as the search settings it was trained with."""

    def updates(self) -> tuple[Update, ...]:
        """Freshly initialised networks and their losses, in the order they learn."""

    def make_actor(self, index: int, seed: int) -> Actor:
        """Actor number `index`; its random streams depend on both numbers."""

    def make_batch(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        """What the losses take, from rows [B]."""

    def set_past(self, past: Weights | None) -> None:
        """What the losses of `updates` play against from now on, where they play against anything; as for actors."""

    def meet(self, row: Weights, column: Weights, seed: int) -> MatchResult:
        """A match of the first role, with the weights `row`, against the last role, with `column`; it is a function of
        its arguments."""

    def buckets(self, rows: np.ndarray) -> np.ndarray:
        """[M] int64: which bucket each of rows [M] falls into, for `rounds`."""

    def difficulty(self, weights: Weights, rows: np.ndarray) -> np.ndarray:
        """[M] float64 ≥ 0: how badly these weights do on each of rows [M], for `rounds`."""

    def evaluate(self, weights: Weights, first: Weights) -> dict[str, float]:
        """Figures of strength, by name; deterministic. first: the weights that the run began with."""

    def pictures(self, weights: Weights) -> dict[str, np.ndarray]:
        """Images [R, C, 3] uint8 by name, to look at; deterministic."""

    def alarms(self, status: Status) -> list[str]:
        """Sentences for the user, when something looks wrong; asked at the end of every generation."""

    def is_solved(self, figures: Mapping[str, float]) -> bool:
        """Whether those figures say that nothing is left to learn, so that the run may end."""

    def warm_up(self) -> None:
        """Compiles what is compiled on first use, so that actors started later find it cached."""
