"""The pool and the league: who is drawn, who meets whom, what is kept, and what is read off the results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfplay import config as configs
from selfplay.errors import ConfigError
from selfplay.league import opponents, payoff
from selfplay.league.config import PoolConfig
from selfplay.league.league import League
from selfplay.league.pool import Pool
from selfplay.types import MatchResult, Weights

RPS = np.array([[0.5, 0, 1], [1, 0.5, 0], [0, 1, 0.5]])


def weights_of(number: int, *roles: str) -> Weights:
    return {role: {"w": torch.tensor([float(number)])} for role in roles}


class Fake:
    """Whose players are numbers; the score of a match is a table's, by number modulo 3."""

    def __init__(self, *roles: str) -> None:
        self.roles = roles
        self.met: list[tuple[int, int, int]] = []

    def at(self, generation: int) -> Fake:
        return self

    def play_match(self, row: Weights, column: Weights, seed: int) -> MatchResult:
        one, other = int(row[self.roles[0]]["w"]), int(column[self.roles[-1]]["w"])
        self.met.append((one, other, seed))
        return MatchResult(float(RPS[one % 3, other % 3]), 10.0, None)


def league_of(
    path: Path, agent: Fake, number: int, notes: list[str] | None = None, **settings: Any
) -> tuple[League, Pool]:
    """A league with generations 0 … number − 1 on disk."""
    pool = Pool(path, PoolConfig(**settings))
    for generation in range(number):
        pool.save(generation, weights_of(generation, *agent.roles), {})
    return League(agent, pool, 7, (notes if notes is not None else []).append), pool  # type: ignore[arg-type]


# Settings


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("pool.opponents=nahs", r"expected one of ema, history, latest, nash, pfsp \(did you mean 'nash'\?\)"),
        ("pool.priority=hrad", "did you mean 'hard'"),
        ("pool.priority_power=0", "pool.priority_power"),
        ("pool.matches=0", "pool.matches"),
        ("pool.keep_newest=0", "pool.keep_newest"),
    ],
)
def test_settings_that_cannot_be_are_refused_when_they_are_given(setting: str, words: str) -> None:
    from selfplay.alphazero.config import AlphaZeroConfig

    with pytest.raises(ConfigError, match=words):
        configs.override(AlphaZeroConfig(), [setting])


# Draws


def test_an_opponent_comes_from_the_past(tmp_path: Path) -> None:
    _, pool = league_of(tmp_path, Fake("a"), 6)
    assert pool.opponents("a", 0)[0] == []
    names, shares = pool.opponents("a", 3)
    assert names == ["0", "1", "2"] and shares.tolist() == [1 / 3] * 3  # those left by a killed run are no past
    pool.config = PoolConfig(opponents="latest")
    assert pool.opponents("a", 3)[1].tolist() == [0, 0, 1]
    pool.config = PoolConfig(opponents="ema")
    assert pool.opponents("a", 0)[0] == [opponents.AVERAGE]


def test_one_draw_a_role_follows_from_seed_and_generation(tmp_path: Path) -> None:
    league, _ = league_of(tmp_path, Fake("a", "b"), 40)
    newest = weights_of(99, "a", "b")
    drawn = np.array([[float(past[role]["w"]) for role in ("a", "b")]
                      for g in range(20, 40) if (past := league.opponent_weights(g, newest))])  # fmt: skip
    again = league.opponent_weights(33, newest)
    assert again is not None and [float(again[role]["w"]) for role in ("a", "b")] == drawn[13].tolist()
    assert (drawn[:, 0] != drawn[:, 1]).any()  # each role has its own
    # Even draws of the first role are those that runs have always made.
    always = [int(np.random.default_rng((7, g)).choice(list(range(g)))) for g in range(20, 40)]
    assert drawn[:, 0].tolist() == always
    assert league.opponent_weights(0, newest) is None


def test_averaged_weights_meet_themselves(tmp_path: Path) -> None:
    league, _ = league_of(tmp_path, Fake("a", "b"), 3, opponents="ema")
    newest = weights_of(2, "a", "b")
    assert league.opponent_weights(2, newest) == newest


