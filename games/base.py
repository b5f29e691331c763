"""The game contract: what a game must offer, and the conventions every game keeps. Knows no search and no learning.

Conventions
-----------
* A position is one record of the game's `state_dtype`; B positions are one array [B]. Two fields exist in every game:
  ``to_play`` (0 or 1) and ``terminal`` (bool). Read fields by item: ``states["to_play"]``.
* Everything is batched, and nothing changes its input: `step` returns new states.
* `Step.reward` is what the player who just moved earns, in [-1, 1]; it is zero before the end.
* `Step.discount` is the only sign rule of the project. It multiplies a value seen by the player to move *after* the
  action into one seen by the player who made it: -1 when the opponent moves next, +1 when the same player moves again,
  0 when the game is over.
* Terminal states have no legal action, and step to themselves with reward 0 and discount 0.
* `step` trusts its actions, for speed; `Game.play` is the checked door for actions from outside.

Shape letters: B batch, K legal actions (padded), A actions, P planes, R rows, C columns.

Adding a game: copy `tic_tac_toe.py`, add a line to the table in `games/__init__.py` (or an entry point in a package of
your own), run ``selfplay games check NAME``.
"""

from __future__ import annotations

import difflib
import hashlib
from pathlib import Path
from types import ModuleType
from typing import ClassVar, NamedTuple

import numpy as np

ILLEGAL = -128  # in exact action values: the action is not legal in this position


class IllegalMove(ValueError):
    """A move or a position from outside that the rules do not allow; the message names what is allowed."""


class Step(NamedTuple):
    """What `Game.step` returns."""

    states: np.ndarray  # [B] state_dtype, the positions after the actions
    reward: np.ndarray  # [B] float32 in [-1, 1], for the player who moved
    discount: np.ndarray  # [B] float32 in {-1, 0, +1}: see the module docstring


class Yardstick(NamedTuple):
    """Positions whose exact worth is known: what the strength of an agent is measured against."""

    states: np.ndarray  # [B] state_dtype, none of them terminal
    values: np.ndarray  # [B, A] int8: +1 win, 0 draw, -1 loss for the player to move; ILLEGAL where not legal
    stage: np.ndarray  # [B] int8, index into stage_names
    stage_names: tuple[str, ...]


