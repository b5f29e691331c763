"""How good is it? Choices of an agent against exact knowledge: the share that keeps the best win/draw/loss result.

A choice is a mistake when its game-theoretic value is worse than that of the best action. Positions where every action
is equally good cannot show one; the share over the others is reported beside the share over all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from msgspec import Meta

from games.base import ILLEGAL, Game, Yardstick
from selfplay.alphazero import search

BATCH = 256  # positions searched at once


@dataclass(frozen=True)
class StrengthConfig:
    """How strength is measured during a run."""

    num_simulations: Annotated[int, Meta(ge=1)] = 100
    """Simulations a position; the raw policy is measured beside it."""


def measure(
    game: Game, evaluate: search.Evaluate, config: search.SearchConfig, strength: StrengthConfig
) -> dict[str, float]:
    """Figures against the game's yardstick; empty for a game without one.

    accuracy and mistakes with search, raw_accuracy of the policy alone, contested_accuracy over positions that have a
    wrong move, accuracy by stage, value_accuracy (sign of the raw value where the game is not drawn), positions.
    """
    yardstick = game.yardstick()
    if yardstick is None:
        return {}
    raw = choices(game, yardstick.states, evaluate, config, 0)
    searched = choices(game, yardstick.states, evaluate, config, strength.num_simulations)
    return figures(yardstick, raw, searched) | {"simulations": float(strength.num_simulations)}


def choices(
    game: Game, states: np.ndarray, evaluate: search.Evaluate, config: search.SearchConfig, num_simulations: int,
) -> search.Results:  # fmt: skip
    """Results of searching all of `states` [B] in batches, without noise."""
    quiet = replace(config, dirichlet_fraction=0.0, gumbel_scale=0.0)
    parts = [
        search.run(game, states[start : start + BATCH], evaluate, quiet, num_simulations)
        for start in range(0, len(states), BATCH)
    ]
    return search.Results(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def figures(yardstick: Yardstick, raw: search.Results, searched: search.Results) -> dict[str, float]:
    """See `measure`."""
    best = yardstick.values.max(axis=1)
    worst = np.where(yardstick.values == ILLEGAL, 2, yardstick.values).min(axis=1)
    contested = worst < best
    kept = keeps_result(yardstick, searched)
    decided = best != 0
    found = {
        "accuracy": kept.mean(),
        "contested_accuracy": kept[contested].mean(),
        "raw_accuracy": keeps_result(yardstick, raw).mean(),
        "value_accuracy": (np.sign(raw.value[decided]) == best[decided]).mean(),
        "mistakes": float((~kept).sum()),
        "positions": float(len(kept)),
        "contested": float(contested.sum()),
    }
    if len(yardstick.stage_names) > 1:
        for index, name in enumerate(yardstick.stage_names):
            found[f"accuracy_{name}"] = kept[yardstick.stage == index].mean()
    return {name: float(value) for name, value in found.items()}


def keeps_result(yardstick: Yardstick, results: search.Results) -> np.ndarray:
    """[B] bool: the chosen action keeps the best result that the position offers."""
    rows = np.arange(len(results.play))
    chosen = results.actions[rows, results.play]
    kept: np.ndarray = yardstick.values[rows, chosen] == yardstick.values.max(axis=1)
    return kept
