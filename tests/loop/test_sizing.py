"""Sizes by the number of actors: rows in flight stay below half a generation."""

from __future__ import annotations

import pytest

from selfplay.loop.config import RunConfig
from selfplay.loop.nodes import sizing


@pytest.mark.parametrize("actors", [0, 1, 2, 10])
def test_few_actors_leave_the_settings_as_they_are(actors: int) -> None:
    config = RunConfig(actors=actors)
    assert sizing.sizes(config) == (1_000, 20_000) and not sizing.sentence(config)


def test_more_actors_send_fewer_rows_at_a_time_and_then_make_longer_generations() -> None:
    assert sizing.sizes(RunConfig(actors=20)) == (500, 20_000)
    assert sizing.sizes(RunConfig(actors=1_000)) == (200, 400_000)
    assert sizing.sentence(RunConfig(actors=1_000)) == (
        "With 1,000 actors each sends 200 rows at a time, not run.rollout_rows=1000, and a generation has 400,000 "
        "rows, not run.generation_rows=20000, so that rows are learned from soon after they are made."
    )


@pytest.mark.parametrize("actors", [1, 3, 16, 200, 4096])
@pytest.mark.parametrize("rollout", [1, 30, 1_000, 50_000])
@pytest.mark.parametrize("generation", [1, 120, 20_000])
def test_what_all_are_making_is_at_most_half_a_generation(actors: int, rollout: int, generation: int) -> None:
    made = sizing.sizes(RunConfig(actors=actors, rollout_rows=rollout, generation_rows=generation))
    assert 1 <= made.rollout_rows <= rollout and made.generation_rows >= generation
    assert actors * made.rollout_rows <= made.generation_rows / 2
