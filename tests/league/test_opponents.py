"""Policies for opponents against values by hand, what they lead to in rock–paper–scissors, and which pasts are kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selfplay.errors import ConfigError
from selfplay.league import equilibrium, opponents, payoff

RPS = np.array([[0.5, 0, 1], [1, 0.5, 0], [0, 1, 0.5]])  # rock, paper, scissors


def table_of(scores: dict[str, float]) -> payoff.PayoffTable:
    """What "me" scored against others."""
    table = payoff.PayoffTable("agent")
    for name, score in scores.items():
        table.add("me", name, score, 10)
    return table


# Weights


def test_latest_and_history_look_at_no_results() -> None:
    assert opponents.weights("latest", ["1", "2", "3"]).tolist() == [0, 0, 1]
    assert opponents.weights("history", ["1", "2", "3", "4"]).tolist() == [0.25] * 4


def test_priorities_are_the_published_functions_of_the_score() -> None:
    scores = np.array([0.0, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(opponents.priorities(scores, "hard", 1), np.array([4, 2, 1, 0]) / 7)
    np.testing.assert_allclose(opponents.priorities(scores, "hard", 2), np.array([16, 4, 1, 0]) / 21)
    np.testing.assert_allclose(opponents.priorities(scores, "variance"), np.array([0, 4, 3, 0]) / 7)
    assert opponents.priorities(np.ones(4)).tolist() == [0.25] * 4  # nobody is left who is hard to beat
    assert opponents.priorities(np.array([1.0, 1 - 1e-12]), "hard", 40).tolist() == [0, 1]


def test_pfsp_reads_the_learners_row_and_counts_strangers_as_equals() -> None:
    table = table_of({"1": 1.0, "2": 0.75})
    found = opponents.weights("pfsp", ["1", "2", "3"], table, "me")
    np.testing.assert_allclose(found, np.array([0, 1, 4]) / 5)

    def predictor(row: str, column: str) -> float:
        return 0.75 if row == "me" else 0.25

    predicted = opponents.weights("pfsp", ["1", "2", "3"], table, "me", unknown=predictor)
    np.testing.assert_allclose(predicted, [0, 0.5, 0.5])
    # Many strangers do not crowd out the one who is hard to beat, as they would if they counted as unbeatable.
    many = opponents.weights("pfsp", [*"12345678", "rival"], table_of({"rival": 0.1}), "me")
    assert many[-1] == pytest.approx(0.81 / (0.81 + 8 * 0.25)) and many[-1] > many[0]


def test_nash_is_the_opponents_side_of_the_equilibrium() -> None:
    table = payoff.PayoffTable("agent")
    for i, j in ((0, 1), (1, 2), (0, 2)):
        table.add(f"{i}", f"{j}", RPS[i, j], 1)
    table.add("weak", "0", 0.1, 5)
    table.add("weak", "1", 0.2, 5)
    table.add("weak", "2", 0.2, 5)
    found = opponents.weights("nash", ["weak", "0", "1", "2"], table)
    np.testing.assert_allclose(found, [0, 1 / 3, 1 / 3, 1 / 3], atol=1e-9)
    # Generators 0 and 1 (rows) against critics 0 and 1: the critics' mixture makes both score 0.1 · 2/3 + 0.4 · 1/3.
    table = payoff.PayoffTable("generator", "critic")
    for (i, j), score in np.ndenumerate(np.array([[0.1, 0.4], [0.3, 0.0]])):
        table.add(f"{i}", f"{j}", score, 500, 0.0002)
    np.testing.assert_allclose(opponents.weights("nash", ["0", "1"], table), [2 / 3, 1 / 3], atol=1e-9)
    np.testing.assert_allclose(opponents.weights("nash", ["0", "1"], table.turned()), [0.5, 0.5], atol=1e-9)


def test_nash_without_results_is_uniform() -> None:
    for table in (payoff.PayoffTable("agent"), payoff.PayoffTable("generator", "critic")):
        np.testing.assert_allclose(opponents.weights("nash", ["1", "2", "3"], table), 1 / 3, atol=1e-9)


def test_the_average_is_drawn_by_ema_only() -> None:
    players, table = ["1", "2", opponents.AVERAGE], table_of({"1": 0.5, "2": 0.5})
    assert opponents.weights("ema", players).tolist() == [0, 0, 1]
    for policy in ("latest", "history", "pfsp", "nash"):
        assert opponents.weights(policy, players, table, "me")[2] == 0
    with pytest.raises(ConfigError, match="no averages are kept"):
        opponents.weights("ema", ["1", "2"])


def test_a_wrong_word_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        opponents.weights("histroy", ["1"])
    assert str(caught.value) == (
        "no opponent policy is called 'histroy'. Did you mean 'history'? Known: latest, history, pfsp, nash, ema."
    )
    with pytest.raises(ConfigError, match=r"no opponent policy is called 'x'\. Known: latest"):
        opponents.check("x")
    with pytest.raises(ConfigError, match="Did you mean 'hard'"):
        opponents.check("pfsp", "hardy")
    with pytest.raises(ConfigError, match="above 0"):
        opponents.check("pfsp", power=0)


def test_what_a_caller_forgot_is_said() -> None:
    with pytest.raises(ValueError, match="nobody yet"):
        opponents.weights("history", [opponents.AVERAGE])
    with pytest.raises(ValueError, match="takes a payoff table, and a learner"):
        opponents.weights("pfsp", ["1"], payoff.PayoffTable("agent"))
    with pytest.raises(ValueError, match=r"takes a payoff table$"):
        opponents.weights("nash", ["1"])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(opponents.POLICIES),
    st.lists(st.sampled_from([None, 0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=6),
    st.sampled_from(opponents.KINDS),
    st.floats(0.1, 5),
)
def test_weights_are_probabilities_over_players(
    policy: str, scores: list[float | None], kind: str, power: float
) -> None:
    names = [str(number) for number in range(len(scores))]
    table = table_of({name: score for name, score in zip(names, scores, strict=True) if score is not None})
    players = [*names, opponents.AVERAGE]
    found = opponents.weights(policy, players, table, "me", kind, power)
    assert found.dtype == np.float64 and found.shape == (len(players),)
    assert found.min() >= 0 and found.sum() == pytest.approx(1)
    assert (found[-1] > 0) == (policy == "ema")
    rng = np.random.default_rng(0)
    drawn = opponents.draw(players, found, rng, 20)
    assert all(found[players.index(name)] > 0 for name in drawn)
    after = np.random.default_rng(0)
    after.random(20)
    assert rng.random() == after.random()  # a number a draw, whatever the policy


def test_draws_have_the_frequencies_of_the_weights() -> None:
    shares = np.array([0.1, 0.0, 0.6, 0.3])
    drawn = opponents.draw(list("abcd"), shares, np.random.default_rng(1), 20_000)
    frequencies = np.array([drawn.count(name) for name in "abcd"]) / 20_000
    np.testing.assert_allclose(frequencies, shares, atol=0.012)  # 3.5 standard deviations
    assert drawn == opponents.draw(list("abcd"), shares, np.random.default_rng(1), 20_000)


# Rock–paper–scissors: every generation is the best answer to the opponents it is given


def generations(policy: str, count: int) -> list[int]:
    """What each generation plays: rock, paper or scissors for 0, 1, 2."""
    moves, players = [0], ["0"]
    table = payoff.PayoffTable("agent") if policy == "nash" else None
    for number in range(1, count):
        shares = opponents.weights(policy, players, table)
        against = np.bincount(moves, shares, minlength=3)
        moves.append(int(np.argmax(np.round(RPS @ against, 9))))
        players.append(str(number))
        if table is not None:
            for other, move in enumerate(moves[:-1]):
                table.add(players[-1], players[other], RPS[moves[-1], move], 1)
    return moves


def exploitability(moves: list[int]) -> float:
    mixture = np.bincount(moves, minlength=3) / len(moves)
    return equilibrium.exploitability(RPS, mixture, mixture)


def test_answers_to_the_latest_run_in_a_circle_for_ever() -> None:
    moves = generations("latest", 300)
    assert moves == [0, 1, 2] * 100


def test_answers_to_history_come_to_a_third_each_but_slowly() -> None:
    moves = generations("history", 1000)
    # Rock, paper, scissors in runs that grow longer, as in Brown's own example of fictitious play.
    assert exploitability(moves[:100]) == pytest.approx(0.07, abs=0.001)
    assert exploitability(moves) == pytest.approx(0.021, abs=0.001)
    assert np.abs(np.bincount(moves) / 1000 - 1 / 3).max() < 0.02


@pytest.mark.slow
def test_ten_thousand_answers_to_history_can_hardly_be_exploited() -> None:
    assert exploitability(generations("history", 10_000)) == pytest.approx(0.0067, abs=0.0001)


def test_answers_to_nash_are_exact_after_three() -> None:
    moves = generations("nash", 12)
    assert moves[:3] == [0, 1, 2]
    table, players = payoff.PayoffTable("agent"), [str(number) for number in range(12)]
    for i in range(12):
        for j in range(i):
            table.add(players[i], players[j], RPS[moves[i], moves[j]], 1)
    for seen in range(3, 13):  # whatever copies come later
        shares = opponents.weights("nash", players[:seen], table)
        mixture = np.bincount(moves[:seen], shares, minlength=3)
        np.testing.assert_allclose(mixture, 1 / 3, atol=1e-9)
        assert equilibrium.exploitability(RPS, mixture, mixture) < 1e-9


# Retention


def test_generations_kept_thin_out_with_age() -> None:
    assert opponents.retained(range(101), newest=5, log_spaced=1, pinned=[17, 999]) == [
        0, 17, 64, 80, 88, 92, 96, 97, 98, 99, 100,
    ]  # fmt: skip
    assert opponents.retained(range(11), newest=3, log_spaced=0) == [8, 9, 10]
    assert opponents.retained([]) == [] and opponents.retained([7, 3, 7]) == [3, 7]
    assert len(opponents.retained(range(100_001))) == 71  # 20 newest, and 4 for each doubling from there on


@given(st.integers(1, 30), st.integers(0, 6), st.sets(st.integers(0, 400), max_size=5), st.integers(1, 400))
def test_whoever_is_dropped_never_returns(newest: int, log_spaced: int, pinned: set[int], count: int) -> None:
    kept: list[int] = []
    for number in range(count):
        before = set(kept)
        kept = opponents.retained([*kept, number], newest, log_spaced, pinned)
        assert set(kept) <= before | {number}
    # Asking every time, with what was dropped deleted, gives what asking once gives.
    assert kept == opponents.retained(range(count), newest, log_spaced, pinned)
    assert set(kept) >= set(range(max(0, count - newest), count)) | {number for number in pinned if number < count}


@given(st.integers(1, 5), st.integers(1, 5000))
def test_every_doubling_of_age_keeps_some_and_not_many(log_spaced: int, newest: int) -> None:
    ages = [newest - generation for generation in opponents.retained(range(newest + 1), 1, log_spaced)]
    far = 1
    while 2 * far <= newest:
        number = sum(far < age <= 2 * far for age in ages)
        assert min(far, log_spaced) <= number <= 2 * log_spaced + 1
        far *= 2


@pytest.mark.parametrize(("newest", "log_spaced"), [(0, 1), (1, -1)])
def test_settings_that_keep_nothing_are_refused(newest: int, log_spaced: int) -> None:
    with pytest.raises(ValueError, match="1 or more"):
        opponents.retained([1], newest, log_spaced)


def test_generations_have_numbers_from_zero_on() -> None:
    with pytest.raises(ValueError, match="from 0 on"):
        opponents.retained([-1, 2])
