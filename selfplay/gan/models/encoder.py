"""The encoder: a network from samples to vectors. It is a critic of any kind whose scoring layer has N outputs.

Knows shapes and settings, not what the vectors are used for.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from selfplay.gan.config import GanNetworkConfig
from selfplay.gan.models import layers, networks


class Encoder(nn.Module):
    """x [B, *shape] → [B, N]."""

    def __init__(self, critic: layers.Critic, outputs: int) -> None:
        """critic: unconditional, scoring each sample alone; it becomes part of this network. outputs: N."""
        super().__init__()
        self.place, score = layers.scoring_layer(critic)
        critic.set_submodule(self.place, nn.Linear(score.in_features, outputs))
        self.body = critic

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.body.get_submodule(self.place)(self.body.features(x))
        return outputs


def plain(config: GanNetworkConfig) -> GanNetworkConfig:
    """The same kind and size, unconditional and without the layers that only generators and critics have."""
    return replace(
        config, conditional=False, virtual_batch_norm=0, minibatch_deviation=0, packing=1, spectral_norm=False
    )


def make(shape: tuple[int, ...], config: GanNetworkConfig, outputs: int) -> Encoder:
    """Freshly initialised from torch's random stream."""
    return Encoder(networks.make(shape, 0, plain(config))[1], outputs)
