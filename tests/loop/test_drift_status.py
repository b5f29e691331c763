"""Alarms of drift in a run's status, notes and TensorBoard, before and after it is gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tiny
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from selfplay.drift.config import DriftConfig
from selfplay.drift.monitor import Reading, Stream
from selfplay.types import SampleBatch, Status, Weights

AGE = Stream("age", "covariate p(x)", "batch", "age of rows", "They are old.", "Wait.", limit=2.0)


class Observer:
    """Rows that become older by one with every generation, so that generation 3 is beyond the limit."""

    streams = (AGE,)

    def __init__(self) -> None:
        self.settings, self.age = DriftConfig(), 0

    def begin(self, weights: Weights, raw: Weights) -> None: ...

    def take(self, batch: SampleBatch, generation: int) -> None: ...

    def drawn(self, rows: np.ndarray, generation: int) -> None: ...

    def end_generation(self, weights: Weights, raw: Weights) -> tuple[dict[str, float], list[Reading]]:
        self.age += 1
        return {}, [Reading("age", float(self.age), f"{self.age} generations", 8)]

    def evaluated(self, metrics: Mapping[str, float]) -> list[Reading]:
        return []

    def state(self) -> dict[str, Any]:
        return {"age": self.age}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.age = state["age"]


class Watched(tiny.Agent):
    def observer(self) -> Any:
        return Observer()


def test_an_alarm_is_in_the_status_and_in_tensorboard_also_of_a_run_that_goes_on(tmp_path: Path) -> None:
    def go(generations: int) -> Status:
        run = {"generations": generations, "generation_rows": 30, "rollout_rows": 30}
        return tiny.train(tmp_path / "run", tiny.config(run=run), agent=Watched)

    status = go(2)
    assert (status.watched, status.alarms, status.drifted) == (1, 0, "")
    status = go(3)
    assert (status.watched, status.alarms, status.drifted) == (1, 1, "age, generation 3")
    said = "age: 3 generations. They are old. Wait."
    assert f"Generation 3: {said}" in status.notes
    status = go(4)
    assert (status.watched, status.alarms, status.drifted) == (1, 1, "age, generation 3")
    found = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    (text,) = found.Tensors("drift/events/text_summary")
    assert text.step == 3 and text.tensor_proto.string_val == [said.encode()]
    assert [each.value for each in found.Scalars("drift/alarms")] == [0, 0, 1, 1]
