"""The payoff table: what players scored against each other, sparse, with games and variance; and what is read off it.

Two kinds. Symmetric: one role plays itself, and a score against someone is 1 − theirs. Bipartite: two roles play each
other. Knows players by name; not what they are or how they play.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Unknown = float | Callable[[str, str], float] | None  # score of (row, column) that has not been played; None: NaN
MOST_GAMES = 4.0  # effective games a game, at most: a variance that small is itself an estimate from few


class Cell(NamedTuple):
    """The merged results of two players."""

    score: float  # of the row player, points a game, in [0, 1]
    games: float  # n > 0, what estimates are merged by
    variance: float | None  # of the score as an estimate; None: that of n independent wins and losses, s(1 − s)/n


def variance_of(cell: Cell) -> float:
    """Sampling variance of the score."""
    return cell.score * (1 - cell.score) / cell.games if cell.variance is None else cell.variance


def effective_games(cell: Cell) -> float:
    """How many independent wins and losses would say as much: s(1 − s)/variance, in (0, 4 n]; n where that is 0/0.

    A score that is an area under a curve rests on n · m pairs and on far fewer games than that; drawn games say more
    than decided ones."""
    spread = cell.score * (1 - cell.score)
    if cell.variance is None or spread == 0:
        return cell.games
    return min(spread / cell.variance, MOST_GAMES * cell.games) if cell.variance > 0 else MOST_GAMES * cell.games


class PayoffTable:
    """Results by pair. Rows are players of `roles[0]`, columns of `roles[-1]`; a symmetric table has one role."""

    def __init__(self, *roles: str) -> None:
        """roles: one for a symmetric table, two different ones for a bipartite one."""
        if len(roles) not in (1, 2) or len(set(roles)) < len(roles):
            raise ValueError(f"a table has one role, which plays itself, or two different ones, not {roles}")
        self.roles = roles
        self._cells: dict[tuple[str, str], Cell] = {}  # symmetric: the players in the order in which they were seen
        self._players: dict[str, dict[str, None]] = {role: {} for role in roles}  # ordered sets

    @property
    def symmetric(self) -> bool:
        return len(self.roles) == 1

    def players(self, role: str) -> list[str]:
        """Names of the players of a role that have results, in the order in which they were seen first."""
        return list(self._players[role])

    def add(self, row: str, column: str, score: float, games: float = 1, variance: float | None = None) -> None:
        """Merges a result of `row` against `column`: score in [0, 1], n > 0 games, and the variance of that score, or
        None for independent wins and losses.

        Scores are averaged by games. Weights by variance would favour lopsided estimates, whose variance is small
        because of what they happen to be. ValueError: no such result."""
        if self.symmetric and row == column:
            raise ValueError(f"'{row}' against itself is 1/2 by definition")
        if not (0 <= score <= 1 and games > 0 and (variance is None or 0 <= variance <= 0.25)):
            raise ValueError(
                "a result is a score in [0, 1], games above 0 and a variance in [0, 1/4], "
                f"not {score}, {games}, {variance}"
            )
        new = Cell(float(score), float(games), None if variance is None else float(variance))
        if self.symmetric and (column, row) in self._cells:
            row, column, new = column, row, _turned(new)
        self._players[self.roles[0]][row] = None
        self._players[self.roles[-1]][column] = None
        old = self._cells.get((row, column))
        self._cells[row, column] = new if old is None else _merged(old, new)

    def get(self, row: str, column: str) -> Cell | None:
        """What is known of two players, seen from `row`; None if they have not played."""
        if (row, column) in self._cells or not self.symmetric:
            return self._cells.get((row, column))
        return _turned(self._cells[column, row]) if (column, row) in self._cells else None

    def scores(self, rows: Sequence[str], columns: Sequence[str], unknown: Unknown = None) -> np.ndarray:
        """[R, C] float64 in [0, 1]; players need not have results.

        unknown: the score of a pair that has not played: a number, such as ½; or what predicts
            it from two names, such as ratings, `score_of_elo(elo[row] − elo[column])`; None leaves NaN. In a
            symmetric table predictions are made to add up to 1, and everyone scores ½ against itself."""
        found = np.array([[self._score(row, column, unknown) for column in columns] for row in rows], dtype=float)
        return found.reshape(len(rows), len(columns))

    def _score(self, row: str, column: str, unknown: Unknown) -> float:
        if self.symmetric and row == column:
            return 0.5
        cell = self.get(row, column)
        if cell is not None:
            return cell.score
        if not callable(unknown):
            return np.nan if unknown is None else unknown
        return (unknown(row, column) + 1 - unknown(column, row)) / 2 if self.symmetric else unknown(row, column)

    def turned(self) -> PayoffTable:
        """The same results with rows and columns exchanged: the column player's score is 1 − the row player's."""
        other = PayoffTable(*reversed(self.roles))
        for (row, column), cell in self._cells.items():
            other.add(column, row, *_turned(cell))
        return other

    def rows(self) -> list[dict[str, Any]]:
        """JSON values, one entry a pair that played; `from_rows` takes them back."""
        return [{"row": row, "column": column, **cell._asdict()} for (row, column), cell in self._cells.items()]

    @classmethod
    def from_rows(cls, roles: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> PayoffTable:
        """A table from entries as `rows` gives them; those of the same pair are merged. ValueError: no such entry."""
        table = cls(*roles)
        for entry in rows:
            table.add(entry["row"], entry["column"], entry["score"], entry["games"], entry["variance"])
        return table

    def results(self) -> tuple[list[tuple[str, str]], np.ndarray]:
        """((role, name) of K players, [K, K, 3]) for `elo.fit(results, draw=0, advantage=0)`: effective games, of
        which scores are won and the rest lost, half of them with each player first. Of a bipartite table rows come
        before columns, and the fit puts both on one scale."""
        names = [(role, name) for role in self.roles for name in self._players[role]]
        at = {name: place for place, name in enumerate(names)}
        results = np.zeros((len(names), len(names), 3))
        for (row, column), cell in self._cells.items():
            i, j, half = at[self.roles[0], row], at[self.roles[-1], column], effective_games(cell) / 2
            results[i, j, [0, 2]] += half * cell.score, half * (1 - cell.score)
            results[j, i, [0, 2]] += half * (1 - cell.score), half * cell.score
        return names, results


def _turned(cell: Cell) -> Cell:
    return cell._replace(score=1 - cell.score)


def _merged(one: Cell, two: Cell) -> Cell:
    games = one.games + two.games
    score = (one.games * one.score + two.games * two.score) / games
    if one.variance is None and two.variance is None:
        return Cell(score, games, None)
    spread = (one.games**2 * variance_of(one) + two.games**2 * variance_of(two)) / games**2
    return Cell(score, games, spread)


# What is read off a table


class Cyclicity(NamedTuple):
    """How much of a table no ratings explain, because A beats B beats C beats A."""

    share: float  # of the log odds' variance that no ratings explain, in [0, 1]; 0 if there is no variance
    chance: float  # the share that sampling alone leaves to be expected of players without cycles, in [0, 1]
    p_value: float  # probability of so large a share without cycles; 1 where no cycle of pairs could show one


def cyclicity(table: PayoffTable, prior: float = 1.0) -> Cyclicity:
    """The cyclic part of a table, by least squares on its pairs (HodgeRank: Jiang, Lim, Yao & Ye 2011, section 2;
    the transitive and cyclic components of Balduzzi et al. 2018, section 3).

    Log odds of scores are a flow on the graph of pairs that played, ratings a potential on players: the gradient of the
    best potential is what Bradley–Terry ratings can say, the rest is divergence-free: circulation. Pairs are weighted
    by the inverse variance of their log odds, g s(1 − s) with g effective games, so that the rest is χ² distributed
    if there are no cycles, with as many degrees of freedom as the graph has independent cycles. 1 where each of three
    beats the next, 0 for players whose log odds add up. All scores 0 or 1 in a strict order do not add up: A then
    beats C no more clearly than B. A bipartite table, where rows have ratings and columns have, shows interaction:
    cycles of four.

    prior: games, half won, that every pair is taken to have played besides, without which a score of 1 has no log
        odds (Haldane 1956; Anscombe 1956). ValueError: below 0; or 0 and there are such scores."""
    if prior < 0:
        raise ValueError(f"prior is a number of games, 0 or more, not {prior}")
    names, results = table.results()
    won = results[..., 0] + results[..., 2].T  # [K, K] effective games that i won against j
    first, second = np.nonzero(np.triu(won + won.T, 1))
    wins, losses = won[first, second] + prior / 2, won[second, first] + prior / 2
    if (np.minimum(wins, losses) <= 0).any():
        raise ValueError("without a prior a score of 0 or 1 has no log odds")
    flow, root = np.log(wins / losses), np.sqrt(wins * losses / (wins + losses))
    gradient = (np.eye(len(names))[first] - np.eye(len(names))[second]) * root[:, None]
    rest = root * flow - gradient @ np.linalg.lstsq(gradient, root * flow, rcond=None)[0]
    total, left = float((root * flow) @ (root * flow)), float(rest @ rest)
    if total == 0:
        return Cyclicity(0.0, 0.0, 1.0)
    free = len(first) - int(np.linalg.matrix_rank(gradient))
    if free == 0:
        return Cyclicity(0.0, 0.0, 1.0)
    from scipy import special

    return Cyclicity(left / total, min(1.0, free / total), float(special.chdtrc(free, left)))
