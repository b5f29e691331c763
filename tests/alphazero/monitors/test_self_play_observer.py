"""The observer of self-play on games made by lot: silent while all is well, and each fault named by its stream."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import tiny
from made_games import ACTOR, CONFIG, GAME, batch, rows_of

from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.alphazero.monitors import games, moves, openings
from selfplay.alphazero.monitors.observer import SelfPlayObserver
from selfplay.drift.monitor import Event, Monitor
from selfplay.types import Weights

Made = Callable[[int, int], np.ndarray]  # (seed, actor) → rows

NETWORK = tiny.NETWORK


def weights_of(generation: int) -> Weights:
    return {"net": tiny.random_weights(GAME, generation, NETWORK)}


def alarms(
    make: Made, generations: int = 2, actors: int = 2, seed: int = 0, config: AlphaZeroConfig = CONFIG
) -> list[Event]:
    observer = SelfPlayObserver(GAME, config)
    monitor = Monitor(observer.streams, observer.settings)
    observer.begin(weights_of(0), weights_of(0))
    found = []
    for generation in range(generations):
        for number in range(3):
            for actor in range(actors):
                rows = make(1000 * seed + 100 * generation + 10 * number + actor, actor)
                rows["generation"] = generation
                observer.take(batch(rows, actor, 3 * generation + number + 1), generation)
        _, readings = observer.end_generation(weights_of(generation + 1), weights_of(generation + 1))
        found += monitor.take(readings, generation + 1)[1]
    return found


def healthy(seed: int, actor: int) -> np.ndarray:
    return rows_of(24, seed)


def test_nothing_is_said_of_games_that_are_as_they_must_be() -> None:
    assert [event.sentence for event in alarms(healthy, generations=4, actors=3)] == []


def test_moves_drawn_evenly_by_one_actor_are_told_by_its_number() -> None:
    found = alarms(lambda seed, actor: rows_of(24, seed, evenly=actor == 1), actors=3)
    assert ("moves", "actor 1") in {(event.stream, event.part) for event in found}
    assert {event.part for event in found} == {"actor 1"} and "drawn evenly" in found[0].sentence


@pytest.mark.parametrize("setting", [{"switch_plies": 8}, {"exact_policy": True}, {"surprise_weight": 0.5}], ids=str)
def test_moves_that_rows_cannot_tell_of_are_not_judged(setting: dict[str, float]) -> None:
    config = replace(CONFIG, actor=replace(ACTOR, **setting))
    found = alarms(lambda seed, actor: rows_of(24, seed, evenly=actor == 1), actors=3, config=config)
    assert "moves" not in {event.stream for event in found}


def test_rows_that_a_game_delivers_several_times_are_one_row_of_it() -> None:
    rows = rows_of(20, 3)
    repeated = np.repeat(rows, 1 + np.arange(len(rows)) % 3)
    assert (games.once(repeated) == rows).all()
    config = replace(CONFIG, actor=replace(ACTOR, surprise_weight=0.5))
    found = alarms(lambda seed, actor: np.repeat(healthy(seed, actor), 2), generations=3, config=config)
    assert [event.sentence for event in found] == []


@pytest.mark.parametrize("final", [1.0, 0.03], ids=["too-warm", "too-cold"])
def test_a_temperature_that_is_not_the_settings_is_told(final: float) -> None:
    stuck = replace(ACTOR, final_temperature=final, temperature=final)
    found = alarms(lambda seed, actor: rows_of(24, seed, stuck))
    assert {event.stream for event in found} == {"moves"} and {event.generation for event in found} == {1}


def test_games_that_all_start_alike_are_told() -> None:
    start = GAME.initial_states(1)
    for column in (3, 3, 2):
        start = GAME.step(start, np.array([column])).states
    found = alarms(lambda seed, actor: rows_of(24, seed, start=start))
    assert [(event.stream, event.generation) for event in found] == [("openings", 1)]
    assert "from 1 positions" in found[0].sentence


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_outcomes_with_the_wrong_sign_are_told(share: float) -> None:
    def flipped(seed: int, actor: int) -> np.ndarray:
        rows = rows_of(24, seed)
        game = np.repeat(np.arange(24), np.diff(np.append(games.firsts(rows), len(rows))))
        wrong = np.random.default_rng(seed).random(24) < share
        rows["outcome"] = np.where(wrong[game], -rows["outcome"], rows["outcome"])
        return rows

    assert "labels" in {event.stream for event in alarms(flipped)}


def test_an_actor_whose_games_are_of_another_kind_is_told_of_three() -> None:
    def blind(seed: int, actor: int) -> np.ndarray:
        rows = rows_of(24, seed)
        if actor == 2:
            rows["search_wdl"] = 1 / 3
        return rows

    assert {(event.stream, event.part) for event in alarms(blind, actors=3)} == {("actors", "actor 2")}


def test_an_actor_with_older_weights_is_told_and_a_batch_under_way_is_not() -> None:
    observer = SelfPlayObserver(GAME, CONFIG)
    monitor = Monitor(observer.streams, observer.settings)
    found = {}
    for generation in (1, 2):
        for number in range(1, 4):
            for actor in (0, 1):
                late = actor == 1 or number == 1
                rows = rows_of(4, 10 * number + actor, generation=generation - late)
                observer.take(batch(rows, actor, number), generation)
        found[generation] = monitor.take(
            observer.end_generation(weights_of(generation), weights_of(generation))[1], generation
        )[1]
    assert [(event.stream, event.part) for event in found[1]] == [("behind", "actor 1")] and found[2] == []


def test_a_head_whose_weights_stand_still_while_the_other_learns_is_told() -> None:
    observer = SelfPlayObserver(GAME, CONFIG)
    monitor = Monitor(observer.streams, observer.settings)
    first, second = weights_of(0), weights_of(1)
    observer.begin(first, first)
    frozen = {name: (first if name.startswith("value") else second)["net"][name] for name in second["net"]}
    figures, readings = observer.end_generation({"net": frozen}, {"net": frozen})
    assert [event.stream for event in monitor.take(readings, 1)[1]] == ["value_head"]
    assert figures["policy_churn"] > 0 and 0 <= figures["dead_units"] <= 1 and figures["effective_rank"] >= 1


def test_weights_that_did_not_move_are_no_frozen_head() -> None:
    observer = SelfPlayObserver(GAME, CONFIG)
    observer.begin(weights_of(0), weights_of(0))
    assert observer.end_generation(weights_of(0), weights_of(0))[1] == []


def test_forgetting_is_told_after_two_poor_evaluations_and_not_after_one() -> None:
    observer = SelfPlayObserver(GAME, CONFIG)
    monitor = Monitor(observer.streams, observer.settings)
    said = []
    for generation, score in enumerate([0.2, 0.9, 0.95, 0.3, 0.9, 0.3, 0.3]):
        readings = observer.evaluated({"score_uct:100": score, "games": 200.0, "accuracy": 0.9})
        said.append([(event.stream, event.since) for event in monitor.take(readings, generation)[1]])
        observer.drawn(rows_of(1, generation), generation)
    assert said == [[], [], [], [], [], [], [("forgetting", 5)]], "since the first of two poor ones"


def test_points_in_few_games_may_fall_by_chance() -> None:
    observer = SelfPlayObserver(GAME, CONFIG)
    for score in (0.7, 0.75, 0.4, 0.4):
        readings = observer.evaluated({"score_first": score, "games": 20.0})
    assert readings[0].value < 1


def test_saving_and_restoring_in_mid_generation_changes_nothing() -> None:
    def half(observer: SelfPlayObserver, numbers: range) -> None:
        for number in numbers:
            for actor in (0, 1):
                observer.take(batch(rows_of(12, 10 * number + actor), actor, number), 0)
                observer.drawn(rows_of(1, number), 0)

    whole, parts = SelfPlayObserver(GAME, CONFIG), SelfPlayObserver(GAME, CONFIG)
    for observer in (whole, parts):
        observer.begin(weights_of(0), weights_of(0))
        half(observer, range(1, 4))
    again = SelfPlayObserver(GAME, CONFIG)
    again.load_state(json.loads(json.dumps(parts.state())))
    again.begin(weights_of(0), weights_of(0))
    for observer in (whole, again):
        half(observer, range(4, 6))
    assert repr(whole.end_generation(weights_of(1), weights_of(1))) == repr(
        again.end_generation(weights_of(1), weights_of(1))
    )
    assert whole.state() == again.state()


def test_games_are_told_apart_by_their_plies() -> None:
    rows = rows_of(20, 3)
    found = games.records(GAME, rows, 5)
    assert len(found) == 20 and found["length"].sum() == len(rows) and found["whole"].all()
    assert (found["actor"] == 5).all() and found["sure"].mean() > 0.8 and not found["wrong"].any()
    assert (np.isin(found["first"], [-1, 0, 1])).all()


def test_one_game_s_figures_are_those_of_its_rows() -> None:
    rows = rows_of(1, 4)
    (found,) = games.records(GAME, rows, 0)
    value = rows["search_wdl"][:, 0] - rows["search_wdl"][:, 2]
    assert found["error"] == pytest.approx(np.square(value - rows["outcome"]).mean(), rel=1e-5)
    assert found["plain"] == pytest.approx(np.square(rows["outcome"]).mean(), rel=1e-5)
    assert found["swing"] == pytest.approx(np.abs(value[1:] + value[:-1]).mean(), rel=1e-5)  # players take turns
    assert found["entropy"] == pytest.approx(-(rows["policy"] * np.log(rows["policy"] + 1e-12)).sum(1).mean(), rel=1e-4)
    assert found["start"] == GAME.key(rows["state"][-1:])[0]


def test_moves_as_the_settings_say_are_likelier_than_in_any_other_way() -> None:
    logs, count = moves.log_ratios(GAME, rows_of(40, 1), ACTOR)
    assert count > 200 and (logs < -20).all()
    assert moves.log_ratios(GAME, rows_of(40, 1)[:1], ACTOR)[1] == 0  # no move leads to a next row


def test_the_ratio_of_moves_has_a_mean_of_at_most_one() -> None:
    """Over games, which are short here: an e-value, so that the alarm's rate holds."""
    ratios = []
    for seed in range(15):
        rows = rows_of(20, seed)
        begin = np.append(games.firsts(rows), len(rows))
        for first, end in itertools.pairwise(begin):
            last = rows[first:end][-3:]
            ratios.append(np.exp(moves.log_ratios(GAME, last, ACTOR)[0]))
    mean, error = np.mean(ratios, axis=0), np.std(ratios, axis=0) / len(ratios) ** 0.5
    assert (mean < 1 + 3 * error).all()


def test_starts_are_those_of_an_actor() -> None:
    made = openings.Openings(GAME, ACTOR)
    rng = np.random.default_rng(7)
    keys = GAME.key(openings.starts(GAME, ACTOR.random_opening_plies, 300, rng))
    counts = np.bincount(made.groups(keys), minlength=made.size)
    assert made.varied and made.p_value(counts) > 0.01 and made.stability(counts) < 0.2
    alone = np.bincount(made.groups(keys[:1].repeat(30)), minlength=made.size)
    assert made.p_value(alone) < 1e-9
    assert not openings.Openings(GAME, replace(ACTOR, random_opening_plies=0)).varied
