"""Positions that recur: rows of mirror images become rows of one position, and runs that average them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tiny

import games
from selfplay.alphazero import loss, recurring
from selfplay.alphazero.config import TargetConfig
from selfplay.learning.config import ReplayConfig
from selfplay.learning.replay import Replay


def random_rows(name: str, number: int, seed: int = 0) -> np.ndarray:
    """Rows of positions from random play, with made-up targets over all legal actions."""
    game, rng = games.make(name), np.random.default_rng(seed)
    rows = np.zeros(number, loss.row_dtype(game))
    states = game.initial_states(number)
    for _ in range(6):
        going = rng.random(number) < 0.6
        actions, count = game.legal_actions(states)
        chosen = actions[np.arange(number), rng.integers(0, np.maximum(count, 1))]
        after = game.step(states, chosen).states
        states = np.where((going & (count > 0) & ~after["terminal"]), after, states)
    rows["state"] = states
    actions, count = game.legal_actions(states)
    rows["actions"] = actions[:, : rows["actions"].shape[1]]
    policy = np.where(rows["actions"] >= 0, rng.random(rows["actions"].shape), 0)
    rows["policy"] = policy / policy.sum(axis=1, keepdims=True)
    rows["outcome"], rows["search_wdl"] = rng.integers(-1, 2, number), rng.dirichlet([1, 1, 1], number)
    return rows


@pytest.mark.parametrize("name", ["tic-tac-toe", "connect-four"])
def test_all_images_of_a_row_become_the_same_row(name: str) -> None:
    game, rows = games.make(name), random_rows(name, 200)
    found, keys = recurring.canonical(game, rows)
    assert loss.sound_rows(game, found).all() and (keys == game.key(found["state"])).all()
    plain = [policy_of(row) for row in found]
    for symmetry in range(game.num_symmetries):
        image, turn = rows.copy(), np.full(len(rows), symmetry)
        image["state"] = game.symmetric_states(rows["state"], turn)
        turned_actions = game.symmetric_actions(rows["actions"], turn)
        order = np.argsort(
            np.where(turned_actions < 0, 99, turned_actions), axis=1
        )  # ascending, as a search lists them
        image["actions"] = np.take_along_axis(turned_actions, order, axis=1)
        image["policy"] = np.take_along_axis(rows["policy"], order, axis=1)
        turned, again = recurring.canonical(game, image)
        assert (again == keys).all() and (game.key(turned["state"]) == keys).all()
        for row, own, state in zip(turned, plain, rows["state"], strict=True):
            images = {policy_of_turned(game, state, own, other) for other in stabiliser(game, row["state"])}
            assert policy_of(row) in images, "a position that is its own image has several"


def policy_of(row: np.void) -> tuple[tuple[int, float], ...]:
    return tuple((int(a), float(p)) for a, p in zip(row["actions"], row["policy"], strict=True) if a >= 0)


def stabiliser(game: games.base.Game, state: np.void) -> list[int]:
    """Symmetries that leave a position as it is."""
    several = np.array([state] * game.num_symmetries)
    keys = game.key(game.symmetric_states(several, np.arange(game.num_symmetries)))
    return np.flatnonzero(keys == keys[0]).tolist()


def policy_of_turned(
    game: games.base.Game, state: np.void, policy: tuple[tuple[int, float], ...], symmetry: int
) -> tuple[tuple[int, float], ...]:
    actions = np.array([[action for action, _ in policy]], np.int32)
    turned = game.symmetric_actions(actions, np.array([symmetry]))[0].tolist()
    return tuple(sorted((action, share) for action, (_, share) in zip(turned, policy, strict=True)))


def test_a_game_without_symmetries_and_rows_in_their_form_are_left_alone() -> None:
    game = games.make("chess")
    rows = random_rows("chess", 20)
    found, keys = recurring.canonical(game, rows)
    assert found is rows and (keys == game.key(rows["state"])).all()


def test_policies_are_averaged_where_rows_have_room_for_all_legal_actions() -> None:
    every = TargetConfig(average_recurring="all")
    for name, fields in (("connect-four", ("outcome", "search_wdl", "policy")), ("chess", ("outcome", "search_wdl"))):
        found = recurring.recurrence(games.make(name), every)
        assert found is not None and found.averaged == fields
    assert recurring.recurrence(games.make("chess"), TargetConfig()) is None
    less = recurring.recurrence(games.make("chess"), TargetConfig(recurring_power=0.5))
    assert less is not None and less.averaged == () and less.power == 0.5


def test_targets_drawn_are_means_over_all_rows_of_a_position() -> None:
    game, rows = games.make("tic-tac-toe"), random_rows("tic-tac-toe", 400)
    replay = Replay(rows.dtype, ReplayConfig(), recurring.recurrence(game, TargetConfig(average_recurring="all")))
    replay.insert(rows)
    drawn = replay.sample(60, np.random.default_rng(0))
    assert loss.sound_rows(game, drawn).all()
    form, keys = recurring.canonical(game, rows)
    for row, key in zip(drawn, game.key(drawn["state"]), strict=True):
        same = form[keys == key]
        for name in ("outcome", "search_wdl", "policy"):
            assert np.allclose(row[name], same[name].mean(axis=0), atol=1e-6)
    assert len(np.unique(keys)) < 300


@pytest.mark.slow
def test_a_run_that_averages_goes_on_to_the_same_bits_and_says_how_much_recurs(tmp_path: Path) -> None:
    target = {"average_recurring": "all", "recurring_power": 0.5}
    config = tiny.config(target=target, run={"generations": 2})
    tiny.train(tmp_path / "whole", config)
    tiny.train(tmp_path / "parts", config, until=1)
    tiny.train(tmp_path / "parts", config)
    tiny.train(tmp_path / "plain", tiny.config(run={"generations": 2}))
    last = "checkpoints/000002/net.safetensors"
    assert (tmp_path / "parts" / last).read_bytes() == (tmp_path / "whole" / last).read_bytes()
    assert (tmp_path / "plain" / last).read_bytes() != (tmp_path / "whole" / last).read_bytes()
    found, none = (
        json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[-1]) for name in ("whole", "plain")
    )
    assert found["replay/distinct"] < 0.8 and found["replay/most"] > 5
    assert "replay/distinct" not in none
