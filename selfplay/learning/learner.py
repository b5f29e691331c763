"""The learner: turns batches into better weights, for any family of agents.

An agent's networks learn by `Update`s: one where a network plays itself, two where two play each other. Each
differentiates its loss with respect to its own parameters only, so that no player's loss touches the weights of
another; in which order they do so is one of `update_rules`. This file owns what lasts: weights, averages, schedules.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from selfplay.learning import update_rules
from selfplay.learning.config import LearnerConfig
from selfplay.types import Batch, Loss, Weights


@dataclass(frozen=True)
class Update:
    """One player's part of a learning step. `module` changes its parameters and buffers in place only."""

    name: str
    module: nn.Module
    loss: Loss

    every: int = 1
    """Takes part in each `every`-th step, the last of such a row: k for one player gives the other k steps to each
    of its own (Arjovsky 2017, algorithm 1)."""

    learning_rate: float = 1.0
    """Factor on the config's learning rate: two time scales (Heusel 2017)."""

    set_opponent: Callable[[Weights | None], None] | None = None
    """Takes the weights that the loss plays against from now on, by role, or None for nobody; None: a loss without an
    opponent."""

    after_step: Callable[[Batch, Mapping[str, torch.Tensor]], None] | None = None
    """Called once after each step that it took part in, with the batch and what the step reported: for what adapts and
    is no weight. A rule may evaluate a loss several times in a step, so losses change nothing themselves."""


class Learner:
    """Owns the networks' training state: weights, averaged weights, optimizer moments, what the update rule remembers
    and the number of steps. At least one update takes part in every step."""

    def __init__(self, updates: tuple[Update, ...], config: LearnerConfig) -> None:
        assert any(update.every == 1 for update in updates) and all(update.every >= 1 for update in updates)
        self.updates, self.config = updates, config
        self.steps = 0
        self._averaged_from = 0  # the step since when weights are averaged
        self.raised = (config.learning_rate, 0.0)  # a rate, and how far towards it from the schedule's, in [0, 1]
        self.players = {update.name: _player(update, config) for update in updates}
        self.averaged = {update.name: copy.deepcopy(update.module).eval().requires_grad_(False) for update in updates}
        self._pairs = [_pairs(self.averaged[update.name], update.module) for update in updates]
        self._forget()

    def set_opponent(self, weights: Weights | None) -> None:
        """Sets the opponent's weights, for losses that are computed against an opponent."""
        for update in self.updates:
            if update.set_opponent is not None:
                update.set_opponent(weights)

    def step(self, batch: Batch, progress: float) -> dict[str, torch.Tensor]:
        """One update of every player that takes part. progress: share of the run's budget already used, in [0, 1].

        Returns named detached scalars of those players. Raises TrainingDiverged when a gradient is not finite; of
        weights and optimizers, none has changed then but those of the players before it under the alternating rule.
        Averaged weights and the number of steps haven't, buffers (batch-norm statistics) may have.
        """
        progress = min(max(progress, 0.0), 1.0)
        turn = [update for update in self.updates if (self.steps + 1) % update.every == 0]
        playing = [self.players[update.name] for update in turn]
        for update, player in zip(turn, playing, strict=True):
            self._schedule(player.optimizer, update.learning_rate, progress)
        report = update_rules.RULES[self.config.rule](playing, batch, progress, self.steps)
        if self.config.lookahead_steps and (self.steps + 1) % self.config.lookahead_steps == 0:
            update_rules.pull(list(self.players.values()), self.config.lookahead_alpha)
        for update in turn:
            if update.after_step is not None:
                update.after_step(batch, report)
        self._average()
        self.steps += 1
        return report

    def learning_rate(self, progress: float) -> float:
        """Half a cosine from learning_rate to final_learning_rate (Loshchilov, Hutter 2017), and what it is raised by
        for a time."""
        start, end, left = self.config.learning_rate, self.config.final_learning_rate, half_cosine(progress)
        scheduled = end + (start - end) * left
        if self.config.schedule == "geometric":
            scheduled = float(end * (start / end) ** left)
        peak, share = self.raised
        return scheduled + share * max(peak - scheduled, 0.0)

    def _schedule(self, optimizer: torch.optim.Optimizer, factor: float, progress: float) -> None:
        rate, final = factor * self.learning_rate(progress), self.config.final_beta2
        for group in optimizer.param_groups:
            group["lr"] = rate
            if final is not None and "betas" in group:
                group["betas"] = (self.config.beta1, final + (self.config.beta2 - final) * half_cosine(progress))

    @torch.no_grad()
    def _average(self) -> None:
        steps = self.steps - self._averaged_from
        decay = min(self.config.ema_decay, (1 + steps) / (10 + steps))
        for averages, values, copies, originals in self._pairs:
            torch._foreach_lerp_(averages, values, 1 - decay)
            if copies:
                torch._foreach_copy_(copies, originals)

    def average_anew(self) -> None:
        """Averages hardly hold what was before from here on, as at the start of a run."""
        self._averaged_from = self.steps

    def weights(self) -> dict[str, dict[str, torch.Tensor]]:
        """The averaged weights, by player: what plays, and what a generation's checkpoint holds. CPU copies."""
        return _copies(self.averaged)

    def newest_weights(self) -> dict[str, dict[str, torch.Tensor]]:
        """The weights that the last step has made, before averaging, by player. CPU copies."""
        return _copies({name: player.module for name, player in self.players.items()})

    def adopt(self, weights: Weights) -> None:
        """Goes on from these weights, those that play and those that learn, with fresh optimizers; the number of steps
        stays. Raises RuntimeError or KeyError where names or shapes differ."""
        for name, player in self.players.items():
            player.module.load_state_dict(weights[name])
            self.averaged[name].load_state_dict(weights[name])
            player.optimizer.state.clear()
        self._forget()

    def state(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
        """All that `load_state` needs to go on exactly: tensors by flat name, and the rest as JSON values."""
        tensors: dict[str, torch.Tensor] = {}
        for name, player in self.players.items():
            for key, value in player.module.state_dict().items():
                tensors[f"{name}.weights.{key}"] = value
            for key, value in self.averaged[name].state_dict().items():
                tensors[f"{name}.averaged.{key}"] = value
            for index, moments in player.optimizer.state_dict()["state"].items():
                for key, value in moments.items():
                    if value is not None:  # sgd's momentum, which is off
                        tensors[f"{name}.optimizer.{index}.{key}"] = torch.as_tensor(value)
            for kind, values in player.memory.items():
                for index, value in enumerate(values):
                    tensors[f"{name}.{kind}.{index}"] = value
        return {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}, {
            "steps": self.steps,
            "averaged_from": self._averaged_from,
        }

    def load_state(self, tensors: Mapping[str, torch.Tensor], rest: Mapping[str, Any]) -> None:
        """Takes what `state` gave. What the rule in force remembers starts afresh where the state was another rule's.
        Raises RuntimeError or KeyError where names or shapes differ."""
        for name, player in self.players.items():
            player.module.load_state_dict(_below(tensors, f"{name}.weights."))
            self.averaged[name].load_state_dict(_below(tensors, f"{name}.averaged."))
            own = [parameter for group in player.optimizer.param_groups for parameter in group["params"]]
            state: dict[int, dict[str, torch.Tensor]] = {}
            for key, value in _below(tensors, f"{name}.optimizer.").items():
                index, kind = key.split(".", 1)
                # The fused optimizer walks through memory: moments must lie as their parameters do (channels last).
                like = own[int(index)]
                moment = torch.empty_like(like).copy_(value) if value.shape == like.shape else value
                state.setdefault(int(index), {})[kind] = moment
            groups = player.optimizer.state_dict()["param_groups"]
            player.optimizer.load_state_dict({"state": state, "param_groups": groups})
        self._forget()
        for name, player in self.players.items():
            for kind, values in player.memory.items():
                if held := _below(tensors, f"{name}.{kind}."):
                    torch._foreach_copy_(values, [held[str(index)] for index in range(len(values))])
        self.steps = int(rest["steps"])
        self._averaged_from = int(rest.get("averaged_from", 0))  # states of earlier versions have none

    @torch.no_grad()
    def _forget(self) -> None:
        """Fresh memory for the rule in force, as before the first step."""
        for player in self.players.values():
            player.memory = {}
            if self.config.rule == "optimistic":
                player.memory["previous"] = [torch.zeros_like(weight) for weight in player.weights]
            if self.config.lookahead_steps:
                player.memory["slow"] = [weight.detach().clone() for weight in player.weights]


def half_cosine(progress: float) -> float:
    """From 1 at the start of the run's budget to 0 at its end."""
    return 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))


