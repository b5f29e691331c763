"""Nash equilibria, Nash averages and exploitability of two-player games that are given as a table of scores.

Scores S: [R, C] in [0, 1] are the row player's points against the column player, who has the other 1 − S: a game of two
players with constant sum. Knows arrays only: the names of the players are in `payoff`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

TINY = 1e-9  # a probability or a margin that counts as none
MARGIN = 1e-7  # a row that is so much worse against an optimal mixture has no part in any
CAP = 1e-2  # how far, at most, a constraint is asked to be from tight
TOLERANCE = {"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10}  # the least that HiGHS takes


class Equilibrium(NamedTuple):
    """A pair of mixtures of which neither gains by a change."""

    row: np.ndarray  # [R] float64 probabilities
    column: np.ndarray  # [C] float64 probabilities
    value: float  # score of the row player, in [0, 1]


class Averages(NamedTuple):
    """Nash averaging: each player's score against the equilibrium of the other side."""

    row: np.ndarray  # [R] float64 in [0, 1]; the value for those in the support, at most the value for the others
    column: np.ndarray  # [C] float64 in [0, 1]; 1 − value for those in the support
    equilibrium: Equilibrium


def solve(scores: np.ndarray) -> Equilibrium:
    """The Nash equilibrium whose mixtures have the greatest entropy, each among the optimal mixtures of its side.

    scores: [R, C] float in [0, 1], no NaN. A table with S + Sᵀ = 1 is a symmetric game: its value is ½ exactly and
        both mixtures are the same.

    The optimal mixtures of a side are a polytope, that of a linear program (von Neumann 1928; Dantzig 1951), and a
    measured table most often leaves one point of it. Where there is a choice, the entropy is strictly concave and makes
    it once for all: no chance, no dependence on the order of the players, equal weights for equal players (Balduzzi et
    al. 2018, "Re-evaluating Evaluation", section 4). Exploitability of the result is below 1e-9; where scores differ by
    1e-7 or less, but by more than rounding errors, below some 1e-8, and which equilibrium comes out is not defined.

    ValueError: no such table."""
    scores = np.round(_checked(scores), 12)  # what was equal before rounding errors is equal again
    symmetric = scores.shape[0] == scores.shape[1] and np.abs(scores + scores.T - 1).max() < 1e-11
    if symmetric:
        scores = (scores + 1 - scores.T) / 2
    x, y = _vertices(scores)
    low, high = float((x @ scores).min()), float((scores @ y).max())
    if symmetric:
        row = _widest(scores - min(low, 0.5), x, y)
        return Equilibrium(row, row.copy(), 0.5)
    return Equilibrium(
        _widest(scores - low, x, y), _widest((high - scores).T, y, x), float(np.clip((low + high) / 2, 0, 1))
    )


def exploitability(scores: np.ndarray, row: np.ndarray, column: np.ndarray) -> float:
    """max over rows of S·column − min over columns of row·S: what the best answers to two mixtures gain together.

    scores: [R, C]. row: [R] and column: [C] probabilities. In [0, 1], 0 at an equilibrium and nowhere else: the duality
    gap (Grnarova et al. 2018, arXiv 1811.05512), NashConv in the literature on games (Lanctot et al. 2017). Answers
    are those in the table, so that for players who could learn new ones it is a lower bound."""
    scores = np.asarray(scores, dtype=float)
    return float((scores @ column).max() - (row @ scores).min())


def nash_averages(scores: np.ndarray) -> Averages:
    """Agents against tasks: rows' and columns' scores against the other side's equilibrium of greatest entropy.

    A copy of a player changes nobody's average where the equilibrium is unique, unlike a mean over all opponents
    (Balduzzi et al. 2018, section 4: invariant, continuous, interpretable). Where it is not, copies weigh more, as
    entropy counts players. The paper has log odds for a table of players against players; here are scores, which stay
    finite at 0 and 1, and whose equilibrium is that of the game being played."""
    found = solve(scores)
    scores = np.asarray(scores, dtype=float)
    return Averages(scores @ found.column, 1 - found.row @ scores, found)


def _checked(scores: np.ndarray) -> np.ndarray:
    scores = np.array(scores, dtype=float)
    if scores.ndim != 2 or not scores.size:
        raise ValueError(f"scores are a table [R, C] of one row and column at least, not {list(scores.shape)}")
    if not ((scores >= 0) & (scores <= 1)).all():
        bad = scores[~((scores >= 0) & (scores <= 1))][0]
        raise ValueError(f"a score is in [0, 1], not {bad}: fill in the pairs that have not played")
    return scores


def _program(cost: np.ndarray, limits: dict[str, float], **terms: Any) -> Any:
    """Minimises cost·z; None where HiGHS finds nothing within the limits."""
    from scipy import optimize

    done = optimize.linprog(cost, method="highs-ds", options=limits, **terms)
    return done if done.status == 0 else None


