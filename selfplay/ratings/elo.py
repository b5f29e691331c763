"""Elo ratings from a table of results: who is stronger, by how much, and how sure that is. Owns the Elo scale.

The model is `davidson`'s, Bradley–Terry with draws and a first-move advantage. One Elo is its natural unit times
(400/ln 10) · 2/(2 + ν). The last factor gives the expected score near 1/2 the slope of the logistic curve, so that an
Elo difference means the same with few draws and with many (BayesElo scales so too); without it, a match of which half
is drawn would show twice the Elo. This module knows arrays of counts: no games, no players, no files.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from selfplay.ratings import davidson, results_table

ELO = 400 / math.log(10)  # Elo a natural unit of log odds
Z95 = 1.959963984540054  # two-sided 95 % of a normal distribution
PRIOR = 0.1
UNTESTABLE = 1e-6  # share of the points' variance; a fit that leaves less of it to chance fits anything


class Fit(NamedTuple):
    """Ratings of K players, all in Elo."""

    ratings: np.ndarray  # [K]
    covariance: np.ndarray  # [K, K] Elo²; zero for the anchor
    errors: np.ndarray  # [K] standard errors
    lower: np.ndarray  # [K] 95 % interval; −inf where no result bounds the rating from below
    upper: np.ndarray  # [K]                +inf where none bounds it from above
    draw: float  # ν ≥ 0: between equals without advantage, ν/(2 + ν) of the games are drawn
    draw_error: float  # standard error of ν; 0 where it was fixed
    advantage: float  # of moving first
    advantage_error: float  # 0 where it was fixed
    log_likelihood: float  # at the maximum, the prior's included
    dispersion: float  # variance of a game's score as a share of s(1 − s); 1 unless draws count as half points
    warnings: tuple[str, ...]  # sentences for the reader of the table
    results: np.ndarray  # [K, K, 3] what was fitted
    holds: np.ndarray  # [K, K] bool: i took points off j, perhaps by way of others, which bounds i's rating from below
    core: np.ndarray  # [·] the anchor, or the players whose mean is
    anchor_elo: float
    fixed: tuple[float | None, float | None, float]  # draw and advantage (None: estimated), prior


def score_of_elo(elo: np.ndarray | float) -> Any:
    """Expected points a game in [0, 1] of a player `elo` stronger: 1 / (1 + 10^(−elo/400)), any shape."""
    return 0.5 + 0.5 * np.tanh(np.asarray(elo, dtype=float) / (2 * ELO))


def elo_of_score(score: np.ndarray | float) -> Any:
    """The inverse: 400 log10(s / (1 − s)); ∓inf at 0 and 1. ValueError outside [0, 1]."""
    score = np.asarray(score, dtype=float)
    if not ((score >= 0) & (score <= 1)).all():
        raise ValueError(f"a score is points a game, in [0, 1], not {score}")
    with np.errstate(divide="ignore"):
        return ELO * (np.log(score) - np.log1p(-score))


def probabilities(difference: np.ndarray | float, draw: float) -> np.ndarray:
    """[..., 3] win, draw, loss of a player `difference` Elo ahead, first-move advantage included, at ν = draw."""
    return davidson.shares(np.asarray(difference, dtype=float) / ELO * (1 + draw / 2), draw)


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

    results: [K, K, 3] counts ≥ 0, zero on the diagonal: results[i, j] are i's wins, draws and losses in the games
        against j in which i moved first.
    anchor: the player whose rating is anchor_elo. None: the mean rating is, of the largest group within which results
        bound all differences (of all players, unless `warnings` says otherwise).
    draw: ν to fix. None: estimated, or 0 if nothing was drawn. Fixed at 0, a draw is half a win and half a loss: plain
        Bradley–Terry, in which the expected score is `score_of_elo`; the covariance is then multiplied by the
        dispersion (quasi-likelihood, McCullagh & Nelder 1989, section 9.2), as draws make scores less variable.
    advantage: Elo to fix. None: estimated, or 0 where who moved first cannot be told from who is stronger.
    prior: games, each half won, that every player is taken to have played besides, spread evenly over the others. It
        is there for players who won or lost everything and for groups that never met, for whom the likelihood has no
        maximum. It favours no anchor, and at 0.1 pulls ratings from 100 games by about a thousandth. Above 0, ν and
        the advantage have a prior besides, as Jeffreys': half a drawn and half a decided game, and one game half won,
        between equals. At 0 there is no prior, and such data are an error.
    names: of the players, for the warnings.

    The 95 % intervals are rating ± 1.96 errors. Where results bound a rating on one side only, the other bound is
    infinite, and the one there is comes from the likelihood ratio (1.92 below the maximum), since the likelihood is
    nothing like normal there. `warnings` names such players and groups.

    ValueError: a table that is none, fewer than two players, no games, or no maximum.
    """
    results = results_table.checked(results)
    size = len(results)
    _check_settings(size, anchor, anchor_elo, draw, advantage, prior)
    label = [str(name) for name in names] if names is not None else [f"player {number}" for number in range(size)]
    if len(label) != size:
        raise ValueError(f"{len(label)} names for {size} players")
    holds, core, warnings = results_table.bounds(results, label)
    if prior == 0 and warnings:
        raise ValueError(f"without a prior there are no ratings: {warnings[0]}")
    if anchor is not None:
        core = np.array([anchor])
    elif len(core) < size:
        warnings.append(f"The mean is that of {', '.join(label[player] for player in core)}.")
    fixed = (*_identified(results, draw, advantage, warnings), prior)
    return _at_maximum(results, holds, core, fixed, anchor_elo, warnings)


