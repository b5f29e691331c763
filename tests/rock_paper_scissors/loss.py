"""Learning what the actions are worth, from what the opponent did."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from rock_paper_scissors.network import POINTS
from selfplay.types import Batch

ROW = np.dtype([("opponent", "i4")])


def squared_error(module: nn.Module, batch: Batch, progress: float) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Mean squared error of what all three actions would have made against the opponents' actions [B]; least where
    worth is the mean of that, so that the best response follows."""
    made = torch.from_numpy(POINTS).float()[:, batch["opponent"].long()]  # [3, B]
    error = (module()[:, None] - made).square().mean()
    return error, {"error": error.detach()}
