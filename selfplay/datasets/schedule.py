"""Schedules: which concept of a stream is in force when, as shares of rows that add up to 1.

Time is a float, in generations. Knows numbers of concepts, not what they are.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from selfplay.datasets.config import StreamConfig
from selfplay.errors import ConfigError

Shares = Callable[[np.ndarray, int, StreamConfig], np.ndarray]  # (times [n], K, settings) → [n, K]


def shares(times: np.ndarray, concepts: int, config: StreamConfig) -> np.ndarray:
    """[n, K] float64, each row of which adds up to 1: how much of each of K concepts there is at times [n]."""
    return _KINDS[config.kind](np.asarray(times, np.float64), concepts, config)


def check(concepts: int, config: StreamConfig) -> None:
    """Raises ConfigError for a schedule that says nothing or contradicts itself."""
    if config.kind == "constant":
        if concepts > 1:
            raise ConfigError(
                f"stream.concepts names {concepts} concepts, and stream.kind=constant never changes from the first to "
                "another: set stream.kind, such as sudden."
            )
        return
    if concepts < 2:
        raise ConfigError(
            f"stream.kind={config.kind} needs at least two concepts, and stream.concepts names {concepts}: name them, "
            "such as stream.concepts=same,invert."
        )
    if config.kind == "gradual" and config.over <= 0:
        raise ConfigError("stream.over=0 makes a gradual change sudden: set it above 0, or stream.kind=sudden.")
    if config.kind in ("gradual", "mismatch") and concepts > 2 and config.over > config.period:
        raise ConfigError(
            f"stream.over={config.over:g} is longer than stream.period={config.period:g}, so that a change begins "
            "before the last one has ended: set it lower."
        )
    if config.kind == "anomalies" and not 0 < config.over < config.period:
        raise ConfigError(
            f"stream.over={config.over:g} is how long an anomaly lasts: expected more than 0 and less than "
            f"stream.period={config.period:g}, from one to the next."
        )


def _one_hot(index: np.ndarray, concepts: int) -> np.ndarray:
    return np.eye(concepts)[index.astype(np.int64)]


def _never(times: np.ndarray, concepts: int, config: StreamConfig) -> np.ndarray:
    return _one_hot(np.zeros(len(times)), concepts)


def _sudden(times: np.ndarray, concepts: int, config: StreamConfig) -> np.ndarray:
    changes = np.floor((times - config.at) / config.period) + 1
    return _one_hot(np.clip(changes, 0, concepts - 1), concepts)


def _gradual(times: np.ndarray, concepts: int, config: StreamConfig) -> np.ndarray:
    """Concept i comes in from at + (i − 1) period on, over `over`."""
    if config.over == 0:
        return _sudden(times, concepts, config)
    begun = (times[:, None] - config.at - config.period * np.arange(concepts - 1)) / config.over
    arrived = np.clip(np.column_stack([np.ones(len(times)), begun, np.zeros(len(times))]), 0, 1)
    return -np.diff(arrived, axis=1)


def _recurrent(times: np.ndarray, concepts: int, config: StreamConfig) -> np.ndarray:
    changes = np.maximum(np.floor((times - config.at) / config.period) + 1, 0)
    return _one_hot(changes % concepts, concepts)


def _seasonal(times: np.ndarray, concepts: int, config: StreamConfig) -> np.ndarray:
    """From `at` on, half a cosine from each concept to the next."""
    place = np.maximum(times - config.at, 0) / config.period % 1 * concepts
    index = np.minimum(np.floor(place), concepts - 1)
    following = 0.5 - 0.5 * np.cos(np.pi * (place - index))
    here, then = _one_hot(index, concepts), _one_hot((index + 1) % concepts, concepts)
    return here * (1 - following)[:, None] + then * following[:, None]


def _anomalies(times: np.ndarray, concepts: int, config: StreamConfig) -> np.ndarray:
    """Every period, `share` of the rows for `over`; of the other concepts in turn."""
    since = times - config.at
    number = np.maximum(np.floor(since / config.period), 0)
    strange = np.where((since >= 0) & (since - number * config.period < config.over), config.share, 0.0)
    elsewhere = _one_hot(1 + number % (concepts - 1), concepts)
    return _one_hot(np.zeros(len(times)), concepts) * (1 - strange)[:, None] + elsewhere * strange[:, None]


_KINDS: dict[str, Shares] = {
    "constant": _never, "sudden": _sudden, "gradual": _gradual, "recurrent": _recurrent, "seasonal": _seasonal,
    "anomalies": _anomalies, "mismatch": _gradual,
}  # fmt: skip