class Game:
    """Base class of all games. A subclass sets the class constants and writes the methods that raise here.

    An instance holds no state between calls and can be shared.
    """

    name: ClassVar[str]
    version: ClassVar[int]  # goes up when behaviour changes; stored in checkpoints
    state_dtype: ClassVar[np.dtype]
    num_actions: ClassVar[int]  # A
    max_legal_actions: ClassVar[int]  # K, the most legal actions any position has
    max_game_length: ClassVar[int]  # plies
    observation_shape: ClassVar[tuple[int, int, int]]  # (P, R, C)
    num_symmetries: ClassVar[int] = 1  # the identity, number 0, included
    move_separator: ClassVar[str] = " "  # between the moves of a game record; "" when every move is one character

    # -- rules ---------------------------------------------------------------------------------------

    def initial_states(self, batch: int) -> np.ndarray:
        """[batch] state_dtype: the starting position, `batch` times."""
        raise NotImplementedError

    def step(self, states: np.ndarray, actions: np.ndarray) -> Step:
        """Plays one legal action in each of B positions. states: [B] state_dtype, unchanged; actions: [B] int."""
        raise NotImplementedError

    def legal_actions(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Legal actions as lists: (actions [B, K] int32, ascending, padded with -1; count [B] int32)."""
        raise NotImplementedError

    def observe(self, states: np.ndarray) -> np.ndarray:
        """[B, P, R, C] float32 planes from the view of the player to move, values in [0, 1]."""
        raise NotImplementedError

    def key(self, states: np.ndarray) -> np.ndarray:
        """[B] uint64, equal for equal positions, well mixed: for caches, repetition and duplicates."""
        raise NotImplementedError

    # -- symmetries: games without them inherit the identity -------------------------------------------------------

    def symmetric_states(self, states: np.ndarray, symmetry: np.ndarray) -> np.ndarray:
        """[B] state_dtype: each position turned by its symmetry number. symmetry: [B] int in [0, num_symmetries)."""
        return states.copy()

    def symmetric_actions(self, actions: np.ndarray, symmetry: np.ndarray) -> np.ndarray:
        """[B, K] int32: the same actions after the turn. actions: [B, K] int, -1 stays -1; symmetry: [B] int."""
        return np.asarray(actions, dtype=np.int32).copy()

    # -- text --------------------------------------------------------------------------------------------

    def action_to_string(self, state: np.void, action: int) -> str:
        """The action in the game's own notation. state: one record of state_dtype."""
        raise NotImplementedError

    def to_string(self, state: np.void) -> str:
        """The board as plain text, several lines, readable without colour."""
        raise NotImplementedError

    # -- exact knowledge, where a game has it --------------------------------------------------------------

    def exact_action_values(self, states: np.ndarray) -> np.ndarray | None:
        """[B, A] int8 game-theoretic values of the actions for the player to move (ILLEGAL where not legal), or None
        when the game has no exact solver."""
        return None

    def yardstick(self) -> Yardstick | None:
        """A fixed set of positions with exact values, or None when the game has no exact solver."""
        return None

    # -- derived from the above --------------------------------------------------------------------------

    def legal_moves(self, state: np.void) -> dict[str, int]:
        """Move text → action, for one position."""
        actions, count = self.legal_actions(np.array([state], dtype=self.state_dtype))
        return {self.action_to_string(state, int(action)): int(action) for action in actions[0, : count[0]]}

    def action_from_string(self, state: np.void, text: str) -> int:
        """The action that `text` names. Raises IllegalMove, naming the legal moves, when there is none."""
        legal = self.legal_moves(state)
        if text in legal:
            return legal[text]
        if not legal:
            raise IllegalMove(f"'{shorten(text)}' cannot be played: the game is over.")
        near = difflib.get_close_matches(text[:16], legal, 1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise IllegalMove(f"'{shorten(text)}' is not a legal move here.{hint} Legal moves: {', '.join(legal)}.")

    def play(self, state: np.void, action: int) -> Step:
        """One checked action in one position; the Step has B = 1. Raises IllegalMove if the action is not legal."""
        states = np.array([state], dtype=self.state_dtype)
        actions, count = self.legal_actions(states)
        if action not in actions[0, : count[0]]:
            raise IllegalMove(f"action {action} is not legal here; legal actions: {actions[0, : count[0]].tolist()}.")
        return self.step(states, np.array([action]))

    def state_after(self, moves: str) -> np.ndarray:
        """[1] state_dtype: the position after a game record such as "4453". Raises IllegalMove, naming the ply."""
        tokens = moves.split() if self.move_separator else [text for text in moves if not text.isspace()]
        if len(tokens) > self.max_game_length:
            raise IllegalMove(f"{len(tokens)} moves were given, but a game has at most {self.max_game_length} plies.")
        states = self.initial_states(1)
        for ply, token in enumerate(tokens, start=1):
            try:
                action = self.action_from_string(states[0], token)
            except IllegalMove as error:
                raise IllegalMove(f"move {ply}: {error}") from None
            states = self.step(states, np.array([action])).states
        return states


def shorten(text: str, limit: int = 40) -> str:
    """`text` fit for an error message: at most `limit` characters, control characters escaped."""
    safe = text if text.isprintable() else ascii(text)[1:-1]
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def copied(states: np.ndarray) -> np.ndarray:
    """A writeable, C-contiguous copy of `states` [B]. NumPy copies records field by field, bytes at once."""
    if not states.flags.c_contiguous:
        return states.copy()
    return states.view(np.dtype((np.void, states.dtype.itemsize))).copy().view(states.dtype)


def kernel_ready(states: np.ndarray) -> np.ndarray:
    """`states` as a writeable, aligned, C-contiguous array, copied only if it is not one.

    Numba compiles anew for read-only and strided arrays, and would let a kernel write through a read-only record
    array without complaint: every game passes its input through here first.
    """
    return states if states.flags.carray else states.copy()


def source_digest(*modules: ModuleType) -> int:
    """A number in [0, 2**62) that changes with the source of `modules`.

    Numba's cache on disk sees edits of a kernel's own file only. A kernel that calls compiled functions of another file
    therefore takes that file's digest as the default of its last argument, ``sources=base.source_digest(kernels)``: a
    default is part of the signature under which the cache keeps the code. Functions between the two are not cached.
    """
    digest = hashlib.sha256()
    for module in modules:
        digest.update(Path(str(module.__file__)).read_bytes())
    return int.from_bytes(digest.digest()[:8], "big") >> 2


def mix64(values: np.ndarray) -> np.ndarray:
    """[B] uint64 → [B] uint64: the finaliser of splitmix64 (Steele, Lea, Flood 2014), a bijection that spreads bits."""
    x = values.astype(np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
