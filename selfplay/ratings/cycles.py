"""Cycles: triples of players who beat each other in a circle, which no order by rating can express."""

from __future__ import annotations

from itertools import combinations
from typing import NamedTuple

import numpy as np

from selfplay.ratings import elo


class Cycle(NamedTuple):
    """A beat B, B beat C, C beat A."""

    players: tuple[int, int, int]  # A, B, C; the lowest number first
    points: tuple[float, float, float]  # share in [0, 1] of A's points against B, B's against C, C's against A
    p_value: float  # the largest of the three


def find(fit: elo.Fit, level: float = 0.05) -> list[Cycle]:
    """Triples whose results against each other contradict every order of the three, the surest first.

    For each pair, a one-sided z test that one scored more against the other than an equal would have, who has the fit's
    draw parameter and advantage, by the seats the two had; with continuity correction, half of the least step.
    A cycle needs all three to be significant, so that its p-value is the largest of theirs (intersection–union test,
    Berger 1982). Listed if that is at most level / number of cycles that could be seen (Bonferroni).

    level: probability, in (0, 1), of any false cycle among players without one; the true one is far lower, as the test
    is exact only for triples of equals. ValueError: another level."""
    from scipy import special

    if not 0 < level < 1:
        raise ValueError(f"level is a probability, above 0 and below 1, not {level}")
    wins, draws, losses = np.moveaxis(fit.results, 2, 0)
    played = wins + draws + losses
    games = played + played.T
    observed = wins + draws / 2 + (losses + draws / 2).T
    win, tie, _ = elo.probabilities(fit.advantage, fit.draw)
    mean = win + tie / 2  # of the first mover, between equals
    expected = played * mean + played.T * (1 - mean)
    variance = games * (win + tie / 4 - mean**2) * fit.dispersion
    step = 0.25 if draws.any() else 0.5
    met = (games > 0) & (variance > 0)
    above = special.ndtr((expected - observed + step) / np.sqrt(np.where(met, variance, 1.0)))
    share = observed / np.maximum(games, 1)
    triples = [(a, b, c) for a, b, c in combinations(range(len(games)), 3) if met[a, b] and met[b, c] and met[c, a]]
    found = []
    for a, b, c in triples:
        for x, y, z in ((a, b, c), (a, c, b)):
            legs = (x, y), (y, z), (z, x)
            worst = max(float(above[leg]) for leg in legs)
            if worst * 2 * len(triples) <= level:
                found.append(Cycle((x, y, z), (float(share[x, y]), float(share[y, z]), float(share[z, x])), worst))
    return sorted(found, key=lambda cycle: cycle.p_value)
