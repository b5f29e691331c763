"""Full and fast searches, and simulations that grow by generation: what each move gets, and what is learned from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch

import games
from selfplay.alphazero import actor as actors
from selfplay.alphazero.config import ActorConfig
from selfplay.errors import ConfigError
from selfplay.networks import policy_value
from selfplay.search.config import SearchConfig

GAME = games.make("tic-tac-toe")
CONFIG = ActorConfig(
    concurrent_games=8, num_simulations=20, fast_simulations=5, random_opening_plies=2, opponent_share=0.0
)


def make(config: ActorConfig, seed: int = 1, policy: Any = "puct") -> actors.SelfPlayActor:
    searching = SearchConfig(solve=False, policy=policy, reuse_tree=False)
    return with_weights(actors.SelfPlayActor(GAME, config, searching, tiny.NETWORK, seed, 0, torch.device("cpu")), 1)


def with_weights(actor: actors.SelfPlayActor, generation: int) -> actors.SelfPlayActor:
    actor.set_weights({policy_value.PLAYER: tiny.random_weights(GAME, generation)}, generation)
    return actor


def watched(actor: actors.SelfPlayActor) -> list[tuple[bool, int, bool]]:
    """(searched in full, simulations, with noise) of every move that the actor will record."""
    seen: list[tuple[bool, int, bool]] = []
    record = actor._record

    def recorded(group: Any, rows: np.ndarray, results: Any, *rest: Any) -> None:
        trees = group.search.trees
        for place, row in enumerate(rows.tolist()):
            noise = bool(trees.noise_fraction[row] > 0) if group.search.config.policy == "puct" else True
            seen.append((bool(group.full[row]), int(results.visits[place].sum()), noise))
        record(group, rows, results, *rest)
        kept = [bool(group.trajectories[row].moves[-1]["recorded"]) for row in rows]
        assert kept == group.full[rows].tolist(), "what is searched fast is not learned from"

    actor._record = recorded  # type: ignore[method-assign]
    return seen


@pytest.mark.parametrize("policy", ["puct", "gumbel"])
def test_each_move_is_searched_in_full_or_fast_by_chance_and_only_full_ones_are_learned_from(policy: Any) -> None:
    actor = make(replace(CONFIG, full_search_share=0.3), policy=policy)
    seen = watched(actor)
    rows, stats = actor.generate(150)
    full, fast = ([entry for entry in seen if entry[0] is which] for which in (True, False))
    spread = np.sqrt(0.3 * 0.7 / len(seen))
    assert abs(len(full) / len(seen) - 0.3) < 5 * spread and stats["moves"] == len(seen)
    assert {simulations for _, simulations, _ in full} == {20} and {simulations for _, simulations, _ in fast} == {5}
    assert all(noise for *_, noise in full) and (policy == "gumbel" or not any(noise for *_, noise in fast))
    lengths = stats["game_plies"] / stats["games"]
    assert 0.2 * lengths < len(rows) / stats["games"] < 0.4 * lengths


def test_with_every_search_in_full_the_same_games_are_played_as_without_the_setting() -> None:
    plain, same = make(CONFIG), make(replace(CONFIG, full_search_share=1.0, fast_simulations=1))
    assert tiny.same_bits(plain.generate(100)[0], same.generate(100)[0])


def test_outcomes_of_rows_that_are_left_are_those_of_their_games() -> None:
    actor = make(replace(CONFIG, full_search_share=0.4))
    finish, checked = actor._finish_game, 0

    def finished(group: Any, row: int) -> None:
        nonlocal checked
        finish(group, row)
        moves, rows = group.trajectories[row].moves, group.trajectories[row].rows
        for ply in np.flatnonzero(moves["recorded"]).tolist():
            sign = 1 if (len(moves) - 1 - ply) % 2 == 0 else -1
            assert rows["outcome"][ply] == sign * moves["reward"][-1] and rows["ply"][ply] == ply
            checked += 1

    actor._finish_game = finished  # type: ignore[method-assign]
    actor.generate(60)
    assert checked >= 60


def test_simulations_grow_in_equal_steps_until_their_generation_and_stay() -> None:
    config = replace(CONFIG, num_simulations=8, late_simulations=20, late_generation=4)
    assert [config.simulations_at(generation) for generation in range(7)] == [8, 11, 14, 17, 20, 20, 20]
    fewer = replace(CONFIG, num_simulations=20, late_simulations=10, late_generation=2)
    assert [fewer.simulations_at(generation) for generation in range(4)] == [20, 15, 10, 10]
    assert CONFIG.simulations_at(10**6) == 20
    actor = make(replace(config, reanalyse_share=0.2))
    for generation in (1, 3, 9):
        with_weights(actor, generation)
        seen = watched(actor)
        actor.generate(40)
        assert {simulations for _, simulations, _ in seen} == {config.simulations_at(generation)}
        assert actor._reanalysis is not None
        assert actor._reanalysis.search.trees.num_simulations.max() == config.simulations_at(generation)


def test_an_actor_with_both_goes_on_exactly_from_its_state() -> None:
    config = replace(CONFIG, full_search_share=0.5, late_simulations=30, late_generation=3)
    original, restored = make(config), make(config, seed=9)
    original.generate(50)
    arrays, rest = original.state()
    assert restored.load_state(arrays, json.loads(json.dumps(rest)))
    for generation in (2, 3):
        (rows, stats), (other, others) = (
            with_weights(actor, generation).generate(50) for actor in (original, restored)
        )  # fmt: skip
        assert tiny.same_bits(rows, other) and stats == others


def test_a_state_without_fast_searches_is_gone_on_from() -> None:
    arrays, rest = make(CONFIG).state()
    later = make(replace(CONFIG, full_search_share=0.5))
    assert later.load_state(arrays, rest) and later._groups[0].full.all()
    assert len(with_weights(later, 1).generate(50)[0]) >= 50


def test_trees_of_late_simulations_that_do_not_fit_are_refused_before_a_run_begins() -> None:
    with pytest.raises(ConfigError, match=r"actor\.late_simulations=100,000"):
        tiny.Agent(tiny.config(actor={"late_simulations": 100_000, "concurrent_games": 60_000}))


@pytest.mark.slow
def test_a_run_with_both_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    both = {"full_search_share": 0.5, "fast_simulations": 2, "late_simulations": 9, "late_generation": 2}
    tiny.assert_goes_on_to_the_same_bits(tmp_path, tiny.config(actor=both, run={"generations": 2}))
