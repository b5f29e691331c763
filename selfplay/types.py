"""Types that the loop, its parts and the families of agents share: plain data, and names for what networks exchange.

Loads neither torch nor NumPy, and knows nothing of what the numbers mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    import torch

Weights: TypeAlias = "dict[str, dict[str, torch.Tensor]]"
"""State of an agent's networks: name of the network → its state_dict, tensors on the CPU."""

Batch: TypeAlias = "Mapping[str, torch.Tensor]"
"""What losses take: tensors by name, on the learner's device."""

Loss: TypeAlias = "Callable[[torch.nn.Module, Batch, float], tuple[torch.Tensor, dict[str, torch.Tensor]]]"
"""(module, batch, progress in [0, 1]) → (scalar loss to descend, named scalars to report)."""


Watch: TypeAlias = "Callable[[float], bool]"
"""What an evaluation calls again and again, several times a second where it can, with the share of it that is done, in
[0, 1]. False: its time is up, and what was measured so far is to be returned."""


class SampleBatch(NamedTuple):
    """What one actor made in one call."""

    rows: np.ndarray  # [M] of the agent's row_dtype, whole games only
    stats: dict[str, float]  # sums of what was done, see `agent.Actor.generate`
    generation: int  # of the weights in use at the end
    source: tuple[int, int, int] = (0, 0, 0)  # actor; processes started before its own; its calls so far, from 1


class MatchResult(NamedTuple):
    """Outcome of a match between two players."""

    score: float  # of the row player, points a game, in [0, 1]
    games: float  # n > 0
    variance: float | None  # of the score as an estimate; None: that of n independent wins and losses


@dataclass
class Status:
    """State of a run as a panel shows it."""

    generation: int = 0
    steps: int = 0
    rows: int = 0
    games: int = 0  # matches of two sides, as the actors count them
    evaluations: int = 0  # positions that a network evaluated while it played to learn, as the actors count them
    seconds: float = 0.0  # wall time spent, over all sessions
    progress: float = 0.0  # share of the budget used, in [0, 1]
    phase: str = "starting"
    generation_progress: float = 0.0  # share of this generation's rows
    window: int = 0  # rows in the replay's window
    rates: dict[str, float] = field(default_factory=dict)  # since the last publication, as the agent names them
    losses: dict[str, float] = field(default_factory=dict)  # mean over the last generation
    metrics: dict[str, float] = field(default_factory=dict)  # of the last evaluation
    history: list[tuple[int, dict[str, float]]] = field(default_factory=list)  # (generation, metrics)
    watched: int = 0  # streams that are watched for drift
    alarms: int = 0  # of drift, so far
    drifted: str = ""  # the last alarm or action, in a few words
    notes: list[str] = field(default_factory=list)  # sentences for the user, newest last
