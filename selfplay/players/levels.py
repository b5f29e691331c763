"""Levels of strength, 1 to 10, by which people and programs ask for weaker play. Knows what a search found, not how.

A level is a number of simulations and a temperature. The lowest four do not search: they play from the network's
policy, the lower the more at random; from the fifth on they search, each about four times as much as the one below, and
the highest as much as it is given. Random moves of low levels are drawn from the policy, so their mistakes are those of
an inattentive player, not uniform ones. How far apart two levels are depends on the agent and its game.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # this file is read before a program that speaks UCI has answered: it loads nothing heavy
    import numpy as np

    from selfplay.search.analyzer import SearchInfo


MAX_SIMULATIONS = 1_000_000  # a move, that a trained player may be asked for


class Level(NamedTuple):
    """How strong to play."""

    number: int  # 1 the weakest
    num_simulations: int | None  # the most to search; 0: the policy alone; None: as much as is given
    temperature: float  # actions are drawn from policy ** (1 / temperature); 0: the best


LEVELS = (
    Level(1, 0, 4.0),
    Level(2, 0, 2.0),
    Level(3, 0, 1.0),
    Level(4, 0, 0.0),
    Level(5, 8, 0.0),
    Level(6, 32, 0.0),
    Level(7, 100, 0.0),
    Level(8, 400, 0.0),
    Level(9, 1600, 0.0),
    Level(10, None, 0.0),
)
FULL = LEVELS[-1]


def named(number: int) -> Level:
    """The level of a number from 1 to 10."""
    return LEVELS[number - 1]


def pick(info: SearchInfo, level: Level, rng: np.random.Generator) -> int:
    """The action to play: the best, or by the level's temperature one drawn from the policy."""
    best = info.lines[0].actions[0]
    if level.temperature == 0:
        return best
    most = max(line.policy for line in info.lines)
    weights = [(line.policy / most) ** (1 / level.temperature) for line in info.lines]
    left = rng.random() * sum(weights)
    for line, weight in zip(info.lines, weights, strict=True):
        left -= weight
        if left < 0:
            return line.actions[0]
    return best
