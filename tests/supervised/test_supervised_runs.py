"""Runs of a classifier on a stream: tested before trained, resumed to the bit, told what has changed."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sea_runs import SEA, contents, lines_of, train

from selfplay.datasets.config import StreamConfig
from selfplay.drift.config import DriftConfig
from selfplay.drift.monitor import Monitor
from selfplay.errors import ConfigError
from selfplay.loop.config import RunConfig
from selfplay.loop.run import Run
from selfplay.supervised import rows as row_layout
from selfplay.supervised.actor import StreamActor
from selfplay.supervised.agent import Supervised
from selfplay.supervised.config import DataConfig
from selfplay.supervised.observer import StreamObserver
from selfplay.supervised.presets import PRESETS
from selfplay.types import SampleBatch


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("streams") / "whole"
    train(path, Supervised(SEA))
    return path


def test_a_classifier_learns_a_concept_and_then_the_next_one(whole: Path) -> None:
    lines = {line["step"]: line for line in lines_of(whole)}
    assert lines[6]["drift/accuracy"] > 0.85 and lines[10]["drift/accuracy"] > 0.8
    assert lines[7]["drift/accuracy"] < 0.3, "the first rows of a new concept are tested by what was learned of the old"
    assert lines[10]["evaluation/accuracy"] > 0.8 > 0.3 > lines[10]["evaluation/accuracy_0"]
    assert lines[5]["evaluation/accuracy_0"] == pytest.approx(lines[5]["evaluation/accuracy"], abs=0.03)
    errors = [400 * (1 - lines[step]["drift/accuracy"]) for step in range(1, 11)]
    assert [lines[step]["drift/error_area"] for step in range(1, 11)] == pytest.approx(np.cumsum(errors))


def test_a_change_of_concept_is_told_in_the_generation_in_which_it_comes(whole: Path) -> None:
    events = [json.loads(line) for line in (whole / "drift.jsonl").read_text().splitlines()]
    assert min(event["step"] for event in events if event["stream"] == "errors") == 7
    assert all(event["step"] >= 7 for event in events)


@pytest.mark.slow
@pytest.mark.parametrize("until", ["a generation", "mid-generation"])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(whole: Path, tmp_path: Path, until: str) -> None:
    def stop(run: Run) -> bool:
        made = run.replay.inserted
        return run.status.generation == 6 and (until == "a generation" or made == 6 * 400 + 100)

    path = tmp_path / "stopped"
    train(path, Supervised(SEA), stop)
    train(path, Supervised(SEA))
    assert contents(path) == contents(whole)


class OnlyAfterSight(StreamActor):
    """Rows that nobody can know before: each has a place of its own, and a class that was drawn for it. They come again
    and again, as rows of the replay do."""

    def generate(self, min_rows: int) -> tuple[np.ndarray, dict[str, float]]:
        x = np.eye(2_000, dtype=np.float32)[self._clock.made + 400 * self._clock.generation :][:min_rows]
        self._clock.next(min_rows)
        return row_layout.make(x, self._rng.integers(2, size=min_rows)), {}


class Blind(Supervised):
    def make_actor(self, index: int, seed: int) -> StreamActor:
        assert self.source.stream is not None
        return OnlyAfterSight(self.source.stream, 400, seed, index)


def test_rows_that_can_only_be_known_after_they_were_seen_score_at_chance(tmp_path: Path) -> None:
    agent = Blind(replace(SEA, stream=StreamConfig(), run=replace(SEA.run, generations=5, evaluate_every=100)))
    agent.source = replace(agent.source, shape=(2_000,), held_out=None)
    agent.row_dtype = row_layout.row_dtype((2_000,))
    train(tmp_path / "blind", agent)
    lines = lines_of(tmp_path / "blind")
    right = sum(400 * line["drift/accuracy"] for line in lines if "drift/accuracy" in line)
    assert abs(right - 1_000) < 4 * np.sqrt(2_000) / 2, "what is tested was not learned from before"
    assert lines[-1]["loss/classifier/accuracy"] > 0.75, "and yet it is learned"


def test_all_actors_of_one_generation_draw_from_the_same_moment() -> None:
    agent = Supervised(replace(SEA, run=replace(SEA.run, actors=2), stream=replace(SEA.stream, at=6.5)))
    for index in range(2):
        actor = agent.make_actor(index, 1)
        for generation, threshold in ((6, 7.0), (7, 9.5)):
            actor.set_weights({}, generation, None)
            rows = np.concatenate([actor.generate(300)[0] for _ in range(3)])
            sums = (rows["x"][:, :2] * 2.9 + 5).sum(axis=1)
            expected = (sums <= threshold) ^ (generation == 7)
            assert (expected == rows["label"]).mean() > 0.999


def test_time_goes_on_within_a_generation_of_one_actor_and_never_beyond_it() -> None:
    agent = Supervised(replace(SEA, stream=StreamConfig("gradual", ("rule:3", "rule:3/relabel:1"), at=6, over=1)))
    actor = agent.make_actor(0, 1)
    actor.set_weights({}, 6, None)
    first = actor.generate(200)[0]
    actor.set_weights({}, 6, None)  # as a run that goes on does
    rows = np.concatenate([first, actor.generate(200)[0], actor.generate(400)[0]])
    changed = ((rows["x"][:, :2] * 2.9 + 5).sum(axis=1) <= 7) != rows["label"]
    shares = [changed[part : part + 100].mean() for part in range(0, 800, 100)]
    assert shares[:4] == pytest.approx([0.125, 0.375, 0.625, 0.875], abs=0.17)
    assert changed[400:].mean() > 0.98
    again = agent.make_actor(0, 1)
    assert again.load_state(*pickle.loads(pickle.dumps(actor.state())))
    again.set_weights({}, 6, None)
    assert np.array_equal(again.generate(50)[0], actor.generate(50)[0])


def alarms(errors: list[float], seed: int, labels: list[float] | None = None) -> list[tuple[str, int]]:
    """Alarms of an observer whose classifier says 0 always: the share of class 1 is the share of errors."""
    agent = Supervised(SEA)
    observer = StreamObserver(DriftConfig(), lambda weights, x: np.tile([1.0, 0.0], (len(x), 1)), agent.source)
    monitor, rng, found = Monitor(observer.streams, observer.settings), np.random.default_rng(seed), []
    observer.begin({"classifier": {}}, {"classifier": {}})
    for generation, share in enumerate(errors):
        for _ in range(4):
            x = rng.normal(size=(100, 3)).astype(np.float32)
            observer.take(SampleBatch(row_layout.make(x, (rng.random(100) < share).astype(int)), {}, 0), generation)
        events = monitor.take(observer.end_generation({}, {})[1], generation)[1]
        found += [(event.stream, event.generation) for event in events]
    return found


def test_an_error_rate_that_stays_or_falls_gives_no_alarm_whatever_it_is() -> None:
    for seed in range(4):
        for rate in (0.0, 0.05, 0.5):
            assert [stream for stream, _ in alarms([rate] * 8, seed) if stream == "errors"] == []
        falling = alarms([0.5 * 0.7**t for t in range(8)], seed)
        assert [stream for stream, _ in falling if stream == "errors"] == []


def test_an_error_rate_that_rises_is_told_at_once_and_classes_that_shift_are_too() -> None:
    for seed in range(4):
        found = alarms([0.05] * 4 + [0.4] * 2, seed)
        assert ("errors", 4) in found and ("labels", 4) in found and min(step for _, step in found) == 4
        assert not [stream for stream, _ in found if stream == "inputs"]


@pytest.mark.parametrize("name", [name for name in PRESETS if name != "stream-file"])
def test_every_preset_makes_an_agent_that_travels(name: str) -> None:
    pytest.importorskip("sklearn")
    agent = pickle.loads(pickle.dumps(Supervised(PRESETS[name])))
    rows, _ = agent.make_actor(0, 1).generate(50)
    assert rows.dtype == agent.row_dtype and agent.sound(rows).all()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"data": DataConfig(name="stream:sea", label="y")}, "data.label has no meaning"),
        ({"data": DataConfig(name="file", path="x"), "stream": SEA.stream}, "section stream has no meaning"),
        ({"data": DataConfig(name="file"), "stream": StreamConfig()}, "--set data.path=FILE"),
        ({"data": DataConfig(name="file"), "stream": StreamConfig(), "run": RunConfig(actors=2)}, "set it to 0"),
        ({"data": DataConfig(name="standard-input"), "stream": StreamConfig()}, "--set data.reference=FILE"),
        ({"data": DataConfig(name="standard-input", path="x"), "stream": StreamConfig()}, "data.path has no meaning"),
        ({"stream": StreamConfig("sudden", ("rule:1", "turn:4"))}, "no meaning for sea"),
    ],
)  # fmt: skip
def test_settings_that_contradict_each_other_are_refused(changes: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Supervised(replace(SEA, **changes))


@pytest.mark.slow
def test_a_snapshot_is_taken_back_when_an_old_concept_returns_and_old_rows_are_dropped(tmp_path: Path) -> None:
    """Rule 3, its opposite, and rule 3 again: with reactions the third is known after one generation."""
    drift = DriftConfig(actions=("restore-snapshot", "evict-rows"), cool_down=2)
    stream = StreamConfig("recurrent", ("rule:3", "rule:3/relabel:1"), at=6, period=4)
    accuracy = {}
    for name, react in (("reacting", drift), ("never", DriftConfig())):
        config = replace(SEA, stream=stream, drift=react, run=replace(SEA.run, generations=13, evaluate_every=100))
        train(tmp_path / name, Supervised(config))
        accuracy[name] = {line["step"]: line.get("drift/accuracy") for line in lines_of(tmp_path / name)}
    events = [json.loads(line) for line in (tmp_path / "reacting" / "drift.jsonl").read_text().splitlines()]
    acted = [(event["step"], event["action"]) for event in events if event.get("action")]
    assert (7, "evict-rows") in acted and (11, "restore-snapshot") in acted
    assert not [step for step, _ in acted if step not in (7, 8, 11, 12)]
    assert accuracy["reacting"][11] < 0.3, "before anything is known of it"
    assert accuracy["reacting"][12] > 0.85 > accuracy["never"][12]


def test_weights_that_know_nothing_fit_no_better_than_those_that_know_something_else() -> None:
    agent = Supervised(SEA)
    rows = agent.make_actor(0, 1).generate(200)[0]
    agent.logits = lambda weights, x: np.eye(2)[weights["guess"](rows["label"])]  # type: ignore[method-assign, index, operator]
    fits = {
        name: agent.fit({"guess": guess}, rows)  # type: ignore[dict-item]
        for name, guess in {
            "most": lambda labels: np.full(len(labels), np.bincount(labels).argmax()),
            "none": lambda labels: 1 - labels,
            "all": lambda labels: labels,
        }.items()
    }
    assert fits["most"] == fits["none"] == 0 < 0.1 < fits["all"]
