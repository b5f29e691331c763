"""What a generation's weights say of fixed positions, and how far that has moved since the generation before.

Churn of the policy: KL divergence of the new from the old one; of the value: mean change. Dead units, effective rank
and the norm of the weights describe a network and are no alarms: healthy networks differ widely in them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from games.base import Game
from selfplay.alphazero.monitors import openings
from selfplay.networks.config import NetworkConfig
from selfplay.networks.policy_value import PolicyValueNet
from selfplay.networks.priors import legal_softmax

PROBES = 128
PLIES = 24  # random plies that probes are reached by, at most


class Probe:
    """Answers of the network to fixed positions, and its weights, of the newest generation seen."""

    def __init__(self, game: Game, config: NetworkConfig) -> None:
        self._game = game
        self._net = PolicyValueNet(game, config).eval()
        self._states = openings.starts(game, PLIES, PROBES, np.random.default_rng(1))
        self._actions = game.legal_actions(self._states)[0]
        self._planes = torch.from_numpy(game.observe(self._states))
        self._before: tuple[np.ndarray, np.ndarray, dict[str, torch.Tensor]] | None = None

    def look(self, weights: Mapping[str, torch.Tensor], raw: Mapping[str, torch.Tensor]) -> dict[str, float]:
        """Figures of these weights, and of the change since the last call's. raw: before averaging, which would go on
        moving for long after a head has stood still."""
        held = {name: tensor.detach().float().cpu() for name, tensor in weights.items()}
        newest = {name: tensor.detach().float().cpu() for name, tensor in raw.items()}
        self._net.load_state_dict(held)
        seen: dict[str, torch.Tensor] = {}
        hooks = [
            module.register_forward_hook(lambda module, inputs, output, name=name: seen.update({name: output}))
            for name, module in (("hidden", self._net.value_hidden), ("features", self._net.policy_foot))
        ]
        with torch.inference_mode():
            logits, wdl = self._net(self._planes)
        for hook in hooks:
            hook.remove()
        policy = legal_softmax(logits.numpy().copy(), self._actions).astype(np.float64)
        shares = wdl.softmax(1).double().numpy()
        value = shares[:, 0] - shares[:, 2]
        found = {
            "dead_units": float((seen["hidden"] <= 0).all(0).float().mean()),
            "effective_rank": _effective_rank(seen["features"].relu().flatten(1)),
            "weight_norm": float(sum(p.detach().double().square().sum() for p in self._net.parameters())) ** 0.5,
            "value_spread": float(value.std()),
        }
        if self._before is not None:
            old_policy, old_value, old = self._before
            ratio = np.log(np.maximum(policy, 1e-12) / np.maximum(old_policy, 1e-12))
            found["policy_churn"] = float((policy * ratio).sum(1).mean())
            found["value_churn"] = float(np.abs(value - old_value).mean())
            found["policy_change"] = _change(old, newest, "policy")
            found["value_change"] = _change(old, newest, "value")
        self._before = policy, value, newest
        return found


def _change(old: Mapping[str, torch.Tensor], new: Mapping[str, torch.Tensor], head: str) -> float:
    """How far a head's weights have moved, as a share of their norm; statistics of batch norm do not count, since data
    move them."""
    names = [name for name in new if name.startswith(head) and "running" not in name and "num_batches" not in name]
    moved = sum(float((new[name] - old[name]).double().square().sum()) for name in names)
    norm = sum(float(old[name].double().square().sum()) for name in names)
    return (moved / max(norm, 1e-30)) ** 0.5


def _effective_rank(features: torch.Tensor) -> float:
    """exp of the entropy of the singular values' shares (Roy and Vetterli 2007), of centred features [N, D], N < D."""
    centred = (features - features.mean(0)).double().numpy()
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(centred @ centred.T), 0))
    shares = values / max(values.sum(), 1e-30)
    return float(np.exp(-(shares * np.log(np.maximum(shares, 1e-30))).sum()))
