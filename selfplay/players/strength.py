"""Strength in Elo: how an agent has to play for a rating that is asked for, as it was measured of that agent.

The scale is ours: its zero point is a reference player of this package, so a number means nothing beside ratings of
people or of other engines. An agent that was not measured has no scale. Loads nothing heavy.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from selfplay.players import levels
from selfplay.players.levels import Level

FOLDER = Path(__file__).resolve().parent / "strengths"
WEIGHTS = "net.safetensors"


class Measured(NamedTuple):
    """A way to play, and the Elo that it was measured at."""

    elo: int
    num_simulations: int  # the most to search; 0: the policy alone
    temperature: float  # see `levels.Level`


class Calibration(NamedTuple):
    """The scale of one agent."""

    anchor: str  # what its numbers are relative to
    points: tuple[Measured, ...]  # Elo and simulations rise, temperatures fall

    @property
    def lowest(self) -> int:
        """The least Elo that can be asked for."""
        return self.points[0].elo

    @property
    def highest(self) -> int:
        """The greatest."""
        return self.points[-1].elo

    def level(self, elo: int) -> Level:
        """How to play at this Elo, which lies within the scale: between two points that were measured, at temperatures
        between theirs, and at numbers of simulations whose logarithms are (of one more, as 0 is among them)."""
        below, above = next((low, high) for low, high in pairwise(self.points) if low.elo <= elo <= high.elo)
        share = (elo - below.elo) / (above.elo - below.elo)
        more = (above.num_simulations + 1) / (below.num_simulations + 1)
        simulations = round((below.num_simulations + 1) * more**share) - 1
        temperature = below.temperature + share * (above.temperature - below.temperature)
        return Level(levels.FULL.number, simulations, temperature)


def of_agent(folder: Path) -> Calibration | None:
    """The scale of the agent in a generation's folder; None where it was not measured."""
    try:
        weights = json.loads((folder / "manifest.json").read_bytes())["files"][WEIGHTS]
    except (OSError, ValueError, KeyError, TypeError):  # a run's folder, or a damaged one, which loading tells
        return None
    for path in sorted(FOLDER.glob("*.json")):
        told = json.loads(path.read_text("utf-8"))
        if told["weights"] == weights:
            points = (Measured(one["elo"], one["simulations"], one["temperature"]) for one in told["points"])
            return Calibration(told["anchor"], tuple(points))
    return None
