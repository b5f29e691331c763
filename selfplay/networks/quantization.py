"""int8 networks: made for recent positions, and taken only where they answer as the network itself does.

At new weights, one half of the given positions says how large activations become (`openvino_forward.ranges`). On the
other half the int8 network is compared with the network in float32: its values, its policies, and, where exact values
of positions are known, how often its favourite move gives a result away. Where it differs too much the network goes
without int8 until the next weights come.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from games.base import ILLEGAL, Game
from selfplay.networks import openvino_forward, priors
from selfplay.networks.policy_value import PolicyValueNet

VALUE_LIMIT = 0.02  # mean difference of values, which lie in [-1, 1]; bfloat16 differs by 0.004
POLICY_LIMIT = 0.02  # mean total variation of policies, in [0, 1]; bfloat16 differs by 0.0025
SAMPLES = 1024  # recent positions, at most, and of those with exact values
_DEVIATIONS = 2.0  # standard deviations that the mistakes may have risen by
_BATCH = 256


class Samples(NamedTuple):
    """What an int8 network is made for and tried on."""

    recent: np.ndarray  # [M] state_dtype, at least 2 positions, in no particular order
    known: np.ndarray  # [N] state_dtype, N may be 0: positions with exact values
    values: np.ndarray  # [N, K] int8, exact value of each action in the order of `legal_actions`, ILLEGAL on padding


class Verdict(NamedTuple):
    """How an int8 network compares with the network itself."""

    accepted: bool
    value_error: float  # mean absolute difference of values
    policy_error: float  # mean total variation of policies over legal actions
    worse: int  # known positions where only int8 gives a result away
    better: int  # known positions where only the network itself does

    def sums(self) -> dict[str, float]:
        """For an actor's metrics."""
        return {"int8_networks": 1.0, **{f"int8_{name}": float(value) for name, value in self._asdict().items()}}


class Answers(NamedTuple):
    """Of a network in M positions."""

    policy: np.ndarray  # [M, K] float32 over the listed actions
    value: np.ndarray  # [M] float32 in [-1, 1], for the player to move


def quantized(
    game: Game, net: PolicyValueNet, samples: Samples
) -> tuple[openvino_forward.OpenVinoForward, Verdict]:  # fmt: skip
    """The int8 form of a network, and what to think of it."""
    half = len(samples.recent) // 2
    largest = openvino_forward.ranges(net, game.observe(samples.recent[:half]))
    made = openvino_forward.OpenVinoForward(net, game.observation_shape, largest)
    own, other = (_answers(game, forward, samples.recent[half:]) for forward in (net, made))
    own_known, other_known = (_answers(game, forward, samples.known) for forward in (net, made))
    return made, compare(own, other, own_known, other_known, samples.values)


def compare(own: Answers, other: Answers, own_known: Answers, other_known: Answers, values: np.ndarray) -> Verdict:
    """What to think of `other` in place of `own`: in positions held out, and in known ones with values [N, K]."""
    value_error = float(np.abs(own.value - other.value).mean())
    policy_error = float(np.abs(own.policy - other.policy).sum(axis=1).mean() / 2)
    best = values.max(axis=1, initial=ILLEGAL)
    kept, kept_by_other = (
        np.take_along_axis(values, found.policy.argmax(axis=1)[:, None], axis=1)[:, 0] == best
        for found in (own_known, other_known)
    )
    worse, better = int((kept & ~kept_by_other).sum()), int((kept_by_other & ~kept).sum())
    accepted = (
        value_error <= VALUE_LIMIT and policy_error <= POLICY_LIMIT  # not where one is no number
        and worse - better <= _DEVIATIONS * math.sqrt(worse + better)
    )  # fmt: skip
    return Verdict(accepted, value_error, policy_error, worse, better)


def samples(
    game: Game, states: np.ndarray, known: tuple[np.ndarray, np.ndarray] | None, rng: np.random.Generator
) -> Samples:
    """Positions near `states` [B], of games that go on, and some of those with exact values. known: (states [M], values
    [M, A] int8, ILLEGAL where an action is not legal), as of an EvalSet."""
    recent = near(game, states, SAMPLES, rng)
    if known is None:
        return Samples(recent, game.initial_states(0), np.zeros((0, game.max_legal_actions), np.int8))
    some = rng.permutation(len(known[0]))[:SAMPLES]
    positions = known[0].take(some)
    actions, _ = game.legal_actions(positions)
    values = np.take_along_axis(known[1][some], np.maximum(actions, 0), axis=1)
    return Samples(recent, positions, np.where(actions >= 0, values, ILLEGAL))


def near(game: Game, states: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """At most `number` different positions among `states` [B], of games that go on, and those one ply after them, in a
    random order: what searches from there ask about."""
    actions, _ = game.legal_actions(states)
    parent, slot = np.nonzero(actions >= 0)
    after = game.step(states.take(parent), actions[parent, slot]).states
    found = np.concatenate([states, after[~after["terminal"]]])
    _, first = np.unique(game.key(found), return_index=True)
    return found.take(rng.permutation(first)[:number])


def _answers(
    game: Game, forward: Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]], states: np.ndarray
) -> Answers:
    actions, _ = game.legal_actions(states)
    policy = np.empty(actions.shape, dtype=np.float32)
    value = np.empty(len(states), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(states), _BATCH):
            part = slice(start, start + _BATCH)
            logits, wdl = forward(torch.from_numpy(game.observe(states[part])))
            policy[part] = priors.legal_softmax(logits.numpy(), actions[part])
            shares = wdl.softmax(1)
            value[part] = (shares[:, 0] - shares[:, 2]).numpy()
    return Answers(policy, value)
