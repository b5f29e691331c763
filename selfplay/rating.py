"""Elo ratings from a table of results: who is stronger, by how much, and how sure that is. Owns the Elo scale.

The model is Bradley–Terry (1952) with draws (Davidson 1970) and a first-move advantage (Davidson & Beaver 1977). With d
the natural strength of the player who moves first, less that of the other, plus the advantage,

    P(win) : P(draw) : P(loss) = exp(d/2) : ν : exp(−d/2),

ν ≥ 0 being the draw parameter: between equals without advantage, ν/(2 + ν) of the games are drawn. A multinomial logit in
(strengths, advantage, ln ν): its likelihood is concave and has one maximum.

One Elo is d · (400/ln 10) · 2/(2 + ν). The last factor gives the expected score near 1/2 the slope of the logistic curve,
so that an Elo difference means the same with few draws and with many (BayesElo scales so too); without it, a match of
which half is drawn would show twice the Elo. This module knows arrays of counts: no games, no players, no files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

ELO = 400 / math.log(10)  # Elo a natural unit of log odds
Z95 = 1.959963984540054  # two-sided 95 % of a normal distribution
PRIOR = 0.1
UNTESTABLE = 1e-6  # a residual of which the fit leaves less than this share of the variance has no size to speak of


class Fit(NamedTuple):
    """Ratings of K players. All in Elo; those of an anchored player have no error."""

    ratings: np.ndarray  # [K]
    covariance: np.ndarray  # [K, K] Elo²
    errors: np.ndarray  # [K] standard errors
    lower: np.ndarray  # [K] 95 % interval; −inf where no result bounds the rating from below
    upper: np.ndarray  # [K]                +inf where none bounds it from above
    draw: float  # ν ≥ 0; 0: draws counted as half points
    draw_error: float  # standard error of ν; 0 where it was fixed
    advantage: float  # of moving first
    advantage_error: float  # 0 where it was fixed
    log_likelihood: float  # with the prior's, at the maximum
    warnings: tuple[str, ...]  # sentences for the reader of the table
    results: np.ndarray  # [K, K, 3] what was fitted
    dispersion: float  # variance of a game's score as a share of s(1 − s); below 1 only if draws count as half points
    above: np.ndarray  # [K, K] bool: i's rating is bounded from below by j's, by points that i took, perhaps by way of others
    fixed: tuple[float | None, float | None, float]  # draw, advantage and prior as asked for


class _Rows(NamedTuple):
    """The likelihood's terms: R kinds of games. Parameters are the free strengths, the advantage, ln ν; P in all."""

    design: np.ndarray  # [R, P or P − 1] of d, by the parameters but ln ν
    constant: np.ndarray  # [R] what d has besides
    in_elo: np.ndarray  # [R] what d has besides, before the factor (1 + ν/2)
    counts: np.ndarray  # [R, 3] wins of the first mover, draws, losses
    drawable: np.ndarray  # [R] bool: ν is in the term
    draw: float | None  # ν; None where it is a parameter


def score_of_elo(elo: np.ndarray | float) -> np.ndarray | float:
    """Expected points a game in [0, 1] of a player `elo` stronger: 1 / (1 + 10^(−elo/400)), any shape."""
    return 0.5 + 0.5 * np.tanh(np.asarray(elo, dtype=float) / (2 * ELO))


def elo_of_score(score: np.ndarray | float) -> np.ndarray | float:
    """The inverse: 400 log10(s / (1 − s)); ∓inf at 0 and 1. ValueError outside [0, 1]."""
    score = np.asarray(score, dtype=float)
    if not ((score >= 0) & (score <= 1)).all():
        raise ValueError(f"a score is points a game, in [0, 1], not {score}")
    with np.errstate(divide="ignore"):
        return ELO * (np.log(score) - np.log1p(-score))


def probabilities(difference: np.ndarray | float, draw: float) -> np.ndarray:
    """[..., 3] win, draw, loss of a player who is `difference` Elo ahead, first-move advantage included, at ν = draw."""
    d = np.asarray(difference, dtype=float) / ELO * (1 + draw / 2)
    return _shares(d, np.full(d.shape, draw))


