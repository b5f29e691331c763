"""Every setting of a run of the GAN family, and the member of it that they name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from selfplay import config as configs
from selfplay.gan import loss
from selfplay.gan.data import sources
from selfplay.gan.models import autoencoder, info, perceptron, superres
from selfplay.gan.models import model as models
from selfplay.league.pool import PoolConfig
from selfplay.learning.learner import LearnerConfig
from selfplay.learning.mining import MiningConfig
from selfplay.learning.replay import ReplayConfig
from selfplay.loop.run import RunConfig

OWN = {"info": "info", "superres": "superres", "vae": "autoencoder"}  # the section that a model has to itself


@dataclass(frozen=True)
class Config:
    """Every setting of a run."""

    model: Literal["gan", "info", "superres", "ae", "vae"] = "gan"
    """gan: generator and critic, conditional where network.conditional says so. info: with codes that can be read off
    samples. superres: enlarges images. ae, vae: autoencoders, to compare with; they take no notice of sections that are
    about a critic and past selves (objective, pool)."""

    data: sources.DataConfig = field(default_factory=sources.DataConfig)
    network: perceptron.NetworkConfig = field(default_factory=perceptron.NetworkConfig)
    objective: loss.ObjectiveConfig = field(default_factory=loss.ObjectiveConfig)
    info: info.InfoConfig = field(default_factory=info.InfoConfig)
    superres: superres.SuperresConfig = field(default_factory=superres.SuperresConfig)
    autoencoder: autoencoder.AutoencoderConfig = field(default_factory=autoencoder.AutoencoderConfig)
    replay: ReplayConfig = field(default_factory=ReplayConfig)
    rounds: MiningConfig = field(default_factory=MiningConfig)
    learner: LearnerConfig = field(default_factory=LearnerConfig)
    pool: PoolConfig = field(default_factory=PoolConfig)
    run: RunConfig = field(default_factory=RunConfig)


def model(config: Config, source: sources.Source) -> models.Model:
    """What `config.model` names. Raises ConfigError for settings that contradict each other or do not fit the data."""
    if config.model == "info":
        return info.Info(source, config.network, config.objective, config.info)
    if config.model == "superres":
        return superres.SuperResolution(source, config.network, config.objective, config.superres)
    if config.model == "gan":
        return models.Pair(source, config.network, config.objective)
    return autoencoder.Model(source, config.network, config.model == "vae", config.autoencoder)


def identity(config: Config) -> dict[str, Any]:
    """What decides which weights fit, as JSON values: a checkpoint's own description."""
    own = OWN.get(config.model)
    sections = ["data", "network"] + ([own] if own else [])
    told = {section: configs.to_values(getattr(config, section)) for section in sections}
    return {"family": "gan", "model": config.model} | told


def described(meta: Mapping[str, Any]) -> Config:
    """The config that a checkpoint describes by `identity` and its objective; the other sections are the defaults.
    Raises ConfigError or KeyError where it doesn't."""
    sections = ["model", "data", "network", "objective"]
    if own := OWN.get(meta["model"]):
        sections.append(own)
    return configs.from_values(Config, {section: meta[section] for section in sections})
