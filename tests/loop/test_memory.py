"""A learner that runs out of memory: once, and always."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny

from selfplay.errors import OutOfMemory
from selfplay.league import pool

MESSAGES = ["CUDA out of memory. Tried to allocate 2.00 GiB.", "DefaultCPUAllocator: can't allocate memory: you tried"]


def fail_at(run: Any, steps: set[int], error: Exception) -> None:
    """Makes the learner's calls of these numbers fail, half-way: weights have moved, and nothing was counted."""
    step, calls = run.learner.step, [0]

    def failing(batch: Any, progress: float) -> Any:
        calls[0] += 1
        if calls[0] in steps:
            for player in run.learner.players.values():
                for weight in player.weights:
                    weight.data.fill_(float("nan"))
            raise error
        return step(batch, progress)

    run.learner.step = failing


@pytest.mark.parametrize("error", [RuntimeError(MESSAGES[0]), MemoryError()], ids=["torch", "python"])
def test_a_learner_that_runs_out_of_memory_once_goes_back_to_the_last_save_and_on(
    error: Exception, tmp_path: Path
) -> None:
    with tiny.Session(tmp_path / "run") as run:
        fail_at(run, {37}, error)
        run.train(lambda: False)
        assert run.status.generation == 4 and run.status.phase == "finished"
        assert any("ran out of memory at update 36" in note for note in run.status.notes)
        assert run.learner.steps == run.replay.inserted * 4 // 32, "the updates were made again"
        assert all(np.isfinite(value.numpy()).all() for value in run.learner.weights()["net"].values())


def test_a_learner_that_always_runs_out_of_memory_stops_the_run_and_keeps_the_last_save(tmp_path: Path) -> None:
    tiny.train(tmp_path / "run", until=2)
    with tiny.Session(tmp_path / "run") as run:
        fail_at(run, set(range(3, 10_000)), RuntimeError(MESSAGES[1]))
        with pytest.raises(OutOfMemory, match=r"--set learner\.batch_size=16") as refused:
            run.train(lambda: False)
        assert "\n" not in str(refused.value)
    saved = pool.Pool(tmp_path / "run" / "checkpoints")
    assert all(np.isfinite(value.numpy()).all() for value in saved.load(saved.generations()[-1])[1]["net"].values())
    assert tiny.train(tmp_path / "run").generation == 4


def test_an_error_that_has_nothing_to_do_with_memory_is_raised(tmp_path: Path) -> None:
    with tiny.Session(tmp_path / "run") as run:
        fail_at(run, {5}, RuntimeError("shapes do not match"))
        with pytest.raises(RuntimeError, match="shapes do not match"):
            run.train(lambda: False)
