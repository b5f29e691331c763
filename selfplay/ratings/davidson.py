"""Davidson's model of game results with draws: the likelihood of a table of results and its maximum, in natural
units. Knows no Elo: `elo` converts it.

Bradley–Terry (1952) with draws (Davidson 1970) and a first-move advantage (Davidson & Beaver 1977). With d the strength
of the player who moves first, less that of the other, plus the advantage,

    P(win) : P(draw) : P(loss) = exp(d/2) : ν : exp(−d/2).

A multinomial logit in (strengths, advantage, ln ν), so that its logarithm is concave and has one maximum at most.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

HALF_DROP = 1.959963984540054**2 / 2  # of the log-likelihood, at the ends of a 95 % likelihood ratio interval
LONGEST_STEP = 4.0  # natural units, of one Newton step
FLAT = 1e6  # a variance in natural units that no data leave: there is no maximum


class ResultRows(NamedTuple):
    """R kinds of games. The P parameters are the free strengths, the advantage unless fixed, ln ν unless fixed."""

    design: np.ndarray  # [R, P] dd/dparameter, but for ln ν; that column is 0
    constant: np.ndarray  # [R] what d has besides
    scaled: np.ndarray  # [R] what d has besides, before a factor (1 + ν/2): an advantage fixed in Elo
    counts: np.ndarray  # [R, 3] wins of the first mover, draws, losses
    drawable: np.ndarray  # [R] bool: whether the term has ν
    draw: float | None  # ν; None where ln ν is the last parameter


class Peak(NamedTuple):
    """The maximum of a likelihood."""

    at: np.ndarray  # [P]
    value: float  # log-likelihood
    information: np.ndarray  # [P, P] the negative Hessian there


def basis(size: int, core: np.ndarray) -> np.ndarray:
    """[K, K − 1] strengths by free parameters, so that the core's mean is 0. A player outside it is a parameter."""
    found = np.delete(np.eye(size), core[-1], axis=1)
    found[core[-1]] = -found[core[:-1]].sum(axis=0)
    return found


def confounded(results: np.ndarray) -> bool:
    """Whether an advantage of moving first cannot be told from strength in a table [K, K, 3] of results."""
    first, second = np.nonzero(results.sum(axis=2))
    strengths = np.eye(len(results))[first] - np.eye(len(results))[second]
    with_advantage = np.column_stack([strengths, np.ones(len(first))])
    return bool(np.linalg.matrix_rank(with_advantage) == np.linalg.matrix_rank(strengths))


def build(results: np.ndarray, of: np.ndarray, draw: float | None, advantage: float | None, prior: float) -> ResultRows:
    """The terms of a table [K, K, 3] (see `elo.fit`), in the order of np.nonzero, then the prior's.

    of: `basis`. draw, advantage: None for a parameter; the latter in the unit of `ResultRows.scaled`.
    prior: as in `fit`."""
    size = len(results)
    first, second = np.nonzero(results.sum(axis=2))
    games, players = len(first), size - 1
    one, other = np.triu_indices(size, 1) if prior > 0 else (np.zeros(0, int), np.zeros(0, int))
    total = games + len(one) + (2 if prior > 0 else 0)
    design = np.zeros((total, players + (advantage is None) + (draw is None)))
    counts, drawable, scaled = np.zeros((total, 3)), np.ones(total, dtype=bool), np.zeros(total)
    design[:games, :players] = of[first] - of[second]
    counts[:games] = count(results, draw)
    scaled[:games] = advantage or 0.0
    if prior > 0:
        design[games:-2, :players] = of[one] - of[other]
        counts[games:-2, [0, 2]] = prior / 2 / (size - 1)
        counts[-2, [0, 2]] = 0.5 if advantage is None else 0.0
        counts[-1] = (0.25, 0.5, 0.25) if draw is None else 0.0
        drawable[games:-1] = False
    if advantage is None:
        design[:games, players] = 1
        design[games + len(one) : total - 1, players] = 1
    return ResultRows(design, np.zeros(total), scaled, counts, drawable, draw)


def count(results: np.ndarray, draw: float | None) -> np.ndarray:
    """[R, 3] counts of the kinds of games that were played. If ν is 0, a draw is half a win and half a loss."""
    counts = results[results.sum(axis=2) > 0]
    return counts @ np.array([[1, 0, 0], [0.5, 0, 0.5], [0, 0, 1]]) if draw == 0 else counts


def start(rows: ResultRows) -> np.ndarray:
    """[P] where to climb from: all equal, ν by the share of draws."""
    found = np.zeros(rows.design.shape[1])
    if rows.draw is None:
        drawn, games = rows.counts[:, 1].sum(), rows.counts.sum()
        found[-1] = math.log(2 * (drawn + 0.5) / (games - drawn + 0.5))
    return found


def dispersion(rows: ResultRows, peak: Peak, results: np.ndarray, prior: float) -> float:
    """Sum of squared deviations of the games' points from what the fit expects, over what it would be without draws.

    1 unless draws count as half points. With a prior, half a drawn and half a decided game between equals are added."""
    if rows.draw != 0 or not results[..., 1].any():
        return 1.0
    counts = results[results.sum(axis=2) > 0]
    mean, variance, _ = (values[: len(counts)] for values in scores(rows, peak.at))
    deviation = (counts * (np.array([1, 0.5, 0]) - mean[:, None]) ** 2).sum()
    weight = 1.0 if prior > 0 else 0.0
    return float((deviation + weight / 8) / ((counts.sum(axis=1) * variance).sum() + weight / 4))


