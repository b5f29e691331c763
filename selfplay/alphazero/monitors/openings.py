"""Where games start: counts of starting positions against those that the settings make, by games as units.

Games start after random plies, which no weights have a part in, so that starts are the same in every generation and
for every actor.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

from games.base import Game
from selfplay.alphazero.config import ActorConfig
from selfplay.drift.detectors import frequencies
from selfplay.drift.detectors.frequencies import PopulationStabilityIndex

SAMPLES = 2_048  # starts that make the reference
COMMON = 0.02  # share of a start that is counted by itself
HASHED = 6  # groups that all other starts fall into
SMALL = 0.02  # squared effect size (Cohen's w = 0.14) that is no alarm: games that end first are not quite like others


class Openings:
    """The distribution of starts by group."""

    def __init__(self, game: Game, config: ActorConfig) -> None:
        keys = game.key(starts(game, config.random_opening_plies, SAMPLES, np.random.default_rng(0)))
        values, counts = np.unique(keys, return_counts=True)
        self._common = values[counts >= COMMON * SAMPLES]
        self.expected = np.bincount(self.groups(keys), minlength=self.size) / SAMPLES

    @property
    def size(self) -> int:
        return len(self._common) + HASHED

    @property
    def varied(self) -> bool:
        """Whether there is more than one start."""
        return bool((self.expected > 0).sum() > 1)

    def groups(self, keys: np.ndarray) -> np.ndarray:
        """[G] int64 group of starts with these keys [G]."""
        found = len(self._common) + ((keys >> np.uint64(32)) % np.uint64(HASHED)).astype(np.int64)
        if len(self._common):
            place = np.minimum(np.searchsorted(self._common, keys), len(self._common) - 1)
            found = np.where(self._common[place] == keys, place, found)
        return found

    def p_value(self, counts: np.ndarray) -> float:
        """Of a deviation of counts [size] from what is expected as large as theirs, where a small one is no deviation:
        χ² of two samples, with games as units."""
        reference = np.rint(self.expected * SAMPLES)
        used = (reference > 0) | (counts > 0)
        statistic = float(frequencies.chi_squared(reference[used], counts[used]))
        size = 1 / (1 / counts.sum() + 1 / SAMPLES)
        return float(stats.ncx2.sf(statistic, max(used.sum() - 1, 1), SMALL * size))

    def stability(self, counts: np.ndarray) -> float:
        """The population stability index of counts [size]."""
        reference = np.rint(self.expected * SAMPLES)
        return PopulationStabilityIndex().compare_counts(reference, counts).statistic


def starts(game: Game, most: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """[count] positions as self-play games start from: after 0 to `most` uniformly random plies, drawn again where that
    ends the game."""
    most = min(most, game.max_game_length - 1)
    found = game.initial_states(count)
    missing = np.arange(count)
    while len(missing):
        states = game.initial_states(len(missing))
        plies = rng.integers(0, most + 1, len(missing))
        for ply in range(most):
            going = np.flatnonzero((plies > ply) & ~states["terminal"])
            if not len(going):
                break
            actions, number = game.legal_actions(states[going])
            chosen = actions[np.arange(len(going)), rng.integers(0, number)]
            states[going] = game.step(states[going], chosen).states
        ok = ~states["terminal"]
        found[missing[ok]] = states[ok]
        missing = missing[~ok]
    return found
