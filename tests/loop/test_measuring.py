"""Measuring: within the budget and with progress, of generation 0 too, and written as JSON and to TensorBoard."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny

from selfplay.alphazero.agent import AlphaZero
from selfplay.loop import budget as budgets
from selfplay.loop import metrics as run_metrics
from selfplay.storage import json_text
from selfplay.types import Watch, Weights


def lines_of(path: Path) -> list[dict[str, Any]]:
    def refuse(word: str) -> float:
        raise AssertionError(f"{word} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in (path / "metrics.jsonl").read_text().splitlines()]


class Slow(tiny.Agent):
    """Measures one of ten things every tenth of a second."""

    def evaluate(self, weights: Weights, first: Weights, watch: Watch = lambda done: True) -> dict[str, float]:
        found = {"accuracy": 0.5, "raw_accuracy": 0.5, "contested_accuracy": 0.5}
        for part in range(10):
            if not watch(part / 10):
                return found | {"parts": float(part)}
            time.sleep(0.1)
        return found | {"parts": 10.0}


def test_an_evaluation_is_cut_short_at_its_share_of_the_minutes_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "LEAST_EVALUATION", 0.0)
    wanted = tiny.config(run={"generations": None, "minutes": 0.1})
    phases = set()
    with tiny.Session(tmp_path, wanted, agent=Slow) as run:
        report = run.report
        run.report = lambda status: (phases.add(status.phase), report(status))[1]  # type: ignore[assignment]
        run.train(lambda: False)
    first = run.status.history[0]
    assert first[0] == 0 and 2 <= first[1]["parts"] <= 9
    assert any("generation 0" in note and "cut short" in note for note in run.status.notes)
    assert any(phase.startswith("evaluating, ") and phase.endswith("%") for phase in phases)
    assert run.status.history[-1][0] == run.status.generation


def test_time_is_kept_at_the_end_for_the_last_evaluation(tmp_path: Path) -> None:
    wanted = tiny.config(run={"generations": None, "minutes": 0.1})
    status = tiny.train(tmp_path, wanted, agent=Slow)
    assert status.history[-1][1]["parts"] == 10 and status.history[-1][0] == status.generation
    learned = next(line for line in lines_of(tmp_path) if line["step"] == status.generation)["seconds"]
    assert learned < status.seconds


@pytest.mark.parametrize(
    ("minutes", "left", "most"),
    [(None, float("inf"), float("inf")), (20, 900, 120), (20, 30, 30), (20, -3, 5), (0.5, 30, 5)],
)
def test_an_evaluation_may_take_a_tenth_of_the_minutes_what_is_left_and_a_few_seconds_always(
    minutes: float | None, left: float, most: float
) -> None:
    assert budgets.longest_evaluation(minutes, left) == most


def test_generation_0_is_among_the_metrics_and_the_events_with_its_pictures(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tiny.train(tmp_path)
    first = lines_of(tmp_path)[0]
    assert first["step"] == first["rows"] == 0 and 0 <= first["evaluation/accuracy"] <= 1
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert next(event.step for event in events.Scalars("evaluation/accuracy")) == 0
    assert next(event.step for event in events.Images("evaluation")) == 0


def test_an_evaluation_left_out_when_a_session_stopped_is_made_when_the_run_goes_on(tmp_path: Path) -> None:
    with tiny.Session(tmp_path / "stopped") as run:
        evaluate, run.telemetry.evaluate = run.telemetry.evaluate, lambda *_: None  # type: ignore[method-assign]
        run.train(lambda: run.status.generation >= 2)
        assert not run.status.history
        run.telemetry.evaluate = evaluate  # type: ignore[method-assign]
    assert not any("evaluation/accuracy" in line for line in lines_of(tmp_path / "stopped"))
    tiny.train(tmp_path / "stopped")
    lines = {line["step"]: line for line in lines_of(tmp_path / "stopped")}
    assert {1, 2, 3, 4} <= set(lines) and "evaluation/accuracy" in lines[2] and "loss/net/policy_loss" in lines[2]


def test_rates_are_those_of_their_own_generation_however_short_it_was(tmp_path: Path) -> None:
    tiny.train(tmp_path)
    rates = [line["rate/positions/s"] for line in lines_of(tmp_path)[1:]]
    assert len(rates) == 4 and len(set(rates)) == 4


def test_numbers_that_are_not_finite_are_written_as_null_and_read_as_nan(tmp_path: Path) -> None:
    writer = run_metrics.MetricsWriter(tmp_path)
    writer.write(1, {"a": math.nan, "b": -math.inf, "c": 0.5, "d": float(np.float32(2))})
    writer.close()
    assert lines_of(tmp_path) == [{"step": 1, "a": None, "b": None, "c": 0.5, "d": 2.0}]
    (line,) = run_metrics.read(tmp_path)
    assert math.isnan(line["a"]) and math.isnan(line["b"]) and line["c"] == 0.5
    deep = {"x": [1, {"y": (math.inf, "NaN")}], "z": True}
    assert json.loads(json_text.dumps(deep)) == {"x": [1, {"y": [None, "NaN"]}], "z": True}


class NotANumber(tiny.Agent):
    def evaluate(self, weights: Weights, first: Weights, watch: Watch = lambda done: True) -> dict[str, float]:
        return {"accuracy": math.nan, "raw_accuracy": math.inf, "contested_accuracy": 0.5}


def test_a_run_whose_evaluations_are_not_finite_writes_json_and_goes_on(tmp_path: Path) -> None:
    tiny.train(tmp_path, agent=NotANumber, until=2)
    status = tiny.train(tmp_path, agent=NotANumber)
    assert status.generation == 4 and lines_of(tmp_path)[2]["evaluation/accuracy"] is None
    assert math.isnan(status.history[0][1]["accuracy"])


def test_an_evaluation_that_runs_out_of_time_keeps_what_is_complete() -> None:
    wanted = tiny.config(evaluation={"opponents": ("random", "first"), "games": 4, "num_simulations": 4})
    agent = AlphaZero(wanted)
    weights = {"net": dict(agent.updates()[0].module.state_dict().items())}
    seen: list[float] = []

    def watch(done: float) -> bool:
        seen.append(done)
        return done < 2 / 3

    found = agent.evaluate(weights, weights, watch)
    assert "accuracy" in found and "score_random" in found and "score_first" not in found
    assert seen == sorted(seen) and 0 <= seen[0] and seen[-1] < 1
    assert "score_first" in agent.evaluate(weights, weights)


def test_a_rollout_that_is_longer_than_the_budget_in_minutes_is_cut_short(tmp_path: Path) -> None:
    wanted = tiny.config(run={"minutes": 0.01, "generations": None, "rollout_rows": 10**8, "generation_rows": 10**8})
    with tiny.Session(tmp_path, wanted) as run:
        run.train(lambda: False)
        assert run.status.phase == "finished" and run.replay.inserted < 10**6
