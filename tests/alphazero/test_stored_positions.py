"""Positions of earlier games: kept and drawn as a plain list would, chosen as starts of games, and searched anew."""

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
from selfplay.alphazero import loss
from selfplay.alphazero.config import ActorConfig, AlphaZeroConfig
from selfplay.alphazero.monitors import observer
from selfplay.alphazero.playing.stored import StoredPositions
from selfplay.networks import policy_value
from selfplay.search import evaluators, search
from selfplay.search.config import SearchConfig
from selfplay.storage import artifact
from selfplay.types import SampleBatch

GAME = games.make("tic-tac-toe")
CONFIG = ActorConfig(concurrent_games=8, num_simulations=10, random_opening_plies=2, opponent_share=0.0)
ROW = loss.row_dtype(GAME)


def make(config: ActorConfig, solve: bool = False, seed: int = 1) -> actors.SelfPlayActor:
    actor = actors.SelfPlayActor(
        GAME, config, SearchConfig(solve=solve), tiny.NETWORK, seed, 0, torch.device("cpu")
    )  # fmt: skip
    return with_weights(actor, 1)


def with_weights(actor: actors.SelfPlayActor, seed: int) -> actors.SelfPlayActor:
    actor.set_weights({policy_value.PLAYER: tiny.random_weights(GAME, seed)}, seed)
    return actor


def with_hash(config: ActorConfig, solve: bool = False) -> actors.SelfPlayActor:
    actor = make(config, solve)
    actor._newest = evaluators.HashEvaluator(GAME)  # type: ignore[assignment]
    return actor


def made_rows(rng: np.random.Generator, number: int, first: int) -> np.ndarray:
    rows = np.zeros(number, ROW)
    rows["ply"] = first + np.arange(number)
    rows["search_wdl"], rows["outcome"] = rng.dirichlet([1, 1, 1], number), rng.integers(-1, 2, number)
    return rows


def weight(choice: str, row: np.void, surprise: float) -> float:
    value = float(row["search_wdl"][0] - row["search_wdl"][2])
    return {"even": 1.0, "surprise": surprise, "value_error": (value - float(row["outcome"])) ** 2}[choice]


@pytest.mark.parametrize("choice", ["even", "surprise", "value_error"])
def test_the_newest_rows_are_kept_and_drawn_in_proportion_to_their_weights(choice: Any) -> None:
    rng = np.random.default_rng(1)
    kept = StoredPositions(ROW, ActorConfig(stored_positions=12, stored_choice=choice))
    plain: list[tuple[int, float]] = []  # (ply, weight)
    for _ in range(9):
        rows = made_rows(rng, int(rng.integers(0, 8)), len(plain))
        surprise = rng.random(len(rows)) * (rng.random(len(rows)) < 0.7)
        kept.add(rows, surprise)
        plain += [(int(row["ply"]), weight(choice, row, float(s))) for row, s in zip(rows, surprise, strict=True)]
        assert len(kept) == min(len(plain), 12)
    held = plain[-12:]
    assert kept.state()["stored.rows"]["ply"].tolist() == [ply for ply, _ in held]
    total = sum(w for _, w in held)
    drawn = kept.draw(20_000, rng)["ply"].tolist()
    for ply, w in held:
        share = w / total
        assert abs(drawn.count(ply) / 20_000 - share) <= 5 * np.sqrt(share * (1 - share) / 20_000)
    again = StoredPositions(ROW, ActorConfig(stored_positions=5, stored_choice=choice))
    again.load_state(kept.state())
    assert again.state()["stored.rows"].tobytes() == kept.state()["stored.rows"][-5:].tobytes()
    assert again.state()["stored.weights"].tolist() == [pytest.approx(w, abs=1e-6) for _, w in held[-5:]]


def test_positions_without_any_weight_are_drawn_evenly() -> None:
    kept = StoredPositions(ROW, ActorConfig(stored_choice="surprise"))
    kept.add(made_rows(np.random.default_rng(0), 4, 0), np.zeros(4))
    assert set(kept.draw(100, np.random.default_rng(0))["ply"].tolist()) == {0, 1, 2, 3}


