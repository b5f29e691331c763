"""The schedule of sequential halving: the visit count that the action of each simulation must have. Knows no trees."""

from __future__ import annotations

import numpy as np


def sequence(considered: int, num_simulations: int) -> list[int]:
    """Sequential halving as a list: entry i is the visit count that the action of simulation i must have.

    `considered` actions share the simulations equally in each of log2(considered) phases, each phase keeping the
    better half (Karnin, Koren, Somekh 2013; Danihelka et al. 2022, algorithm 2)."""
    if considered <= 1:
        return list(range(num_simulations))
    phases = int(np.ceil(np.log2(considered)))
    wanted: list[int] = []
    visits = [0] * considered
    keep = considered
    while len(wanted) < num_simulations:
        for _ in range(max(1, int(num_simulations / (phases * keep)))):
            wanted.extend(visits[:keep])
            visits[:keep] = [count + 1 for count in visits[:keep]]
        keep = max(2, keep // 2)
    return wanted[:num_simulations]


def table(most_considered: int, num_simulations: int, width: int) -> np.ndarray:
    """[most_considered + 1, width] int32: the sequence of each number of actions, its last entry repeated."""
    filled = np.zeros((most_considered + 1, width), dtype=np.int32)
    for considered in range(1, most_considered + 1):
        wanted = sequence(considered, num_simulations)
        filled[considered, : len(wanted)] = wanted
        filled[considered, len(wanted) :] = wanted[-1] if wanted else 0
    return filled


class Tables:
    """The tables of the numbers of simulations that were asked for so far."""

    def __init__(self, most_considered: int, width: int) -> None:
        """width: simulations of the longest."""
        self.array = np.zeros((1, most_considered + 1, width), dtype=np.int32)  # [tables, most_considered + 1, width]
        self._numbers: dict[int, int] = {}

    def number(self, num_simulations: int) -> int:
        """Which table is that of so many simulations; makes it if need be."""
        if num_simulations not in self._numbers:
            _, considered, width = self.array.shape
            new = table(considered - 1, num_simulations, width)[None]
            self.array = np.concatenate([self.array, new]) if self._numbers else new
            self._numbers[num_simulations] = len(self._numbers)
        return self._numbers[num_simulations]
