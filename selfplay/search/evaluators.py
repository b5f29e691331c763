"""Evaluators that need no network: uniform, random games, a hash of the position for tests; a cache around any of them.

An evaluator is a callable that maps `search.Leaves` of M positions to (prior [M, K] float32, sums to 1 over the legal
actions and is 0 on the padding; wdl [M, 3] float32, sums to 1, for the player to move). One that computes elsewhere has
`submit` too, which does not wait: what it returns does, and gives the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from games.base import Game, mix64
from selfplay.search.search import Leaves

Evaluation = tuple[np.ndarray, np.ndarray]
Answer = Callable[[], Evaluation]
"""Waits for an evaluation that was asked for with `submit`. Called once."""


class Evaluator(Protocol):
    """What a search asks for priors and values; see the module docstring."""

    def __call__(self, leaves: Leaves) -> Evaluation: ...


def submit(evaluator: Evaluator, leaves: Leaves) -> Answer:
    """Asks an evaluator for an answer that is needed later; one that has no `submit` gives it now."""
    found: Answer | None = getattr(evaluator, "submit", lambda _: None)(leaves)
    if found is None:
        evaluation = evaluator(leaves)
        return lambda: evaluation
    return found


class UniformEvaluator:
    """Every legal action alike, every position a draw: search on its own."""

    def __call__(self, leaves: Leaves) -> Evaluation:
        prior = (leaves.actions >= 0).astype(np.float32)
        prior /= np.maximum(leaves.count, 1)[:, None]
        wdl = np.zeros((len(leaves.rows), 3), dtype=np.float32)
        wdl[:, 1] = 1.0
        return prior, wdl


class RolloutEvaluator:
    """Every legal action alike, and the outcome of one random game as the value, in which all was won, drawn or lost.

    The game follows from position and seed, so the answer is the same whenever and wherever asked: a search averages
    over the positions that it visits, not over games from one.
    """

    def __init__(self, game: Game, seed: int = 0) -> None:
        self.game = game
        self._offset = np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)  # as in HashEvaluator
        self._uniform = UniformEvaluator()

    def __call__(self, leaves: Leaves) -> Evaluation:
        prior, wdl = self._uniform(leaves)
        outcome = self.game.playouts(leaves.states, mix64(self.game.key(leaves.states) ^ self._offset))
        wdl[:] = np.arange(1, -2, -1) == outcome[:, None]
        return prior, wdl


class HashEvaluator:
    """Priors and values drawn from a hash of the position: arbitrary, yet the same whenever and wherever asked."""

    def __init__(self, game: Game, seed: int = 0) -> None:
        self.game = game
        self._offset = np.uint64(seed * 0x9E3779B97F4A7C15 % 2**64)  # as a Python int: NumPy's scalars warn of overflow

    def __call__(self, leaves: Leaves) -> Evaluation:
        key = self.game.key(leaves.states) + self._offset
        width = leaves.actions.shape[1]
        salt = np.arange(1, width + 4, dtype=np.uint64)
        draws = (mix64((key[:, None] + salt * np.uint64(0xD1B54A32D192ED03)).ravel()) >> np.uint64(40)) / 2.0**24
        draws = draws.reshape(len(key), width + 3)
        weights = np.where(leaves.actions >= 0, draws[:, :width] + 0.05, 0.0)
        wdl = draws[:, width:] + 0.01
        return (
            (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32),
            (wdl / wdl.sum(axis=1, keepdims=True)).astype(np.float32),
        )


class CachedEvaluator:
    """Remembers answers by `game.key`: one table, a new entry overwrites the one in its place. A position that a batch
    holds several times is asked about once.

    With `symmetric`, positions that a symmetry of the game turns into each other are one: the evaluator is asked about
    the one of them with the least key, and its priors are turned back. Answers are then those of a network that is
    exactly symmetric, which differ from the network's own unless it is one.

    Clear it whenever the answers of the evaluator inside change (new weights).
    """

    def __init__(self, inner: Evaluator, game: Game, entries: int, symmetric: bool = False) -> None:
        """entries: how many positions to hold, rounded up to a power of two."""
        self.inner, self.game = inner, game
        self.symmetric = symmetric and game.num_symmetries > 1
        size = 1 << max(entries - 1, 1).bit_length()
        self._slot_mask = np.uint64(size - 1)
        self._keys = np.zeros(size, dtype=np.uint64)  # 0: empty (no game gives a position the key 0)
        self._prior = np.zeros((size, game.max_legal_actions), dtype=np.float32)
        self._wdl = np.zeros((size, 3), dtype=np.float32)
        self.hits = 0  # lookups that were remembered
        self.merged = 0  # lookups of a position that is in the same batch already, and was not remembered
        self.lookups = 0

    def clear(self) -> None:
        self._keys[:] = 0

    def __call__(self, leaves: Leaves) -> Evaluation:
        return self.submit(leaves)()

    def submit(self, leaves: Leaves) -> Answer:
        """Asks the evaluator inside for what is not remembered; its answer is remembered once it is taken."""
        if not self.symmetric:
            return self._submit(leaves, self.game.key(leaves.states))
        turned, keys, order = _turned(self.game, leaves)
        answer = self._submit(turned, keys)

        def turn_back() -> Evaluation:
            prior, wdl = answer()
            back = np.empty_like(prior)
            np.put_along_axis(back, order, prior, axis=1)
            return back, wdl

        return turn_back

    def _submit(self, leaves: Leaves, keys: np.ndarray) -> Answer:
        slots = (keys & self._slot_mask).astype(np.int64)
        hit = self._keys[slots] == keys
        self.lookups += len(keys)
        found = int(np.count_nonzero(hit))
        self.hits += found
        if found == len(keys):
            known = self._prior[slots], self._wdl[slots]
            return lambda: known
        missed = np.flatnonzero(~hit)
        _, first, which = np.unique(keys[missed], return_index=True, return_inverse=True)
        self.merged += len(missed) - len(first)
        rows = missed[first]
        prior, wdl = self._prior[slots], self._wdl[slots]
        some = submit(self.inner, Leaves(*(field[rows] for field in leaves)))

        def take() -> Evaluation:
            new_prior, new_wdl = some()
            prior[missed], wdl[missed] = new_prior[which], new_wdl[which]
            self._store(slots[rows], keys[rows], new_prior, new_wdl)
            return prior, wdl

        return take

    def _store(self, slots: np.ndarray, keys: np.ndarray, prior: np.ndarray, wdl: np.ndarray) -> None:
        # Two of these positions may want one slot: keep the last, whole.
        _, last = np.unique(slots[::-1], return_index=True)
        last = len(slots) - 1 - last
        self._keys[slots[last]], self._prior[slots[last]], self._wdl[slots[last]] = keys[last], prior[last], wdl[last]


def _turned(game: Game, leaves: Leaves) -> tuple[Leaves, np.ndarray, np.ndarray]:
    """(leaves turned to the least key among all symmetries, with ascending actions; those keys [M]; order [M, K]: the
    place, among each leaf's own actions, of each of its turned ones)."""
    states, keys = leaves.states, game.key(leaves.states)
    least = np.zeros(len(keys), dtype=np.int64)
    for symmetry in range(1, game.num_symmetries):
        of_turned = game.key(game.symmetric_states(states, np.full(len(keys), symmetry)))
        least[of_turned < keys] = symmetry
        keys = np.minimum(keys, of_turned)
    actions = game.symmetric_actions(leaves.actions, least)
    order = np.argsort(np.where(actions < 0, game.num_actions, actions), axis=1, kind="stable")
    actions = np.take_along_axis(actions, order, axis=1)
    return leaves._replace(states=game.symmetric_states(states, least), actions=actions), keys, order
