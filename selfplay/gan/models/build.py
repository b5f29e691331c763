"""The factory of GAN models: builds the one that a config names, for its data. The only module that knows them all."""

from __future__ import annotations

from selfplay.gan.config import GanConfig
from selfplay.gan.data import sources
from selfplay.gan.models import autoencoder, info, model, superres


def build(config: GanConfig, source: sources.DataSource) -> model.GanModel:
    """The model that `config.model` names. Raises ConfigError for settings that contradict each other or do not fit the
    data."""
    if config.model == "info":
        return info.InfoGan(source, config.network, config.objective, config.info)
    if config.model == "superres":
        return superres.SuperResolutionGan(source, config.network, config.objective, config.superres)
    if config.model == "gan":
        return model.PlainGan(source, config.network, config.objective)
    return autoencoder.AutoencoderModel(source, config.network, config.model == "vae", config.autoencoder)
