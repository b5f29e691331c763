"""The policy–value network: a residual tower with a policy head and a value head; `inference` has its fast forms.

Knows planes and actions, no rules.
"""

from __future__ import annotations

import torch
from torch import nn

from games.base import Game
from selfplay.networks.config import NetworkConfig
from selfplay.networks.fused import layers

PLAYER = "net"  # the name of the network among an agent's weights, in checkpoints, too


class ConvNorm(nn.Module):
    """3x3 or 1x1 convolution and batch norm, foldable into one convolution."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.norm(self.conv(x))
        return out

    def rectified(self, x: torch.Tensor) -> torch.Tensor:
        """ReLU of it."""
        if self.training and layers.applies(x):
            return layers.rectified(self.conv, self.norm, x)
        return torch.relu_(self(x))


class Block(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = ConvNorm(channels, channels, 3)
        self.second = ConvNorm(channels, channels, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.training and layers.applies(x):
            first, second = self.first, self.second
            return layers.block((first.conv, first.norm), (second.conv, second.norm), x)
        return torch.relu_(self.second(self.first.rectified(x)) + x)


class PolicyValueNet(nn.Module):
    """planes [B, P, R, C] → (policy logits [B, A], win/draw/loss logits [B, 3] for the player to move).

    Where the game's actions have places on the board (`Game.action_planes`), the policy is a convolution, whose weights
    all squares share (Silver et al. 2018); elsewhere a dense layer. Where the settings ask for it, an auxiliary head
    tells how long the game goes on; it is for learning only.
    """

    def __init__(self, game: Game, config: NetworkConfig) -> None:
        super().__init__()
        planes, rows, columns = game.observation_shape
        self.stem = ConvNorm(planes, config.channels, 3)
        self.tower = nn.Sequential(*(Block(config.channels) for _ in range(config.blocks)))
        places = game.action_planes()
        self.policy_foot: ConvNorm
        self.policy: nn.Linear | nn.Conv2d
        self.places: torch.Tensor  # of actions, for a policy over the board
        if places is None:
            self.policy_foot = ConvNorm(config.channels, config.head_channels, 1)
            self.policy = nn.Linear(config.head_channels * rows * columns, game.num_actions)
        else:
            self.policy_foot = ConvNorm(config.channels, config.channels, 3)
            self.policy = nn.Conv2d(config.channels, int(places.max()) // (rows * columns) + 1, 1)
            self.register_buffer("places", torch.from_numpy(places), persistent=False)
        self.value_foot = ConvNorm(config.channels, config.head_channels, 1)
        self.value_hidden = nn.Linear(config.head_channels * rows * columns, config.value_hidden)
        self.value = nn.Linear(config.value_hidden, 3)
        self.moves_left = nn.Linear(config.value_hidden, 1) if config.moves_left else None
        # Start near a uniform policy and an even value: the first searches should not chase noise.
        for head in (self.policy, self.value):
            assert head.bias is not None
            nn.init.normal_(head.weight, std=0.01)
            nn.init.zeros_(head.bias)

    def forward(self, planes: torch.Tensor, moves_left: bool = False) -> tuple[torch.Tensor, ...]:
        """moves_left: whether to give, as a third answer, logits [B] of the plies left over the game's most."""
        x = self.tower(self.stem.rectified(planes))
        foot = self.policy_foot.rectified(x)
        if isinstance(self.policy, nn.Conv2d):
            policy = self.policy(foot).flatten(1)[:, self.places]
        else:
            policy = self.policy(foot.flatten(1))
        hidden = torch.relu_(self.value_hidden(self.value_foot.rectified(x).flatten(1)))
        if not moves_left:
            return policy, self.value(hidden)
        assert self.moves_left is not None
        return policy, self.value(hidden), self.moves_left(hidden).squeeze(1)
