"""Presets of the supervised family: streams that change in one way each, learned from in a minute on one core."""

from __future__ import annotations

from dataclasses import replace

from selfplay.datasets.config import StreamConfig
from selfplay.learning.config import LearnerConfig, ReplayConfig
from selfplay.loop.config import RunConfig
from selfplay.supervised.config import DataConfig, SupervisedConfig

# A stream has no end that a schedule could lead to: the learning rate stays as it is. The window is short, since old
# rows are of old concepts, and weights are averaged over some dozens of updates only.
LEARNER = LearnerConfig(
    batch_size=64, learning_rate=2e-3, final_learning_rate=2e-3, weight_decay=1e-4, ema_decay=0.9
)  # fmt: skip
REPLAY = ReplayConfig(samples_per_insert=8.0, window_min=4_000, window_fraction=1e-6, learn_after=64)

DIGITS = SupervisedConfig(
    data=DataConfig(name="stream:digits"),
    stream=StreamConfig("sudden", ("same", "relabel:1"), at=20, period=20),
    replay=REPLAY,
    learner=LEARNER,
    run=RunConfig(generations=40, generation_rows=500, rollout_rows=100, evaluate_every=5),
)
"""Digits, whose names are all others from generation 20 on."""


def _digits(kind: StreamConfig) -> SupervisedConfig:
    return replace(DIGITS, stream=kind)


FILE = replace(
    DIGITS, data=DataConfig(name="file"), stream=StreamConfig(),
    run=RunConfig(generation_rows=1_000, rollout_rows=200, evaluate_every=10),
)  # fmt: skip
"""Rows of the user's own, to the end of the file."""

PRESETS = {
    "stream-digits": DIGITS,
    "stream-digits-gradual": _digits(StreamConfig("gradual", ("same", "relabel:1"), at=15, over=15)),
    "stream-digits-recurrent": replace(
        _digits(StreamConfig("recurrent", ("same", "relabel:1"), at=20, period=20)),
        run=replace(DIGITS.run, generations=80),
    ),
    "stream-digits-seasonal": _digits(StreamConfig("seasonal", ("same", "invert"), at=10, period=10)),
    "stream-digits-anomalies": _digits(
        StreamConfig("anomalies", ("same", "invert"), at=15, over=1, period=10, share=0.2)
    ),
    "stream-digits-mismatch": _digits(StreamConfig("mismatch", ("prior:0+1+2:0.9", "prior:7+8+9:0.9"), at=20, over=2)),
    "stream-sea": replace(
        DIGITS, data=DataConfig(name="stream:sea"),
        stream=StreamConfig("sudden", ("rule:1", "rule:2", "rule:3", "rule:4"), at=10, period=10),
    ),
    "stream-file": FILE,
}  # fmt: skip
