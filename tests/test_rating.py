"""Ratings, pairs of games and the sequential test: published values, slow twins, and simulated tournaments."""

from __future__ import annotations

import math

import numpy as np
import pytest

from selfplay import cycles, davidson, rating, sprt

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
    size = len(elo)
    results = np.zeros((size, size, 3))
    for i in range(size):
        for j in range(size):
            if i != j:
                results[i, j] = rng.multinomial(games, rating.probabilities(elo[i] - elo[j] + advantage, draw))
    return results


THREE = tournament([(0, 1, 18, 9, 3), (1, 2, 18, 9, 3), (0, 2, 24, 6, 0)], 3)


# One player against another


def test_pairs_of_games_give_the_published_figures() -> None:
    found = sprt.measure(PAIRS)
    assert (found.pairs, found.score) == (128, 0.4375)
    assert found.variance == pytest.approx(0.0576172, abs=1e-7)
    assert found.elo == pytest.approx(-43.6578, abs=1e-4) and found.normalised == pytest.approx(-63.968, abs=1e-3)
    assert found.lower < found.elo < found.upper < 0 and found.superiority < 0.01


def test_the_bounds_of_the_sequential_test_are_walds() -> None:
    found = sprt.decide(PAIRS, 0, 5)
    assert (found.lower, found.upper) == pytest.approx((-2.94444, 2.94444), abs=1e-5) and found.accepted is None
    assert sprt.decide(PAIRS * 20, 0, 5).accepted == "H0" and sprt.decide(PAIRS[::-1] * 20, 0, 5).accepted == "H1"
    assert sprt.decide(np.zeros(5), 0, 5).llr == 0


@pytest.mark.parametrize(
    ("games", "no_draws", "half_draws"),
    [(50, 96, 68), (100, 68, 48), (200, 48, 34), (400, 34, 24), (1000, 21.5, 15.2), (4000, 10.8, 7.6)],
)
def test_half_widths_by_number_of_games_are_those_of_the_table(
    games: int, no_draws: float, half_draws: float
) -> None:
    def half_width(results: np.ndarray) -> float:
        fit = rating.fit(results, anchor=1, draw=0.0, advantage=0.0, prior=0.0)
        return float(fit.upper[0] - fit.lower[0]) / 2

    # A game's points are independent here: dispersion is the draws' doing alone.
    assert half_width(tournament([(0, 1, games / 2, 0, games / 2)], 2)) == pytest.approx(no_draws, rel=0.03)
    halves = tournament([(0, 1, games / 4, games / 2, games / 4)], 2)
    assert half_width(halves) == pytest.approx(half_draws, rel=0.04)


@pytest.mark.parametrize(("truth", "wrong"), [(0.0, "H1"), (30.0, "H0")])
def test_the_sequential_test_errs_as_seldom_as_asked(truth: float, wrong: str) -> None:
    rng = np.random.default_rng(3)
    t = truth * math.sqrt(2) / sprt.NORMALISED
    shares = np.array([0.06, 0.24, 0.4, 0.24, 0.06])
    tilted = shares * np.exp(t / math.sqrt(shares @ (sprt.POINTS - 0.5) ** 2) * (sprt.POINTS - 0.5))
    tilted /= tilted.sum()
    errors = decided = 0
    for _ in range(150):
        counts = np.zeros(5)
        for _ in range(400):
            counts += rng.multinomial(20, tilted)
            verdict = sprt.decide(counts, 0, 30).accepted
            if verdict:
                break
        decided += verdict is not None
        errors += verdict == wrong
    assert decided == 150 and errors <= 17  # 7.5 are expected of 150 at 5 %; 17 is beyond three standard deviations


# Many players


def test_three_engines_are_rated_as_published() -> None:
    fit = rating.fit(THREE, anchor=1, draw=0.0, advantage=0.0, prior=0.0)
    assert fit.ratings == pytest.approx([190.8485, 0, -190.8485], abs=1e-3)
    assert fit.advantage == 0 and not fit.warnings and fit.errors[1] == 0


def test_elo_and_score_are_inverse_and_odd() -> None:
    elo = np.array([-800.0, -100, 0, 35, 400])
    assert rating.elo_of_score(rating.score_of_elo(elo)) == pytest.approx(elo)
    assert rating.score_of_elo(400) == pytest.approx(10 / 11)
    assert rating.elo_of_score(1.0) == math.inf


def test_the_slope_and_information_are_those_of_finite_differences() -> None:
    fit = rating.fit(simulated(np.array([60.0, 0, -40, -20]), 1.2, 25.0, 40, np.random.default_rng(1)), anchor=0)
    rows, peak, _ = rating._against(fit, 1, 2)
    at, step = peak.at + 0.05, 1e-4
    slope, information = davidson.slope_and_information(rows, at)
    for k in range(len(at)):
        ahead, back = at.copy(), at.copy()
        ahead[k] += step
        back[k] -= step
        difference = (davidson.log_likelihood(rows, ahead) - davidson.log_likelihood(rows, back)) / (2 * step)
        assert slope[k] == pytest.approx(difference, rel=1e-4, abs=1e-4)
        slopes = [davidson.slope_and_information(rows, x)[0] for x in (ahead, back)]
        assert information[k] == pytest.approx(-(slopes[0] - slopes[1]) / (2 * step), rel=1e-3, abs=1e-3)