def _at_maximum(
    results: np.ndarray, holds: np.ndarray, core: np.ndarray, fixed: tuple[float | None, float | None, float],
    anchor_elo: float, warnings: list[str],
) -> Fit:  # fmt: skip
    """The `Fit` of a table that is sound; its fields by their names."""
    size = len(results)
    rows, basis, peak = _climb(results, core, fixed)
    dispersion = davidson.dispersion(rows, peak, results, fixed[2])
    found, change = _in_elo(rows, basis, peak.at, fixed[1])
    covariance = change @ np.linalg.solve(peak.information, change.T) * dispersion
    errors = np.sqrt(np.maximum(np.diag(covariance), 0))
    ratings, scale = found[:size], ELO / (1 + found[-1] / 2)
    lower, upper = ratings - Z95 * errors[:size], ratings + Z95 * errors[:size]
    for player in np.flatnonzero(~(holds[:, core[0]] & holds[core[0]])):
        column = int(basis[player].argmax())
        for bound, side, bounded in ((lower, -1, holds[player, core[0]]), (upper, 1, holds[core[0], player])):
            bound[player] = scale * davidson.edge(rows, peak, column, side, dispersion) if bounded else side * math.inf
    return Fit(
        ratings=ratings + anchor_elo,
        covariance=covariance[:size, :size],
        errors=errors[:size],
        lower=lower + anchor_elo,
        upper=upper + anchor_elo,
        draw=float(found[-1]),
        draw_error=float(errors[-1]),
        advantage=float(found[size]),
        advantage_error=float(errors[size]),
        log_likelihood=peak.value,
        dispersion=dispersion,
        warnings=tuple(warnings),
        results=results,
        holds=holds,
        core=core,
        anchor_elo=anchor_elo,
        fixed=fixed,
    )


def _identified(
    results: np.ndarray, draw: float | None, advantage: float | None, warnings: list[str]
) -> tuple[float | None, float | None]:
    """(draw, advantage) as `fit` has them, fixed at 0 where the results cannot say. Mutates warnings."""
    if results[..., 1].sum() == results.sum():
        warnings.append("Every game was drawn: the intervals rest on the prior.")
    if draw is None and not results[..., 1].any():
        draw = 0.0
    if advantage is None and davidson.confounded(results):
        advantage = 0.0
        warnings.append("Moving first cannot be told from being stronger: its advantage is taken to be 0.")
    return draw, advantage


def _check_settings(
    size: int, anchor: int | None, anchor_elo: float, draw: float | None, advantage: float | None, prior: float
) -> None:
    if anchor is not None and not 0 <= anchor < size:
        raise ValueError(f"anchor is the number of a player, 0 to {size - 1}, not {anchor}")
    if draw is not None and not 0 <= draw < math.inf:
        raise ValueError(f"draw is a draw parameter, 0 or more, not {draw}")
    if not 0 <= prior < math.inf:
        raise ValueError(f"prior is a number of games, 0 or more, not {prior}")
    if not math.isfinite(anchor_elo) or not math.isfinite(advantage or 0.0):
        raise ValueError(f"anchor_elo and advantage are finite Elo, not {anchor_elo} and {advantage}")


def _climb(
    results: np.ndarray, core: np.ndarray, fixed: tuple[float | None, float | None, float]
) -> tuple[davidson.ResultRows, np.ndarray, davidson.Peak]:
    """The likelihood, strengths by its parameters [K, K − 1], and its maximum."""
    draw, advantage, prior = fixed
    basis = davidson.basis(len(results), core)
    rows = davidson.build(results, basis, draw, None if advantage is None else advantage / ELO, prior)
    return rows, basis, davidson.climb(rows, davidson.start(rows))