def shares(d: np.ndarray, draw: np.ndarray | float) -> np.ndarray:
    """[..., 3] probabilities of win, draw and loss at d and ν = draw (shapes that broadcast)."""
    d = np.asarray(d, dtype=float)
    most = np.abs(d) / 2
    weights = np.stack([np.exp(d / 2 - most), draw * np.exp(-most), np.exp(-d / 2 - most)], axis=-1)
    return weights / weights.sum(axis=-1, keepdims=True)


def draw_of(rows: ResultRows, at: np.ndarray) -> float:
    """ν at these parameters [P]."""
    return math.exp(min(at[-1], 300.0)) if rows.draw is None else rows.draw


def _differences(rows: ResultRows, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """d [R] and its gradient [R, P]."""
    draw = draw_of(rows, at)
    d = rows.design @ at + rows.constant + rows.scaled * (1 + draw / 2)
    gradient = rows.design
    if rows.draw is None:
        gradient = gradient.copy()
        gradient[:, -1] = rows.scaled * draw / 2
    return d, gradient


def log_likelihood(rows: ResultRows, at: np.ndarray) -> float:
    """Without the binomial coefficients, which no parameter changes. at: [P]."""
    d, _ = _differences(rows, at)
    draw = draw_of(rows, at)
    most = np.abs(d) / 2
    total = np.exp(d / 2 - most) + np.exp(-d / 2 - most) + np.where(rows.drawable, draw, 0.0) * np.exp(-most)
    wins, draws, losses = rows.counts.T
    value = (wins - losses) * d / 2 - rows.counts.sum(axis=1) * (most + np.log(total))
    return float(value.sum() + (draws.sum() * math.log(draw) if draw > 0 else 0.0))


def slope_and_information(rows: ResultRows, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The log-likelihood's gradient [P] and its negative Hessian [P, P]."""
    d, gradient = _differences(rows, at)
    draw = draw_of(rows, at)
    win, tie, loss = np.moveaxis(shares(d, np.where(rows.drawable, draw, 0.0)), -1, 0)
    wins, draws, losses = rows.counts.T
    games = wins + draws + losses
    by_d = (wins - losses) / 2 - games * (win - loss) / 2
    by_d_twice = games * ((win + loss) / 4 - (win - loss) ** 2 / 4)
    slope = gradient.T @ by_d
    information = gradient.T @ (by_d_twice[:, None] * gradient)
    if rows.draw is None:
        slope[-1] += (draws - games * tie).sum()
        both = gradient.T @ (-games * tie * (win - loss) / 2)
        information[-1] += both
        information[:, -1] += both
        information[-1, -1] += (games * tie * (1 - tie)).sum() - by_d @ rows.scaled * draw / 2
    return slope, information


def scores(rows: ResultRows, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of a game of each kind: the first mover's expected points [R], their variance [R], and their gradient [R, P]."""
    d, gradient = _differences(rows, at)
    win, tie, _ = np.moveaxis(shares(d, np.where(rows.drawable, draw_of(rows, at), 0.0)), -1, 0)
    mean = win + tie / 2
    variance = win + tie / 4 - mean**2
    slope = variance[:, None] * gradient  # in a logit, d multiplies points − 1/2
    if rows.draw is None:
        slope[:, -1] += tie * (0.5 - mean)
    return mean, variance, slope


def climb(rows: ResultRows, start: np.ndarray) -> Peak:
    """The maximum, from `start` [P]. ValueError if there is none.

    Newton's method, which from afar goes by way of scipy's trust region; the last digits are always Newton's."""
    peak = _newton(rows, start)
    if peak is None:
        from scipy import optimize

        with np.errstate(all="ignore"):
            found = optimize.minimize(
                lambda at: -log_likelihood(rows, at),
                start,
                jac=lambda at: -slope_and_information(rows, at)[0],
                hess=lambda at: slope_and_information(rows, at)[1],
                method="trust-exact",
                options={"gtol": 1e-4, "maxiter": 500},
            )
        peak = _newton(rows, found.x)
    if peak is None:
        raise ValueError("these results have no finite ratings of greatest likelihood: give a prior above 0")
    return peak


def _newton(rows: ResultRows, at: np.ndarray) -> Peak | None:
    enough = 1e-11 * (1 + rows.counts.sum())
    for _ in range(40):
        slope, information = slope_and_information(rows, at)
        try:
            np.linalg.cholesky(information)
        except np.linalg.LinAlgError:
            return None
        if np.abs(slope).max(initial=0.0) <= enough:
            flat = len(at) > 0 and np.diag(np.linalg.inv(information)).max() > FLAT
            return None if flat else Peak(at, log_likelihood(rows, at), information)
        step = np.linalg.solve(information, slope)
        at = at + step * min(1.0, LONGEST_STEP / np.abs(step).max())
    return None


def pin(rows: ResultRows, column: int, value: float) -> ResultRows:
    """The rows in which parameter `column` is no parameter any more, but `value`."""
    constant = rows.constant + rows.design[:, column] * value
    return rows._replace(design=np.delete(rows.design, column, axis=1), constant=constant)


def edge(rows: ResultRows, peak: Peak, column: int, side: int, spread: float) -> float:
    """Where parameter `column`, a strength, leaves its 95 % likelihood ratio interval to the `side` −1 or 1.

    The likelihood must fall to that side without end. spread: the dispersion."""
    from scipy import optimize

    others = np.delete(peak.at, column)

    def excess(value: float) -> float:
        return climb(pin(rows, column, value), others).value - peak.value + HALF_DROP * spread

    near, far = float(peak.at[column]), float(peak.at[column]) + side
    while excess(far) > 0:
        near, far = far, far + 2 * (far - near)
    return float(optimize.brentq(excess, near, far, xtol=1e-6))
