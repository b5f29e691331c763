"""Update rules: the order in which players that learn against each other compute gradients and take steps.

A rule sees players: weights with a loss and an optimizer. It doesn't know what the networks are, nor how rates are
scheduled, nor which players take part in a step. This file holds the only `optimizer.step()` in the project.

Take two players of the bilinear game, one descending c·x·y in x, the other −c·x·y in y, by gradient descent at rate η.
One step of both multiplies x + iy by

    simultaneous    1 ± iηc, of modulus above 1: it diverges at every rate
    alternating     a number of modulus 1 while ηc < 2: it circles and never converges
    extragradient   1 − η²c² ± iηc: it converges where ηc < 1
    optimistic      a root λ of λ² − (1 + 2μ)λ + μ = 0, μ = ±iηc: it converges where ηc < 1/√3
    lookahead       1 − α + αλᵏ over a rule that multiplies by λ

For a single player alternating and simultaneous are plain descent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from selfplay.errors import TrainingDiverged
from selfplay.types import Batch, Loss


class PlayerOptimizer:
    """One player: its trainable weights, their gradients, its optimizer and what a rule remembers of its past.

    Lists of tensors are gathered once, so weights must be changed in place. `memory` holds, by kind, one tensor a
    weight: "previous", the optimizer's last displacement (optimistic); "slow", the weights of lookahead's last pull.
    """

    def __init__(
        self, name: str, module: nn.Module, loss: Loss, optimizer: torch.optim.Optimizer, max_gradient_norm: float
    ) -> None:
        self.name, self.module, self.loss, self.optimizer = name, module, loss, optimizer
        self.max_gradient_norm = max_gradient_norm
        self.weights: list[Tensor] = [p for p in module.parameters() if p.requires_grad]
        self.gradients: list[Tensor] = []  # of the weights that the loss depends on
        self.norm = torch.zeros(())  # of all gradients together, before they are clipped
        self.memory: dict[str, list[Tensor]] = {}

    def differentiate(self, batch: Batch, progress: float) -> dict[str, Tensor]:
        """Finds the gradient of the player's loss with respect to its own weights only, all players' weights being
        what they are now. Returns detached scalars by "player/name". Buffers of networks (batch-norm statistics) may
        change on the way."""
        if not self.module.training:  # a walk over all submodules, so not at each step
            self.module.train()
        for weight in self.weights:
            weight.grad = None
        loss, named = self.loss(self.module, batch, progress)
        loss.backward(inputs=self.weights)
        self.gradients = [weight.grad for weight in self.weights if weight.grad is not None]
        self.norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(self.gradients)))
        report = {f"{self.name}/{key}": value.detach() for key, value in named.items()}
        report[f"{self.name}/gradient_norm"] = self.norm
        return report

    def clip(self, norm: float) -> None:
        """Scales gradients of that norm down to max_gradient_norm (Pascanu 2013)."""
        if norm + 2e-6 > self.max_gradient_norm:  # below, the factor would be one exactly
            factor = torch.clamp(self.max_gradient_norm / (self.norm + 1e-6), max=1.0)
            torch._foreach_mul_(self.gradients, factor)

    def move(self) -> None:
        """Takes the optimizer's step along the gradients."""
        self.optimizer.step()

    @torch.no_grad()
    def move_optimistically(self) -> None:
        """w ← w + 2Δ − Δ′: the optimizer's displacement Δ twice, less its last one Δ′ (zero at the first step)."""
        before = [weight.clone() for weight in self.weights]
        self.move()
        displacement = torch._foreach_sub(self.weights, before)
        torch._foreach_add_(self.weights, displacement)
        torch._foreach_sub_(self.weights, self.memory["previous"])
        torch._foreach_copy_(self.memory["previous"], displacement)

    @torch.no_grad()
    def hold(self) -> Callable[[], None]:
        """Copies the weights and the optimizer's state; calling what it returns puts them back, to the bit."""
        states = {weight: state for weight, state in self.optimizer.state.items() if state}
        tensors = [*self.weights, *(t for state in states.values() for t in state.values() if isinstance(t, Tensor))]
        copies = [tensor.clone() for tensor in tensors]

        @torch.no_grad()
        def put_back() -> None:
            torch._foreach_copy_(tensors, copies)
            for weight in [weight for weight in self.optimizer.state if weight not in states]:
                del self.optimizer.state[weight]  # born since: the optimizer makes its state at a weight's first step

        return put_back


