"""A budget in evaluations: a run ends once its actors have asked the network so often, exactly as if never stopped."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny

from selfplay.errors import ConfigError
from selfplay.gan import presets as gan_presets
from selfplay.gan.agent import Gan
from selfplay.learning.learner import Learner
from selfplay.loop import metrics, session
from selfplay.loop.config import RunConfig

BUDGET = 2_000
CONFIG = tiny.config(run={"generations": None, "evaluations": BUDGET})


def test_a_budget_in_evaluations_ends_the_run_at_the_first_rollout_beyond_it(tmp_path: Path) -> None:
    status = tiny.train(tmp_path / "run", CONFIG)
    lines = metrics.read(tmp_path / "run")
    assert status.phase == "finished" and status.progress == 1.0
    assert status.notes[-1] == "The budget of 2,000 evaluations is used up."
    assert [line["evaluations"] for line in lines] == sorted({line["evaluations"] for line in lines})
    assert lines[-1]["evaluations"] == status.evaluations
    a_row = status.evaluations / status.rows
    assert BUDGET <= status.evaluations < BUDGET + 3 * a_row * CONFIG.run.rollout_rows


def test_a_run_that_is_stopped_counts_on_and_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = tiny.train(tmp_path / "whole", CONFIG)
    tiny.train(tmp_path / "parts", CONFIG, until=2)
    parts = tiny.train(tmp_path / "parts", CONFIG)
    assert (parts.evaluations, parts.generation, parts.steps) == (whole.evaluations, whole.generation, whole.steps)
    last = f"checkpoints/{whole.generation:06d}/net.safetensors"
    assert (tmp_path / "parts" / last).read_bytes() == (tmp_path / "whole" / last).read_bytes()


def test_the_learning_rate_falls_with_the_evaluations_that_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[float] = []
    step = Learner.step

    def watched(learner: Learner, batch: Any, progress: float) -> Any:
        seen.append(progress)
        return step(learner, batch, progress)

    monkeypatch.setattr(Learner, "step", watched)
    with tiny.Session(tmp_path / "run", CONFIG) as run:
        run.train(lambda: False)
        assert run.budget.schedule(run.status, 0.0) == 1.0
    assert seen == sorted(seen) and seen[0] < 0.3 and len(np.unique(seen)) > 5


def test_a_family_that_evaluates_no_positions_is_refused_such_a_budget_before_its_folder_is_made(
    tmp_path: Path,
) -> None:
    config = replace(gan_presets.PRESETS["gan-ring"], run=RunConfig(evaluations=100))
    with pytest.raises(ConfigError, match=r"run\.evaluations=100 cannot be the budget of 'gan-ring'"):
        session.train("gan-ring", tmp_path / "run", Gan(config), contextlib.nullcontext(lambda status: None))
    assert not (tmp_path / "run").exists()
