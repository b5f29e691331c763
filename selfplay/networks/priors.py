"""From the network's logits to priors over legal actions. Loads no torch: clients of a shared server do this part."""

from __future__ import annotations

import numpy as np


def legal_softmax(logits: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Softmax of logits [M, A] over the listed actions [M, K] (padding -1): [M, K] float32, 0 on the padding."""
    return softmax_in_place(legal_logits(logits, actions), actions)


def legal_logits(logits: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """[M, K]: of logits [M, A] those of the listed actions [M, K]; whatever they are, on the padding (-1)."""
    return np.take_along_axis(logits, np.maximum(actions, 0), axis=1)


def softmax_in_place(chosen: np.ndarray, actions: np.ndarray) -> np.ndarray:
    """Turns `legal_logits` [M, K] into priors, and returns them. A row's numbers depend on that row alone."""
    chosen[actions < 0] = -np.inf
    chosen -= chosen.max(axis=1, keepdims=True)
    np.exp(chosen, out=chosen)
    chosen /= chosen.sum(axis=1, keepdims=True)
    return chosen
