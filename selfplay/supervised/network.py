"""The classifier's network, and the loss that it descends: cross-entropy. Knows batches, not where rows come from."""

from __future__ import annotations

import itertools
import math

import torch
from torch import nn
from torch.nn import functional as F

from selfplay.supervised.config import ClassifierConfig
from selfplay.types import Batch

CLASSIFIER = "classifier"  # name of the network in checkpoints, metrics and losses


class Classifier(nn.Module):
    """x [B, *shape] float32 → logits [B, num_classes]."""

    def __init__(self, shape: tuple[int, ...], num_classes: int, config: ClassifierConfig) -> None:
        super().__init__()
        sizes = [math.prod(shape), *[config.width] * config.depth]
        hidden: list[nn.Module] = []
        for into, out in itertools.pairwise(sizes):
            hidden += [nn.Linear(into, out), nn.ReLU()]
        self.layers = nn.Sequential(nn.Flatten(), *hidden, nn.Linear(sizes[-1], num_classes))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """[B, D]: what the output layer sees."""
        found: torch.Tensor = self.layers[:-1](x)
        return found

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.layers(x)
        return logits


def loss(module: nn.Module, batch: Batch, progress: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """See `selfplay.types.Loss`. batch: x [B, *shape] float32, label [B] int64."""
    logits, label = module(batch["x"]), batch["label"]
    found = F.cross_entropy(logits, label)
    return found, {"loss": found, "accuracy": (logits.argmax(dim=1) == label).float().mean()}
