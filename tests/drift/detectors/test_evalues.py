"""E-processes: Ville's bound over many streams, little delay for late changes, and states that go on bit for bit."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from selfplay.drift.detectors import evalues
from selfplay.drift.detectors.evalues import EProcess

ALPHA = 0.05


def alarm_at(values: list[float], alpha: float = ALPHA) -> int | None:
    detector = EProcess(alpha)
    return next((place for place, value in enumerate(values) if detector.update(value).drift), None)


@pytest.mark.parametrize("kind", ["p-values", "ratios", "counts"])
def test_at_most_a_share_alpha_of_streams_without_change_ever_gives_an_alarm(kind: str) -> None:
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(400):
        if kind == "p-values":
            values = [evalues.from_p_value(p) for p in rng.random(150)]
        elif kind == "ratios":  # of a normal variable whose mean may be 1
            values = (rng.normal(size=150) - 0.5).tolist()
        else:
            values = [evalues.of_count(int(k), 40, 0.02, (0.05, 0.2)) for k in rng.binomial(40, 0.02, 150)]
        alarms += alarm_at(values) is not None
    assert alarms <= 400 * ALPHA + 3 * math.sqrt(400 * ALPHA)


def test_a_late_change_is_told_as_soon_as_an_early_one_but_for_a_factor() -> None:
    quiet, loud = [-1.0] * 1000, [20.0] * 3
    assert alarm_at(loud) == 0
    assert alarm_at([*quiet, *loud]) == 1000


def test_the_fortune_is_what_its_shares_have_made() -> None:
    detector = EProcess(1e-9)
    logs = [0.3, -0.7, 1.1]
    for log in logs:
        state = detector.update(log)
    shares = [1 / (t * (t + 1)) for t in (1, 2, 3)]
    expected = sum(share * math.exp(sum(logs[t:])) for t, share in enumerate(shares)) + 1 / 4
    assert state.statistic == pytest.approx(expected) and state.threshold == pytest.approx(1e9)


def test_the_e_value_of_a_p_value_is_one_on_average() -> None:
    mean = integrate.quad(lambda u: math.exp(evalues.from_p_value(math.exp(-u)) - u), 0, 700, limit=500)[0]
    assert mean == pytest.approx(1, abs=0.01) and mean <= 1
    assert math.exp(evalues.from_p_value(1e-6)) == pytest.approx(5239, rel=0.01)
    assert evalues.from_p_value(1 - 1e-4) == pytest.approx(evalues.from_p_value(1 - 1.1e-3), abs=1e-3)


def test_the_e_value_of_a_count_is_one_on_average_at_the_rate_itself() -> None:
    n, rate = 12, 0.1
    mean = sum(
        math.comb(n, k) * rate**k * (1 - rate) ** (n - k) * math.exp(evalues.of_count(k, n, rate, (0.2, 0.9)))
        for k in range(n + 1)
    )
    assert mean == pytest.approx(1)


@given(st.lists(st.floats(-5, 2), min_size=1, max_size=20), st.integers(0, 19))
def test_an_e_process_goes_on_from_its_state_bit_for_bit(values: list[float], split: int) -> None:
    whole, half = (EProcess(0.001) for _ in range(2))
    expected = [whole.update(value) for value in values]
    found = [half.update(value) for value in values[:split]]
    again = EProcess(0.001)
    again.restore(json.loads(json.dumps(half.state())))
    assert found + [again.update(value) for value in values[split:]] == expected


def test_states_of_other_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"alpha 0\.02"):
        EProcess(0.01).restore(EProcess(0.02).state())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite numbers"):
        EProcess(0.01).update(value)
