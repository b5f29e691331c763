"""Tables of results: what makes one sound, and whose ratings its results bound.

Counts [K, K, 3] of wins, draws and losses, by who moved first. Knows no likelihood and no scale of ratings.
"""

from __future__ import annotations

import numpy as np


def checked(results: np.ndarray) -> np.ndarray:
    """A copy [K, K, 3] of float64. Raises ValueError for a table that is none, fewer than two players, or no games."""
    results = np.array(results, dtype=float)
    if results.ndim != 3 or results.shape != (len(results), len(results), 3):
        raise ValueError(f"results have shape [K, K, 3], wins, draws, losses of K players, not {list(results.shape)}")
    if len(results) < 2:
        raise ValueError(f"ratings compare players: two at least, not {len(results)}")
    if not np.isfinite(results).all() or results.min() < 0:
        bad = results[~(np.isfinite(results) & (results >= 0))][0]
        raise ValueError(f"results are numbers of games, 0 or more, not {bad:g}")
    if results[np.arange(len(results)), np.arange(len(results))].any():
        raise ValueError("a player has games against itself; results[i, i] must be 0")
    if not results.any():
        raise ValueError("there are no games to rate players by")
    return results


def _closure(joined: np.ndarray) -> np.ndarray:
    """[K, K] bool: whether a path of `joined` leads from i to j; each leads to itself."""
    paths = joined | np.eye(len(joined), dtype=bool)
    for _ in range(len(joined).bit_length()):
        paths = (paths.astype(float) @ paths) > 0
    return paths


def bounds(results: np.ndarray, label: list[str]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(`elo.Fit.holds`; the players of the largest group in which all hold each other; sentences about the others).

    Ratings are finite just if everyone holds everyone (Ford 1957)."""
    wins, draws, losses = np.moveaxis(results, 2, 0)
    took = (wins + draws + (losses + draws).T) > 0
    holds, met = _closure(took), _closure(took | took.T)

    def named(players: np.ndarray) -> str:
        return ", ".join(label[player] for player in np.flatnonzero(players))

    def groups(same: np.ndarray) -> list[np.ndarray]:
        return [same[player] for player in range(len(same)) if same[player].argmax() == player]

    sentences = []
    if not met.all():
        apart = "; ".join(named(group) for group in groups(met))
        sentences.append(f"No results join these groups, and ratings compare only within one: {apart}.")
    mutual = groups(holds & holds.T)
    for group in mutual:
        out, into = (took[group] & ~group).any(), (took[:, group] & ~group[:, None]).any()
        if out and not into:
            sentences.append(f"{named(group)} lost no point to the others: nothing bounds the rating from above.")
        if into and not out:
            sentences.append(f"{named(group)} took no point off the others: nothing bounds the rating from below.")
    largest = max(mutual, key=lambda group: int(group.sum()))
    return holds, np.flatnonzero(largest), sentences