def test_rows_of_another_layout_are_declined() -> None:
    kept = StoredPositions(ROW, ActorConfig())
    with pytest.raises(ValueError, match="stored positions"):
        kept.load_state({"stored.rows": np.zeros(2, "i4"), "stored.weights": np.zeros(2)})


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_this_share_of_games_starts_at_positions_of_earlier_ones(share: float) -> None:
    actor = with_hash(replace(CONFIG, start_from_stored=share, stored_choice="surprise", random_opening_plies=0))
    group, earlier = actor._groups[0], set[bytes]()
    finish, opening = actor._finish_game, group._opening
    found = {"stored": 0, "fresh": 0}

    def finished(of: Any, row: int) -> None:
        earlier.update(r["state"].tobytes() for r in of.trajectories[row].rows)
        finish(of, row)

    def opened(rng: np.random.Generator) -> np.void:
        state = opening(rng)
        begun = state.tobytes() == GAME.initial_states(1).tobytes()
        assert state.tobytes() in earlier
        found["fresh" if begun else "stored"] += 1
        return state

    actor._finish_game, group._opening = finished, opened  # type: ignore[method-assign]
    actor.generate(600)
    number = sum(found.values())
    # Of stored positions some are the initial one, so that the share is a bound.
    assert number > 80 and found["stored"] / number <= share + 0.15
    assert found["stored"] / number >= 0.6 * share


@pytest.mark.parametrize("solve", [False, True])
def test_reanalysed_rows_are_earlier_ones_as_a_search_without_noise_finds_them(solve: bool) -> None:
    actor = with_hash(replace(CONFIG, reanalyse_share=0.4), solve)
    rows, stats = actor.generate(400)
    number = int(stats["reanalysed"])
    assert 100 < number < 300 and stats["positions"] == len(rows)
    played, again = rows[:-number], rows[-number:]
    assert (played["ply"][-1] == 0) and loss.sound_rows(GAME, again).all()
    outcomes: dict[bytes, set[float]] = {}
    for row in played:
        outcomes.setdefault(row["state"].tobytes(), set()).add(float(row["outcome"]))
    results = search.run(
        GAME, again["state"].copy(), evaluators.HashEvaluator(GAME), SearchConfig(solve=solve), CONFIG.num_simulations
    )
    assert np.allclose(again["policy"], results.policy) and np.allclose(again["search_wdl"], results.wdl)
    proven = 0
    for row, exact, value in zip(again, results.exact, results.value, strict=True):
        wanted = {float(value)} if exact else outcomes[row["state"].tobytes()]
        proven += bool(exact)
        assert float(row["outcome"]) in wanted
    assert (proven > 10) == solve


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_reanalysis_gets_its_share_of_the_searching(share: float) -> None:
    actor = with_hash(replace(CONFIG, reanalyse_share=share, opponent_share=0.2))
    actor.generate(400)
    assert actor._reanalysis is not None
    assert actor._reanalysis.turns / actor._turns() == pytest.approx(share, abs=0.05)


def test_an_actor_that_looks_back_goes_on_exactly_from_its_state() -> None:
    config = replace(CONFIG, start_from_stored=0.3, reanalyse_share=0.3, stored_choice="value_error")
    original, restored = make(config), make(config, seed=9)
    original.generate(80)
    arrays, rest = original.state()
    arrays = {key: artifact.unpack_array(artifact.pack_array(array), key) for key, array in arrays.items()}
    assert restored.load_state(arrays, json.loads(json.dumps(rest)))
    for generation in (2, 3):
        with_weights(original, generation)
        with_weights(restored, generation)
        (rows, stats), (other, others) = original.generate(80), restored.generate(80)
        assert tiny.same_bits(rows, other) and stats == others and stats["reanalysed"] > 0


def test_a_state_without_stored_positions_is_gone_on_from_with_none() -> None:
    arrays, rest = make(CONFIG).state()
    later = make(replace(CONFIG, start_from_stored=0.3, reanalyse_share=0.3))
    assert later.load_state(arrays, rest)
    assert with_weights(later, 1).generate(100)[1]["reanalysed"] > 0


def test_reanalysed_rows_are_no_games_to_the_observer() -> None:
    config = AlphaZeroConfig(game=GAME.name, network=tiny.NETWORK, actor=replace(CONFIG, reanalyse_share=0.4))
    rows, stats = make(config.actor).generate(300)
    number = int(stats["reanalysed"])
    figures = []
    for taken, sums in ((rows, stats), (rows[:-number], stats | {"reanalysed": 0.0})):
        watching = observer.SelfPlayObserver(GAME, config)
        weights = {policy_value.PLAYER: tiny.random_weights(GAME, 1)}
        watching.begin(weights, weights)
        watching.take(SampleBatch(taken, sums, 1), 1)
        watching.take(SampleBatch(rows[-number:], {"reanalysed": float(number)}, 1), 1)
        figures.append(watching.end_generation(weights, weights)[0])
    assert figures[0] == pytest.approx(figures[1], nan_ok=True) and figures[0]["games"] == stats["games"]


@pytest.mark.slow
def test_a_run_that_looks_back_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    back = {"start_from_stored": 0.2, "reanalyse_share": 0.2, "stored_choice": "surprise"}
    tiny.assert_goes_on_to_the_same_bits(tmp_path, tiny.config(actor=back, run={"generations": 2}))