def _below(tensors: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {key[len(prefix) :]: value for key, value in tensors.items() if key.startswith(prefix)}


def _pairs(averaged: nn.Module, module: nn.Module) -> tuple[list[torch.Tensor], ...]:
    """(averages, values, copies, originals): what is averaged and what, being integers, is copied. The tensors
    themselves, gathered once, since to walk through a network costs more than to average it."""
    values, averages = module.state_dict(keep_vars=True), averaged.state_dict(keep_vars=True)
    floating = [key for key, value in values.items() if value.is_floating_point()]
    others = [key for key, value in values.items() if not value.is_floating_point()]
    return (
        [averages[key] for key in floating],
        [values[key] for key in floating],
        [averages[key] for key in others],
        [values[key] for key in others],
    )


def _player(update: Update, config: LearnerConfig) -> update_rules.PlayerOptimizer:
    """The player with its optimizer; biases and normalisation weights are not decayed."""
    own = [p for p in update.module.parameters() if p.requires_grad]
    matrices, vectors = [p for p in own if p.ndim > 1], [p for p in own if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    if config.weight_decay == 0:  # one group, in the same order, is one call of the optimizer's kernel
        groups = [{"params": matrices + vectors, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    optimizer: torch.optim.Optimizer
    if config.optimizer == "sgd":  # without momentum, its coupled decay is the decoupled one
        optimizer = torch.optim.SGD(groups, lr=config.learning_rate, fused=True)
    else:
        betas = (config.beta1, config.beta2)
        optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, betas=betas, fused=True)
    return update_rules.PlayerOptimizer(update.name, update.module, update.loss, optimizer, config.max_gradient_norm)


def _copies(modules: Mapping[str, torch.nn.Module]) -> dict[str, dict[str, torch.Tensor]]:
    return {
        name: {key: value.detach().cpu().clone() for key, value in module.state_dict().items()}
        for name, module in modules.items()
    }
