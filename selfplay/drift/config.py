"""Settings of what watches a run for drift, and of what is done about it. Knows no family, and loads neither torch nor
NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

Action = Literal[
    "restore-generation",
    "restore-snapshot",
    "evict-rows",
    "refit-outputs",
    "slow-reuse",
    "raise-learning-rate",
    "add-anchors",
    "stop",
]
"""What can be done about an alarm, in the order in which it is done."""


@dataclass(frozen=True)
class DriftConfig:
    """What is watched while a run learns, and what is done about alarms, see docs/drift.md. Without actions it never
    changes what is learned."""

    enabled: bool = True
    """Measure rows and weights as they come, and write drift/… among the metrics."""

    alarms: bool = True
    """Say so where something is wrong, as a note and in drift.jsonl; off: only measure."""

    alpha: Annotated[float, Meta(gt=0, le=0.5)] = 0.01
    """Probability of a false alarm of any of the tests in a whole run, whatever its length."""

    actions: tuple[Action, ...] = ()
    """What may be done about alarms whose stream it fits, at the end of the generation: restore-generation goes back
    to the learner of the last generation before the change; restore-snapshot takes the weights of the earlier
    generation that fit the newest rows best, if better than the present ones; evict-rows drops rows from before the
    change; refit-outputs fits the output layer anew to rows since the change, at the end of lasting generations;
    slow-reuse draws rows less often, and raise-learning-rate restarts the schedule of the learning rate, both for
    lasting generations; add-anchors plays half of the games against past opponents against some from before the
    change; stop ends the session with exit code 3."""

    react: Literal["on-alarm", "every-generation", "never"] = "on-alarm"
    """When the actions are taken; every-generation and never are what reactions to alarms are compared with."""

    cool_down: Annotated[int, Meta(ge=0, le=10_000)] = 3
    """Generations after an action in which it is not taken again on an alarm, and in which the stream that it was about
    is not tested; after them that stream may give its next alarm."""

    lasting: Annotated[int, Meta(ge=1, le=10_000)] = 3
    """Generations that refit-outputs, slow-reuse and raise-learning-rate last."""

    reuse_factor: Annotated[float, Meta(gt=0, le=1)] = 0.5
    """Of slow-reuse: factor on replay.samples_per_insert."""

    rate_factor: Annotated[float, Meta(gt=0, le=1000)] = 1.0
    """Of raise-learning-rate: the rate begins at so many times learner.learning_rate, and goes back along half a cosine
    to what the schedule says; never below that. Weights are averaged anew from there."""
