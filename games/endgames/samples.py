"""Positions drawn from endgame tables in which a mistake can be made: what an agent's endgames are measured with."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from games.base import ILLEGAL
from games.endgames import tables as lookup
from games.endgames.tables import NOTHING, Endgames

_CHUNK = 512  # positions looked up together
_TRIES = 64  # slots drawn for each position that is wanted
_SEED = 20_261_129


def contested(
    endgames: Endgames, tables: Mapping[str, np.ndarray], name: str, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """(states [M] state_dtype, values [M, A] int8) of at most `number` positions of a table, uniform among those in
    which one action keeps the result and another does not. The same ones each time."""
    table = tables[name]
    draws = np.random.default_rng(_SEED).integers(0, len(table), _TRIES * number)
    draws = np.sort(np.unique(draws))
    slots = np.random.default_rng(_SEED).permutation(draws[table[draws] != NOTHING])
    states, values = endgames.game.initial_states(0), np.zeros((0, endgames.game.num_actions), dtype=np.int8)
    for first in range(0, len(slots), _CHUNK):
        here = endgames.positions(name, slots[first : first + _CHUNK])
        here = here[~here["terminal"]]
        found = lookup.exact(endgames, tables, here)
        worst = np.where(found.values == ILLEGAL, 2, found.values).min(axis=1)
        wanted = found.known & (worst < found.values.max(axis=1))
        states = np.concatenate([states, here[wanted]])[:number]
        values = np.concatenate([values, found.values[wanted]])[:number]
        if len(states) == number:
            break
    return states, values
