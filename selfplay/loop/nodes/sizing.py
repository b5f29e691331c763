"""Sizes that follow from the number of actors: how many rows an actor sends at a time, and how many make a generation.

What all actors are making at once is never more than half a generation, so that rows are learned from at most about
one generation after their weights, however many actors there are.
"""

from __future__ import annotations

from typing import NamedTuple

from selfplay.loop.config import RunConfig

FEWEST_ROWS = 200  # of a message, which by itself costs who receives it about as much as these rows do


class Sizes(NamedTuple):
    """Sizes that a run works with."""

    rollout_rows: int  # that an actor collects before it sends them
    generation_rows: int  # new rows that make a generation


def sizes(config: RunConfig) -> Sizes:
    """Those of the settings, where the actors are few. More actors send fewer rows at a time; and where these would be
    fewer than `FEWEST_ROWS`, generations are longer."""
    if not config.actors:
        return Sizes(config.rollout_rows, config.generation_rows)
    even = config.generation_rows // (2 * config.actors)
    rollout = min(config.rollout_rows, max(FEWEST_ROWS, even))
    return Sizes(rollout, max(config.generation_rows, 2 * config.actors * min(rollout, FEWEST_ROWS)))


def sentence(config: RunConfig) -> str:
    """What differs from the settings, and why; empty where nothing does."""
    made, told = sizes(config), []
    if made.rollout_rows != config.rollout_rows:
        told.append(f"each sends {made.rollout_rows:,} rows at a time, not run.rollout_rows={config.rollout_rows}")
    if made.generation_rows != config.generation_rows:
        told.append(f"a generation has {made.generation_rows:,} rows, not run.generation_rows={config.generation_rows}")
    if not told:
        return ""
    return (
        f"With {config.actors:,} actors {', and '.join(told)}, so that rows are learned from soon after they are made."
    )