def test_a_family_without_roles_has_no_opponents(tmp_path: Path) -> None:
    league, _ = league_of(tmp_path, Fake(), 2, opponents="nash")
    assert league.opponent_weights(1, {}) is None and league.metrics(1) == {} and league.state() == []
    league.play_matches(1, {})


def test_each_of_two_roles_draws_by_its_own_side_of_the_table(tmp_path: Path) -> None:
    """Columns c have beaten row 9 by how far; rows r have beaten column 9 the other way round."""
    _, pool = league_of(tmp_path, Fake("r", "c"), 3, opponents="pfsp", priority_power=1.0)
    table = payoff.PayoffTable("r", "c")
    for other, score in (("0", 0.9), ("1", 0.7)):  # row 2 finds column 1 harder
        table.add("2", other, score, 10)
        table.add(other, "2", score, 10)  # column 2 finds row 0 harder, who has 0.9 of the points
    np.testing.assert_allclose(pool.opponents("c", 2, table)[1], np.array([0.1, 0.3]) / 0.4)
    np.testing.assert_allclose(pool.opponents("r", 2, table)[1], np.array([0.9, 0.7]) / 1.6)


def test_two_who_have_not_met_are_even_or_usual(tmp_path: Path) -> None:
    pool, table = Pool(tmp_path), payoff.PayoffTable("r", "c")
    assert pool.unknown(table) == pool.unknown(None) == 0.5
    table.add("0", "0", 0.1)
    table.add("1", "0", 0.3)
    assert pool.unknown(table) == pytest.approx(0.2)  # the second role wins nearly always
    even = payoff.PayoffTable("a")
    even.add("0", "1", 0.1)
    assert pool.unknown(even) == 0.5


# Meetings


def test_a_new_generation_meets_the_past_spread_out_and_the_least_known_first(tmp_path: Path) -> None:
    agent = Fake("a")
    league, pool = league_of(tmp_path, agent, 14, opponents="nash", matches=3)
    for newest in range(1, 14):
        league.play_matches(newest, pool.load(newest)[1])
    met = {n: sorted(other for one, other, _ in agent.met if one == n) for n in range(1, 14)}
    assert met[1] == [0] and met[2] == [0, 1] and met[3] == [0, 1, 2]
    assert all(len(others) == 3 for n, others in met.items() if n > 2)
    # Of 12: four from each third of the past, and nobody is left out for long.
    assert [sum(low <= other < low + 4 for other in met[12]) for low in (0, 4, 8)] == [1, 1, 1]
    assert {other for others in met.values() for other in others} == set(range(13))
    assert len({seed for *_, seed in agent.met}) == len(agent.met)


def test_of_two_roles_both_meet_the_past_and_each_other(tmp_path: Path) -> None:
    agent = Fake("r", "c")
    league, _ = league_of(tmp_path, agent, 3, opponents="pfsp", matches=2)
    league.play_matches(2, weights_of(2, "r", "c"))
    assert [pair[:2] for pair in agent.met] == [(2, 0), (0, 2), (2, 1), (1, 2), (2, 2)]


def test_policies_that_go_by_no_results_meet_nobody(tmp_path: Path) -> None:
    agent = Fake("a")
    league, pool = league_of(tmp_path, agent, 3)
    league.play_matches(2, pool.load(2)[1])
    league.write(tmp_path / "payoffs.json", 2)
    assert agent.met == [] and league.metrics(2) == {} and not (tmp_path / "payoffs.json").exists()


def test_a_generation_that_cannot_be_read_plays_no_match_and_a_note_says_so(tmp_path: Path) -> None:
    notes: list[str] = []
    agent = Fake("a")
    league, pool = league_of(tmp_path, agent, 3, notes, opponents="nash")
    (pool.path(0) / "a.safetensors").write_bytes(b"?")
    league.play_matches(2, pool.load(2)[1])
    assert [pair[:2] for pair in agent.met] == [(2, 1)]
    assert len(notes) == 1 and notes[0].startswith("Generation 0 plays no match") and "damaged" in notes[0]