def _vertices(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Any optimal mixtures, [R] and [C]: maximise v where x·S ≥ v; the dual prices of those constraints are y."""
    rows, columns = scores.shape
    cost = np.append(np.zeros(rows), -1.0)
    terms: dict[str, Any] = {
        "A_ub": np.hstack([-scores.T, np.ones((columns, 1))]),
        "b_ub": np.zeros(columns),
        "A_eq": np.append(np.ones(rows), 0.0)[None],
        "b_eq": [1.0],
        "bounds": [(0, None)] * rows + [(None, None)],
    }
    done = _program(cost, TOLERANCE, **terms) or _program(cost, {}, **terms)
    assert done is not None, "a linear program that has a solution was not solved"
    x, y = np.maximum(done.x[:-1], 0), np.maximum(-done.ineqlin.marginals, 0)
    return x / x.sum(), y / y.sum()


def _widest(margins: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """[R] of greatest entropy among the mixtures p with p·margins ≥ 0, of which x is one; y is the opponent's best."""
    inside, used, tight = _interior(margins, x, y)
    row = np.zeros(len(x))
    row[used] = _spread(margins[used], inside[used], tight)
    # Where margins are so small that rounding errors decide, what the linear programs found is the better one.
    return row if (row @ margins).min() > -TINY / 2 else inside


def _interior(margins: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """An optimal mixture with all the rows that any has, [R]; which rows these are, [R] bool; and which columns are
    tight, p·margins = 0, for every optimal p, [C] bool (strict complementarity: Goldman & Tucker 1956).

    Rows that y beats and columns that y plays are settled at once. While others are in doubt, a linear program looks
    for a mixture with as many of them as can be."""
    points, used, loose = [x], x > TINY, x @ margins > TINY
    rows = ~used & (margins @ y > -MARGIN)
    columns = ~loose & (y <= TINY)
    while rows.any() or columns.any():
        point = _reaching(margins, rows, columns)
        if point is None:  # margins as small as the limits: what was found is optimal
            break
        more_rows, more_columns = rows & (point > TINY), columns & (point @ margins > TINY)
        if not (more_rows.any() or more_columns.any()):
            break
        points.append(point)
        rows, columns = rows & ~more_rows, columns & ~more_columns
        used, loose = used | more_rows, loose | more_columns
    inside = np.where(used, np.mean(points, axis=0), 0.0)
    return inside / inside.sum(), used, ~loose


def _reaching(margins: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray | None:
    """[R] an optimal mixture that has weight on `rows` and a margin on `columns`, in total up to a cap each."""
    (size, width), wanted, off = margins.shape, np.flatnonzero(rows), np.flatnonzero(columns)
    gains = len(wanted) + len(off)
    held = np.vstack([np.eye(size)[wanted], margins.T[off]])  # each gain is at most this
    done = _program(
        np.append(np.zeros(size), -np.ones(gains)),
        TOLERANCE,
        A_ub=np.block([[-margins.T, np.zeros((width, gains))], [-held, np.eye(gains)]]),
        b_ub=np.zeros(width + gains),
        A_eq=np.append(np.ones(size), np.zeros(gains))[None],
        b_eq=[1.0],
        bounds=[(0, None)] * size + [(0, 0.5 / size)] * len(wanted) + [(0, CAP)] * len(off),
    )
    if done is None:
        return None
    point = np.maximum(done.x[:size], 0)
    return np.asarray(point / point.sum())


def _spread(margins: np.ndarray, start: np.ndarray, tight: np.ndarray) -> np.ndarray:
    """[R] of greatest entropy with p·margins = 0 where tight and ≥ 0 elsewhere, from a `start` that has all p > 0.

    Newton's method within the equalities, and a logarithmic barrier for the rest, lowered step by step (Boyd &
    Vandenberghe 2004, section 11.3)."""
    equal = np.vstack([margins[:, tight].T, np.ones(len(start))])
    _, sizes, directions = np.linalg.svd(equal)
    free = directions[int((sizes > TINY).sum()) :].T  # [R, F]
    goal = np.append(np.zeros(len(equal) - 1), 1.0)
    p = start + np.linalg.lstsq(equal, goal - equal @ start, rcond=TINY)[0]
    bounds = np.hstack([np.eye(len(start)), margins[:, ~tight]])  # p·bounds > 0
    if not free.shape[1] or (p @ bounds).min() <= 0:
        return np.maximum(p, 0) / np.maximum(p, 0).sum()
    rest = bounds[:, len(start) :]
    for barrier in 10.0 ** -np.arange(1, 14):
        for _ in range(50):
            slack = p @ rest
            gradient = free.T @ (np.log(p) - barrier * (rest / slack).sum(axis=1))
            hessian = free.T @ ((free.T / p).T + barrier * (rest / slack**2) @ (rest.T @ free))
            step = -np.linalg.lstsq(hessian, gradient, rcond=None)[0]
            if -(gradient @ step) < 1e-3 * barrier:
                break
            move, at = free @ step, p @ bounds
            change = move @ bounds
            length = min(1.0, 0.95 * float((at[change < 0] / -change[change < 0]).min(initial=np.inf)))
            p = p + length * move
    return np.asarray(p / p.sum())
