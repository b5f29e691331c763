"""The model that a config names, built for its data. The one place that knows every model."""

from __future__ import annotations

from selfplay.gan.config import Config
from selfplay.gan.data import sources
from selfplay.gan.models import autoencoder, info, superres
from selfplay.gan.models import model as models


def build(config: Config, source: sources.Source) -> models.Model:
    """What `config.model` names. Raises ConfigError for settings that contradict each other or do not fit the data."""
    if config.model == "info":
        return info.Info(source, config.network, config.objective, config.info)
    if config.model == "superres":
        return superres.SuperResolution(source, config.network, config.objective, config.superres)
    if config.model == "gan":
        return models.Pair(source, config.network, config.objective)
    return autoencoder.Model(source, config.network, config.model == "vae", config.autoencoder)
