"""Ratings, pairs of games and the sequential test: published values, slow twins, and simulated tournaments."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from itertools import permutations

import numpy as np
import pytest
from scipy import optimize, stats

from selfplay.ratings import cycles, davidson, sprt
from selfplay.ratings import elo as rating

PAIRS = np.array([13, 37, 50, 25, 3])  # a published example: pairs with 0, 1/2, 1, 3/2, 2 points


def tournament(rows: list[tuple[int, int, float, float, float]], size: int) -> np.ndarray:
    """[K, K, 3] from (i, j, wins, draws, losses of i), half of the games with each player first."""
    results = np.zeros((size, size, 3))
    for i, j, wins, draws, losses in rows:
        results[i, j] += np.array([wins, draws, losses]) / 2
        results[j, i] += np.array([losses, draws, wins]) / 2
    return results


def simulated(elo: np.ndarray, draw: float, advantage: float, games: int, rng: np.random.Generator) -> np.ndarray:
    """[K, K, 3]: so many games of each ordered pair of players."""
    chances = rating.probabilities(elo[:, None] - elo + advantage, draw)
    results = rng.multinomial(games, chances).astype(float)
    results[np.arange(len(elo)), np.arange(len(elo))] = 0
    return results


THREE = tournament([(0, 1, 18, 9, 3), (1, 2, 18, 9, 3), (0, 2, 24, 6, 0)], 3)
FOUR = simulated(np.array([60.0, 0, -40, -20]), 1.2, 25.0, 40, np.random.default_rng(1))


# One player against another: pairs of games


def test_pairs_of_games_give_the_published_figures() -> None:
    found = sprt.measure(PAIRS)
    assert (found.pairs, found.score) == (128, 0.4375)
    assert found.variance == pytest.approx(0.0576172, abs=1e-7)
    assert found.elo == pytest.approx(-43.6578, abs=1e-4) and found.normalised == pytest.approx(-63.968, abs=1e-3)
    assert found.lower < found.elo < found.upper < 0 and found.superiority < 0.01
    assert found.normalised_lower < found.normalised < found.normalised_upper < 0


def test_the_bounds_of_the_sequential_test_are_walds() -> None:
    found = sprt.decide(PAIRS, 0, 5)
    assert (found.lower, found.upper) == pytest.approx((-2.94444, 2.94444), abs=1e-5) and found.accepted is None
    assert sprt.decide(PAIRS * 20, 0, 5).accepted == "H0" and sprt.decide(PAIRS[::-1] * 20, 0, 5).accepted == "H1"
    assert sprt.decide(np.zeros(5), 0, 5).llr == 0


@pytest.mark.parametrize(
    ("counts", "elo0", "elo1", "model", "llr"),
    [  # computed once by the formulas of fishtest's LLRcalc, for counts of two of its own examples
        ((10789, 19328, 33806, 19402, 10543), -3, 1, "logistic", 2.1310678),
        ((39, 2226, 31451, 2412, 40), 0.2, 0.9, "logistic", 2.1625426),
        ((39, 2226, 31451, 2412, 40), 0.764, 3.439, "normalized", 2.1629409),
        ((0, 3, 40, 5, 0), 0, 20, "normalized", 0.2415133),
    ],
)
def test_the_likelihood_ratio_is_fishtests(
    counts: tuple[int, ...], elo0: float, elo1: float, model: sprt.Model, llr: float
) -> None:
    assert sprt.decide(np.array(counts), elo0, elo1, model=model).llr == pytest.approx(llr, abs=1e-5)


def likeliest(counts: np.ndarray, restriction: Callable[[np.ndarray], float]) -> float:
    """Greatest log-likelihood of a distribution on the five kinds that makes the restriction 0, by general means."""
    weights, found = np.where(counts == 0, 1e-3, counts), []
    for start in (weights / weights.sum(), np.full(5, 0.2), np.array([0.1, 0.1, 0.1, 0.1, 0.6])):
        done = optimize.minimize(
            lambda p: -(weights * np.log(p)).sum(),
            start,
            jac=lambda p: -weights / p,
            bounds=[(1e-8, 1)] * 5,
            constraints=[{"type": "eq", "fun": lambda p: p.sum() - 1}, {"type": "eq", "fun": restriction}],
            method="SLSQP",
            options={"maxiter": 500, "ftol": 1e-10},
        )
        if done.success and abs(restriction(done.x)) < 1e-7:
            found.append(-done.fun)
    return max(found)


@pytest.mark.filterwarnings("ignore:Values in x were outside bounds")
@pytest.mark.parametrize("counts", [(13, 37, 50, 25, 3), (2, 5, 8, 3, 0), (0, 0, 9, 1, 0), (30, 1, 9, 0, 35)])
def test_the_likelihood_ratio_is_that_of_a_general_optimiser(counts: tuple[int, ...]) -> None:
    shares = np.array(counts, dtype=float)
    for elo0, elo1 in ((0, 20), (-50, 100)):
        found = float(sprt.log_likelihood_ratio(shares, elo0, elo1, "logistic"))
        at = [likeliest(shares, lambda p, e=e: p @ sprt.POINTS - rating.score_of_elo(e)) for e in (elo0, elo1)]
        assert found == pytest.approx(at[1] - at[0], abs=2e-3)

        def t_value(p: np.ndarray, elo: float) -> float:
            mean = p @ sprt.POINTS
            return mean - 0.5 - elo / sprt.NORMALISED * math.sqrt(2 * p @ (sprt.POINTS - mean) ** 2)

        found = float(sprt.log_likelihood_ratio(shares, elo0, elo1))
        at = [likeliest(shares, lambda p, e=e: t_value(p, e)) for e in (elo0, elo1)]
        assert found == pytest.approx(at[1] - at[0], abs=2e-3)


def test_many_counts_are_judged_at_once_as_one_by_one_and_swapping_the_players_changes_the_sign() -> None:
    rng = np.random.default_rng(0)
    many = np.stack([rng.multinomial(rng.integers(0, 40), rng.dirichlet(np.full(5, 0.5))) for _ in range(60)])
    for model in ("normalized", "logistic"):
        together = sprt.log_likelihood_ratio(many, -10, 60, model)
        assert together == pytest.approx([float(sprt.log_likelihood_ratio(one, -10, 60, model)) for one in many])
        assert sprt.log_likelihood_ratio(many[:, ::-1], -60, 10, model) == pytest.approx(-together, abs=1e-6)


def shares_at(elo: float, model: str, shares: list[float]) -> np.ndarray:
    """[5] these shares, tilted until their Elo is `elo`."""

    def tilted(x: float) -> np.ndarray:
        weights = np.array(shares) * np.exp(x * sprt.POINTS)
        return weights / weights.sum()

    def above(x: float) -> float:
        mean = tilted(x) @ sprt.POINTS
        deviation = math.sqrt(tilted(x) @ (sprt.POINTS - mean) ** 2)
        normalised = (mean - 0.5) / deviation * sprt.NORMALISED / math.sqrt(2)
        return (normalised if model == "normalized" else float(rating.elo_of_score(mean))) - elo

    return tilted(optimize.brentq(above, -20, 20))


def error_rates(elo1: float, model: sprt.Model, shares: list[float], tests: int, step: int) -> tuple[float, float]:
    """How often H1 is accepted at Elo 0, and H0 at elo1, in tests looked at after every `step` pairs."""
    rng, bound, rates = np.random.default_rng(3), math.log(19), []
    for elo, sign in ((0.0, 1), (elo1, -1)):
        truth, counts, wrong = shares_at(elo, model, shares), np.zeros((tests, 5)), 0
        while len(counts):
            counts += rng.multinomial(step, truth, len(counts))
            llr = sprt.log_likelihood_ratio(counts, 0, elo1, model)
            wrong += int((sign * llr >= bound).sum())
            counts = counts[np.abs(llr) < bound]
        rates.append(wrong / tests)
    return rates[0], rates[1]


@pytest.mark.parametrize("model", ["normalized", "logistic"])
def test_the_sequential_test_errs_as_seldom_as_asked(model: sprt.Model) -> None:
    rates = error_rates(80.0, model, [1, 4, 6, 4, 1], tests=500, step=4)
    assert max(rates) <= 0.07  # 0.05 and two standard deviations


@pytest.mark.slow
@pytest.mark.parametrize("model", ["normalized", "logistic"])
@pytest.mark.parametrize("shares", [[1, 4, 6, 4, 1], [1, 0, 8, 0, 1], [30, 1, 10, 1, 30]])
def test_the_sequential_test_errs_as_seldom_as_asked_in_many_tests(model: sprt.Model, shares: list[float]) -> None:
    rates = error_rates(40.0, model, shares, tests=2500, step=4)
    assert max(rates) <= 0.06 and min(rates) >= 0.02


def test_an_elo_interval_covers_the_truth_near_even_and_near_certain_wins() -> None:
    rng = np.random.default_rng(1)
    for elo in (0.0, 300.0):
        counts = rng.multinomial(60, shares_at(elo, "logistic", [1, 4, 6, 4, 1]), 5000).astype(float)
        weights, total = sprt._weights(counts)
        below = -2 * total * sprt._mean_restricted(weights, float(rating.score_of_elo(elo)))
        inside = below <= rating.Z95**2
        assert 0.94 <= inside.mean() <= 0.96
        for one, held in zip(counts[:30], inside, strict=False):
            found = sprt.measure(one)
            assert (found.lower <= elo <= found.upper) == held, "the interval is what the likelihood ratio accepts"


def test_pairs_that_all_came_out_alike_leave_an_honest_interval() -> None:
    even, won = sprt.measure([0, 0, 50, 0, 0]), sprt.measure([0, 0, 0, 0, 50])
    assert even.elo == 0 and -15 < even.lower < -10 and even.upper == pytest.approx(-even.lower)
    assert even.superiority == 0.5 and won.superiority > 0.9999
    # All 50 pairs were won: the likelihood of a share s of them falls by 1.92 where s^50 = exp(−1.92).
    lowest = float(rating.elo_of_score(math.exp(-(rating.Z95**2) / 100)))
    assert (won.elo, won.upper) == (math.inf, math.inf) and won.lower == pytest.approx(lowest, abs=2)


def test_pairs_are_counted_by_their_two_scores() -> None:
    counts = sprt.kinds(np.array([1, 1, 0.5, 0, 0]), np.array([0, 0, 0.5, 0.5, 0]))
    assert counts.tolist() == [[1, 1, 0], [0, 1, 0], [2, 0, 0]]
    assert sprt.pentanomial(counts).tolist() == [1, 1, 3, 0, 0]
    with pytest.raises(ValueError, match=r"0, 0\.5 or 1, not 0\.25"):
        sprt.kinds(np.array([0.25]), np.array([1]))


@pytest.mark.parametrize(
    ("counts", "settings", "words"),
    [
        ([1, 2, 3], {}, "five kinds of pairs"),
        ([1, 2, -3, 4, 5], {}, "0 or more"),
        ([1, 2, math.nan, 4, 5], {}, "0 or more"),
        (PAIRS, {"elo1": 0}, "elo0 is below elo1"),
        (PAIRS, {"elo1": math.nan}, "elo0 is below elo1"),
        (PAIRS, {"alpha": 0.0}, "error rates"),
        (PAIRS, {"elo1": 400}, "try logistic"),
        (PAIRS, {"model": "normalised"}, "not 'normalised'"),
    ],
)
def test_a_sequential_test_that_cannot_be_is_refused_in_one_sentence(
    counts: list[float], settings: dict, words: str
) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        sprt.decide(np.array(counts), **{"elo0": 0, "elo1": 5, **settings})
    assert "\n" not in str(refused.value)


def test_no_pairs_cannot_be_measured() -> None:
    with pytest.raises(ValueError, match="not all 0"):
        sprt.measure([0, 0, 0, 0, 0])


# Many players: the fit


def test_three_engines_are_rated_as_published() -> None:
    fit = rating.fit(THREE, anchor=1, draw=0.0, advantage=0.0, prior=0.0)
    assert fit.ratings == pytest.approx([190.8485, 0, -190.8485], abs=1e-3)
    assert fit.advantage == 0 and not fit.warnings and fit.errors[1] == 0
    assert rating.fit(THREE, draw=0.0).ratings == pytest.approx([190.8485, 0, -190.8485], abs=1), "the prior is weak"
    assert rating.fit(THREE).ratings == pytest.approx([190.8485, 0, -190.8485], rel=0.03), "Davidson's scale is close"


@pytest.mark.parametrize(
    ("games", "no_draws", "half_draws"),
    [(50, 96, 68), (100, 68, 48), (200, 48, 34), (400, 34, 24), (1000, 21.5, 15.2), (4000, 10.8, 7.6)],
)
@pytest.mark.parametrize("draw", [None, 0.0], ids=["Davidson", "half points"])
def test_half_widths_by_number_of_games_are_those_of_the_table(
    games: int, no_draws: float, half_draws: float, draw: float | None
) -> None:
    def half_width(wins: float, draws: float) -> float:
        fit = rating.fit(tournament([(0, 1, wins, draws, wins)], 2), anchor=1, draw=draw)
        return float(fit.upper[0] - fit.lower[0]) / 2

    assert half_width(games / 2, 0) == pytest.approx(no_draws, rel=0.005)
    assert half_width(games / 4, games / 2) == pytest.approx(half_draws, rel=0.005)


def test_elo_and_score_are_inverse_and_odd() -> None:
    elo = np.array([-800.0, -100, 0, 35, 400])
    assert rating.elo_of_score(rating.score_of_elo(elo)) == pytest.approx(elo)
    assert rating.score_of_elo(-elo) == pytest.approx(1 - rating.score_of_elo(elo))
    assert rating.score_of_elo(400) == pytest.approx(10 / 11)
    assert rating.elo_of_score(1.0) == math.inf and rating.elo_of_score(0.0) == -math.inf
    with pytest.raises(ValueError, match="points a game"):
        rating.elo_of_score(1.2)


def test_an_elo_is_worth_the_same_with_few_draws_and_with_many() -> None:
    for draw in (0.0, 1.0, 10.0):
        win, tie, loss = rating.probabilities(1.0, draw)
        assert win + tie + loss == pytest.approx(1)
        assert win + tie / 2 - 0.5 == pytest.approx(rating.score_of_elo(1.0) - 0.5, rel=1e-4)


@pytest.mark.parametrize(("draw", "advantage"), [(None, None), (None, 40.0), (0.8, None), (0.0, None), (0.8, 40.0)])
def test_the_slope_and_information_are_those_of_finite_differences(draw: float | None, advantage: float | None) -> None:
    basis = davidson.basis(4, np.array([0, 2]))
    rows = davidson.build(FOUR, basis, draw, None if advantage is None else advantage / rating.ELO, 0.5)
    at, step = np.random.default_rng(2).normal(0, 0.5, rows.design.shape[1]), 1e-5
    slope, information = davidson.slope_and_information(rows, at)
    for k in range(len(at)):
        ahead, back = at + step * np.eye(len(at))[k], at - step * np.eye(len(at))[k]
        difference = davidson.log_likelihood(rows, ahead) - davidson.log_likelihood(rows, back)
        assert slope[k] == pytest.approx(difference / (2 * step), rel=1e-6, abs=1e-4)
        slopes = [davidson.slope_and_information(rows, x)[0] for x in (ahead, back)]
        assert information[k] == pytest.approx(-(slopes[0] - slopes[1]) / (2 * step), rel=1e-6, abs=1e-4)
        means = [davidson.scores(rows, x)[0] for x in (ahead, back)]
        of_mean = davidson.scores(rows, at)[2][:, k]
        assert of_mean == pytest.approx((means[0] - means[1]) / (2 * step), abs=1e-8)


def plain_log_likelihood(results: np.ndarray, ratings: list[float], advantage: float, draw: float) -> float:
    """The model as its definition says, in Elo."""
    total = 0.0
    for i, j in permutations(range(len(results)), 2):
        d = (ratings[i] - ratings[j] + advantage) * math.log(10) / 400 * (2 + draw) / 2
        weights = [math.exp(d / 2), draw, math.exp(-d / 2)]
        total += sum(n * math.log(w / sum(weights)) for n, w in zip(results[i, j], weights, strict=True) if n)
    return total


def test_the_covariance_is_that_of_a_numerical_hessian_in_elo() -> None:
    fit = rating.fit(FOUR, anchor=0, prior=0.0)

    def value(x: np.ndarray) -> float:
        return plain_log_likelihood(FOUR, [0.0, *x[:3]], x[3], x[4])

    best, steps = np.array([*fit.ratings[1:], fit.advantage, fit.draw]), np.diag([0.5, 0.5, 0.5, 0.5, 0.005])
    assert fit.log_likelihood == pytest.approx(value(best))
    hessian = np.zeros((5, 5))
    for i in range(5):
        assert value(best) >= max(value(best + steps[i]), value(best - steps[i]))
        for j in range(5):
            a, b = steps[i], steps[j]
            corners = value(best + a + b) - value(best + a - b) - value(best - a + b) + value(best - a - b)
            hessian[i, j] = corners / (4 * a[i] * b[j])
    covariance = np.linalg.inv(-hessian)
    assert fit.covariance[1:, 1:] == pytest.approx(covariance[:3, :3], rel=1e-3)
    assert (fit.advantage_error**2, fit.draw_error**2) == pytest.approx((covariance[3, 3], covariance[4, 4]), rel=1e-3)


def test_who_sits_where_in_the_table_changes_nothing() -> None:
    fit = rating.fit(FOUR, anchor=0)
    order = np.array([2, 0, 3, 1])
    shuffled = rating.fit(FOUR[np.ix_(order, order)], anchor=1)
    assert shuffled.ratings == pytest.approx(fit.ratings[order], abs=1e-6)
    assert shuffled.covariance == pytest.approx(fit.covariance[np.ix_(order, order)], abs=1e-5)
    swapped = rating.fit(FOUR.transpose(1, 0, 2)[..., ::-1], anchor=0)
    assert swapped.advantage == pytest.approx(-fit.advantage, abs=1e-6)
    assert swapped.ratings == pytest.approx(fit.ratings, abs=1e-6)
    assert rating.fit(FOUR, anchor=0).ratings.tolist() == fit.ratings.tolist(), "the same table, the same ratings"


def test_the_anchor_moves_all_ratings_alike_and_no_difference() -> None:
    fit, mean = rating.fit(FOUR, anchor=0, anchor_elo=1500.0), rating.fit(FOUR)
    assert fit.ratings[0] == 1500 and fit.errors[0] == 0 and mean.ratings.mean() == pytest.approx(0, abs=1e-9)
    assert fit.ratings - fit.ratings[0] == pytest.approx(mean.ratings - mean.ratings[0])
    assert rating.difference(fit, 1, 3) == pytest.approx(rating.difference(mean, 1, 3))
    gap, lower, upper = rating.difference(fit, 3, 1)
    assert (-gap, -upper, -lower) == pytest.approx(rating.difference(fit, 1, 3))
    assert rating.difference(fit, 2, 2) == (0, 0, 0)


def test_draw_and_advantage_can_be_fixed_and_are_zero_where_nothing_tells_them() -> None:
    free, fixed = rating.fit(FOUR, prior=0.0), rating.fit(FOUR, draw=1.2, advantage=25.0, prior=0.0)
    assert (fixed.draw, fixed.advantage, fixed.draw_error, fixed.advantage_error) == (1.2, 25.0, 0, 0)
    assert free.log_likelihood - 2 < fixed.log_likelihood < free.log_likelihood and fixed.ratings == pytest.approx(
        free.ratings, abs=5
    )
    again = rating.fit(FOUR, draw=free.draw, advantage=free.advantage)
    assert again.ratings == pytest.approx(free.ratings, abs=0.5)
    some = rating.fit(FOUR, advantage=free.advantage)
    assert some.ratings == pytest.approx(free.ratings, abs=0.1) and some.draw == pytest.approx(free.draw, rel=0.01)

    one_way = np.zeros((2, 2, 3))
    one_way[0, 1] = 12, 0, 8
    fit = rating.fit(one_way)
    assert (fit.draw, fit.advantage) == (0, 0) and "told from being stronger" in fit.warnings[0]


# Many simulated tournaments


def share_covered(lower: np.ndarray, upper: np.ndarray, truth: np.ndarray | float) -> float:
    return float(((lower <= truth) & (truth <= upper)).mean())


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng, elo = np.random.default_rng(5), np.array([0.0, 120, -60, 30])
    fits = [rating.fit(simulated(elo, 1.0, 60.0, 25, rng), anchor=0) for _ in range(1000)]
    lower, upper = np.array([fit.lower for fit in fits]), np.array([fit.upper for fit in fits])
    for player in (1, 2, 3):
        assert 0.93 <= share_covered(lower[:, player], upper[:, player], elo[player]) <= 0.97
    gaps = np.array([rating.difference(fit, 1, 2) for fit in fits])
    assert 0.93 <= share_covered(gaps[:, 1], gaps[:, 2], 180.0) <= 0.97
    for truth, found, error in (
        (60.0, [fit.advantage for fit in fits], [fit.advantage_error for fit in fits]),
        (1.0, [fit.draw for fit in fits], [fit.draw_error for fit in fits]),
    ):
        half = rating.Z95 * np.array(error)
        assert 0.93 <= share_covered(np.array(found) - half, np.array(found) + half, truth) <= 0.97
    assert np.mean([fit.ratings for fit in fits], axis=0) == pytest.approx(elo, abs=3), "hardly any bias"


@pytest.mark.slow
@pytest.mark.parametrize("draw", [0.0, 0.5, 4.0])
@pytest.mark.parametrize("games", [10, 50])
def test_intervals_cover_the_truth_with_few_and_many_draws(draw: float, games: int) -> None:
    rng, elo = np.random.default_rng(6), np.array([0.0, 60, -60, 30, 200, -120])
    fits = [rating.fit(simulated(elo, draw, 40.0, games, rng), anchor=0) for _ in range(3000)]
    lower, upper = np.array([fit.lower for fit in fits])[:, 1:], np.array([fit.upper for fit in fits])[:, 1:]
    assert 0.94 <= share_covered(lower, upper, elo[1:]) <= 0.965


def test_intervals_cover_the_truth_where_draws_are_half_points() -> None:
    rng, elo = np.random.default_rng(8), np.array([0.0, 100, -50])
    score = rating.score_of_elo(elo[:, None] - elo)
    drawn = 2 * score * (1 - score)  # as many as two coins differ: so the variance is half a coin's everywhere
    chances = np.stack([score - drawn / 2, drawn, 1 - score - drawn / 2], axis=-1)
    fits = []
    for _ in range(1000):
        results = rng.multinomial(40, chances).astype(float)
        results[np.arange(3), np.arange(3)] = 0
        fits.append(rating.fit(results, anchor=0, draw=0.0))
    lower, upper = np.array([fit.lower for fit in fits]), np.array([fit.upper for fit in fits])
    assert np.mean([fit.dispersion for fit in fits]) == pytest.approx(0.5, abs=0.02)
    for player in (1, 2):
        assert 0.93 <= share_covered(lower[:, player], upper[:, player], elo[player]) <= 0.97


def test_residuals_are_normal_where_the_model_holds() -> None:
    rng, elo = np.random.default_rng(9), np.array([0.0, 120, -60, 30])
    found = np.array(
        [rating.residuals(rating.fit(simulated(elo, 1.0, 60.0, 25, rng))).standardised for _ in range(400)]
    )
    above = found[:, *np.triu_indices(4, 1)]
    assert np.abs(above.mean(axis=0)).max() < 0.2 and above.std(axis=0) == pytest.approx(1, abs=0.12)
    assert found.transpose(0, 2, 1) == pytest.approx(-found, abs=1e-6)


# Pairs of games, drawn anew


def paired(scores: np.ndarray) -> np.ndarray:
    """[2, 2, 3, 3] pairs of player 0 against player 1, from its half points [M, 2] in the two games of each pair."""
    pairs = np.zeros((2, 2, 3, 3), dtype=np.int64)
    np.add.at(pairs[0, 1], (scores[:, 0], scores[:, 1]), 1)
    return pairs


def test_the_table_of_pairs_counts_each_game_for_the_one_who_moved_first() -> None:
    pairs = np.zeros((3, 3, 3, 3))
    pairs[0, 1, 2, 0] = 4  # player 0 won moving first, and lost moving second
    pairs[2, 1, 1, 2] = 3  # player 2 drew moving first, and won moving second
    results = rating.table(pairs)
    assert results[0, 1].tolist() == [4, 0, 0] and results[1, 0].tolist() == [4, 0, 0]
    assert results[2, 1].tolist() == [0, 3, 0] and results[1, 2].tolist() == [0, 0, 3]
    assert results.sum() == 14


def test_resampling_pairs_gives_the_errors_of_the_likelihood_where_games_are_independent() -> None:
    rng, elo, pairs = np.random.default_rng(7), np.array([50.0, 0, -50]), np.zeros((3, 3, 3, 3))
    for i, j in ((0, 1), (0, 2), (1, 2)):
        chances = rating.probabilities(elo[i] - elo[j], 1.0)[::-1]
        np.add.at(pairs[i, j], tuple(rng.choice(3, size=(2, 300), p=chances)), 1)
    fit = rating.fit(rating.table(pairs), anchor=1)
    found = rating.bootstrap(fit, pairs, np.random.default_rng(1), samples=1000)
    assert found.ratings.std(axis=0)[[0, 2]] == pytest.approx(fit.errors[[0, 2]], rel=0.15)
    assert np.cov(found.ratings.T)[0, 2] == pytest.approx(fit.covariance[0, 2], rel=0.3)
    assert found.lower[0] < fit.ratings[0] < found.upper[0] and found.lower[1] == found.upper[1] == 0
    again = rating.bootstrap(fit, pairs, np.random.default_rng(1), samples=1000)
    assert np.array_equal(found.ratings, again.ratings), "the same generator, the same tournaments"


def test_resampling_pairs_sees_that_openings_decide_where_the_fit_does_not() -> None:
    rng = np.random.default_rng(4)
    sides = rng.integers(0, 2, 200)  # the side that the opening favours wins, but in every fifth game
    upset = rng.random((200, 2)) < 0.2
    scores = 2 * np.where(upset, 1 - np.stack([sides, 1 - sides], axis=1), np.stack([sides, 1 - sides], axis=1))
    pairs = paired(scores)
    fit = rating.fit(rating.table(pairs), anchor=1)
    found = rating.bootstrap(fit, pairs, np.random.default_rng(0))
    measured = sprt.measure(sprt.pentanomial(pairs[0, 1]))
    assert found.upper[0] - found.lower[0] < 0.9 * (fit.upper[0] - fit.lower[0])
    assert (found.lower[0], found.upper[0]) == pytest.approx((measured.lower, measured.upper), abs=5)


def test_resampling_other_pairs_than_the_fits_is_refused() -> None:
    pairs = paired(np.array([[2, 0], [2, 1], [0, 0]]))
    fit = rating.fit(rating.table(pairs))
    with pytest.raises(ValueError, match="do not add up"):
        rating.bootstrap(fit, pairs * 2, np.random.default_rng(0))
    with pytest.raises(ValueError, match="samples"):
        rating.bootstrap(fit, pairs, np.random.default_rng(0), samples=0)


# What a reader is to be warned of


def test_players_who_beat_each_other_in_a_circle_are_found_and_others_are_not() -> None:
    circle = rating.fit(tournament([(0, 1, 80, 0, 20), (1, 2, 80, 0, 20), (2, 0, 80, 0, 20)], 3))
    (found,) = cycles.find(circle)
    assert found.players == (0, 1, 2) and found.points == pytest.approx((0.8, 0.8, 0.8))
    (close,) = cycles.find(rating.fit(tournament([(0, 1, 65, 0, 35), (1, 2, 65, 0, 35), (2, 0, 65, 0, 35)], 3)))
    assert close.p_value == pytest.approx(stats.binom.sf(64, 100, 0.5), rel=0.1), "each leg is 65 heads of 100 coins"
    (other,) = cycles.find(rating.fit(circle.results.transpose(1, 0, 2)))
    assert other.players == (0, 2, 1)
    assert cycles.find(rating.fit(THREE)) == []
    weak = rating.fit(tournament([(0, 1, 55, 0, 45), (1, 2, 80, 0, 20), (2, 0, 80, 0, 20)], 3))
    assert cycles.find(weak) == [] and len(cycles.find(weak, level=0.9)) == 1
    with pytest.raises(ValueError, match="level"):
        cycles.find(circle, level=5)


def test_moving_first_all_the_time_makes_no_circle() -> None:
    # Three moved first in all their games against the next. That is worth 100 Elo, and nobody is stronger.
    results = np.zeros((4, 4, 3))
    for i, j in permutations(range(4), 2):
        games = {(0, 1): 100, (1, 2): 100, (2, 0): 100}.get((i, j), 60 if 3 in (i, j) else 0)
        results[i, j] = games * rating.probabilities(100.0, 1.0)
    fit = rating.fit(results)
    assert (results[[0, 1, 2], [1, 2, 0], 0] > results[[0, 1, 2], [1, 2, 0], 2] + 20).all()
    assert cycles.find(fit) == [] and cycles.find(rating.fit(results, advantage=0.0)) != []


def test_equal_players_hardly_ever_look_like_a_circle() -> None:
    rng = np.random.default_rng(2)
    assert sum(bool(cycles.find(rating.fit(simulated(np.zeros(6), 1.0, 0.0, 20, rng)))) for _ in range(200)) <= 2


def test_a_circle_is_a_misfit_and_two_players_are_none() -> None:
    circle = rating.fit(tournament([(0, 1, 70, 20, 10), (1, 2, 70, 20, 10), (2, 0, 70, 20, 10)], 3))
    found = rating.residuals(circle)
    assert found.games[0, 1] == 100 and found.observed[0, 1] == 80 and found.expected[0, 1] == pytest.approx(50)
    assert found.standardised[0, 1] > 5 and found.standardised[1, 0] == pytest.approx(-found.standardised[0, 1])
    assert not rating.residuals(rating.fit(tournament([(0, 1, 70, 20, 10)], 2), prior=0.0)).standardised.any()


def test_players_whom_the_results_do_not_order_are_named() -> None:
    fit = rating.fit(tournament([(0, 1, 52, 0, 48), (0, 2, 95, 0, 5), (1, 2, 95, 0, 5)], 3))
    assert rating.undecided(fit) == [(0, 1)]
    superior = rating.superiority(fit)
    assert superior[0, 2] > 0.999 and 0.5 < superior[0, 1] < 0.9 and superior[0, 0] == 0.5
    assert superior + superior.T == pytest.approx(1)
    gap, lower, upper = rating.difference(fit, 0, 1)
    assert lower < 0 < gap < upper


def test_who_lost_everything_is_bounded_from_above_by_the_likelihood() -> None:
    fit = rating.fit(tournament([(0, 1, 100, 0, 0)], 2), anchor=0, names=["strong", "weak"])
    # 100 games won at expected score s have likelihood s^100, exp(−1.92) at the bound; the prior moves it a bit.
    bound = float(rating.elo_of_score(math.exp(-(rating.Z95**2) / 200)))
    assert fit.lower[1] == -math.inf and fit.upper[1] == pytest.approx(-bound, abs=30)
    assert fit.ratings[1] < fit.upper[1] and np.isfinite(fit.covariance).all()
    assert "strong lost no point" in fit.warnings[0] and "weak took no point" in fit.warnings[1]
    gap, lower, upper = rating.difference(fit, 0, 1)
    assert (lower, upper) == (pytest.approx(-fit.upper[1], abs=0.01), math.inf) and gap == -fit.ratings[1]
    assert rating.superiority(fit)[0, 1] > 0.9999 and rating.undecided(fit) == []


def test_one_who_lost_everything_does_not_blur_the_others() -> None:
    rows = [(0, 1, 60, 0, 40), (0, 2, 100, 0, 0), (1, 2, 100, 0, 0)]
    with_weak, without = rating.fit(tournament(rows, 3)), rating.fit(tournament(rows[:1], 2))
    assert with_weak.ratings[:2] == pytest.approx(without.ratings, abs=0.5)
    assert with_weak.upper[:2] == pytest.approx(without.upper, abs=0.5) and with_weak.lower[2] == -math.inf
    assert "The mean is that of player 0, player 1." in with_weak.warnings


def test_one_game_says_hardly_anything_and_does_not_fail() -> None:
    fit = rating.fit(tournament([(0, 1, 1, 0, 0)], 2), anchor=1)
    assert fit.upper[0] == math.inf and fit.lower[0] < 0 < fit.ratings[0]
    assert rating.undecided(fit) == [(0, 1)] and rating.superiority(fit)[0, 1] < 0.95


def test_groups_that_never_met_are_named_and_not_compared() -> None:
    apart = tournament([(0, 1, 50, 10, 40), (2, 3, 50, 10, 40)], 5)
    fit = rating.fit(apart)
    assert "player 0, player 1; player 2, player 3; player 4." in fit.warnings[0]
    assert rating.difference(fit, 0, 2)[1:] == (-math.inf, math.inf)
    assert rating.superiority(fit)[0, 2] == pytest.approx(0.5, abs=0.1) and (0, 2) in rating.undecided(fit)
    assert np.isfinite(rating.difference(fit, 2, 3)).all() and np.isinf(fit.upper[[2, 3, 4]]).all()
    assert rating.residuals(fit).standardised[0, 2] == 0


def test_all_games_drawn_is_even_with_a_warning() -> None:
    fit = rating.fit(tournament([(0, 1, 0, 100, 0)], 2), anchor=0)
    assert abs(fit.ratings[1]) < 1e-6 and 2 < fit.upper[1] < 20 and "drawn" in fit.warnings[0]
    half = rating.fit(tournament([(0, 1, 0, 100, 0)], 2), anchor=0, draw=0.0)
    assert abs(half.ratings[1]) < 1e-6 and 2 < half.upper[1] < 20


def test_who_moves_first_wins_always_is_a_large_advantage_and_tells_little_else() -> None:
    results = np.zeros((2, 2, 3))
    results[0, 1] = results[1, 0] = 50, 0, 0
    fit = rating.fit(results, anchor=0)
    assert fit.advantage > 500 and abs(fit.ratings[1]) < 1e-6 and fit.errors[1] > 200


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(0, 1, 10, 0, 0)], "player 0 lost no point"),
        ([(0, 1, 5, 0, 5), (2, 3, 5, 0, 5)], "No results join"),
        ([(0, 1, 0, 10, 0)], "no finite ratings"),
    ],
)
def test_without_a_prior_there_must_be_a_maximum(rows: list, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rating.fit(tournament(rows, 1 + max(row[1] for row in rows)), prior=0.0)


def test_without_a_prior_an_advantage_without_bound_is_no_maximum() -> None:
    results = np.zeros((2, 2, 3))
    results[0, 1], results[1, 0] = (10, 0, 0), (5, 0, 5)  # player 0 moving first always won; moving second it was even
    with pytest.raises(ValueError, match="prior above 0"):
        rating.fit(results, prior=0.0)
    assert rating.fit(results).ratings[0] > 100


@pytest.mark.parametrize("scale", [1e-3, 1e7])
def test_few_and_very_many_games_are_fitted(scale: float) -> None:
    fit = rating.fit(FOUR * scale, anchor=0, prior=0.0)
    one = rating.fit(FOUR, anchor=0, prior=0.0)
    assert fit.ratings == pytest.approx(one.ratings, abs=1e-3)
    assert fit.errors * math.sqrt(scale) == pytest.approx(one.errors, rel=1e-3)


def test_a_ladder_in_which_everyone_beat_the_next_is_fitted() -> None:
    fit = rating.fit(tournament([(i, i + 1, 40, 0, 0) for i in range(11)], 12), anchor=11)
    assert (np.diff(fit.ratings) < 0).all() and np.isinf(fit.upper[:11]).all() and np.isfinite(fit.lower).all()
    # The stronger a player, the higher its bound: 40 wins on each step down.
    assert (np.diff(fit.lower[:11]) < 0).all() and fit.lower[10] > 400


@pytest.mark.parametrize(
    ("results", "words"),
    [
        (np.zeros((1, 1, 3)), "two at least"),
        (np.zeros((0, 0, 3)), "two at least"),
        (np.zeros((3, 3, 3)), "no games"),
        (np.zeros((3, 2, 3)), "shape"),
        (np.full((2, 2, 3), np.nan), "not nan"),
        (np.full((2, 2, 3), np.inf), "not inf"),
        (-np.ones((2, 2, 3)), "not -1"),
        (np.ones((2, 2, 3)), "against itself"),
    ],
)
def test_a_table_that_is_none_is_refused_in_one_sentence(results: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        rating.fit(results)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"anchor": 3}, "0 to 2, not 3"),
        ({"anchor": -1}, "not -1"),
        ({"draw": -0.5}, "draw parameter"),
        ({"draw": math.nan}, "draw parameter"),
        ({"prior": -1.0}, "number of games"),
        ({"advantage": math.inf}, "finite Elo"),
        ({"anchor_elo": math.nan}, "finite Elo"),
        ({"names": ["a", "b"]}, "2 names for 3"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rating.fit(THREE, **settings)


def test_importing_the_ratings_loads_no_scipy() -> None:
    imports = "import sys\nfrom selfplay.ratings import cycles, elo, sprt\n"
    code = imports + "assert not {'scipy', 'torch'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
