"""Sources: what a run's settings say that rows are, packaged streams or tables of the user's own."""

from __future__ import annotations

from dataclasses import dataclass

from selfplay.datasets import packaged, stream
from selfplay.datasets.config import StreamConfig, base_of
from selfplay.datasets.stream import DataStream
from selfplay.errors import ConfigError
from selfplay.supervised.config import SupervisedConfig
from selfplay.supervised.tables import layout
from selfplay.supervised.tables.layout import TableLayout


@dataclass(frozen=True, eq=False)
class Source:
    """Where rows come from, and what they look like."""

    shape: tuple[int, ...]  # of x
    num_classes: int
    stream: DataStream | None = None  # packaged data
    held_out: DataStream | None = None  # of the same concepts, not learned from
    table: TableLayout | None = None  # rows of the user's own

    @property
    def digest(self) -> str:
        """Of how a table is turned into numbers; empty for packaged data."""
        return self.table.digest if self.table else ""


def make(config: SupervisedConfig) -> Source:
    """Raises ConfigError, and DataError or TableError for data that are missing or cannot be read."""
    data = config.data
    base = base_of(data.name)
    if base is not None:
        for name in ("path", "reference", "label", "ignore"):
            if getattr(data, name):
                raise ConfigError(f"data.{name} has no meaning for data.name={data.name}: use file or standard-input.")
        made = stream.make(packaged.make(base), config.stream)
        return Source(made.shape, made.num_classes, made, made.of(packaged.make(base, held_out=True)))
    if config.stream != StreamConfig():
        raise ConfigError(
            f"the section stream has no meaning for data.name={data.name}, whose rows come as they are: leave it out."
        )
    if config.run.actors:
        raise ConfigError(
            f"run.actors={config.run.actors}: rows of data.name={data.name} are read in their order, by one actor in "
            "the learner's process: set it to 0."
        )
    found = layout.read(data, block_rows=config.run.rollout_rows)
    return Source((found.width,), len(found.classes), table=found)
