"""Errors counted by the class that was said: what a change of few classes shows, and false alarms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from selfplay.drift.detectors.evalues import EProcess
from selfplay.supervised.levels import REMEMBERED, ErrorLevels

CLASSES = 10


def generation(levels: ErrorLevels, rng: np.random.Generator, rates: np.ndarray, rows: int = 50) -> float | None:
    """Evidence of rows that are wrong as often as their class's rate says, in two batches; the generation is then
    over."""
    for _ in range(2):
        labels = rng.integers(0, CLASSES, rows // 2)
        wrong = rng.random(rows // 2) < rates[labels]
        levels.take(np.where(wrong, (labels + rng.integers(1, CLASSES, rows // 2)) % CLASSES, labels), labels)
    evidence = levels.evidence()
    levels.end_generation()
    return evidence


def test_two_classes_that_exchange_their_names_are_told_by_few_rows() -> None:
    """Of 50 rows about ten are wrong: by their number alone a generation is worth too little for an alarm late in a
    run, by the classes that were said it is worth one in nearly every stream within two."""
    found = []
    for seed in range(20):
        rng, levels = np.random.default_rng(seed), ErrorLevels(CLASSES)
        for _ in range(40):
            generation(levels, rng, np.full(CLASSES, 0.01))
        evidence = []
        for _ in range(2):
            labels = rng.integers(0, CLASSES, 50)
            levels.take(np.where(labels == 3, 8, np.where(labels == 8, 3, labels)), labels)
            evidence.append(levels.evidence())
            levels.end_generation()
        found.append(sum(value for value in evidence if value is not None))
    assert np.quantile(found, 0.1) > math.log(600 * 41 * 42), "the threshold of a stream of a run's three, after 41"


@pytest.mark.parametrize("rate", [0.0, 0.03, 0.3])
def test_nothing_is_told_of_streams_whose_errors_stay_as_frequent_as_they_are(rate: float) -> None:
    alarms = 0
    for seed in range(20):
        rng, levels, detector = np.random.default_rng(seed), ErrorLevels(CLASSES), EProcess(0.01)
        for _ in range(60):
            value = generation(levels, rng, np.full(CLASSES, rate))
            alarms += value is not None and detector.update(value).drift
    assert alarms == 0


def test_there_is_no_evidence_before_there_is_something_to_compare_with() -> None:
    levels = ErrorLevels(CLASSES)
    assert levels.evidence() is None
    assert generation(levels, np.random.default_rng(0), np.zeros(CLASSES), 40) is None
    assert generation(levels, np.random.default_rng(1), np.zeros(CLASSES), 40) is None, "40 rows are too few"
    assert generation(levels, np.random.default_rng(2), np.zeros(CLASSES), 40) is not None


def test_what_was_wrong_all_the_time_cannot_become_worse() -> None:
    levels, rng = ErrorLevels(CLASSES), np.random.default_rng(0)
    assert {generation(levels, rng, np.ones(CLASSES)) for _ in range(10)} == {None}


def test_levels_go_on_from_a_saved_state() -> None:
    one, rng = ErrorLevels(CLASSES), np.random.default_rng(0)
    for _ in range(REMEMBERED[-1] + 5):
        generation(one, rng, np.full(CLASSES, 0.1))
    one.take(np.zeros(30, np.int64), np.arange(30) % CLASSES)
    other = ErrorLevels(CLASSES)
    other.load_state(one.state())
    assert other.evidence() == one.evidence() is not None
    for levels in (one, other):
        levels.end_generation()
    assert other.state() == one.state() and len(one.state()["earlier"]) <= REMEMBERED[-1]
