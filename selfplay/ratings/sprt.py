"""The sequential probability ratio test (SPRT) on pairs of games, with Elo and normalised Elo of one player against
another.

A pair is two games from one opening with seats swapped. Its points, 0 to 2 in halves, are one observation: the opening
that favours a seat favours each player once, and to count the games as independent would be wrong. So everything here
starts from five counts. Knows no players, no ratings of more than two, and nothing of who plays next.

Restricted distributions are those of greatest likelihood given the five counts (empirical likelihood, Owen 1988; Van
den Bergh, "Support for MLE of a multinomial" and "Normalized Elo practical", https://www.cantate.be/Fishtest). As
fishtest does, a kind of pair that was not seen counts as 1/1000 of a pair, so that it stays possible.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from selfplay.ratings import elo

POINTS = np.linspace(0.0, 1.0, 5)  # points a game of the five kinds of pairs
UNSEEN = 1e-3
NORMALISED = 800 / math.log(10)  # normalised Elo of a mean that lies one standard deviation of a game above 1/2
FARTHEST = 150.0  # normalised Elo; beyond, the iteration for a given t-value may find a lesser maximum, or none
MOST_STEPS = 5000  # of that iteration
EloModel = Literal["normalized", "logistic"]


class EloEstimate(NamedTuple):
    """Elo of the player whose points were counted. Intervals are 95 %; Elo may be infinite."""

    pairs: int
    score: float  # points a game, in [0, 1]
    variance: float  # of a pair's points a game
    elo: float  # logistic
    lower: float
    upper: float
    normalised: float  # Elo a game would need at the variance of coin flips: it tells how many games a proof takes
    normalised_lower: float
    normalised_upper: float
    superiority: float  # likelihood of being the stronger, in [0, 1]


class Verdict(NamedTuple):
    """The state of a sequential test after some pairs."""

    llr: float  # logarithm of the likelihood ratio, H1 over H0
    lower: float  # ln(β / (1 − α)): at or below it H0 is accepted
    upper: float  # ln((1 − β) / α): at or above it H1 is
    accepted: Literal["H0", "H1"] | None  # None: go on


class SequentialTest:
    """A test in progress. It looks at pairs one after the other, and its first verdict stands, whatever follows."""

    def __init__(self, elo0: float, elo1: float, alpha: float, beta: float, model: EloModel = "normalized") -> None:
        """As of `decide`. Raises ValueError."""
        self.elo0, self.elo1, self.alpha, self.beta, self.model = elo0, elo1, alpha, beta, model
        self.counts = np.zeros(5, dtype=np.int64)  # of the pairs it looked at, by their half points
        self.verdict = decide(self.counts, elo0, elo1, alpha, beta, model)

    @property
    def pairs(self) -> int:
        """How many it looked at."""
        return int(self.counts.sum())

    def add(self, points: Sequence[float]) -> None:
        """The points of the next pair's two games; nothing changes once the test is decided."""
        if self.verdict.accepted is None:
            self.counts[round(2 * sum(points))] += 1
            self.verdict = decide(self.counts, self.elo0, self.elo1, self.alpha, self.beta, self.model)


