"""The network that peers evaluate with: a residual tower with a policy head and a value head, as AlphaZero's, in Haiku
on JAX, float32, compiled. Without batch norm, which costs nothing once it is folded into the convolutions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np
import protocol


def _tower(planes: jax.Array) -> tuple[jax.Array, jax.Array]:
    """planes: [B, R, C, P]; (logits [B, 7], value [B] in [-1, 1])."""
    x = jax.nn.relu(hk.Conv2D(protocol.CHANNELS, 3)(planes))
    for _ in range(protocol.BLOCKS):
        y = jax.nn.relu(hk.Conv2D(protocol.CHANNELS, 3)(x))
        x = jax.nn.relu(x + hk.Conv2D(protocol.CHANNELS, 3)(y))
    policy = hk.Flatten()(jax.nn.relu(hk.Conv2D(16, 1)(x)))
    value = hk.Flatten()(jax.nn.relu(hk.Conv2D(16, 1)(x)))
    value = hk.Linear(1)(jax.nn.relu(hk.Linear(64)(value)))
    return hk.Linear(7)(policy), jnp.tanh(value)[:, 0]


def make(shape: tuple[int, ...]) -> tuple[Any, Callable[[Any, jax.Array], tuple[jax.Array, jax.Array]]]:
    """(weights, forward) of a network without training. shape: [R, C, P] of its planes."""
    network = hk.without_apply_rng(hk.transform(_tower))
    return network.init(jax.random.PRNGKey(1), jnp.zeros((1, *shape))), network.apply


class OneAtATime:
    """The network for libraries that evaluate one position after the other."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._weights, forward = make(shape)
        self._forward = jax.jit(lambda weights, planes: (jax.nn.softmax(forward(weights, planes)[0]),
                                                         forward(weights, planes)[1]))  # fmt: skip
        self.evaluations = 0

    def __call__(self, planes: np.ndarray) -> tuple[np.ndarray, float]:
        """(policy [7], value) of planes [R, C, P]."""
        self.evaluations += 1
        policy, value = self._forward(self._weights, planes[None].astype(np.float32))
        return np.asarray(policy[0], np.float64), float(value[0])