def fit(
    results: np.ndarray,
    anchor: int | None = None,
    anchor_elo: float = 0.0,
    draw: float | None = None,
    advantage: float | None = None,
    prior: float = PRIOR,
    names: Sequence[str] | None = None,
) -> Fit:
    """Maximum likelihood ratings of K players, with intervals from the observed information.

    results: [K, K, 3] counts ≥ 0, zero on the diagonal: results[i, j] are i's wins, draws and losses in the games against
        j in which i moved first.
    anchor: the player whose rating is anchor_elo. None: the mean rating is, of the largest group within which results
        bound all differences (of all players, unless `warnings` says otherwise).
    draw: ν to fix. None: estimated, or 0 if nothing was drawn. Fixed at 0, a draw is half a win and half a loss: plain
        Bradley–Terry, in which the expected score is `score_of_elo`; the covariance is then multiplied by the dispersion
        (quasi-likelihood, McCullagh & Nelder 1989, section 9.2), since draws make scores less variable than coins.
    advantage: Elo to fix. None: estimated, or 0 if each two players met with only one of them moving first, throughout.
    prior: games, each half won, that every player is taken to have played besides, spread evenly over the others. It is
        there for players who won or lost everything and for groups that never met, of whom the likelihood has no
        maximum. It favours no anchor, and at 0.1 moves a rating from 100 games by a hundredth of its standard error. Above
        0, ν and the advantage have Jeffreys' prior besides: half a drawn and half a decided game, and one game half won,
        between equals. At 0 there is no prior, and such data are an error.

    The 95 % intervals are rating ± 1.96 errors. Where results bound a rating on one side only, the other bound is
    infinite, and the one there is comes from the likelihood ratio (1.92 below the maximum), since the likelihood is
    nothing like normal there. `warnings` names such players, and groups that never met.

    ValueError: a table that is none, fewer than two players, no games, or no maximum.
    """
    results = _checked(results, prior, draw, advantage, anchor, anchor_elo)
    size = len(results)
    label = [str(name) for name in names] if names is not None else [f"player {number}" for number in range(size)]
    if len(label) != size:
        raise ValueError(f"{len(label)} names for {size} players")
    above, groups, warnings = _bounded(results, label)
    if prior == 0 and warnings:
        raise ValueError(f"without a prior there are no ratings: {warnings[0]}")
    core = np.array([anchor]) if anchor is not None else np.flatnonzero(groups == np.bincount(groups).argmax())
    basis = _basis(size, core)
    rows, total = _rows(results, basis, draw, advantage, prior)
    best, value, information = _climb(rows, _start(rows))

    dispersion = _dispersion(rows, best, total, prior)
    ratings, errors_of = _in_elo(rows, basis, best)
    covariance = errors_of @ np.linalg.solve(information, errors_of.T) * dispersion
    variances = np.maximum(np.diag(covariance), 0)
    errors = np.sqrt(variances)
    lower, upper = ratings[:size] - Z95 * errors[:size], ratings[:size] + Z95 * errors[:size]
    scale = ELO / (1 + ratings[-1] / 2)
    for player in np.flatnonzero(~(above[:, core[0]] & above[core[0]])):
        column = int(np.flatnonzero(basis[player])[0])
        from_below, from_above = above[player, core[0]], above[core[0], player]
        lower[player] = scale * _edge(rows, best, value, column, -1.0, dispersion) if from_below else -math.inf
        upper[player] = scale * _edge(rows, best, value, column, 1.0, dispersion) if from_above else math.inf
    if anchor is None and len(core) < size:
        warnings.append(f"The mean rating is that of the {len(core)} players whom results bound among each other.")
    if results[..., 1].sum() == results.sum():
        warnings.append("Every game was drawn: the intervals rest on the prior.")
    return Fit(
        ratings[:size] + anchor_elo,
        covariance[:size, :size],
        errors[:size],
        lower + anchor_elo,
        upper + anchor_elo,
        float(ratings[-1]),
        float(errors[-1]),
        float(ratings[size]),
        float(errors[size]),
        value,
        tuple(warnings),
        results,
        dispersion,
        above,
        (draw, advantage, prior),
    )