def kinds(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """[3, 3] counts of M pairs by a player's scores [M], each 0, 0.5 or 1, in the game of the pair in which it moved
    first and in that in which it moved second: counts[x, y] pairs with x and y half points. ValueError: others."""
    doubled = [np.asarray(scores, dtype=float) * 2 for scores in (first, second)]
    for scores in doubled:
        if not np.isin(scores, (0, 1, 2)).all():
            raise ValueError(f"scores are 0, 0.5 or 1, not {scores[~np.isin(scores, (0, 1, 2))][0] / 2:g}")
    counts = np.zeros((3, 3), dtype=np.int64)
    np.add.at(counts, (doubled[0].astype(int), doubled[1].astype(int)), 1)
    return counts


def pentanomial(counts: np.ndarray) -> np.ndarray:
    """[5] pairs with 0, 1/2, 1, 3/2 and 2 points, from `kinds` [3, 3]."""
    return np.array([np.trace(counts[:, ::-1], offset=2 - half_points) for half_points in range(5)])


def measure(counts: np.ndarray) -> EloEstimate:
    """Elo from counts [5] of pairs with 0, 1/2, 1, 3/2, 2 points; finite, ≥ 0, not all 0, or ValueError.

    The Elo interval and the superiority come from the empirical likelihood of the score, so that they hold near 0 and 1
    and where all pairs came out alike; from 25 pairs that are mostly level, though, they hold in 90 % of cases.
    Normalised Elo (Van den Bergh) is (score − 1/2) / σ · 800/ln 10, σ² being twice the pairs' variance; its interval is
    the t-value's asymptotic one, infinite where all pairs came out alike."""
    from scipy import optimize, special

    counts = _checked(counts)
    pairs = float(counts.sum())
    if counts.ndim != 1 or pairs == 0:
        raise ValueError(f"five counts of pairs, not all 0, are needed, not {counts.tolist()}")
    score = float(counts @ POINTS / pairs)
    variance = float(counts @ (POINTS - score) ** 2 / pairs)
    weights, total = _weights(counts)

    def excess(at: float) -> float:
        return -2 * float(total * _mean_restricted(weights, at)) - elo.Z95**2

    middle, nearly = float(weights @ POINTS), 1e-9
    low = 0.0 if excess(nearly) < 0 else optimize.brentq(excess, nearly, middle)
    high = 1.0 if excess(1 - nearly) < 0 else optimize.brentq(excess, middle, 1 - nearly)
    root = math.copysign(math.sqrt(max(0.0, excess(0.5) + elo.Z95**2)), score - 0.5)
    normalised, half = math.copysign(math.inf, score - 0.5) if score != 0.5 else 0.0, math.inf
    if variance > 0:
        t = (score - 0.5) / math.sqrt(variance)
        skewness, kurtosis = (float(counts @ ((POINTS - score) ** k / pairs)) / variance ** (k / 2) for k in (3, 4))
        half = math.sqrt(max(0.0, 1 - t * skewness + t * t * (kurtosis - 1) / 4) / pairs)
        normalised, half = t * NORMALISED / math.sqrt(2), elo.Z95 * half * NORMALISED / math.sqrt(2)
    bounds = (normalised - half, normalised + half) if variance > 0 else (-math.inf, math.inf)
    found, lower, upper = (float(elo.elo_of_score(at)) for at in (score, low, high))
    return EloEstimate(
        round(pairs), score, variance, found, lower, upper, normalised, *bounds, float(special.ndtr(root))
    )


def decide(
    counts: np.ndarray,
    elo0: float,
    elo1: float,
    alpha: float = 0.05,
    beta: float = 0.05,
    model: EloModel = "normalized",
) -> Verdict:
    """The generalised sequential probability ratio test of H0, `elo0`, against H1, `elo1`, after these pairs.

    Call it whenever pairs have been finished, and stop at the first verdict: the counts are all its memory.
    counts: [5] pairs with 0, 1/2, 1, 3/2, 2 points; all 0 gives llr 0.
    elo0 < elo1: in Elo of the model. "normalized": mean by standard deviation, so that the number of pairs needed does
        not depend on draws and openings; within ±150. "logistic": expected score.
    alpha: probability of accepting H1 at elo0; beta: of accepting H0 at elo1. Both hold nearly, for bounds near enough
        to need some twenty pairs or more. Fishtest's correction for overshooting the bounds is left out: it saves a few
        games, and needs a memory.
    ValueError: counts that are none, elo0 ≥ elo1, alpha or beta outside (0, 1/2)."""
    if not (0 < alpha < 0.5 and 0 < beta < 0.5):
        raise ValueError(f"alpha and beta are error rates, above 0 and below 0.5, not {alpha} and {beta}")
    llr = float(log_likelihood_ratio(counts, elo0, elo1, model))
    lower, upper = math.log(beta / (1 - alpha)), math.log((1 - beta) / alpha)
    return Verdict(llr, lower, upper, "H1" if llr >= upper else "H0" if llr <= lower else None)


def log_likelihood_ratio(counts: np.ndarray, elo0: float, elo1: float, model: EloModel = "normalized") -> np.ndarray:
    """[...] ln of the likelihood of the best distribution at elo1 over that at elo0. counts: [..., 5]; see `decide`."""
    counts = _checked(counts)
    if not -math.inf < elo0 < elo1 < math.inf:
        raise ValueError(f"elo0 is below elo1, both finite: not {elo0} and {elo1}")
    weights, total = _weights(counts)
    if model == "logistic":
        at0, at1 = (_mean_restricted(weights, float(elo.score_of_elo(bound))) for bound in (elo0, elo1))
    elif model == "normalized":
        if max(abs(elo0), abs(elo1)) > FARTHEST:
            raise ValueError(f"normalised Elo within ±150 can be tested, not {elo0} and {elo1}; try logistic Elo")
        at0, at1 = (_t_restricted(weights, bound / NORMALISED * math.sqrt(2)) for bound in (elo0, elo1))
    else:
        raise ValueError(f"model is 'normalized' or 'logistic', not {model!r}")
    return np.where(counts.any(axis=-1), total * (at1 - at0), 0.0)


def _checked(counts: np.ndarray) -> np.ndarray:
    counts = np.asarray(counts, dtype=float)
    if counts.shape[-1:] != (5,):
        raise ValueError(f"there are five kinds of pairs, with 0 to 4 half points, not {list(counts.shape)}")
    if not np.isfinite(counts).all() or counts.min(initial=0.0) < 0:
        raise ValueError(f"counts are numbers of pairs, 0 or more, not {counts.tolist()}")
    return counts


def _weights(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shares [..., 5], all above 0, and number [...] of pairs."""
    seen = np.where(counts == 0, UNSEEN, counts)
    total = seen.sum(axis=-1)
    return seen / total[..., None], total


def _lifted(weights: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """[..., 5] what the shares are divided by in the likeliest distribution in which `excess` [..., 5] has mean 0.

    It is 1 + x · excess, x solving Σ weights · excess / (1 + x · excess) = 0, which falls in x: Newton's method, kept
    within the bracket that no probability above 1 leaves."""
    most, least = excess.max(axis=-1), excess.min(axis=-1)
    assert (most > 0).all() and (least < 0).all(), "no distribution on the five kinds of pairs has this mean"
    smallest = weights.min(axis=-1)
    low, high = -(1 - smallest) / most, (1 - smallest) / -least
    x = np.zeros(most.shape)
    for _ in range(200):
        parts = excess / (1 + x[..., None] * excess)
        value = (weights * parts).sum(axis=-1)
        low, high = np.where(value > 0, x, low), np.where(value > 0, high, x)
        newton = x + value / (weights * parts**2).sum(axis=-1)
        new = np.where((newton >= low) & (newton <= high), newton, (low + high) / 2)  # x itself is a bound
        done = np.abs(new - x) <= 1e-14 * (high - low) + 1e-15 * np.abs(x)
        x = new
        if (done | (value == 0)).all():
            break
    return 1 + x[..., None] * excess


def _mean_restricted(weights: np.ndarray, mean: float) -> np.ndarray:
    """[...] greatest log-likelihood a pair, less that of the shares themselves, of distributions with this mean."""
    return -(weights * np.log(_lifted(weights, np.broadcast_to(POINTS - mean, weights.shape)))).sum(axis=-1)


def _t_restricted(weights: np.ndarray, t: float) -> np.ndarray:
    """[...] the same of distributions whose mean is t standard deviations above 1/2.

    The restriction is linearised around the last distribution until that stands still, from the uniform one (Van den
    Bergh, "Normalized Elo practical", section 4.1): some ten times, but hundreds where two maxima are about to part."""
    shares, lifted = np.full(weights.shape, 0.2), np.ones(weights.shape)
    moving = np.full(weights.shape[:-1], True)
    for _ in range(MOST_STEPS):
        mean = shares[moving] @ POINTS
        deviation = POINTS - mean[..., None]
        sigma = np.sqrt((shares[moving] * deviation**2).sum(axis=-1))[..., None]
        lifted[moving] = _lifted(weights[moving], POINTS - 0.5 - t * sigma * (1 + (deviation / sigma) ** 2) / 2)
        last, shares = shares, weights / lifted
        moving = np.abs(shares - last).max(axis=-1) > 1e-9
        if not moving.any():
            return -(weights * np.log(lifted)).sum(axis=-1)
    raise ArithmeticError(f"the likeliest distribution at t-value {t} was not found, given shares {weights[moving][0]}")
