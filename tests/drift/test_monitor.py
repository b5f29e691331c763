"""The monitor: one alarm a part of a stream, the probability of a false alarm shared out, and events kept in a file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfplay.drift import events, watching
from selfplay.drift.config import DriftConfig
from selfplay.drift.detectors import evalues
from selfplay.drift.monitor import Monitor, Reading, Stream
from selfplay.drift.watching import Watching
from selfplay.storage import records
from selfplay.types import SampleBatch, Weights

TESTED = Stream("moves", "concept p(y|x)", "game", "a test", "They are drawn otherwise.", "Look there.")
LIMITED = Stream("age", "covariate p(x)", "batch", "a limit", "Rows are old.", "Wait.", limit=2.0)
OTHER = Stream("labels", "label p(y)", "game", "a test", "They are wrong.", "Look.")


def reading(stream: Stream, value: float, part: str = "", parts: int = 1) -> Reading:
    return Reading(stream.name, value, f"{value:g} was seen", 7, part, parts)


class Observer:
    """Says what it is told to."""

    streams = (TESTED, LIMITED)

    def __init__(self, settings: DriftConfig = DriftConfig()) -> None:  # noqa: B008
        self.settings = settings
        self.says: list[Reading] = []
        self.seen = 0

    def begin(self, weights: Weights, raw: Weights) -> None:
        self.seen += 1

    def take(self, batch: SampleBatch, generation: int) -> None:
        self.seen += len(batch.rows)

    def drawn(self, rows: np.ndarray, generation: int) -> None:
        self.seen += len(rows)

    def end_generation(self, weights: Weights, raw: Weights) -> tuple[dict[str, float], list[Reading]]:
        return {"seen": float(self.seen)}, self.says

    def evaluated(self, metrics: Mapping[str, float]) -> list[Reading]:
        return []

    def state(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.seen = state["seen"]


def test_an_alarm_is_given_once_for_each_part_and_says_what_was_seen_and_what_to_do() -> None:
    monitor = Monitor((TESTED, LIMITED), DriftConfig())
    said = [
        monitor.take([reading(TESTED, 30, part, 2), reading(LIMITED, 1)], generation)[1]
        for generation, part in ((1, "actor 0"), (2, "actor 0"), (3, "actor 1"))
    ]
    assert [[(event.part, event.generation) for event in events] for events in said] == [
        [("actor 0", 1)], [], [("actor 1", 3)],
    ]  # fmt: skip
    assert said[0][0].sentence == "moves (actor 0): 30 was seen. They are drawn otherwise. Look there."
    assert monitor.alarms == 2


def test_tests_share_the_probability_of_a_false_alarm_and_so_do_their_parts() -> None:
    monitor = Monitor((TESTED, OTHER, LIMITED), DriftConfig(alpha=0.01))
    (event,) = monitor.take([reading(TESTED, 30, "actor 0", 4)], 1)[1]
    assert event.threshold == pytest.approx(1 / (0.01 / 2 / 4)) and event.unit == "game"


def test_statistics_are_the_worst_over_the_parts() -> None:
    monitor = Monitor((TESTED, LIMITED), DriftConfig())
    found, _ = monitor.take([reading(TESTED, 1, "a", 2), reading(TESTED, 3, "b", 2), reading(LIMITED, 1.5)], 1)
    assert found["age"] == 1.5 and found["moves"] == pytest.approx(np.log10((np.exp(3) + 1) / 2))


def test_a_monitor_goes_on_from_its_state() -> None:
    one = Monitor((TESTED, LIMITED), DriftConfig())
    one.take([reading(TESTED, 3, "a"), reading(TESTED, 30, "b")], 1)
    other = Monitor((TESTED, LIMITED), DriftConfig())
    other.load_state(json.loads(json.dumps(one.state())))
    assert other.take([reading(TESTED, 1, "a"), reading(TESTED, 30, "b")], 2) == one.take(
        [reading(TESTED, 1, "a"), reading(TESTED, 30, "b")], 2
    )


DATA = Stream("reals", "covariate p(x)", "row", "a test", "They changed.", "Wait.", again=True)
ACTED = Stream("head", "concept p(y|x)", "batch", "a limit", "It is stuck.", "Look.", limit=1.0, actions=("stop",))


def test_a_stream_that_may_drift_again_alarms_again_and_spends_less_each_time() -> None:
    monitor = Monitor((DATA, LIMITED), DriftConfig(alpha=0.01))
    found = [monitor.take([reading(DATA, value)], generation)[1] for generation, value in enumerate([30, 0, 30, 1, 30])]
    assert [len(events) for events in found] == [1, 0, 1, 0, 1] and monitor.alarms == 3
    thresholds = [events[0].threshold for events in found if events]
    assert thresholds == pytest.approx([100 * 2, 100 * 6, 100 * 12])
    assert sum(1 / threshold for threshold in thresholds) < 0.01, "all of them together keep to alpha"


@pytest.mark.parametrize("again", [False, True])
def test_over_a_long_run_no_more_than_alpha_of_null_streams_alarm_at_all(again: bool) -> None:
    stream = DATA if again else TESTED
    rng = np.random.default_rng(3)
    alarmed = 0
    for _ in range(1000):  # e-values of p-values without drift
        monitor = Monitor((stream,), DriftConfig(alpha=0.1))
        readings = [reading(stream, evalues.from_p_value(p)) for p in rng.random(60)]
        alarmed += bool(monitor.take(readings, 1)[1])
    assert alarmed <= 100, f"{alarmed} of 1,000 runs, where 100 are allowed"


def test_a_stream_about_which_something_is_done_rests_and_may_alarm_again() -> None:
    monitor = Monitor((ACTED,), DriftConfig(actions=("stop",), cool_down=2))
    found = [len(monitor.take([reading(ACTED, 5)], generation)[1]) for generation in range(1, 8)]
    assert found == [1, 0, 0, 1, 0, 0, 1]
    unacted = Monitor((ACTED,), DriftConfig(actions=("stop",), react="never"))
    assert sum(len(unacted.take([reading(ACTED, 5)], generation)[1]) for generation in range(9)) == 1


def test_an_alarm_says_since_when_the_change_is_seen() -> None:
    monitor = Monitor((TESTED, LIMITED), DriftConfig(alpha=0.01))
    (event,) = (
        event
        for generation, value in enumerate([2, -5, -5, 3, 4, 5], start=1)
        for event in monitor.take([reading(TESTED, value)], generation)[1]
    )
    assert event.generation == 6 and event.since == 4
    twice = dataclasses.replace(LIMITED, times=2)
    monitor = Monitor((twice,), DriftConfig())
    events = [monitor.take([reading(twice, value)], generation)[1] for generation, value in enumerate([3, 1, 3, 3])]
    assert [[event.since for event in each] for each in events] == [[], [], [], [2]]


def test_a_detector_whose_share_has_become_smaller_starts_anew() -> None:
    one = Monitor((ACTED, TESTED), DriftConfig())
    one.take([reading(TESTED, 3)], 1)
    acted = dataclasses.replace(TESTED, actions=("stop",))
    other = Monitor((acted,), DriftConfig(actions=("stop",)))
    other.load_state(json.loads(json.dumps(one.state())))
    (event,) = other.take([reading(acted, 30)], 2)[1]
    assert event.threshold == pytest.approx(200)


def test_without_alarms_it_measures_only() -> None:
    monitor = Monitor((TESTED,), DriftConfig(alarms=False))
    found, events = monitor.take([reading(TESTED, 30)], 1)
    assert found["moves"] > 10 and events == []


def test_alarms_are_kept_in_a_file_with_its_digest_and_cut_with_the_generations(tmp_path: Path) -> None:
    observer = Observer()
    watched = Watching(observer, tmp_path)
    watched.begin({}, {})
    watched.take(SampleBatch(np.zeros(3), {}, 0), 0)
    observer.says = [reading(TESTED, 30), reading(LIMITED, 1)]
    metrics, said = watched.end_generation(1, {}, {})
    assert metrics["drift/seen"] == 4 and metrics["drift/alarms"] == 1 and metrics["drift/age"] == 1 and len(said) == 1
    observer.says = [reading(LIMITED, 5)]
    watched.end_generation(2, {}, {})
    watched.record(2, "vanished", "the gradient has vanished")
    watched.record(3, "vanished", "the gradient has vanished")
    lines = events.read(tmp_path)
    assert [(line["step"], line["stream"]) for line in lines] == [(1, "moves"), (2, "age"), (2, "vanished")]
    assert lines[0]["sentence"] == said[0] and lines[1]["statistic"] == 5 and lines[1]["threshold"] == 2
    assert records.check(tmp_path) == {}
    watched.cut(before=2)
    assert [line["stream"] for line in events.read(tmp_path)] == ["moves"]
    with (tmp_path / events.FILE).open("a") as file:
        file.write('{"step": 2, "str')
    assert len(events.read(tmp_path)) == 1


def test_what_is_watched_is_described_with_its_newest_values_and_limits(tmp_path: Path) -> None:
    observer = Observer()
    watched = Watching(observer, tmp_path)
    observer.says = [reading(TESTED, 1, "actor 0", 2), reading(TESTED, 30, "actor 1", 2), reading(LIMITED, 1)]
    watched.end_generation(1, {}, {})
    observer.says = [reading(LIMITED, 1.5)]
    watched.end_generation(2, {}, {})
    told = json.loads((tmp_path / watching.STREAMS).read_text())
    assert (told["generation"], told["alpha"]) == (2, 0.01)
    moves, age = told["streams"]
    assert [(part["part"], part["generation"], part["alarmed"]) for part in moves["parts"]] == [
        ("actor 0", 1, None), ("actor 1", 1, 1),
    ]  # fmt: skip
    assert moves["unit"] == "game" and moves["limit"] is None and moves["parts"][0]["threshold"] == pytest.approx(200)
    assert (age["limit"], age["parts"][0]["statistic"], age["parts"][0]["seen"]) == (2.0, 1.5, "1.5 was seen")
    assert records.check(tmp_path) == {}

    other = Watching(Observer(), tmp_path)
    other.load_state(json.loads(json.dumps(watched.state())))
    other.end_generation(2, {}, {})  # with nothing read in this session
    assert json.loads((tmp_path / watching.STREAMS).read_text()) == told


def test_a_family_without_an_observer_is_not_watched_nor_is_one_that_is_told_not_to_be(tmp_path: Path) -> None:
    for watched in (Watching(None, tmp_path), Watching(Observer(DriftConfig(enabled=False)), tmp_path)):
        watched.begin({}, {})
        watched.take(SampleBatch(np.zeros(3), {}, 0), 0)
        watched.drawn(np.zeros(3), 0)
        assert (
            watched.end_generation(1, {}, {}) == ({}, []) and watched.evaluated(1, {}) == [] and watched.state() == {}
        )
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_is_told_and_stops_nothing(tmp_path: Path) -> None:
    observer = Observer()
    observer.says = [reading(TESTED, 30)]
    watched = Watching(observer, tmp_path / "missing")
    assert len(watched.end_generation(1, {}, {})[1]) == 1
    assert watched.failure is not None and "drift.jsonl is not being written" in watched.failure


def test_a_figure_with_the_name_of_a_stream_that_rests_is_not_taken_for_the_streams_value(tmp_path: Path) -> None:
    class Named(Observer):
        streams = (ACTED,)

        def end_generation(self, weights: Weights, raw: Weights) -> tuple[dict[str, float], list[Reading]]:
            return {"head": 70.0, "seen": 1.0}, self.says

    observer = Named(DriftConfig(actions=("stop",), cool_down=1))
    observer.says = [reading(ACTED, 5)]
    watched = Watching(observer, tmp_path)
    metrics = [watched.end_generation(generation, {}, {})[0].get("drift/head") for generation in (1, 2, 3)]
    assert metrics == [5, None, 5]
