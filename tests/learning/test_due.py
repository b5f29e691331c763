"""What learning owes: draws and not updates are counted, whatever settings change on the way."""

from __future__ import annotations

import pytest

from selfplay.learning.config import LearnerConfig, ReplayConfig
from selfplay.learning.due import Due


def due(rate: float = 6.0, size: int = 64, learn_after: int = 1) -> Due:
    return Due(ReplayConfig(samples_per_insert=rate, learn_after=learn_after), LearnerConfig(batch_size=size))


@pytest.mark.parametrize("size", [16, 32, 128, 200])
def test_another_batch_size_goes_on_at_once_with_as_many_draws_a_row(size: int) -> None:
    before, after = due(size=64), due(size=size)
    steps = before.at(10_000)
    after.load_state(before.state(), 10_000, steps, None)
    assert after.owed(10_000, steps) <= 64 / size + 1  # neither a burst nor, below, a pause
    made = after.at(10_400) - steps
    assert abs(made * size - 400 * 6.0) <= size + 64
    assert after.draws(steps + 10) == steps * 64 + 10 * size


@pytest.mark.parametrize("rate", [0.5, 3.0, 12.0])
def test_other_samples_per_insert_hold_for_new_rows_only(rate: float) -> None:
    before, after = due(rate=6.0), due(rate=rate)
    steps = before.at(9_001)
    after.load_state(before.state(), 9_001, steps, None)
    assert after.owed(9_001, steps) == 0
    assert abs((after.at(12_001) - steps) * 64 - 3_000 * rate) <= 2 * 64


def test_what_was_owed_before_a_change_is_still_owed_and_a_generation_still_ends() -> None:
    before, after = due(size=64), due(size=128)
    steps = before.at(5_000) - 20
    assert after.load_state(before.state(), 5_000, steps, steps + 20) == steps + 10
    assert after.owed(5_000, steps) == 10


def test_changes_add_up_and_unchanged_settings_change_nothing() -> None:
    first, second, third, again = due(), due(size=100), due(rate=2.0, size=100), due(rate=2.0, size=100)
    second.load_state(first.state(), 1_000, first.at(1_000), None)
    steps = second.at(2_000)
    third.load_state(second.state(), 2_000, steps, None)
    assert again.load_state(third.state(), 2_500, third.at(2_500), 777) == 777
    assert again.state() == third.state()
    draws = again.draws(again.at(4_000))
    assert abs(draws - (2_000 * 6 + 2_000 * 2)) <= 300


def test_a_state_of_an_earlier_version_takes_its_settings_from_its_config() -> None:
    now = due(size=32)
    now.load_state({"learner.batch_size": 64, "replay.samples_per_insert": 6.0}, 6_400, 600, None)
    assert now.owed(6_400, 600) == 0
    assert now.at(6_432) == 606


def test_slower_reuse_holds_for_new_rows_until_it_ends_and_after_a_stop() -> None:
    made = due(rate=6.0, size=64)
    steps = made.at(6_400)
    made.slow(0.5, 6_400, steps)
    assert made.owed(6_400, steps) == 0 and made.at(12_800) - steps == 300
    resumed = due(rate=6.0, size=64)
    assert resumed.load_state(made.state(), 8_000, steps, None) is None
    assert resumed.at(12_800) == made.at(12_800) and resumed.factor == 0.5
    made.slow(1.0, 12_800, steps + 300)
    assert made.at(19_200) - (steps + 300) == 600
