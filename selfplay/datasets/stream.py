"""Streams of data: a data set of which the concept changes by a schedule. Time is a float, in generations.

A stream holds no random numbers and no place: what it gives follows from the time and the generator that are passed.
"""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np

from selfplay.datasets import concept as concepts
from selfplay.datasets import schedule
from selfplay.datasets.concept import Concept
from selfplay.datasets.config import StreamConfig
from selfplay.datasets.dataset import Dataset
from selfplay.errors import ConfigError


class StreamSample(NamedTuple):
    """Samples of a stream."""

    x: np.ndarray  # [n, *shape] float32
    labels: np.ndarray | None  # [n] int64
    concepts: np.ndarray  # [n] int64: which concept each was drawn from


@dataclasses.dataclass(frozen=True, eq=False)
class DataStream:
    """The concepts of a data set and when each is in force; `at` gives the stream of one moment as a `Dataset`."""

    base: Dataset
    config: StreamConfig
    concepts: tuple[Concept, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.base.shape

    @property
    def num_classes(self) -> int:
        return self.base.num_classes

    def of(self, base: Dataset) -> DataStream:
        """The same stream of other samples, such as held-out ones."""
        return make(base, self.config)

    def shares(self, t: float) -> np.ndarray:
        """[K] float64: the share of each concept's rows at time t; adds up to 1."""
        return schedule.shares(np.array([t]), len(self.concepts), self.config)[0]

    def concept_at(self, t: float) -> int:
        """The number of the concept that most rows are of at time t; of equal ones, the first."""
        return int(np.argmax(self.shares(t).round(9)))

    def sample(self, n: int, t: float | np.ndarray, rng: np.random.Generator) -> StreamSample:
        """Independent samples of the time t, or of the times t [n], one each."""
        times = np.full(n, t, np.float64) if np.ndim(t) == 0 else np.asarray(t, np.float64)
        upto = np.cumsum(schedule.shares(times, len(self.concepts), self.config), axis=1)
        drawn = np.minimum((rng.random(n)[:, None] >= upto).sum(axis=1), len(self.concepts) - 1)
        x = np.zeros((n, *self.shape), np.float32)
        labels = np.zeros(n, np.int64) if self.num_classes else None
        for number in np.unique(drawn):
            mine = np.flatnonzero(drawn == number)
            x[mine], found = self.concepts[number].sample(len(mine), rng)
            if labels is not None and found is not None:
                labels[mine] = found
        return StreamSample(x, labels, drawn)

    def at(self, t: float) -> Moment:
        """The stream as it is at time t, for ever."""
        return Moment(self, t)


@dataclasses.dataclass(frozen=True, eq=False)
class Moment:
    """See `DataStream.at`."""

    stream: DataStream
    t: float

    @property
    def name(self) -> str:
        return f"{self.stream.base.name} at {self.t:g}"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.stream.shape

    @property
    def num_classes(self) -> int:
        return self.stream.num_classes

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
        """See `Dataset.sample`."""
        found = self.stream.sample(n, self.t, rng)
        return found.x, found.labels


def make(base: Dataset, config: StreamConfig) -> DataStream:
    """The stream of a data set by its settings. Raises ConfigError for settings that do not fit it or each other."""
    parsed = tuple(concepts.parse(text, base) for text in config.concepts or (concepts.SAME,))
    schedule.check(len(parsed), config)
    if config.kind == "mismatch":
        for concept in parsed:
            if not concepts.only_prior(concept):
                raise ConfigError(
                    f"'{concept.text}' in stream.concepts changes more than how frequent classes are, which is all "
                    "that stream.kind=mismatch may change: use only, without and prior, or stream.kind=gradual."
                )
    return DataStream(base, config, parsed)
