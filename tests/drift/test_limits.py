"""Limits: alarms beyond a bound, some times in a row."""

from __future__ import annotations

import pytest

from selfplay.drift.limits import Limit


def test_a_limit_is_passed_when_enough_values_in_a_row_are_beyond_it() -> None:
    above = Limit(1.0, times=2)
    assert [above.update(value).drift for value in (2, 1, 2, 2, 2, 2)] == [False, False, False, True, False, True]
    below = Limit(0.1, below=True)
    assert [below.update(value).drift for value in (0.1, 0.05)] == [False, True]


def test_a_limit_goes_on_from_its_state_and_refuses_that_of_another() -> None:
    one, other = Limit(1.0, times=2), Limit(1.0, times=2)
    one.update(2)
    other.restore(one.state())
    assert other.update(2).drift
    with pytest.raises(ValueError, match="bound"):
        Limit(1.0).restore(Limit(2.0).state())