def test_figures_are_those_of_the_game(tmp_path: Path) -> None:
    league, pool = league_of(tmp_path, Fake("a"), 3, opponents="nash")
    for newest in (1, 2):
        league.play_matches(newest, pool.load(newest)[1])
    # Scissors lose all to rock and win all from paper: 1 − 0. A third of each cannot be exploited; opponents of
    # scissors are the two before, of whom paper is never worse than rock: a half more than even on both sides.
    assert league.metrics(2) == pytest.approx({"cyclicity": 1, "exploitability": 1, "mixture_exploitability": 1})
    league.write(tmp_path / "payoffs.json", 2)
    told = json.loads((tmp_path / "payoffs.json").read_text())
    assert told["opponents"] == {"a": {"1": 1.0}}
    assert told["results"][0] == {"row": "1", "column": "0", "score": 1.0, "games": 10.0, "variance": 0.0}


def test_a_gap_between_two_roles_is_the_duality_gap(tmp_path: Path) -> None:
    league, _ = league_of(tmp_path, Fake("r", "c"), 3, opponents="nash")
    league.table = table = payoff.PayoffTable("r", "c")
    for row, column, score in ((2, 2, 0.4), (0, 2, 0.6), (1, 2, 0.3), (2, 0, 0.2), (2, 1, 0.7)):
        table.add(str(row), str(column), score, 10)
    # The best row gains 0.6 − 0.4 against column 2, the best column 0.4 − 0.2 against row 2.
    assert league.metrics(2)["exploitability"] == pytest.approx(0.4)


def test_results_go_on_from_where_they_were(tmp_path: Path) -> None:
    league, pool = league_of(tmp_path, Fake("a"), 6, opponents="nash", matches=2)
    for newest in range(1, 5):
        league.play_matches(newest, pool.load(newest)[1])
    other = League(Fake("a"), pool, 7, print)  # type: ignore[arg-type]
    other.load_state(json.loads(json.dumps(league.state())))
    for one in (league, other):
        one.play_matches(5, pool.load(5)[1])
    assert other.state() == league.state() and other.metrics(5) == league.metrics(5)
    assert len(league.state()) == 1 + 2 * 4


# Who is kept


def test_what_is_kept_depends_on_the_rule_and_not_on_when_it_was_applied(tmp_path: Path) -> None:
    _, pool = league_of(tmp_path, Fake("a"), 50, keep_newest=4, keep_log_spaced=2)
    expected = pool.kept(49)
    assert expected == opponents.retained(range(50), 4, 2, pinned=(0,)) and expected[0] == 0
    for oldest in (10, 30, 47):
        pool.retain([oldest, oldest + 2])
        assert pool.kept(49) == expected
    assert set(pool.generations()) == {*opponents.retained(range(48), 4, 2, pinned=(0,)), 48, 49}


def test_nothing_goes_that_a_state_may_need_or_while_states_cannot_be_read(tmp_path: Path) -> None:
    _, pool = league_of(tmp_path, Fake("a"), 9, keep_newest=1, keep_log_spaced=0)
    pool.retain([])
    assert pool.generations() == list(range(9))
    pool.retain([5, 8])
    assert pool.generations() == [0, 5, 6, 7, 8]
    _, everything = league_of(tmp_path / "all", Fake("a"), 9)
    everything.retain([8])
    assert everything.generations() == list(range(9))


def test_what_a_crash_left_of_a_dropped_generation_is_swept_up(tmp_path: Path) -> None:
    _, pool = league_of(tmp_path, Fake("a"), 2, keep_newest=1)
    pool.path(0).rename(tmp_path / ".000000.dropped")
    assert pool.generations() == [1]
    pool.retain([1])
    assert [path.name for path in tmp_path.iterdir()] == ["000001"]


def test_results_of_those_who_were_dropped_are_forgotten(tmp_path: Path) -> None:
    agent = Fake("a")
    league, pool = league_of(tmp_path, agent, 8, opponents="nash", keep_newest=2, keep_log_spaced=0)
    for newest in range(1, 8):
        league.play_matches(newest, pool.load(newest)[1])
    assert {name for entry in league.state() for name in (entry["row"], entry["column"])} == {"0", "6", "7"}
