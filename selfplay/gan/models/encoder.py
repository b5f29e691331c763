"""Networks that turn samples into numbers: a critic's body of any kind, with numbers where it had its score."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from selfplay.gan.config import NetworkConfig
from selfplay.gan.models import layers, perceptron


class Encoder(nn.Module):
    """x [B, *shape] → [B, N]."""

    def __init__(self, critic: perceptron.Critic, outputs: int) -> None:
        """critic: an unconditional one that scores samples alone; it becomes part of this."""
        super().__init__()
        self.place, score = layers.scoring_layer(critic)
        critic.set_submodule(self.place, nn.Linear(score.in_features, outputs))
        self.body = critic

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: list[torch.Tensor] = []
        last = self.body.get_submodule(self.place)
        hook = last.register_forward_hook(lambda _, __, output: found.append(output))
        try:
            self.body(x, None)
        finally:
            hook.remove()
        return found[0]


def plain(config: NetworkConfig) -> NetworkConfig:
    """The same kind and size without labels, and without what only generators and critics are fitted with."""
    return replace(
        config, conditional=False, virtual_batch_norm=0, minibatch_deviation=0, packing=1, spectral_norm=False
    )


def make(shape: tuple[int, ...], config: NetworkConfig, outputs: int) -> Encoder:
    """Freshly initialised from torch's random stream."""
    return Encoder(perceptron.make(shape, 0, plain(config))[1], outputs)
