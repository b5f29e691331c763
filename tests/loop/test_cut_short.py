"""What a stop cuts short of a generation (matches, an evaluation) is made when the run goes on, wherever it was cut."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest
import tiny

from selfplay.loop import folder as folders
from selfplay.loop import metrics
from selfplay.loop import run as runs
from selfplay.loop.stop_signal import StopSignal
from selfplay.types import MatchResult, Status


class Stopping(tiny.Agent):
    """A signal comes during its evaluation, or its match, numbered so from 0."""

    stop: StopSignal
    cut_at: dict[str, int] = {}
    made: dict[str, int] = {}

    def reach(self, what: str) -> None:
        if self.cut_at.get(what) == self.made.setdefault(what, 0):
            self.stop._handle(signal.SIGTERM, None)
        self.made[what] += 1

    def evaluate(self, *arguments: Any, **named: Any) -> dict[str, float]:
        self.reach("evaluation")
        return super().evaluate(*arguments, **named)

    def play_match(self, row: Any, column: Any, seed: int) -> MatchResult:
        self.reach("match")
        return MatchResult(seed % 5 / 4, 2.0, 0.25)


def session(path: Path, config: Any, **at: int) -> Status:
    agent = Stopping(config)
    agent.stop, agent.cut_at, agent.made = StopSignal(), at, {}
    with folders.Folder(path) as folder:
        run = runs.Run(agent, folder, lambda status: None, stop=agent.stop)
        try:
            run.train(agent.stop.asked)
        finally:
            run.close()
    assert agent.stop.asked() == bool(at)
    return run.status


def told(path: Path) -> Any:
    """Evaluations and league metrics by generation, and the results of matches."""
    kept = [
        {name: value for name, value in line.items() if name.startswith(("evaluation/", "league/", "step"))}
        for line in metrics.read(path)
    ]
    for line in kept:
        line.pop("evaluation/seconds", None)
    payoffs = path / "payoffs.json"
    return kept, json.loads(payoffs.read_text())["results"] if payoffs.exists() else None


@pytest.mark.parametrize(
    ("every", "at", "pool"),
    [
        (1, {"evaluation": 2}, {}),  # one that is due
        (2, {"evaluation": 2}, {}),  # of the last generation, which is evaluated whether it is due or not
        (1, {"evaluation": 0}, {}),  # before anything was learned
        (1, {"match": 1}, {"opponents": "pfsp", "matches": 2}),
        (1, {"match": 2}, {"opponents": "pfsp", "matches": 2}),
    ],
    ids=["due", "last", "first", "match", "second match of a generation"],
)
def test_what_a_stop_cut_short_is_made_when_the_run_goes_on(
    tmp_path: Path, every: int, at: dict[str, int], pool: dict[str, Any]
) -> None:
    budget = {"generations": 3, "generation_rows": 30, "rollout_rows": 30, "evaluate_every": every}
    config = tiny.config(run=budget, pool=pool)
    session(tmp_path / "whole", config)
    session(tmp_path / "cut", config, **at)
    assert told(tmp_path / "cut") != told(tmp_path / "whole")
    assert session(tmp_path / "cut", config).generation == 3
    assert told(tmp_path / "cut") == told(tmp_path / "whole")


def test_an_evaluation_of_the_last_generation_is_made_also_where_the_run_got_more_generations(tmp_path: Path) -> None:
    budget = {"generation_rows": 30, "rollout_rows": 30, "evaluate_every": 2}
    session(tmp_path, tiny.config(run={**budget, "generations": 3}), evaluation=2)
    session(tmp_path, tiny.config(run={**budget, "generations": 4}))
    evaluated = [line["step"] for line in metrics.read(tmp_path) if "evaluation/accuracy" in line]
    assert evaluated == [0, 2, 3, 4]
