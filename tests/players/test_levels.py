"""Levels of strength, and the clock."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from selfplay.players import levels, time_manager
from selfplay.search.analyzer import PV, SearchInfo

ROOT = Path(__file__).resolve().parents[2]


def thought(*policy: float) -> SearchInfo:
    """Actions 10, 11, … with these shares of the policy, the best first."""
    lines = [PV([10 + k], 100, share, share, 0.0, None) for k, share in enumerate(policy)]
    return SearchInfo(lines, 0.0, (0.3, 0.4, 0.3), False, 100, 100, 0.1, 3, False)


def test_levels_are_numbered_from_1_and_never_get_weaker() -> None:
    assert [level.number for level in levels.LEVELS] == list(range(1, 11))
    simulations = [math.inf if level.num_simulations is None else level.num_simulations for level in levels.LEVELS]
    assert simulations == sorted(simulations)
    temperatures = [level.temperature for level in levels.LEVELS]
    assert temperatures == sorted(temperatures, reverse=True)
    assert levels.FULL.num_simulations is None and levels.FULL.temperature == 0
    assert levels.named(3) is levels.LEVELS[2]


def test_without_temperature_the_best_is_played() -> None:
    rng = np.random.default_rng(1)
    assert {levels.pick(thought(0.3, 0.4, 0.3), levels.FULL, rng) for _ in range(20)} == {10}


@pytest.mark.parametrize(("temperature", "weights"), [(1.0, [0.6, 0.3, 0.1]), (2.0, [0.6**0.5, 0.3**0.5, 0.1**0.5])])
def test_actions_are_drawn_by_temperature(temperature: float, weights: list[float]) -> None:
    rng = np.random.default_rng(1)
    level = levels.Level(1, 0, temperature)
    drawn = np.array([levels.pick(thought(0.6, 0.3, 0.1), level, rng) for _ in range(4000)])
    shares = [float((drawn == action).mean()) for action in (10, 11, 12)]
    assert shares == pytest.approx(np.array(weights) / sum(weights), abs=0.03)


def test_an_action_that_the_policy_rules_out_is_never_drawn_and_tiny_shares_do_no_harm() -> None:
    rng = np.random.default_rng(1)
    level = levels.Level(1, 0, 4.0)
    assert {levels.pick(thought(0.5, 0.5, 0.0), level, rng) for _ in range(100)} == {10, 11}
    assert levels.pick(thought(1.0, 1e-45), levels.Level(1, 0, 0.01), rng) == 10


def test_levels_clock_and_options_load_nothing_heavy() -> None:
    code = (
        "import sys\nfrom selfplay.players import levels, time_manager\nfrom selfplay.serve import options\n"
        "from selfplay.serve import search_request\n"
        "print(sorted({'torch', 'numpy', 'numba', 'msgspec'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"


# The clock

OVERHEAD = 0.03


@pytest.mark.parametrize("remaining", [-5.0, 0.0, 0.01, 0.03, 0.05, 0.3, 1.0, 60.0, 7200.0])
@pytest.mark.parametrize("increment", [0.0, 0.02, 3.0])
@pytest.mark.parametrize("moves_to_go", [None, 1, 2, 40, 1000])
@pytest.mark.parametrize("plies_left", [1, 2, 9, 13_000])
def test_no_move_takes_more_than_there_is(
    remaining: float, increment: float, moves_to_go: int | None, plies_left: int
) -> None:
    found = time_manager.budget(time_manager.Clock(remaining, increment, moves_to_go), plies_left, OVERHEAD)
    assert 0 <= found.usual <= found.most <= max(remaining - OVERHEAD, 0)
    if moves_to_go != 1:
        assert found.most <= max(remaining - OVERHEAD, 0) / 2


@pytest.mark.parametrize(("minutes", "increment", "moves_to_go"), [(1.0, 0.0, None), (0.1, 0.5, None), (1.0, 0.0, 40)])
def test_a_long_game_with_every_fourth_move_in_doubt_is_not_lost_on_time(
    minutes: float, increment: float, moves_to_go: int | None
) -> None:
    left, lag = 60 * minutes, OVERHEAD / 10
    for move in range(150):
        to_go = moves_to_go - move % moves_to_go if moves_to_go else None
        found = time_manager.budget(time_manager.Clock(left, increment, to_go), 1000, OVERHEAD)
        left -= (found.most if move % 4 == 0 else found.usual) + lag
        assert left > 0, f"after move {move}"
        left += increment
        if to_go == 1:
            left += 60 * minutes


def test_time_is_used_and_not_hoarded() -> None:
    usual = time_manager.budget(time_manager.Clock(60.0), 10_000, OVERHEAD).usual
    assert 1.0 < usual < 3.0
    short = time_manager.budget(time_manager.Clock(60.0), 10, OVERHEAD).usual
    assert short > 10, "five moves are left of this game"
    assert time_manager.budget(time_manager.Clock(1.0, 2.0), 100, OVERHEAD).usual > 0.3, (
        "increments are there to be spent"
    )


def test_a_move_with_a_time_of_its_own_takes_it_less_the_overhead() -> None:
    assert time_manager.for_one_move(1.0, OVERHEAD) == pytest.approx((0.97, 0.97))
    assert time_manager.for_one_move(0.01, OVERHEAD) == pytest.approx((0.005, 0.005)), "but never nothing"
