"""The generator and critic that a `GanNetworkConfig` describes, of any kind, with the layers it adds to them.

Knows shapes and settings, not data or losses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from selfplay.errors import ConfigError
from selfplay.gan.config import GanNetworkConfig
from selfplay.gan.models import convolutional, layers, perceptron

MakeGenerator = Callable[[int, tuple[int, ...], int, GanNetworkConfig], layers.Generator]
MakeCritic = Callable[[tuple[int, ...], int, GanNetworkConfig], layers.Critic]
KINDS: dict[str, tuple[MakeGenerator, MakeCritic]] = {
    "mlp": (perceptron.MlpGenerator, perceptron.MlpCritic),
    "dcgan": (convolutional.DcganGenerator, convolutional.DcganCritic),
    "residual": (convolutional.ResidualGenerator, convolutional.ResidualCritic),
}


def make(
    shape: tuple[int, ...], num_classes: int, config: GanNetworkConfig, inputs: int | None = None
) -> tuple[layers.Generator, layers.Critic]:
    """(generator, critic) for samples of `shape`, freshly initialised from torch's random stream.

    inputs: L, the size of the generator's input; `config.latent` if None. Raises ConfigError for settings that
    contradict each other or do not fit the samples."""
    check(config)
    if config.rounded and len(shape) != 3:
        raise ConfigError("network.rounded is for images of planes, and these data are points: set it to false.")
    if config.conditional and not num_classes:
        raise ConfigError("network.conditional needs classes, and the data have none: name labels, or set it to false.")
    inputs = config.latent if inputs is None else inputs
    seen = (config.packing * shape[0], *shape[1:])  # shape of what the critic looks at
    make_generator, make_critic = KINDS[config.kind]
    generator = make_generator(inputs, shape, num_classes, config)
    critic = make_critic(seen, num_classes, replace(config, width=config.critic_width or config.width))
    if config.virtual_batch_norm:
        generator = layers.VirtuallyNormalised(generator, inputs, num_classes, config.virtual_batch_norm)
    if config.rounded:
        generator = layers.Rounded(generator)
    if config.minibatch_deviation:
        critic = layers.BatchAware(critic, config.minibatch_deviation)
    if config.spectral_norm:
        critic = layers.SpectrallyNormed(critic)
    if config.packing > 1:
        critic = layers.Packed(critic, config.packing)
    return generator, critic


def check(config: GanNetworkConfig) -> None:
    """Raises ConfigError for settings that contradict each other."""
    if config.minibatch_deviation == 1:
        raise ConfigError("network.minibatch_deviation compares samples of a group: set it to 2 or more, or to 0.")
    if config.packing > 1 and config.minibatch_deviation:
        raise ConfigError(
            "network.packing and network.minibatch_deviation both show the critic several samples at once: set packing "
            "to 1 or minibatch_deviation to 0."
        )
    if config.packing > 1 and config.conditional:
        raise ConfigError("network.packing has no single class for a pack: set it to 1, or conditional to false.")
    if config.spectral_norm and config.kind == "residual":
        raise ConfigError(
            "network.spectral_norm divides by singular values, and residual critics start with filters of 0: set it to "
            "false, or kind to mlp or dcgan."
        )
