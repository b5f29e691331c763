"""Analyses of single positions: what an agent's search finds, with moves as texts.

Knows search and the rules of games; not where the evaluator that it asks comes from. `selfplay.search.analyzer` follows
one game with its tree kept; here many positions are searched together, each by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from games.base import Game
from selfplay.search import search as searching
from selfplay.search import variation
from selfplay.search.config import SearchConfig

BATCH = 128  # positions searched together
MAX_TOGETHER = 1_000_000  # simulations of all positions that are searched together: each needs its tree


@dataclass(frozen=True, repr=False)
class Analysis:
    """What a search finds in one position. Values are for the player to move, in [-1, 1]; dicts are by move, the most
    visited first."""

    best: str
    """The move to play."""

    best_action: int
    """The same as a number, for `game.step`."""

    policy: dict[str, float]
    """The search's probability of each legal move; sums to 1."""

    value: float
    """Expected outcome: 1 a win, 0 a draw, -1 a loss."""

    wdl: tuple[float, float, float]
    """Probabilities of a win, a draw and a loss; they sum to 1."""

    pv: list[str]
    """The principal variation: the moves that the search expects, the best one first."""

    variations: dict[str, list[str]]
    """Of each move, the moves that the search expects, itself the first."""

    visits: dict[str, int]
    """Simulations that went through each move."""

    values: dict[str, float]
    """Mean value of each move; 0 where it was not visited."""

    priors: dict[str, float]
    """The network's probability of each move before search; sums to 1."""

    exact: bool
    """Whether the value is proven."""

    simulations: int
    """Simulations that were asked for; a proof ends a search early."""

    board: str
    """The position as text, several lines."""

    def __repr__(self) -> str:
        win, draw, loss = self.wdl
        proven = ", proven" if self.exact else ""
        line = " ".join(self.pv[:8]) + (" …" if len(self.pv) > 8 else "")
        return (
            f"Analysis(best={self.best!r}, value={self.value:+.3f}{proven}, wdl=({win:.3f}, {draw:.3f}, {loss:.3f}), "
            f"pv={line!r}, simulations={self.simulations})"
        )

    def __str__(self) -> str:
        width = max(4, *map(len, self.policy))
        rows = [f"{'move':{width}}  visits  policy   value   prior"]
        for move, share in self.policy.items():
            value = f"{self.values[move]:+7.3f}" if self.visits[move] else "      –"
            rows.append(f"{move:{width}}  {self.visits[move]:6}  {share:6.1%}  {value}  {self.priors[move]:6.1%}")
        return "\n".join([self.board, "", repr(self), *rows])


def analyses(
    game: Game, evaluate: searching.Evaluate, config: SearchConfig, states: np.ndarray, simulations: int
) -> list[Analysis]:
    """An analysis of each of states [B], none of them over, searched together without noise.

    simulations: of each position; 0 gives the evaluator's policy alone."""
    quiet = replace(config, dirichlet_fraction=0.0, gumbel_scale=0.0)
    size = max(1, min(BATCH, MAX_TOGETHER // (simulations + 1)))
    found: list[Analysis] = []
    for start in range(0, len(states), size):
        batch = states[start : start + size]
        trees = searching.Search(game, len(batch), quiet, simulations)
        results = searching.run(game, batch, evaluate, quiet, simulations, search=trees)
        found += [_described(game, batch, results, trees, row, simulations) for row in range(len(batch))]
    return found


def _described(
    game: Game, states: np.ndarray, found: searching.Results, trees: searching.Search, row: int, simulations: int
) -> Analysis:
    state = states[row]
    best = int(found.play[row])
    count = int((found.actions[row] >= 0).sum())
    order = sorted(range(count), key=lambda k: (k != best, -found.visits[row, k], -found.policy[row, k]))
    move = {k: game.action_to_string(state, int(found.actions[row, k])) for k in order}
    win, draw, loss = (float(share) for share in found.wdl[row])
    paths = [
        variation.principal(trees, row, k) if found.visits[row, k] else [int(found.actions[row, k])] for k in order
    ]
    paths[0] = variation.principal(trees, row, best)  # known to a proof even where nothing was searched
    variations = dict(zip(move.values(), _texts(game, state, paths), strict=True))
    return Analysis(
        best=move[best],
        best_action=int(found.actions[row, best]),
        policy={move[k]: float(found.policy[row, k]) for k in order},
        value=float(found.value[row]),
        wdl=(win, draw, loss),
        pv=variations[move[best]],
        variations=variations,
        visits={move[k]: int(found.visits[row, k]) for k in order},
        values={move[k]: float(found.q[row, k]) for k in order},
        priors={move[k]: float(found.prior[row, k]) for k in order},
        exact=bool(found.exact[row]),
        simulations=simulations,
        board=game.to_string(state),
    )


def _texts(game: Game, state: np.void, paths: list[list[int]]) -> list[list[str]]:
    """The actions of each path from a state on, as texts; all paths are walked together."""
    texts: list[list[str]] = [[] for _ in paths]
    states = np.repeat(np.array([state], dtype=game.state_dtype), len(paths))
    for ply in range(max(map(len, paths))):
        on = [k for k, path in enumerate(paths) if ply < len(path)]
        for k in on:
            texts[k].append(game.action_to_string(states[k], paths[k][ply]))
        further = [k for k in on if ply + 1 < len(paths[k])]
        if further:
            states[further] = game.step(states[further], np.array([paths[k][ply] for k in further])).states
    return texts
