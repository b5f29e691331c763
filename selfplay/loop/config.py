"""Settings of a run: its length, its generations, its seed and its actors. Knows no family, and loads no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True)
class RunConfig:
    """Length of a run and of its generations, seed and actors."""

    seed: Annotated[int, Meta(ge=0, le=2**62)] = 1
    """Everything random in the run follows from it."""

    minutes: Annotated[float, Meta(gt=0, le=10_000_000)] | None = None
    """Budget in minutes of wall time, over all sessions; None: not limited by time."""

    generations: Annotated[int, Meta(ge=1, le=999_999)] | None = None
    """Budget in generations; None: not limited by generations."""

    evaluations: Annotated[int, Meta(ge=1, le=10**15)] | None = None
    """Budget in positions that the network evaluates while it plays to learn, which is most of the work and the same on
    every machine; the last rollout is learned from too. None: not limited by them."""

    schedule_generations: Annotated[int, Meta(ge=1, le=999_999)] | None = None
    """Generations in which schedules, of the learning rate and of penalties, go from their beginning to their end,
    where they stay: for data that change while they are learned, in a run without an end. None: the whole budget."""

    generation_rows: Annotated[int, Meta(ge=1, le=10**9)] = 20_000
    """New rows that make a generation; more where many actors play, 400 for each."""

    rollout_rows: Annotated[int, Meta(ge=1, le=10**9)] = 1_000
    """Rows an actor collects before it sends them to the learner; fewer where all actors at once would make more than
    half a generation."""

    evaluate_every: Annotated[int, Meta(ge=1, le=999_999)] = 5
    """Generations between two evaluations; the last one is always evaluated."""

    stop_when_solved: bool = False
    """End the run as soon as two evaluations in a row find no mistake."""

    actors: Annotated[int, Meta(ge=0, le=4096)] = 0
    """Processes that play (on Ray); 0: play in this process."""

    actor_gpus: Annotated[float, Meta(ge=0, le=16)] | None = None
    """Share of a GPU that each Ray actor asks for; 0: actors compute on the CPU and see no GPU; None: those on a node
    with GPUs share them evenly, but for the learner's (one of several, half of a single one), others have none."""
