"""Runs that go on with other settings, and actors that outrun the learner: rows, draws and schedules stay in step."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from test_run import lines_of

from selfplay.loop import folder as folders
from selfplay.loop import session
from selfplay.loop.budget import Budget
from selfplay.loop.run import Run
from selfplay.types import SampleBatch, Status


class Shown:
    def __enter__(self) -> Any:
        return lambda status: None

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(
    ("learner", "replay"),
    [({"batch_size": 80}, {}), ({"batch_size": 12}, {}), ({}, {"samples_per_insert": 1.5}),
     ({"batch_size": 50}, {"samples_per_insert": 7.0})],
    ids=["larger batch", "smaller batch", "fewer draws", "both"],
)  # fmt: skip
def test_every_generation_after_a_change_draws_its_rows_as_often_as_the_settings_say(
    tmp_path: Path, learner: dict[str, Any], replay: dict[str, Any]
) -> None:
    tiny.train(tmp_path, tiny.config(run={"generations": 3}))
    wanted = tiny.config(run={"generations": 6}, learner=learner, replay=replay)
    with tiny.Session(tmp_path, wanted) as run:
        seen = [(run.learner.steps, run.replay.inserted)]

        def stop() -> bool:
            if run.status.generation > 2 + len(seen):
                seen.append((run.learner.steps, run.replay.inserted))
            return False

        run.train(stop)
        seen.append((run.learner.steps, run.replay.inserted))
    size, rate = wanted.learner.batch_size, wanted.replay.samples_per_insert
    for (steps, rows), (more_steps, more_rows) in itertools.pairwise(seen):
        assert abs((more_steps - steps) * size - (more_rows - rows) * rate) <= 2 * max(size, 32)


def test_a_session_says_what_has_changed_and_what_a_longer_budget_does_to_the_rate(tmp_path: Path) -> None:
    first, longer = (
        tiny.config(run={"generations": 2}),
        tiny.config(run={"generations": 20}, learner={"batch_size": 16}),
    )
    assert not any("changed" in n for n in session.train("tic-tac-toe", tmp_path, tiny.Agent(first), Shown()).notes)
    agent = tiny.Agent(longer)
    with folders.Folder(tmp_path) as folder:
        run = Run(agent, folder, lambda status: None)
        session._note_changes(run, folder.settings())
        run.close()
    notes = run.status.notes
    assert any("learner.batch_size 32 → 16, run.generations 2 → 20" in note for note in notes), notes
    assert any("The learning rate goes from 0.0001 to 0.002 at once" in note for note in notes), notes


class Eager:
    """Actors that hand over a batch whenever they are asked, unless they are told to pause: the learner is slower."""

    size, restarts, ended = 2, 0, ""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows, self.paused = rows, False

    def publish(self, *_: object) -> None: ...

    def metrics(self) -> dict[str, float]:
        return {}

    def accepted(self, batch: SampleBatch) -> None: ...
    def close(self) -> None: ...
    def state(self) -> None: ...
    def pause(self, paused: bool) -> None:
        self.paused = paused

    def collect(self, wait: bool) -> list[SampleBatch]:
        return [] if self.paused else [SampleBatch(self.rows, {}, 0)] * self.size


def test_generations_and_the_rate_keep_to_the_budget_when_actors_outrun_the_learner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.train(tmp_path / "rows", tiny.config(run={"generations": 1}))
    with tiny.Session(tmp_path / "rows", tiny.config(run={"generations": 1})) as made:
        rows = made.replay.rows(0, 30)
    times = iter(np.arange(0.0, 1e5, 0.2))  # of which each turn learns for 0.5: three updates, of the eight it owes
    monkeypatch.setattr("selfplay.loop.run.time.perf_counter", lambda: next(times))
    rates = []
    wanted = tiny.config(run={"generations": 10})
    with tiny.Session(tmp_path / "run", wanted) as run:
        run.actors = Eager(rows)
        step = run.learner.step
        monkeypatch.setattr(run.learner, "step", lambda batch, share: rates.append(share) or step(batch, share))
        run.train(lambda: False)
        assert run.status.generation == 10
        assert run.replay.inserted <= 10 * 120 + 2 * 120  # and at most what was in flight
        assert run.learner.steps == pytest.approx(10 * 120 * 4 / 32, abs=3)
    assert rates == sorted(rates)
    assert max(np.diff(rates)) < 2 / len(rates) + 0.02 and rates[len(rates) // 2] == pytest.approx(0.5, abs=0.05)
    assert len(lines_of(tmp_path / "run")) == 11


def test_schedules_of_their_own_length_end_before_the_budget_and_stay() -> None:
    budget = Budget(tiny.config(run={"generations": 8, "minutes": 0.001, "schedule_generations": 4}))
    shares = [budget.schedule(Status(generation=generation, seconds=99.0), 0.5) for generation in range(8)]
    assert shares == [0.125, 0.375, 0.625, 0.875, 1, 1, 1, 1]


def test_the_share_of_a_budget_in_generations_ends_with_the_last_of_them_whatever_they_took() -> None:
    budget = Budget(tiny.config(run={"generations": 8}))
    for generation in range(8):
        status = Status(generation=generation)
        assert budget.schedule(status, -0.4) == generation / 8
        assert math.isclose(budget.schedule(status, 0.5), (generation + 0.5) / 8)
        assert budget.schedule(status, 3.0) == (generation + 1) / 8
