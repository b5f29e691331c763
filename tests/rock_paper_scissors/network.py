"""What each of three actions is worth, and the mixture of them that is played: a network of three weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

ACTIONS = ("rock", "paper", "scissors")
POINTS = np.array([[0.5, 0.0, 1.0], [1.0, 0.5, 0.0], [0.0, 1.0, 0.5]])  # of the row's action against the column's
TEMPERATURE = 0.02  # of the mixture, in points: who knows a weakness uses it


class Worth(nn.Module):
    """The points that each action is expected to make."""

    def __init__(self) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.tensor([0.6, 0.5, 0.4]))  # rock, at first

    def forward(self) -> torch.Tensor:
        return self.points


def mixture(points: torch.Tensor) -> np.ndarray:
    """[3] float64 probabilities: a soft best response (McKelvey & Palfrey 1995), rounded so that it is one number on
    every machine."""
    soft = torch.softmax(points.detach().double() / TEMPERATURE, 0).numpy().round(9)
    return np.asarray(soft / soft.sum())
