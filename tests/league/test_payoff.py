"""The payoff table and what is read off it, against hand-made values, closed forms and brute force."""

from __future__ import annotations

import json
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from selfplay.league import equilibrium, payoff
from selfplay.ratings import elo as rating

# Points of rock, paper and scissors (rows) against rock, paper and scissors.
RPS = np.array([[0.5, 0, 1], [1, 0.5, 0], [0, 1, 0.5]])
NAMES = ["rock", "paper", "scissors"]


def table_of(scores: np.ndarray, games: float = 100, names: list[str] | None = None) -> payoff.PayoffTable:
    """A symmetric table in which everyone has met everyone."""
    names = names or [f"p{number}" for number in range(len(scores))]
    table = payoff.PayoffTable("agent")
    for i, j in combinations(range(len(scores)), 2):
        table.add(names[i], names[j], scores[i, j], games)
    return table


def ladder(elo: np.ndarray) -> np.ndarray:
    return np.asarray(rating.score_of_elo(elo[:, None] - elo))


# The table


def test_a_score_seen_from_the_other_side_is_what_is_left_of_one() -> None:
    table = payoff.PayoffTable("agent")
    table.add("new", "old", 0.8, 10)
    table.add("old", "new", 0.4, 30)
    mine, theirs = table.get("new", "old"), table.get("old", "new")
    assert mine is not None and theirs is not None and mine[1:] == theirs[1:] == (40, None)
    assert (mine.score, theirs.score) == pytest.approx((0.65, 0.35))
    assert table.players("agent") == ["new", "old"]


def test_roles_of_a_bipartite_table_may_share_names_and_nobody_meets_their_own_role() -> None:
    table = payoff.PayoffTable("generator", "critic")
    table.add("000001", "000001", 0.3, 500, 0.0002)
    table.add("000002", "000001", 0.4, 500, 0.0002)
    assert (table.players("generator"), table.players("critic")) == (["000001", "000002"], ["000001"])
    assert table.get("000001", "000002") is None
    turned = table.turned()
    assert turned.roles == ("critic", "generator") and turned.get("000001", "000002") == (0.6, 500, 0.0002)
    again = turned.turned()
    assert again.players("generator") == table.players("generator")
    assert again.get("000001", "000001") == pytest.approx((0.3, 500, 0.0002))


def test_merging_weighs_by_games_and_keeps_the_variance_of_the_mean() -> None:
    table = payoff.PayoffTable("generator", "critic")
    table.add("g", "c", 0.2, 100, 0.001)
    table.add("g", "c", 0.5, 300, 0.0004)
    score, games, variance = table.get("g", "c") or (0, 0, 0)
    assert (score, games) == pytest.approx((0.425, 400))
    assert variance == pytest.approx((100**2 * 0.001 + 300**2 * 0.0004) / 400**2)


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.integers(1, 9)), min_size=1, max_size=8), st.randoms())
def test_results_merge_to_the_same_in_any_order(results: list[tuple[float, int]], shuffle: object) -> None:
    games = sum(n for _, n in results)
    points = sum(score * n for score, n in results)
    table = payoff.PayoffTable("agent")
    for score, n in sorted(results, key=lambda _: shuffle.random()):  # type: ignore[attr-defined]
        table.add("a", "b", score, n)
    cell = table.get("a", "b")
    assert cell is not None and cell.games == games and cell.score == pytest.approx(points / games)
    assert payoff.variance_of(cell) == pytest.approx(cell.score * (1 - cell.score) / games)


def test_pairs_that_have_not_met_are_unknown_until_someone_guesses() -> None:
    table = payoff.PayoffTable("agent")
    table.add("a", "b", 0.75, 4)
    names, elo = ["a", "b", "c"], {"a": 100.0, "b": 0.0, "c": -50.0}
    nan = np.nan
    np.testing.assert_equal(table.scores(names, names), [[0.5, 0.75, nan], [0.25, 0.5, nan], [nan, nan, 0.5]])
    np.testing.assert_equal(table.scores(["a"], names, 0.5), [[0.5, 0.75, 0.5]])
    guessed = table.scores(names, names, lambda row, column: float(rating.score_of_elo(elo[row] - elo[column])))
    assert guessed[0, 2] == pytest.approx(rating.score_of_elo(150)) and guessed[0, 1] == 0.75
    np.testing.assert_allclose(guessed + guessed.T, 1)
    lopsided = table.scores(names, names, lambda row, column: 0.9)  # a predictor that favours whoever is asked about
    np.testing.assert_allclose(lopsided + lopsided.T, 1)
    assert table.scores([], names).shape == (0, 3)


