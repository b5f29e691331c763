"""The settings of the supervised family, and what a checkpoint says of a model. Loads neither torch nor NumPy."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from msgspec import Meta

from selfplay import config as configs
from selfplay.datasets.config import StreamConfig
from selfplay.drift.config import DriftConfig
from selfplay.league.config import PoolConfig
from selfplay.learning.config import LearnerConfig, MiningConfig, ReplayConfig
from selfplay.loop.config import RunConfig

FAMILY = "supervised"  # name in checkpoints

StreamName = Literal[
    "stream:ring", "stream:grid", "stream:digits", "stream:stacked-digits", "stream:iris", "stream:wine",
    "stream:breast-cancer", "stream:sea", "stream:stagger", "file", "standard-input",
]  # fmt: skip


@dataclass(frozen=True)
class DataConfig:
    """The rows that are learned from, each with its class."""

    name: StreamName = "stream:digits"
    """stream:NAME: packaged data whose concept changes as the section stream says. file, standard-input: rows of your
    own, CSV or Parquet, in their order."""

    path: Annotated[str, configs.PATH] = ""
    """file: the file. CSV may be packed (.gz, .bz2)."""

    reference: Annotated[str, configs.PATH] = ""
    """file, standard-input: a file with the same columns, whose first rows say of which type columns are, which classes
    there are and how numbers are scaled; empty: those of the file itself, which standard input cannot do without."""

    label: str = ""
    """file, standard-input: the column of classes; empty: the last one."""

    ignore: tuple[str, ...] = ()
    """file, standard-input: columns that are left out, such as row numbers."""

    buckets: Annotated[int, Meta(ge=2, le=4096)] = 32
    """file, standard-input: a column of more categories than this is hashed into so many."""


@dataclass(frozen=True)
class ClassifierConfig:
    """Size of the network, a multilayer perceptron with rectified linear units."""

    width: Annotated[int, Meta(ge=1, le=8192)] = 64
    """Units of a hidden layer."""

    depth: Annotated[int, Meta(ge=0, le=16)] = 2
    """Hidden layers; 0: logistic regression."""


@dataclass(frozen=True)
class SupervisedConfig:
    """Every setting of a run."""

    data: DataConfig = field(default_factory=DataConfig)
    stream: StreamConfig = field(default_factory=StreamConfig)
    classifier: ClassifierConfig = field(default_factory=ClassifierConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    mining: MiningConfig = field(default_factory=MiningConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    pool: PoolConfig = field(default_factory=PoolConfig)
    drift: DriftConfig = field(default_factory=DriftConfig)
    run: RunConfig = field(default_factory=RunConfig)


def identity(config: SupervisedConfig) -> dict[str, Any]:
    """The settings that determine which weights fit, as JSON values: the description in a checkpoint. Where files lie
    is not among them."""
    values = {name: configs.to_values(getattr(config, name)) for name in ("data", "stream", "classifier")}
    del values["data"]["path"], values["data"]["reference"]
    found: dict[str, Any] = json.loads(json.dumps({"family": FAMILY} | values))  # tuples as a checkpoint has them
    return found
