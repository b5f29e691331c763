"""Checkpoints of the GAN family: reads a generation's folder and returns its generator and critic, ready to use.

Knows the layout of checkpoints and the agent that builds networks; not how those networks are trained or rated.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from selfplay import device
from selfplay.errors import CheckpointError, ConfigError
from selfplay.gan import agent as agents
from selfplay.gan import config as configs
from selfplay.gan import inference
from selfplay.gan.models import model
from selfplay.league import pool
from selfplay.storage import artifact


class LoadedGan(NamedTuple):
    """The contents of a checkpoint."""

    agent: agents.Gan
    generator: inference.TrainedGenerator
    critic: inference.TrainedCritic | None  # None for an autoencoder, which has no critic and plays no matches
    meta: dict[str, Any]


def load(path: Path) -> LoadedGan:
    """The networks in a generation's folder, or of the newest generation of a run. On a stream the agent measures by
    the data of that generation's time.

    Raises CheckpointError for a folder that holds no GAN or is damaged, and ConfigError or DataError if the data that
    it was trained on are missing."""
    device.tune_process()
    folder = pool.newest(path)
    meta, weights = pool.load_weights(folder)
    if meta.get("family") != configs.FAMILY:
        raise CheckpointError(
            f"{folder} holds a checkpoint of family {meta.get('family')!r}: expected {configs.FAMILY!r}."
        )
    try:
        config = configs.described(meta | {"data": _data(folder, meta["data"])})
    except (KeyError, ConfigError) as error:
        raise CheckpointError(f"{folder} does not describe its own networks ({error}).") from None
    agent = _agent(config).at(int(meta.get("generation", 0)))
    missing = [name for name in dict.fromkeys((agent.model.sampler, *agent.roles)) if name not in weights]
    if missing:
        raise CheckpointError(f"{folder} holds no {' and no '.join(missing)}.")
    for name in dict.fromkeys((agent.model.sampler, *agent.roles)):
        artifact.require_fit(lambda: agent.networks()[name], weights[name], folder)  # noqa: B023 (called at once)
    critic = agent.critic(weights) if model.CRITIC in agent.roles else None
    return LoadedGan(agent, agent.generator(weights), critic, meta)


def newest(loaded: Sequence[LoadedGan]) -> LoadedGan:
    """Of several checkpoints, the one of the latest generation, the first of them: on streams, whose data all of them
    are compared on."""
    return max(loaded, key=lambda one: int(one.meta.get("generation", 0)))


def _data(folder: Path, held: dict[str, Any]) -> dict[str, Any]:
    """The section of data that a checkpoint describes, with the places where its run found them last."""
    try:
        now = json.loads((folder.parents[1] / "config.json").read_bytes())["data"]
        kept = all(now[name] == value for name, value in held.items() if name not in configs.PLACES)
        return held | {name: str(now[name]) for name in configs.PLACES} if kept else held
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return held


@functools.lru_cache(maxsize=4)
def _agent(config: configs.GanConfig) -> agents.Gan:
    """One agent for all generations of a run, so that its data are in memory once."""
    return agents.Gan(config)


def digest(path: Path) -> str:
    """16 hex digits that identify a generation's folder, or the newest of a run: equal for equal weights and
    settings."""
    return artifact.identity(pool.newest(path))