def test_a_table_survives_json() -> None:
    table = payoff.PayoffTable("generator", "critic")
    table.add("g1", "c1", 0.3, 500, 0.0002)
    table.add("g1", "c2", 1 / 3, 7)
    rows = json.loads(json.dumps(table.rows()))
    again = payoff.PayoffTable.from_rows(("generator", "critic"), rows)
    assert again.rows() == table.rows() and again.get("g1", "c2") == (1 / 3, 7, None)
    assert rows[0] == {"row": "g1", "column": "c1", "score": 0.3, "games": 500, "variance": 0.0002}


@pytest.mark.parametrize("wrong", [(1.2, 1, None), (0.5, 0, None), (0.5, 1, -0.1), (float("nan"), 1, None)])
def test_a_result_that_is_none_is_refused(wrong: tuple[float, float, float | None]) -> None:
    with pytest.raises(ValueError, match="a result is a score"):
        payoff.PayoffTable("agent").add("a", "b", *wrong)


def test_nobody_meets_itself_and_roles_are_one_or_two() -> None:
    with pytest.raises(ValueError, match="itself"):
        payoff.PayoffTable("agent").add("a", "a", 0.5)
    for roles in ((), ("a", "a"), ("a", "b", "c")):
        with pytest.raises(ValueError, match="role"):
            payoff.PayoffTable(*roles)


def test_effective_games_are_those_that_explain_the_variance() -> None:
    assert payoff.effective_games(payoff.Cell(0.7, 40, None)) == 40
    at_half = (2 * 500 + 1) / (12 * 500 * 500)  # of an area under a curve, 500 against 500, at 1/2
    assert payoff.effective_games(payoff.Cell(0.5, 500, at_half)) == pytest.approx(1.5 * 500, rel=2e-3)
    assert payoff.effective_games(payoff.Cell(0.5, 10, 0.0)) == 40  # all drawn
    assert payoff.effective_games(payoff.Cell(1.0, 10, 0.0)) == 10


# Ratings


def test_ratings_of_rock_paper_scissors_are_all_equal() -> None:
    names, results = table_of(RPS, names=NAMES).results()
    assert names == [("agent", name) for name in NAMES]
    fit = rating.fit(results, draw=0, advantage=0)
    np.testing.assert_allclose(fit.ratings, 0, atol=1e-6)


def test_a_bipartite_table_puts_both_roles_on_one_scale() -> None:
    rows, columns = np.array([0.0, 100, 250]), np.array([50.0, -30])
    table = payoff.PayoffTable("generator", "critic")
    for i, j in np.ndindex(3, 2):
        table.add(f"{i}", f"{j}", float(rating.score_of_elo(rows[i] - columns[j])), 1000)
    names, results = table.results()
    assert names[2:4] == [("generator", "2"), ("critic", "0")]
    fit = rating.fit(results, anchor=0, draw=0, advantage=0, prior=1e-9)
    np.testing.assert_allclose(fit.ratings, [0, 100, 250, 50, -30], atol=1e-3)


# Equilibria


def closed_form(scores: np.ndarray) -> tuple[float, float, float]:
    """(probability of row 0, of column 0, value) of a 2×2 game without ties."""
    (a, b), (c, d) = scores
    lows, highs = scores.min(axis=1), scores.max(axis=0)
    if lows.max() == highs.min():  # a saddle
        return float(lows.argmax() == 0), float(highs.argmin() == 0), float(lows.max())
    total = a - b - c + d
    return (d - c) / total, (d - b) / total, (a * d - b * c) / total


def test_all_orders_of_a_two_by_two_game_have_their_closed_form() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        scores = rng.random((2, 2))
        found = equilibrium.solve(scores)
        assert (found.row[0], found.column[0], found.value) == pytest.approx(closed_form(scores), abs=1e-9)


