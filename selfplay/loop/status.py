"""Where a run stands: what a panel shows, and what is written down. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Status:
    """Where the run stands; what a panel shows."""

    generation: int = 0
    steps: int = 0
    rows: int = 0
    games: int = 0  # matches of two sides, as the actors count them
    seconds: float = 0.0  # wall time spent, over all sessions
    progress: float = 0.0  # share of the budget used, in [0, 1]
    phase: str = "starting"
    generation_progress: float = 0.0  # share of this generation's rows
    window: int = 0
    rates: dict[str, float] = field(default_factory=dict)  # since the last publication, as the agent names them
    losses: dict[str, float] = field(default_factory=dict)  # mean over the last generation
    figures: dict[str, float] = field(default_factory=dict)  # of the last measurement
    history: list[tuple[int, dict[str, float]]] = field(default_factory=list)  # (generation, figures)
    notes: list[str] = field(default_factory=list)  # sentences for the user, newest last