def _in_elo(
    rows: davidson.ResultRows, basis: np.ndarray, at: np.ndarray, advantage: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """[K + 2] ratings and advantage in Elo, then ν; and their gradient [K + 2, P] for the delta method."""
    size, free = basis.shape
    draw = davidson.draw_of(rows, at)
    scale = ELO / (1 + draw / 2)
    to_elo = np.zeros((size + 2, len(at)))
    to_elo[:size, :free] = basis * scale
    if len(at) - (rows.draw is None) > free:
        to_elo[size, free] = scale
    found = to_elo @ at
    if rows.draw is None:
        to_elo[:, -1] = -found * (draw / 2) / (1 + draw / 2)
        to_elo[-1, -1] = draw
    found[size] += advantage or 0.0
    found[-1] = draw
    return found, to_elo


def _gap_error(fit: Fit, i: int, j: int) -> float:
    covariance = fit.covariance
    return math.sqrt(max(0.0, covariance[i, i] + covariance[j, j] - 2 * covariance[i, j]))


def _against(fit: Fit, i: int, j: int) -> tuple[davidson.ResultRows, davidson.Peak, int]:
    """The likelihood and its maximum with j's strength for 0, and the parameter that i's is."""
    rows, basis, peak = _climb(fit.results, np.array([j]), fit.fixed)
    return rows, peak, int(basis[i].argmax())


def difference(fit: Fit, i: int, j: int) -> tuple[float, float, float]:
    """Elo by which i is above j, with its 95 % interval: the covariance's, or as in `fit` where a side is unbounded."""
    gap, half = float(fit.ratings[i] - fit.ratings[j]), Z95 * _gap_error(fit, i, j)
    if i == j or (fit.holds[i, j] and fit.holds[j, i]):
        return gap, gap - half, gap + half
    rows, peak, column = _against(fit, i, j)
    scale, bounds = ELO / (1 + fit.draw / 2), [-math.inf, math.inf]
    for place, side, bounded in ((0, -1, fit.holds[i, j]), (1, 1, fit.holds[j, i])):
        if bounded:
            bounds[place] = scale * davidson.edge(rows, peak, column, side, fit.dispersion)
    return gap, bounds[0], bounds[1]


def signed_roots(fit: Fit) -> np.ndarray:
    """[K, K] by how many standard errors i is above j; antisymmetric.

    Wald's statistic, difference by standard error; where the difference is not bounded on both sides and a standard
    error says little, the signed root of the likelihood ratio of the fit and the best one that has the two equal."""
    size = len(fit.ratings)
    roots = np.zeros((size, size))
    for i in range(size):
        for j in range(i):
            gap = fit.ratings[i] - fit.ratings[j]
            if fit.holds[i, j] and fit.holds[j, i]:
                roots[i, j] = gap / _gap_error(fit, i, j)
            else:
                rows, peak, column = _against(fit, i, j)
                equal = davidson.climb(davidson.pin(rows, column, 0.0), np.delete(peak.at, column))
                roots[i, j] = np.sign(gap) * math.sqrt(max(0.0, 2 * (peak.value - equal.value) / fit.dispersion))
            roots[j, i] = -roots[i, j]
    return roots


def superiority(fit: Fit) -> np.ndarray:
    """[K, K] likelihood that i is stronger than j, in [0, 1]: the normal distribution at `signed_roots`."""
    from scipy import special

    return special.ndtr(signed_roots(fit))


def undecided(fit: Fit) -> list[tuple[int, int]]:
    """Pairs (i, j), i rated no lower, whose difference has a 95 % interval that holds 0: the table does not order them.

    Overlap of the two ratings' own intervals would be too cautious, and depend on the anchor."""
    roots, order = signed_roots(fit), np.argsort(-fit.ratings, kind="stable").tolist()
    return [(i, j) for place, i in enumerate(order) for j in order[place + 1 :] if abs(roots[i, j]) < Z95]


class Residuals(NamedTuple):
    """Points of i in its games against j, both seats together, and what the fit leaves of them unexplained."""

    games: np.ndarray  # [K, K]
    observed: np.ndarray  # [K, K] points of i, in [0, games]
    expected: np.ndarray  # [K, K] by the fit
    standardised: np.ndarray  # [K, K] (observed − expected) by its standard error: about N(0, 1) if the model holds


def residuals(fit: Fit) -> Residuals:
    """Misfit by pair. The variance is that of the points, V, less what the parameters took in adjusting to them:
    V − g C gᵀ, with g the gradient of the expected points and C the parameters' covariance. Standardised residuals are
    0 where two never met, and where the parameters fit whatever happens between them, as when there are no others."""
    size = len(fit.ratings)
    rows, _, peak = _climb(fit.results, fit.core, fit.fixed)
    wins, draws, losses = np.moveaxis(fit.results, 2, 0)
    played = wins + draws + losses
    first, second = np.nonzero(played)
    mean, variance, slope = (values[: len(first)] for values in davidson.scores(rows, peak.at))
    games, observed = played + played.T, wins + draws / 2 + (losses + draws / 2).T
    expected, spread, gradient = np.zeros((size, size)), np.zeros((size, size)), np.zeros((size, size, len(peak.at)))
    expected[first, second], spread[first, second] = mean, variance
    gradient[first, second] = slope * played[first, second, None]
    expected = played * expected + (played * (1 - expected)).T
    spread = played * spread + (played * spread).T
    gradient = gradient - gradient.transpose(1, 0, 2)
    left = spread - np.einsum("ijp,pq,ijq->ij", gradient, np.linalg.inv(peak.information), gradient)
    testable = left > UNTESTABLE * spread
    error = np.sqrt(np.where(testable, left, 1.0) * fit.dispersion)
    return Residuals(games, observed, expected, np.where(testable, (observed - expected) / error, 0.0))


class Bootstrap(NamedTuple):
    """Ratings of resampled tournaments."""

    ratings: np.ndarray  # [S, K] Elo
    lower: np.ndarray  # [K] 95 % interval: the quantiles 0.025 and 0.975
    upper: np.ndarray  # [K]


def table(pairs: np.ndarray) -> np.ndarray:
    """[K, K, 3] results for `fit` from pairs of games with seats swapped, [K, K, 3, 3]: pairs[i, j, x, y] is the number
    of pairs in which i scored x half points against j moving first, and y moving second. Every pair stands once, at
    [i, j] or at [j, i]."""
    pairs = np.asarray(pairs)
    moving_first, moving_second = pairs.sum(axis=3), pairs.sum(axis=2)
    return moving_first[..., ::-1] + moving_second.transpose(1, 0, 2)


def bootstrap(fit: Fit, pairs: np.ndarray, rng: np.random.Generator, samples: int = 1000) -> Bootstrap:
    """95 % intervals for which a pair of games is one observation: two games from one opening are not independent.

    pairs: as in `table`, of which the fit must be. In each of `samples` tournaments every pairing's pairs are drawn
    with replacement, as many as there were (Efron & Tibshirani 1993, chapter 13). A rating that results bound on one
    side only keeps the fit's interval: resampling shows nothing that never happened. ValueError: other pairs."""
    pairs = np.asarray(pairs)
    if pairs.shape[2:] != (3, 3) or not np.array_equal(table(pairs), fit.results):
        raise ValueError("these pairs, [K, K, 3, 3], do not add up to the results of the fit")
    if samples < 1:
        raise ValueError(f"samples is a number of tournaments, 1 or more, not {samples}")
    size = len(fit.ratings)
    number = pairs.sum(axis=(2, 3)).astype(np.int64)
    share = pairs.reshape(size, size, 9) / np.maximum(number, 1)[..., None]
    share[number == 0] = 1 / 9
    drawn = (table(rng.multinomial(number, share).reshape(pairs.shape)).astype(float) for _ in range(samples))
    return refitted(fit, drawn)


def refitted(fit: Fit, drawn: Iterable[np.ndarray]) -> Bootstrap:
    """Ratings and intervals from tables of results [K, K, 3], each drawn anew by a caller that knows what is
    independent of what. As many games as in the fit's own table, of every ordered pair. ValueError: no tables, or
    others."""
    draw, advantage, _ = fit.fixed
    rows, basis, peak = _climb(fit.results, fit.core, fit.fixed)
    games, ratings = fit.results.sum(axis=2), []
    for results in drawn:
        if not np.allclose(results.sum(axis=2), games):
            raise ValueError("a table that was drawn anew has as many games of every pair as the fit's")
        counts = rows.counts.copy()
        counts[: np.count_nonzero(games)] = davidson.count(results, draw)
        again = davidson.climb(rows._replace(counts=counts), peak.at)
        ratings.append(_in_elo(rows, basis, again.at, advantage)[0][: len(games)] + fit.anchor_elo)
    if not ratings:
        raise ValueError("there are no tables to rate players by")
    lower, upper = np.quantile(ratings, [0.025, 0.975], axis=0)
    bounded = fit.holds[:, fit.core[0]] & fit.holds[fit.core[0]]
    return Bootstrap(np.array(ratings), np.where(bounded, lower, fit.lower), np.where(bounded, upper, fit.upper))
