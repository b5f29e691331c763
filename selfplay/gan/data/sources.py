"""Data sources: the data set that a config names, with its held-out part, its scale and its judge.

The only module that knows every data set. Networks see x / scale, so that settings carry over between data sets.
"""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from selfplay.datasets import dataset, files, image_sets, mixtures, stream
from selfplay.datasets.config import base_of
from selfplay.errors import ConfigError
from selfplay.gan.config import PLACES, DataConfig
from selfplay.gan.metrics import judge, quality, readers

LEAST_TRAIN = 2 * quality.BLOCKS  # images: two a block
LEAST_HELD_OUT = 4  # two a half


Before = judge.Judge  # a name that DataSource's own field does not hide


class Timeline(Protocol):
    """A stream's sources by time, in generations, see `streams`."""

    train: stream.DataStream

    def at(self, t: float) -> DataSource: ...


@dataclass(frozen=True, eq=False)
class DataSource:
    """Real data for training and for matches, and the judge of its fakes."""

    train: dataset.Dataset
    held_out: dataset.Dataset  # not trained on: for matches and for judges
    scale: float  # networks see x / scale
    judge: judge.Judge
    reader: readers.ClassReader | None = None  # classifier of samples, if there is one
    digest: str | None = None  # of the user's data: equal for equal data, wherever they lie
    frequencies: np.ndarray | None = None  # [C] of the classes, where a concept of a stream says so
    timeline: Timeline | None = None  # of a stream, whose data at one time this is
    concept: str = ""  # of a stream, which is in force, as the settings write it
    before: Before | None = None  # of the stream's concept before this one

    def at(self, t: float) -> DataSource:
        """Of a stream, the source at time t, in generations; of other data, itself."""
        return self if self.timeline is None else self.timeline.at(t)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.train.shape

    @property
    def num_classes(self) -> int:
        return self.train.num_classes


def make(config: DataConfig) -> DataSource:
    """The source that `config` names, of a stream the data that it is made of. Raises ConfigError or DataError for data
    that are missing."""
    name = base_of(config.name) or config.name
    if name in ("ring", "grid"):
        mixture = _mixture(config)
        return DataSource(
            mixture, mixture, _spread(mixture), judge.MixtureJudge(mixture), readers.MixtureReader(mixture)
        )
    if name == "digits":
        train, held_out = image_sets.digits(), image_sets.digits(held_out=True)
        return DataSource(train, held_out, 1.0, judge.DigitJudge(train, held_out), readers.DigitReader())
    if config.name == "stacked-digits":
        judged = judge.StackedDigitJudge(image_sets.digits(), image_sets.digits(held_out=True))
        return DataSource(image_sets.stacked_digits(), image_sets.stacked_digits(held_out=True), 1.0, judged)
    if not config.path:
        raise ConfigError(f"data.name={config.name} needs your files: name them with --set data.path=PATH.")
    for name in PLACES:
        place = getattr(config, name)
        if place and not os.path.exists(place):
            raise files.DataError(
                f"There is no '{place}', which data.{name} names: where it has moved, train with --set "
                f"data.{name}=PATH, its new place."
            )
    if config.name == "positions":
        return _of_run(Path(config.path))
    return _of_files(config)


def _of_run(path: Path) -> DataSource:
    from selfplay.gan.data import positions  # which loads the rules of games

    train, held_out = positions.from_run(path), positions.from_run(path, held_out=True)
    return DataSource(train, held_out, 1.0, positions.PositionJudge(train, held_out), digest=_digest(train, held_out))


def _mixture(config: DataConfig) -> mixtures.Mixture:
    if config.name in ("ring", "stream:ring"):
        return mixtures.ring(config.modes, sigma=config.sigma or 0.02)
    return mixtures.grid(config.side, config.spacing, config.sigma or 0.05)


def _spread(mixture: mixtures.Mixture) -> float:
    """Root mean square of a coordinate."""
    return math.sqrt(float(np.square(mixture.centres).mean()) + mixture.sigma**2)


def _of_files(config: DataConfig) -> DataSource:
    if config.name == "idx":
        images = image_sets.from_idx(Path(config.path), Path(config.labels) if config.labels else None)
    else:
        images = image_sets.from_cifar10(sorted(Path(config.path).glob("data_batch_*.bin")))
    train, held_out = image_sets.split(images)
    if len(train.pixels) < LEAST_TRAIN or len(held_out.pixels) < LEAST_HELD_OUT:
        raise files.DataError(
            f"{images.name} leaves {len(train.pixels)} images to learn from and holds out {len(held_out.pixels)} (one "
            f"in {image_sets.HELD_OUT} of each class), too few to measure by: expected at least {LEAST_TRAIN} and "
            f"{LEAST_HELD_OUT}. Give more images, or leave out data.labels where classes are small."
        )
    weights = Path(config.inception) if config.inception else None
    return DataSource(train, held_out, 1.0, judge.ImageJudge(train, held_out, weights), digest=_digest(train, held_out))


def _digest(*parts: Any) -> str:
    """SHA-256 of the digests of a data set's parts."""
    return hashlib.sha256(" ".join(part.digest for part in parts).encode()).hexdigest()
