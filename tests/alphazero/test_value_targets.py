"""Targets that exploration does not enter: each rule against an obvious twin, and runs that learn by them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch

import games
from games.base import Game
from selfplay.alphazero import actor as actors
from selfplay.alphazero.config import ActorConfig
from selfplay.alphazero.playing import trajectory
from selfplay.networks import policy_value
from selfplay.search import evaluators, root_policy, search, tree, variation
from selfplay.search.config import SearchConfig

GAME = games.make("tic-tac-toe")
CONFIG = ActorConfig(concurrent_games=8, num_simulations=12, random_opening_plies=3, opponent_share=0.0)
ON = {"switch_plies": 5, "cut_outcomes": True, "outcome_lambda": 0.7, "greedy_backup": True, "exact_policy": True,
      "surprise_weight": 0.5}  # fmt: skip


def moves(rng: np.random.Generator, number: int) -> np.ndarray:
    """A made-up game with rewards on the way, a player who sometimes moves again, and proofs here and there."""
    found = np.zeros(number, trajectory.MOVE)
    found["recorded"] = True
    found["exact"] = np.where(rng.random(number) < 0.15, rng.integers(-1, 2, number), np.nan)
    found["reward"] = np.where(rng.random(number) < 0.2, rng.uniform(-0.2, 0.2, number), 0)
    found["discount"] = rng.choice([-1, -1, 1], number)
    found["reward"][-1], found["discount"][-1] = rng.integers(-1, 2), 0
    found["cut"], found["search_value"] = rng.random(number) < 0.3, rng.uniform(-1, 1, number)
    return found


def twin(game: np.ndarray, place: int, part: float) -> float:
    """The outcome of one move by its definition, from itself to the end of the game."""
    move = game[place]
    if not np.isnan(move["exact"]):
        return float(move["exact"])
    if move["cut"]:
        return float(move["search_value"])
    if move["discount"] == 0:
        return float(move["reward"])
    after = game[place + 1]
    mixed = twin(game, place + 1, part)
    if np.isnan(after["exact"]):
        mixed = part * mixed + (1 - part) * float(after["search_value"])
    return float(move["reward"] + move["discount"] * mixed)


@pytest.mark.parametrize("part", [1.0, 0.7, 0.0])
def test_outcomes_are_those_of_their_definition(part: float) -> None:
    rng = np.random.default_rng(1)
    for number in (1, 2, 3, 9, 30):
        game = moves(rng, number)
        expected = [twin(game, place, part) for place in range(number)]
        assert np.allclose(trajectory.outcomes(game, part), expected, atol=1e-6)


def test_an_outcome_reaches_back_to_the_last_cut_and_signs_follow_the_players() -> None:
    game = np.zeros(4, trajectory.MOVE)
    game["exact"], game["discount"], game["search_value"] = np.nan, [-1, -1, -1, 0], [0.4, 0.3, 0.2, 0.1]
    game["reward"][-1] = 1  # the fourth move wins
    assert trajectory.outcomes(game).tolist() == [-1, 1, -1, 1]
    game["cut"][1] = True  # the second was no choice of the search
    assert np.allclose(trajectory.outcomes(game), [-0.3, 0.3, -1, 1])


def searched(
    game: Game, solve: bool, simulations: int = 40, plies: int = 2
) -> tuple[search.Search, np.ndarray, np.ndarray]:
    """A search of 32 positions, or fewer where games have ended; its answers follow from the position alone."""
    rng = np.random.default_rng(3)
    states = game.initial_states(32)
    for _ in range(plies):
        actions, count = game.legal_actions(states)
        states = game.step(states, actions[np.arange(len(states)), rng.integers(0, count)]).states
        states = states[~states["terminal"]]
    config, rows = SearchConfig(solve=solve), np.arange(len(states))
    made = search.Search(game, len(states), config, simulations)
    search.run(game, states, evaluators.HashEvaluator(game), config, simulations, search=made)
    return made, rows, states


@pytest.mark.parametrize("name", ["tic-tac-toe", "connect-four"])
def test_a_greedy_backup_is_the_answer_at_the_end_of_the_line_of_most_visits(name: str) -> None:
    game = games.make(name)
    made, rows, states = searched(game, solve=False)
    found, results = variation.leaf_wdl(made, rows), made.results(rows)
    over = 0
    for row in rows.tolist():
        value, factor, state = 0.0, 1.0, states[row : row + 1]
        for action in variation.principal(made, row, int(results.visits[row].argmax())):
            step = game.step(state, np.array([action]))
            value, factor, state = value + factor * float(step.reward[0]), factor * float(step.discount[0]), step.states
        if factor:
            actions, count = game.legal_actions(state)
            leaf = search.Leaves(np.zeros(1, int), np.zeros(1, int), state, actions, count)
            win, draw, loss = evaluators.HashEvaluator(game)(leaf)[1][0]
            value += factor * float(win - loss)
        else:
            over, draw = over + 1, float(value == 0)
        assert np.allclose(found[row], [(1 - draw + value) / 2, draw, (1 - draw - value) / 2], atol=1e-5)
    assert over < 32 and np.allclose(found.sum(1), 1)


def test_a_greedy_backup_of_a_proven_position_is_its_result() -> None:
    made, rows, _ = searched(GAME, solve=True, simulations=400)
    results, found = made.results(rows), variation.leaf_wdl(made, rows)
    assert results.exact.sum() > 3
    for row in np.flatnonzero(results.exact):
        assert found[row].tolist() == np.eye(3)[1 - int(results.value[row])].tolist()


def test_a_proven_position_is_taught_all_actions_that_keep_its_result() -> None:
    made, rows, _ = searched(GAME, solve=True, simulations=400, plies=5)
    results = made.results(rows)
    policy = root_policy.exact_policy(results.policy, results.proven, results.value, results.exact)
    several = 0
    for row in rows.tolist():
        legal = results.actions[row] >= 0
        if not results.exact[row]:
            assert (policy[row] == results.policy[row]).all()
            continue
        keeps = [bool(legal[k]) and results.proven[row, k] == int(results.value[row]) for k in range(len(legal))]
        assert policy[row].tolist() == pytest.approx([keep / sum(keeps) for keep in keeps])
        several += sum(keeps) > 1
        assert tree.UNKNOWN not in results.proven[row][np.array(keeps)]
    assert several > 1


def make(**changes: Any) -> actors.SelfPlayActor:
    actor = actors.SelfPlayActor(
        GAME, replace(CONFIG, **changes), SearchConfig(solve=False), tiny.NETWORK, 1, 0, torch.device("cpu")
    )
    actor.set_weights({policy_value.PLAYER: tiny.random_weights(GAME, 1)}, 1)
    return actor


def test_a_game_explores_until_its_switch_and_only_what_follows_is_learned_from() -> None:
    actor = make(switch_plies=4, temperature=50.0, final_temperature=50.0)
    choose, finish = actor._choose, actor._finish_game
    own: list[tuple[bool, bool]] = []  # whether the game had switched, whether the search's choice was played
    firsts: list[tuple[int, int]] = []  # a game's switch, and the ply of its first row

    def chosen(group: Any, rows: np.ndarray, results: Any, plies: np.ndarray) -> np.ndarray:
        slots = choose(group, rows, results, plies)
        own.extend(zip((plies >= group.switch[rows]).tolist(), (slots == results.play).tolist(), strict=True))
        return slots

    def finished(group: Any, row: int) -> None:
        kept = group.trajectories[row].moves["recorded"]
        assert kept.tolist() == [ply >= group.switch[row] for ply in range(len(kept))]
        if kept.any():
            firsts.append((int(group.switch[row]), int(kept.argmax())))
        finish(group, row)

    actor._choose, actor._finish_game = chosen, finished  # type: ignore[method-assign]
    rows, _ = actor.generate(200)
    assert len(rows) >= 200 and {switch for switch, _ in firsts} == {0, 1, 2, 3}
    assert all(ply == switch for switch, ply in firsts)
    before = [is_own for switched, is_own in own if not switched]
    assert all(is_own for switched, is_own in own if switched) and not all(before)


def test_moves_are_cut_where_they_are_not_the_searchs_choice() -> None:
    actor = make(cut_outcomes=True)
    record = actor._record
    seen: list[bool] = []

    def recorded(group: Any, rows: np.ndarray, results: Any, *rest: Any) -> None:
        record(group, rows, results, *rest)
        for place, row in enumerate(rows):
            move = group.trajectories[row].moves[-1]
            seen.append(bool(move["cut"]))
            assert move["search_value"] == pytest.approx(results.value[place], abs=1e-6)
            assert bool(move["cut"]) == bool(rest[-1][place])

    actor._record = recorded  # type: ignore[method-assign]
    rows, _ = actor.generate(100)
    assert any(seen) and not all(seen)
    assert not set(np.abs(rows["outcome"]).tolist()) <= {0.0, 1.0}  # some are values of searches


def test_games_in_progress_of_an_earlier_version_go_on() -> None:
    actor = make()
    actor.generate(30)
    arrays, rest = actor.state()
    fields = [name for name in arrays["group0.moves"].dtype.names or () if name in ("game", *trajectory.MOVE.names[:4])]
    kinds = [(name, arrays["group0.moves"].dtype[name]) for name in fields]
    old = arrays | {"group0.moves": np.array(arrays["group0.moves"][fields].tolist(), kinds)}
    later, same = make(**ON), make()
    assert later.load_state(old, rest) and same.load_state(old, rest)
    for played in (later, same):
        played.set_weights({policy_value.PLAYER: tiny.random_weights(GAME, 1)}, 1)
        assert len(played.generate(30)[0]) >= 30
    assert not same._groups[0].trajectories[0].moves["cut"].any()


def test_rows_are_kept_by_surprise_and_as_many_as_without_on_average() -> None:
    rng = np.random.default_rng(5)
    surprise = np.array([0.0, 0.1, 0.5, 0.2, 1.2], np.float32)
    drawn = np.array([trajectory.copies(surprise, 0.5, rng) for _ in range(4000)])
    expected = [0.5 + 0.5 * value / 0.4 for value in surprise.tolist()]
    assert np.allclose(drawn.mean(0), expected, atol=0.03) and abs(drawn.sum(1).mean() - 5) < 0.1
    assert all(set(column.tolist()) <= {int(e), int(e) + 1} for column, e in zip(drawn.T, expected, strict=True))
    assert trajectory.copies(np.zeros(3, np.float32), 0.5, rng).tolist() == [1, 1, 1]
    assert len(trajectory.copies(np.zeros(0, np.float32), 0.5, rng)) == 0


def test_surprise_is_the_divergence_of_the_target_from_the_prior() -> None:
    made, rows, _ = searched(GAME, solve=True, plies=5)
    results = made.results(rows)
    found = root_policy.surprise(results.policy, results.prior)
    for row in rows.tolist():
        pairs = zip(results.policy[row].tolist(), results.prior[row].tolist(), strict=True)
        assert found[row] == pytest.approx(sum(p * np.log(p / prior) for p, prior in pairs if p > 0), abs=1e-5)
    assert found.max() > 0.1


def test_a_finished_game_delivers_its_rows_as_often_as_they_surprise(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[np.ndarray] = []

    def copies(surprise: np.ndarray, weight: float, rng: np.random.Generator) -> np.ndarray:
        assert weight == 0.75 and isinstance(rng, np.random.Generator)
        asked.append(np.arange(len(surprise)) % 3)
        return asked[-1]

    monkeypatch.setattr(trajectory, "copies", copies)
    actor = make(surprise_weight=0.75)
    finish = actor._finish_game
    games_ended = 0

    def finished(group: Any, row: int) -> None:
        nonlocal games_ended
        own, before = group.trajectories[row].rows["ply"].tolist()[::-1], len(actor._finished)
        finish(group, row)
        delivered = actor._finished.rows["ply"][before:].tolist()
        assert delivered == [ply for place, ply in enumerate(own) for _ in range(place % 3)]
        games_ended += 1

    actor._finish_game = finished  # type: ignore[method-assign]
    actor.generate(60)
    assert games_ended == len(asked) > 5


@pytest.mark.slow
def test_a_run_with_all_of_them_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    config = tiny.config(actor=ON, target={"search_value_fraction": 1.0}, run={"generations": 2})
    whole = tiny.train(tmp_path / "whole", config)
    tiny.train(tmp_path / "parts", config, until=1)
    tiny.train(tmp_path / "parts", config)
    last = "checkpoints/000002/net.safetensors"
    assert whole.generation == 2
    assert (tmp_path / "parts" / last).read_bytes() == (tmp_path / "whole" / last).read_bytes()