def by_enumeration(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """The equilibrium of a game that has one, from all pairs of supports of equal size."""
    size, width = scores.shape
    for count in range(1, min(size, width) + 1):
        for rows in combinations(range(size), count):
            for columns in combinations(range(width), count):
                part = scores[np.ix_(rows, columns)]
                border = np.ones((count + 1, count + 1))
                border[:count, :count], border[-1, -1] = part, 0
                goal = np.append(np.zeros(count), 1.0)
                if abs(np.linalg.det(border)) < 1e-12:
                    continue
                y, x = np.linalg.solve(border, goal), np.linalg.solve(border.T, goal)
                row, column = np.zeros(size), np.zeros(width)
                row[list(rows)], column[list(columns)] = x[:-1], y[:-1]
                if min(row.min(), column.min()) >= 0 and equilibrium.exploitability(scores, row, column) < 1e-12:
                    return row, column, -float(y[-1])
    raise AssertionError("every game has an equilibrium")


def test_random_games_have_the_equilibrium_that_brute_force_finds() -> None:
    rng = np.random.default_rng(1)
    for shape in [(3, 3), (2, 4), (4, 3), (4, 4)] * 6:
        scores = rng.random(shape)
        row, column, value = by_enumeration(scores)
        found = equilibrium.solve(scores)
        np.testing.assert_allclose(found.row, row, atol=1e-9)
        np.testing.assert_allclose(found.column, column, atol=1e-9)
        assert found.value == pytest.approx(value, abs=1e-9)


def test_random_games_cannot_be_exploited_and_symmetric_ones_are_worth_a_half() -> None:
    rng = np.random.default_rng(2)
    for _ in range(100):
        scores = rng.random((5, 5))
        row, column, _ = equilibrium.solve(scores)
        assert row.sum() == pytest.approx(1) == column.sum() and min(row.min(), column.min()) >= 0
        assert equilibrium.exploitability(scores, row, column) < 1e-9
        symmetric = (scores - scores.T) / 2 + 0.5
        row, column, value = equilibrium.solve(symmetric)
        assert value == 0.5 and (row == column).all()
        assert equilibrium.exploitability(symmetric, row, column) < 1e-9


def test_a_game_of_a_hundred_players_takes_no_time() -> None:
    rng = np.random.default_rng(3)
    noise = rng.random((50, 50))
    copies = rng.integers(0, 50, 100)
    for scores in (rng.random((100, 60)), (0.5 + (noise - noise.T) / 2)[copies][:, copies], np.full((100, 100), 0.5)):
        row, column, _ = equilibrium.solve(scores)
        assert equilibrium.exploitability(scores, row, column) < 1e-9


@pytest.mark.parametrize(
    ("scores", "row", "column"),
    [
        (RPS, [1 / 3] * 3, [1 / 3] * 3),
        # Nobody beats anybody: all alike.
        (np.full((2, 4), 0.5), [0.5] * 2, [0.25] * 4),
        # The best of a ladder, and nobody else.
        (ladder(np.array([0.0, 100, 200])), [0, 0, 1], [0, 0, 1]),
        # A second rock: the two share a third.
        (RPS[[0, 0, 1, 2]][:, [0, 0, 1, 2]], [1 / 6, 1 / 6, 1 / 3, 1 / 3], [1 / 6, 1 / 6, 1 / 3, 1 / 3]),
        # Against column 0 all rows get 1/2; column 1 would gain if row 0 had less than 2/3: entropy goes to that edge.
        (np.array([[0.5, 0.6], [0.5, 0.3]]), [2 / 3, 1 / 3], [1, 0]),
        # Two saddles in one row: the column player halves, the row player has no choice.
        (np.array([[0.4, 0.4], [0.1, 0.2]]), [1, 0], [0.5, 0.5]),
        (np.array([[0.7]]), [1], [1]),
    ],
)
def test_among_equilibria_the_one_of_greatest_entropy_comes_out(
    scores: np.ndarray, row: list[float], column: list[float]
) -> None:
    found = equilibrium.solve(scores)
    np.testing.assert_allclose(found.row, row, atol=1e-9)
    np.testing.assert_allclose(found.column, column, atol=1e-9)


@st.composite
def games_with_ties(draw: st.DrawFn) -> np.ndarray:
    """Tables of few different scores, which leave choices between equilibria; some of them symmetric."""
    size, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    values = draw(st.lists(st.integers(0, 4), min_size=size * width, max_size=size * width))
    scores = np.array(values, dtype=float).reshape(size, width) / 4
    if size == width and draw(st.booleans()):
        scores = 0.5 + (scores - scores.T) / 2
    return scores


@settings(max_examples=80, deadline=None)
@given(games_with_ties(), st.integers(0, 2**32 - 1))
def test_no_optimal_mixture_has_more_entropy(scores: np.ndarray, seed: int) -> None:
    rng, found = np.random.default_rng(seed), equilibrium.solve(scores)
    assert equilibrium.exploitability(scores, found.row, found.column) < 1e-9
    for mixture, margins in ((found.row, scores - found.value), (found.column, (found.value - scores).T)):
        # Entropy is concave: its slope at the maximum leads to no other optimal mixture, such as a random vertex.
        size = len(mixture)
        limits = {
            "A_ub": -margins.T,
            "b_ub": np.full(margins.shape[1], 1e-9),
            "A_eq": np.ones((1, size)),
            "b_eq": [1.0],
        }
        other = optimize.linprog(rng.normal(size=size), bounds=[(0, None)] * size, **limits).x
        used = mixture > 0
        assert other[~used].sum() < 1e-6
        assert -np.log(mixture[used]) @ (other - mixture)[used] < 1e-4


@settings(max_examples=50, deadline=None)
@given(games_with_ties(), st.integers(0, 2**32 - 1))
def test_the_order_of_the_players_does_not_matter(scores: np.ndarray, seed: int) -> None:
    rng, found = np.random.default_rng(seed), equilibrium.solve(scores)
    rows, columns = rng.permutation(scores.shape[0]), rng.permutation(scores.shape[1])
    again = equilibrium.solve(scores[rows][:, columns])
    np.testing.assert_allclose(again.row, found.row[rows], atol=1e-6)
    np.testing.assert_allclose(again.column, found.column[columns], atol=1e-6)


def test_differences_as_small_as_the_solvers_limits_do_no_harm() -> None:
    # Scores equal but for 1e-7 and less: support and margins are then a matter of rounding, exploitability is not.
    rng = np.random.default_rng(5)
    for noise in (1e-12, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6):
        for _ in range(25):
            size = int(rng.integers(2, 7))
            scores = rng.integers(0, 3, (size, size)) / 2.5 + noise * rng.random((size, size))
            row, column, _ = equilibrium.solve(scores)
            assert equilibrium.exploitability(scores, row, column) < 2e-8


def test_a_table_with_gaps_has_no_equilibrium() -> None:
    with pytest.raises(ValueError, match="have not played"):
        equilibrium.solve(np.array([[0.5, np.nan]]))
    with pytest.raises(ValueError, match="one row and column"):
        equilibrium.solve(np.zeros((0, 2)))


def test_exploitability_is_the_sum_of_what_best_answers_gain() -> None:
    # Against all rock, paper gains 1/2; against a third each, nobody gains; rock against paper: scissors gain 1, and
    # the other side has what it wants already.
    rock, paper, third = np.eye(3)[0], np.eye(3)[1], np.full(3, 1 / 3)
    assert equilibrium.exploitability(RPS, rock, rock) == 1.0
    assert equilibrium.exploitability(RPS, third, third) == pytest.approx(0)
    assert equilibrium.exploitability(RPS, rock, paper) == 1.0
    assert equilibrium.exploitability(RPS, third, rock) == pytest.approx(0.5)


# Nash averaging


def test_nash_averages_do_not_change_with_copies() -> None:
    # A fourth player loses to all, least to rock. Copies of rock would raise its mean over opponents.
    scores = np.full((4, 4), 0.5)
    scores[:3, :3] = RPS
    scores[3, :3], scores[:3, 3] = [0.4, 0.1, 0.1], [0.6, 0.9, 0.9]
    for copies in (0, 1, 5):
        order = [0] * copies + [0, 1, 2, 3]
        found = equilibrium.nash_averages(scores[order][:, order])
        np.testing.assert_allclose(found.row[copies:], [0.5, 0.5, 0.5, 0.2], atol=1e-9)
        np.testing.assert_allclose(found.equilibrium.row[copies:], [1 / 3 / (copies + 1), 1 / 3, 1 / 3, 0], atol=1e-9)


def test_copies_weigh_where_the_equilibrium_is_a_matter_of_taste() -> None:
    # A and B draw; C loses to A by 0.1 and to B by 0.4. Any mixture of A and B is optimal, and entropy counts heads.
    scores = np.array([[0.5, 0.5, 0.9], [0.5, 0.5, 0.6], [0.1, 0.4, 0.5]])
    order = [0, 0, 1, 2]
    assert equilibrium.nash_averages(scores).row[2] == pytest.approx(0.25)
    assert equilibrium.nash_averages(scores[order][:, order]).row[3] == pytest.approx(0.2)


def test_agents_against_tasks_ignore_tasks_that_tell_nothing_new() -> None:
    # Rows are agents, columns tasks. Agent 0 is good at task 0, agent 1 at task 1, by 0.9 to 0.3; task 2 is easy.
    scores = np.array([[0.9, 0.3, 1.0], [0.3, 0.9, 1.0], [0.2, 0.2, 1.0]])
    found = equilibrium.nash_averages(scores)
    np.testing.assert_allclose(found.row, [0.6, 0.6, 0.2], atol=1e-9)
    np.testing.assert_allclose(found.column, [0.4, 0.4, 0.0], atol=1e-9)
    np.testing.assert_allclose(found.equilibrium.column, [0.5, 0.5, 0], atol=1e-9)
    many = equilibrium.nash_averages(scores[:, [0, 0, 0, 1, 2, 2]])
    np.testing.assert_allclose(many.row, found.row, atol=1e-9)


# Cycles


def test_rock_paper_scissors_is_all_cycle_and_a_ladder_is_none() -> None:
    found = payoff.cyclicity(table_of(RPS))
    assert found.share == pytest.approx(1) and found.p_value < 1e-9 and found.chance < 0.03
    found = payoff.cyclicity(table_of(ladder(np.array([0.0, 50, 120, 400]))), prior=0)
    assert found.share == pytest.approx(0, abs=1e-12) and found.p_value == pytest.approx(1)
    # One game each is no evidence, whatever the share.
    assert payoff.cyclicity(table_of(RPS, games=1)).p_value > 0.05


def test_a_mixture_of_cycle_and_ladder_is_told_apart_exactly() -> None:
    # Log odds of three players who met equally often: a ladder of 0.3 a step, and a circle of 0.5.
    odds = np.zeros((3, 3))
    odds[0, 1], odds[1, 2], odds[0, 2] = 0.3 + 0.5, 0.3 + 0.5, 0.6 - 0.5
    odds -= odds.T
    scores = 1 / (1 + np.exp(-odds))
    table = payoff.PayoffTable("agent")
    for i, j in combinations(range(3), 2):  # as many games as give every pair the same weight
        table.add(f"p{i}", f"p{j}", scores[i, j], 10 / (scores[i, j] * (1 - scores[i, j])))
    share = 3 * 0.5**2 / (3 * 0.5**2 + 2 * 0.3**2 + 0.6**2)
    assert payoff.cyclicity(table, prior=0).share == pytest.approx(share)


def test_pairs_count_by_their_games() -> None:
    # The circle's third leg was hardly played: ratings take the other two for a ladder.
    table = payoff.PayoffTable("agent")
    table.add("rock", "scissors", 0.8, 1000)
    table.add("scissors", "paper", 0.8, 1000)
    table.add("paper", "rock", 0.8, 1)
    assert payoff.cyclicity(table, prior=0).share < 0.01


def test_chance_alone_leaves_the_share_that_was_foretold() -> None:
    rng, elo = np.random.default_rng(4), np.linspace(0, 150, 8)
    shares, chances, significant = [], [], 0
    for _ in range(200):
        scores = ladder(elo)
        upper = np.triu(rng.binomial(100, scores) / 100, 1)
        found = payoff.cyclicity(table_of(upper + np.tril(1 - upper.T, -1)))
        shares.append(found.share)
        chances.append(found.chance)
        significant += found.p_value < 0.05
    assert np.mean(shares) == pytest.approx(np.mean(chances), rel=0.1)
    assert 1 <= significant <= 22  # 10 of 200 expected


def test_a_bipartite_table_without_interaction_has_no_cycles_and_matching_pennies_is_all_cycle() -> None:
    pennies = payoff.PayoffTable("generator", "critic")
    for i, j in np.ndindex(2, 2):
        pennies.add(f"{i}", f"{j}", 0.9 if i == j else 0.1, 100)
    assert payoff.cyclicity(pennies).share == pytest.approx(1)
    rated = payoff.PayoffTable("generator", "critic")
    for i, j in np.ndindex(3, 4):
        rated.add(f"{i}", f"{j}", float(rating.score_of_elo(100 * i - 70 * j)), 100)
    assert payoff.cyclicity(rated, prior=0).share == pytest.approx(0, abs=1e-12)


def test_a_tree_of_pairs_can_show_no_cycle() -> None:
    table = payoff.PayoffTable("agent")
    assert payoff.cyclicity(table) == (0, 0, 1)
    table.add("a", "b", 1.0, 9)
    table.add("b", "c", 1.0, 9)
    assert payoff.cyclicity(table) == (0, 0, 1)
    with pytest.raises(ValueError, match="no log odds"):
        payoff.cyclicity(table, prior=0)
    with pytest.raises(ValueError, match="0 or more"):
        payoff.cyclicity(table, prior=-1)
