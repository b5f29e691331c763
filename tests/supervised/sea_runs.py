"""Small runs on the SEA concepts: settings, training until told to stop, and what a run has left."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from selfplay.datasets.config import StreamConfig
from selfplay.learning.config import LearnerConfig, ReplayConfig
from selfplay.loop import folder as folders
from selfplay.loop.config import RunConfig
from selfplay.loop.run import Run
from selfplay.storage import artifact
from selfplay.supervised.agent import Supervised
from selfplay.supervised.config import ClassifierConfig, DataConfig, SupervisedConfig
from selfplay.types import Status

SEA = SupervisedConfig(
    data=DataConfig(name="stream:sea"),
    stream=StreamConfig("sudden", ("rule:3", "rule:4/relabel:1"), at=6),
    classifier=ClassifierConfig(width=16, depth=1),
    replay=ReplayConfig(samples_per_insert=4, window_min=1_000, window_fraction=1e-6, learn_after=50),
    learner=LearnerConfig(batch_size=50, learning_rate=0.01, final_learning_rate=0.01, ema_decay=0.9),
    run=RunConfig(generations=10, generation_rows=400, rollout_rows=100, evaluate_every=5),
)


def train(path: Path, agent: Supervised, stop: Callable[[Run], bool] = lambda run: False) -> Status:
    with folders.Folder(path) as folder:
        run = Run(agent, folder, lambda status: None)
        try:
            run.train(lambda: stop(run))
        finally:
            run.close()
    return run.status


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


def contents(path: Path) -> dict[str, Any]:
    """What a run has learned and measured, but for times and rates."""
    found: dict[str, Any] = {
        checkpoint.name: artifact.read(checkpoint)[1] for checkpoint in sorted((path / "checkpoints").glob("[0-9]*"))
    }
    for line in lines_of(path):
        kept = {key: value for key, value in line.items() if key.startswith(("drift/", "loss/", "evaluation/acc"))}
        found[f"metrics of {line['step']}"] = kept
    return found
