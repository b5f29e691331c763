"""Policies read off the root of a finished search: what a network learns, and the action to play.

Knows visits, values and proofs by action; neither trees nor positions.
"""

from __future__ import annotations

import numpy as np

from selfplay.search.config import SearchConfig


def allowed_actions(legal: np.ndarray, proven: np.ndarray, value: np.ndarray | float = np.nan) -> np.ndarray:
    """[M, K] bool: legal actions less what proof rules out: where the position is proven to be worth value [M] (nan: it
    is not), all that are not proven to keep it; else all but wins if there is a win, losses if not all lose."""
    wins, losses, keeps = proven == 1, proven == -1, proven == np.asarray(value)[..., None]
    only_losses = (losses | ~legal).all(axis=1, keepdims=True)
    unproven = np.where(wins.any(axis=1, keepdims=True), wins, legal & (~losses | only_losses))
    return np.where(keeps.any(axis=1, keepdims=True), keeps, unproven)


def visit_policy(candidates: np.ndarray, prior: np.ndarray, visits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Visit shares [M, K] over the candidates, and the most visited slot [M]; ties go to the larger prior.

    Where no candidate was visited (a lone root, or only proven losses left) the prior takes the visits' place."""
    weights = np.where(candidates, visits, 0).astype(np.float32)
    unvisited = weights.sum(axis=1, keepdims=True) == 0
    weights = np.where(unvisited & candidates, prior + np.float32(1e-8), weights)
    play = np.where(candidates, weights + 0.5 * prior, -1.0).argmax(axis=1)
    return weights / weights.sum(axis=1, keepdims=True), play


def gumbel_policy(
    config: SearchConfig, candidates: np.ndarray, prior: np.ndarray, visits: np.ndarray, completed: np.ndarray,
    noise: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """softmax(log prior + sigma(completed q)) [M, K], and the slot [M] that is best, noise included, among the most
    visited candidates (Danihelka et al. 2022). completed: [M, K] values, estimated where an action was not visited.
    noise: [M, K] float32, scaled Gumbel draws."""
    scale = (config.c_visit + visits.max(axis=1, keepdims=True)) * config.c_scale
    scores = np.where(candidates, np.log(np.maximum(prior, 1e-12)) + scale * completed, -np.inf)
    weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    policy = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    most = np.where(candidates, visits, -1)
    final = np.where(most == most.max(axis=1, keepdims=True), scores + noise, -np.inf)
    return policy, final.argmax(axis=1)


def exact_policy(policy: np.ndarray, proven: np.ndarray, value: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """[M, K] float32: `policy` [M, K]; where a position is proven (exact [M]), even shares of all actions that are
    proven to keep its value [M]. proven: [M, K], UNKNOWN where an action is not, and on the padding."""
    keeps = (proven == value[:, None]) & exact[:, None]
    number = keeps.sum(axis=1, keepdims=True)
    return np.where(number > 0, keeps / np.maximum(number, 1), policy).astype(np.float32)


def surprise(policy: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """[M] float32 ≥ 0, in nats: Kullback–Leibler divergence of the policies [M, K] from their priors [M, K]."""
    policy = policy.astype(np.float64)
    ratio = np.where(policy > 0, policy, 1) / np.where(policy > 0, np.maximum(prior, 1e-9), 1)
    return np.maximum((policy * np.log(ratio)).sum(axis=1), 0).astype(np.float32)
