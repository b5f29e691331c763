"""The learner: turns batches into better weights, for any family of agents.

An agent's networks learn by `Update`s, taken in turn: one for a policy–value network, two for a generator and its
critic. Each differentiates its loss with respect to its own parameters only, so that no player's loss touches the
weights of another. This file holds the only `optimizer.step()` in the project.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from msgspec import Meta
from torch import nn

from selfplay.errors import TrainingDiverged

Batch = Mapping[str, torch.Tensor]
Loss = Callable[[nn.Module, Batch], tuple[torch.Tensor, dict[str, torch.Tensor]]]
"""(module, batch) → (scalar loss to descend, named scalars to report)."""


@dataclass(frozen=True)
class LearnerConfig:
    """Optimisation: AdamW with a cosine schedule over the run's budget, gradient clipping, averaged weights."""

    batch_size: Annotated[int, Meta(ge=1, le=65536)] = 512
    """Rows in one update."""

    learning_rate: Annotated[float, Meta(gt=0, le=1)] = 2e-3
    """At the start of the run."""

    final_learning_rate: Annotated[float, Meta(gt=0, le=1)] = 1e-4
    """At the end of the run's budget, reached along half a cosine."""

    weight_decay: Annotated[float, Meta(ge=0, le=1)] = 1e-4
    """Decoupled weight decay (AdamW), on matrices and filters only."""

    max_gradient_norm: Annotated[float, Meta(gt=0)] = 5.0
    """Gradients are scaled down to this norm."""

    ema_decay: Annotated[float, Meta(ge=0, lt=1)] = 0.999
    """Decay per step of the averaged weights, the ones that play; batch-norm statistics are averaged too. While the
    run is young the decay is (1 + step) / (10 + step), so that the average doesn't remember the random start."""


@dataclass(frozen=True)
class Update:
    """One player's part of a learning step."""

    name: str
    module: nn.Module
    loss: Loss


class Learner:
    """Owns the networks' training state: weights, averaged weights, optimizer moments and the number of steps."""

    def __init__(self, updates: tuple[Update, ...], config: LearnerConfig) -> None:
        self.updates, self.config = updates, config
        self.steps = 0
        self.optimizers = {update.name: _optimizer(update.module, config) for update in updates}
        self.averaged = {update.name: copy.deepcopy(update.module).eval().requires_grad_(False) for update in updates}

    def step(self, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        """One update of every player. progress: share of the run's budget already used, in [0, 1].

        Returns named detached scalars. Raises TrainingDiverged when a gradient is not finite; no weight has changed
        then but those of the players before it.
        """
        report: dict[str, torch.Tensor] = {}
        for update in self.updates:
            optimizer = self.optimizers[update.name]
            for group in optimizer.param_groups:
                group["lr"] = self.learning_rate(progress)
            own = [p for p in update.module.parameters() if p.requires_grad]
            optimizer.zero_grad(set_to_none=True)
            loss, named = update.loss(update.module.train(), batch)
            loss.backward(inputs=own)
            norm = nn.utils.clip_grad_norm_(own, self.config.max_gradient_norm)
            if not torch.isfinite(norm):
                raise TrainingDiverged(
                    f"the {update.name} loss gave gradients that are not finite at step {self.steps}."
                )
            optimizer.step()
            self._average(update)
            report |= {f"{update.name}/{key}": value.detach() for key, value in named.items()}
            report[f"{update.name}/gradient_norm"] = norm.detach()
        self.steps += 1
        return report

    def learning_rate(self, progress: float) -> float:
        """Half a cosine from learning_rate to final_learning_rate (Loshchilov, Hutter 2017)."""
        start, end = self.config.learning_rate, self.config.final_learning_rate
        return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))

    @torch.no_grad()
    def _average(self, update: Update) -> None:
        decay = min(self.config.ema_decay, (1 + self.steps) / (10 + self.steps))
        average = self.averaged[update.name].state_dict()
        for key, value in update.module.state_dict().items():
            if value.is_floating_point():
                average[key].lerp_(value, 1 - decay)
            else:
                average[key].copy_(value)

    def weights(self) -> dict[str, dict[str, torch.Tensor]]:
        """The averaged weights, by player: what plays, and what a generation's checkpoint holds. CPU copies."""
        return {
            name: {key: value.detach().cpu().clone() for key, value in module.state_dict().items()}
            for name, module in self.averaged.items()
        }

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """All that `load_state` needs to go on exactly: tensors by flat name, and the rest as JSON values."""
        tensors: dict[str, torch.Tensor] = {}
        for update in self.updates:
            for key, value in update.module.state_dict().items():
                tensors[f"{update.name}.weights.{key}"] = value
            for key, value in self.averaged[update.name].state_dict().items():
                tensors[f"{update.name}.averaged.{key}"] = value
            for index, moments in self.optimizers[update.name].state_dict()["state"].items():
                for key, value in moments.items():
                    tensors[f"{update.name}.optimizer.{index}.{key}"] = torch.as_tensor(value)
        return {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}, {"steps": self.steps}

    def load_state(self, tensors: Mapping[str, torch.Tensor], rest: Mapping[str, Any]) -> None:
        """Takes what `state` gave. Raises RuntimeError or KeyError where names or shapes differ."""
        for update in self.updates:
            update.module.load_state_dict(_below(tensors, f"{update.name}.weights."))
            self.averaged[update.name].load_state_dict(_below(tensors, f"{update.name}.averaged."))
            optimizer = self.optimizers[update.name]
            own = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            state: dict[int, dict[str, torch.Tensor]] = {}
            for key, value in _below(tensors, f"{update.name}.optimizer.").items():
                index, name = key.split(".", 1)
                # The fused optimizer walks through memory: moments must lie as their parameters do (channels last).
                like = own[int(index)]
                moment = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
                state.setdefault(int(index), {})[name] = moment
            optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        self.steps = int(rest["steps"])


def _below(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}


def _optimizer(module: nn.Module, config: LearnerConfig) -> torch.optim.Optimizer:
    """AdamW; biases and normalisation weights are not decayed."""
    own = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in own if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in own if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