def test_who_sits_where_in_the_table_changes_nothing() -> None:
    results = simulated(np.array([80.0, 0, -30, 10]), 0.8, 40.0, 30, np.random.default_rng(2))
    fit = rating.fit(results, anchor=0)
    order = np.array([2, 0, 3, 1])
    shuffled = rating.fit(results[np.ix_(order, order)], anchor=1)
    assert shuffled.ratings == pytest.approx(fit.ratings[order], abs=1e-4)
    assert shuffled.errors == pytest.approx(fit.errors[order], abs=1e-4)
    swapped = rating.fit(results.transpose(1, 0, 2)[..., ::-1], anchor=0)
    assert swapped.advantage == pytest.approx(-fit.advantage, abs=1e-4)
    assert swapped.ratings == pytest.approx(fit.ratings, abs=1e-4)
    moved = rating.fit(results, anchor=0, anchor_elo=1500.0)
    assert moved.ratings == pytest.approx(fit.ratings + 1500, abs=1e-6)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    rng, elo = np.random.default_rng(5), np.array([0.0, 90, -60, 30])
    covered = total = 0
    for _ in range(1000):
        fit = rating.fit(simulated(elo, 1.0, 30.0, 25, rng), anchor=0, prior=0.0)
        inside = (fit.lower <= elo) & (elo <= fit.upper)
        covered, total = covered + int(inside[1:].sum()), total + 3
    assert 0.93 <= covered / total <= 0.97


def test_resampling_pairs_gives_about_the_errors_of_the_likelihood() -> None:
    rng = np.random.default_rng(7)
    pairs = np.zeros((3, 3, 3, 3))
    elo = np.array([50.0, 0, -50])
    for i in range(3):
        for j in range(i + 1, 3):
            draws = [rng.choice(3, size=150, p=rating.probabilities(elo[i] - elo[j], 1.0)[::-1]) for _ in "12"]
            np.add.at(pairs[i, j], (draws[0], draws[1]), 1)
    fit = rating.fit(rating.table(pairs), anchor=1)
    found = rating.bootstrap(fit, pairs, np.random.default_rng(1), samples=300)
    again = rating.bootstrap(fit, pairs, np.random.default_rng(1), samples=300)
    assert np.array_equal(found.lower, again.lower), "the same generator, the same intervals"
    assert (found.upper - found.lower)[0] == pytest.approx(2 * rating.Z95 * fit.errors[0], rel=0.25)


# What a reader is to be warned of


def test_players_who_beat_each_other_in_a_circle_are_found_and_others_are_not() -> None:
    circle = rating.fit(tournament([(0, 1, 80, 0, 20), (1, 2, 80, 0, 20), (2, 0, 80, 0, 20)], 3))
    (found,) = cycles.find(circle)
    assert set(found.players) == {0, 1, 2} and found.p_value < 1e-6
    assert cycles.find(rating.fit(THREE)) == []


def test_overlapping_players_are_named() -> None:
    fit = rating.fit(tournament([(0, 1, 52, 0, 48), (0, 2, 95, 0, 5), (1, 2, 95, 0, 5)], 3))
    assert rating.undecided(fit) == [(0, 1)]
    superior = rating.superiority(fit)
    assert superior[0, 2] > 0.999 and 0.5 < superior[0, 1] < 0.9


def test_a_player_who_lost_everything_has_no_lower_bound_and_nothing_blows_up() -> None:
    fit = rating.fit(tournament([(0, 1, 10, 0, 0)], 2), names=["strong", "weak"])
    assert fit.lower[1] == -math.inf and np.isfinite(fit.ratings).all()
    assert any("weak" in sentence for sentence in fit.warnings)


def test_groups_that_never_met_are_named() -> None:
    apart = tournament([(0, 1, 5, 1, 4), (2, 3, 5, 1, 4)], 4)
    try:
        sentences = " ".join(rating.fit(apart).warnings)
    except ValueError as error:
        sentences = str(error)
    assert all(str(player) in sentences for player in range(4))


@pytest.mark.parametrize(
    ("results", "words"),
    [
        (np.zeros((1, 1, 3)), "two at least"),
        (np.zeros((3, 3, 3)), "no games"),
        (np.full((2, 2, 3), np.nan), "not nan"),
        (-np.ones((2, 2, 3)), "0 or more"),
    ],
)
def test_a_table_that_is_none_is_refused_in_one_sentence(results: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words) as refused:
        rating.fit(results)
    assert "\n" not in str(refused.value)
