"""The plan of reactions: what is due, in which order, and how soon again."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from selfplay.drift.config import DriftConfig
from selfplay.drift.monitor import Event, Stream
from selfplay.drift.plan import ORDER, Plan

DATA = Stream("reals", "covariate p(x)", "row", "a test", "They changed.", "Wait.", again=True,
              actions=("raise-learning-rate", "evict-rows"))  # fmt: skip
HEAD = Stream("head", "concept p(y|x)", "batch", "a limit", "It is stuck.", "Look.", limit=1.0,
              actions=("restore-generation", "evict-rows", "stop"))  # fmt: skip


def alarm(stream: Stream, generation: int, since: int) -> Event:
    return Event(generation, stream.name, "", stream.detects, stream.test, 1.0, 1.0, stream.unit, 5, "A sentence.",
                 since, "it was seen")  # fmt: skip


def plan(*actions: str, **more: object) -> Plan:
    return Plan((DATA, HEAD), DriftConfig(actions=actions, **more))  # type: ignore[arg-type]


def test_nothing_is_due_unless_it_is_allowed_fits_the_stream_and_there_is_an_alarm() -> None:
    made = plan("evict-rows", "stop")
    assert made.due(1) == []
    made.take([alarm(DATA, 2, 1)])
    assert [(due.action, due.stream, due.since, due.reason) for due in made.due(2)] == [
        ("evict-rows", "reals", 1, "it was seen")
    ]
    assert made.due(3) == [], "an alarm is acted on once"


def test_weights_come_first_and_of_two_alarms_the_one_that_goes_back_further_counts() -> None:
    made = plan("stop", "evict-rows", "raise-learning-rate", "restore-generation")
    made.take([alarm(DATA, 7, 6), alarm(HEAD, 7, 4)])
    found = made.due(7)
    assert [due.action for due in found] == ["restore-generation", "evict-rows", "raise-learning-rate", "stop"]
    assert [due.action for due in found] == sorted((due.action for due in found), key=ORDER.index)
    assert [due.since for due in found] == [4, 4, 6, 4] and found[1].stream == "head"


def test_an_action_is_not_taken_again_while_it_cools_down() -> None:
    made = plan("evict-rows", cool_down=2)
    for generation, taken in ((1, 1), (2, 0), (3, 0), (4, 1)):
        made.take([alarm(DATA, generation, generation)])
        assert len(made.due(generation)) == taken, f"generation {generation}"


@pytest.mark.parametrize(("react", "due"), [("every-generation", 2), ("never", 0)])
def test_reacting_always_and_never_take_no_account_of_alarms(react: str, due: int) -> None:
    made = plan("evict-rows", "raise-learning-rate", react=react)
    made.take([alarm(DATA, 1, 1)])
    for generation in (1, 2, 3):
        found = made.due(generation)
        assert len(found) == due and all(each.since == generation for each in found)


def test_weights_that_games_tell_of_are_a_generation_older_than_the_games() -> None:
    late = replace(HEAD, lag=1)
    made = Plan((late,), DriftConfig(actions=("restore-generation", "evict-rows")))
    made.take([alarm(late, 7, 6)])
    assert [(due.action, due.since) for due in made.due(7)] == [("restore-generation", 5), ("evict-rows", 6)]


def test_actions_that_fit_nothing_are_named() -> None:
    assert plan("add-anchors", "evict-rows").unused() == ["add-anchors"]
    assert plan("add-anchors", react="every-generation").unused() == []


def test_a_plan_goes_on_from_its_state() -> None:
    one = plan("evict-rows", "stop", cool_down=2)
    one.take([alarm(DATA, 1, 1)])
    one.due(1)
    one.take([alarm(HEAD, 2, 1)])
    other = plan("evict-rows", "stop", cool_down=2)
    other.load_state(json.loads(json.dumps(one.state())))
    assert other.due(2) == one.due(2) != []
    forbidden = plan("evict-rows")
    one.take([alarm(HEAD, 3, 3)])
    forbidden.load_state(one.state())
    assert forbidden.due(9)[0].action == "evict-rows" and len(forbidden.due(9)) == 0
