"""What a run learns to imitate: the data set a config names, its held-out part, its scale and its judge.

The one place that knows every data set. Networks see x / scale, so that settings carry over from one to the next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from selfplay.errors import ConfigError
from selfplay.gan.data import datasets
from selfplay.gan.metrics import judge, readers

Name = Literal["ring", "grid", "digits", "stacked-digits", "positions", "idx", "cifar10"]


@dataclass(frozen=True)
class DataConfig:
    """What is imitated."""

    name: Name = "ring"
    """ring and grid: Gaussians; digits, stacked-digits: scikit-learn's; positions: of a self-play run's replay; idx,
    cifar10: the user's own files."""

    modes: Annotated[int, Meta(ge=1, le=1000)] = 8
    """Of the ring."""

    side: Annotated[int, Meta(ge=1, le=100)] = 5
    """Modes a side of the grid."""

    spacing: Annotated[float, Meta(gt=0)] = 2.0
    """Of neighbours on the grid."""

    sigma: Annotated[float, Meta(gt=0)] | None = None
    """Width of each mode; None: 0.02 on the ring, 0.05 on the grid."""

    path: str = ""
    """Of positions: the folder of the run. Of idx: the file of images. Of cifar10: the folder of the binary files."""

    labels: str = ""
    """Of idx: the file of labels, where there is one."""

    inception: str = ""
    """Of idx and cifar10: torch-fidelity's file of Inception weights, for Fréchet distances in its features too."""


@dataclass(frozen=True, eq=False)
class Source:
    """A stream of real data, and how fakes of it are judged."""

    train: datasets.Dataset
    held_out: datasets.Dataset  # never trained on: for critics' matches and for judges
    scale: float  # networks see x / scale
    judge: judge.Judge
    reader: readers.Reader | None = None  # of classes, in data whose classes can be read

    @property
    def shape(self) -> tuple[int, ...]:
        return self.train.shape

    @property
    def num_classes(self) -> int:
        return self.train.num_classes


def make(config: DataConfig) -> Source:
    """The source that `config` names. Raises ConfigError or DataError for data that is not there."""
    if config.name in ("ring", "grid"):
        mixture = _mixture(config)
        return Source(mixture, mixture, _spread(mixture), judge.OfMixture(mixture), readers.OfMixture(mixture))
    if config.name == "digits":
        train, held_out = datasets.digits(), datasets.digits(held_out=True)
        return Source(train, held_out, 1.0, judge.OfDigits(train, held_out), readers.OfDigits())
    if config.name == "stacked-digits":
        judged = judge.OfStacks(datasets.digits(), datasets.digits(held_out=True))
        return Source(datasets.stacked_digits(), datasets.stacked_digits(held_out=True), 1.0, judged)
    if not config.path:
        raise ConfigError(f"data.name={config.name} needs your files: name them with --set data.path=PATH.")
    if config.name == "positions":
        return _of_run(Path(config.path))
    return _of_files(config)


def _of_run(path: Path) -> Source:
    from selfplay.gan.data import positions  # and with it the rules of games, which nobody else needs

    train, held_out = positions.from_run(path), positions.from_run(path, held_out=True)
    return Source(train, held_out, 1.0, positions.OfPositions(train, held_out))


def _mixture(config: DataConfig) -> datasets.Mixture:
    if config.name == "ring":
        return datasets.ring(config.modes, sigma=config.sigma or 0.02)
    return datasets.grid(config.side, config.spacing, config.sigma or 0.05)


def _spread(mixture: datasets.Mixture) -> float:
    """Root mean square of a coordinate."""
    return math.sqrt(float(np.square(mixture.centres).mean()) + mixture.sigma**2)


def _of_files(config: DataConfig) -> Source:
    if config.name == "idx":
        images = datasets.from_idx(Path(config.path), Path(config.labels) if config.labels else None)
    else:
        images = datasets.from_cifar10(sorted(Path(config.path).glob("data_batch_*.bin")))
    train, held_out = datasets.split(images)
    weights = Path(config.inception) if config.inception else None
    return Source(train, held_out, 1.0, judge.OfImages(train, held_out, weights))