Rule = Callable[[Sequence[PlayerOptimizer], Batch, float, int], dict[str, Tensor]]
"""(players, batch, progress, number of the step) → report. Raises TrainingDiverged at a gradient that is not finite."""


def alternating(players: Sequence[PlayerOptimizer], batch: Batch, progress: float, step: int) -> dict[str, Tensor]:
    """One after the other: each player's gradient sees the moves of those before it (Goodfellow 2014, algorithm 1).

    Where a gradient is not finite, the players before it have moved, and no other weight has changed."""
    report: dict[str, Tensor] = {}
    for player in players:
        report |= player.differentiate(batch, progress)
        _check_and_clip([player], step)
        player.move()
    return report


def simultaneous(players: Sequence[PlayerOptimizer], batch: Batch, progress: float, step: int) -> dict[str, Tensor]:
    """All gradients at the same weights, then all moves. No weight has changed where a gradient is not finite."""
    report = _differentiate(players, batch, progress, step)
    for player in players:
        player.move()
    return report


def extragradient(players: Sequence[PlayerOptimizer], batch: Batch, progress: float, step: int) -> dict[str, Tensor]:
    """All players step ahead, find their gradients there, go back and take those (Korpelevich 1976; for networks
    Gidel 2019, section 3.2, though here the optimizer's moments learn of the second gradients only).

    Costs two evaluations of each loss; reported is the first, at the weights that were held. No weight has changed
    where a gradient is not finite at either place, nor has an optimizer's state."""
    report = _differentiate(players, batch, progress, step)
    put_back = [player.hold() for player in players]
    try:
        for player in players:
            player.move()
        for player in players:
            player.differentiate(batch, progress)
    finally:
        for undo in put_back:
            undo()
    _check_and_clip(players, step)
    for player in players:
        player.move()
    return report


def optimistic(players: Sequence[PlayerOptimizer], batch: Batch, progress: float, step: int) -> dict[str, Tensor]:
    """Simultaneous, each player moving as if its next displacement differed from this one as this one does from the
    last: optimistic Adam over adamw, optimistic gradient descent over sgd (Daskalakis 2018, section 2 and algorithm 1).

    No weight has changed where a gradient is not finite."""
    report = _differentiate(players, batch, progress, step)
    for player in players:
        player.move_optimistically()
    return report


RULES: Mapping[str, Rule] = {
    "alternating": alternating,
    "simultaneous": simultaneous,
    "extragradient": extragradient,
    "optimistic": optimistic,
}


@torch.no_grad()
def pull(players: Sequence[PlayerOptimizer], alpha: float) -> None:
    """Lookahead's slow step: slow ← slow + α (weights − slow), weights ← slow, for all players together (Zhang 2019;
    of games Chavdarova 2021, algorithm 1). Optimizers keep their moments, networks their buffers."""
    for player in players:
        torch._foreach_lerp_(player.memory["slow"], player.weights, alpha)
        torch._foreach_copy_(player.weights, player.memory["slow"])


def _differentiate(players: Sequence[PlayerOptimizer], batch: Batch, progress: float, step: int) -> dict[str, Tensor]:
    """All players' gradients at the weights they have now, checked and clipped."""
    report: dict[str, Tensor] = {}
    for player in players:
        report |= player.differentiate(batch, progress)
    _check_and_clip(players, step)
    return report


@torch.no_grad()
def _check_and_clip(players: Sequence[PlayerOptimizer], step: int) -> None:
    """The only place where the processor waits for a device: once for the gradients of all `players`."""
    norms = torch.stack([player.norm for player in players]).tolist() if len(players) > 1 else [players[0].norm.item()]
    for player, norm in zip(players, norms, strict=True):
        if not math.isfinite(norm):
            raise TrainingDiverged(f"the {player.name} loss gave gradients that are not finite at step {step}.")
    for player, norm in zip(players, norms, strict=True):
        player.clip(norm)
