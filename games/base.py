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
* `step` trusts its actions, for speed; `Game.play` checks actions from outside.

Facets
------
Whatever else can be asked of a game lies in five facets, each a class with defaults that work from the rules alone:
`games.notation.Notation` (moves, positions and games as text), `games.protocols.Protocols` (UCI, Hub),
`games.appearance.Appearance` (a board to draw, names, words), `games.knowledge.Knowledge` (solver, heuristic, engine,
openings) and `games.endgames.tables.Endgames` (exact tables of positions with few pieces). ``games.facet(game,
Notation)`` gives a game's own, or the default. A game names its own classes in `Game.facets`, as text, so that they are
imported when first asked for: facets import their game's rules, never the reverse.

Shape letters: B batch, K legal actions (padded), A actions, P planes, R rows, C columns.

Speed, on one core, for step, legal_actions, observe and key together: rules that are asked about one position at a time
make about 20 thousand positions a second, NumPy on batches of 1,024 3.8 million (tic-tac-toe), Numba kernels 14 million
(connect four) and, for whole random games in one call, 47 million moves.

Adding a game: copy `tic_tac_toe.py`, add a line to the table in `games/__init__.py` (or an entry point in a package of
your own), run ``selfplay games check NAME``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import ClassVar, NamedTuple

import numpy as np

ILLEGAL = -128  # in exact action values: the action is not legal in this position
WEYL = np.uint64(0x9E3779B97F4A7C15)  # odd, 2**64 over the golden ratio: adding it runs through all words evenly


class IllegalMove(ValueError):
    """A move or a position from outside that the rules do not allow; the message names what is allowed."""


class Step(NamedTuple):
    """What `Game.step` returns."""

    states: np.ndarray  # [B] state_dtype, the positions after the actions
    reward: np.ndarray  # [B] float32 in [-1, 1], for the player who moved
    discount: np.ndarray  # [B] float32 in {-1, 0, +1}: see the module docstring


class CompiledRules(NamedTuple):
    """A game's rules as compiled functions, which other compiled code can call; arrays are C-contiguous. Each has one
    signature only, since it is called by its address."""

    step: Callable[
        ..., None
    ]  # (states [B], actions [B] int32, reward [B] float32, discount [B] float32): plays in place
    legal_actions: Callable[..., None]  # (states [B], actions [B, K] int32, count [B] int32): writes both


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
    facets: ClassVar[Mapping[str, str]] = {}  # "package.module:Class" by kind: "notation", "protocols", …; see above

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

    def unclaimed(self, states: np.ndarray) -> np.ndarray:
        """[B] state_dtype: the positions as they are for players who go on where our rules end the game although theirs
        do not: at a draw that a player has to claim, and at `max_game_length`. Their history begins anew there. All
        other positions stay as they are: those of games that go on, and of games that are over for everybody."""
        return states.copy()

    def compiled_rules(self) -> CompiledRules | None:
        """`step` and `legal_actions` for callers that are compiled themselves, such as proofs of results near the end
        of a game; None: there are none. They write exactly what the methods of that name return."""
        return None

    def action_planes(self) -> np.ndarray | None:
        """[A] int64: the place of each action on planes × rows × columns of the board, flattened in this order, for a
        network whose policy is planes over the board, as AlphaZero's is; None where actions have no such place."""
        return None

    # -- symmetries: games without them inherit the identity -------------------------------------------------------

    def symmetric_states(self, states: np.ndarray, symmetry: np.ndarray) -> np.ndarray:
        """[B] state_dtype: each position turned by its symmetry number. symmetry: [B] int in [0, num_symmetries)."""
        return states.copy()

    def symmetric_actions(self, actions: np.ndarray, symmetry: np.ndarray) -> np.ndarray:
        """[B, K] int32: the same actions after the turn. actions: [B, K] int, -1 stays -1; symmetry: [B] int."""
        return np.asarray(actions, dtype=np.int32).copy()

    # -- text ------------------------------------------------------------------------------------------------------

    def action_to_string(self, state: np.void, action: int) -> str:
        """The action in the game's own notation, without spaces. state: one record of state_dtype."""
        raise NotImplementedError

    def to_string(self, state: np.void) -> str:
        """The board as plain text, several lines, readable without colour."""
        raise NotImplementedError

    # -- random play -------------------------------------------------------------------------------------

    def playouts(self, states: np.ndarray, seeds: np.ndarray, plies: np.ndarray | None = None) -> np.ndarray:
        """[B] int8: outcomes of uniformly random games from B positions, +1, 0 or -1 for the player to move there; a
        reward between is taken by its sign, and a game that is over already has the outcome 0.

        seeds: [B] uint64; equal seeds give equal games, whatever else is in the batch. Adds each game's length to plies
        [B] int64, if given. A game may do this faster, but plays these very games: at its n-th move (n = 1, 2, …) the
        action's place in the list is mix64(mix64(seed) + n * WEYL), its upper half, times count, over 2**32.
        """
        outcome = np.zeros(len(states), dtype=np.int8)
        games = np.flatnonzero(~states["terminal"])  # which of the B are going on, one in each row of what follows
        going, stream, view = states.take(games), mix64(np.asarray(seeds)[games]), np.ones(len(games), np.float32)
        for _ in range(self.max_game_length):
            if not len(games):
                break
            actions, count = self.legal_actions(going)
            stream = stream + WEYL
            place = (mix64(stream) >> np.uint64(32)) * count.astype(np.uint64) >> np.uint64(32)
            step = self.step(going, actions[np.arange(len(games)), place.astype(np.int64)])
            outcome[games] = np.sign(view * step.reward)  # 0 before the end
            if plies is not None:
                plies[games] += 1
            live = np.flatnonzero(step.discount)
            going, view = step.states, view * step.discount
            if len(live) < len(games):
                games, going, stream, view = games[live], going.take(live), stream[live], view[live]
        return outcome

    # -- derived from the above --------------------------------------------------------------------------

    def legal_moves(self, state: np.void) -> dict[str, int]:
        """Move text → action, for one position."""
        actions, count = self.legal_actions(np.array([state], dtype=self.state_dtype))
        return {self.action_to_string(state, int(action)): int(action) for action in actions[0, : count[0]]}

    def play(self, state: np.void, action: int) -> Step:
        """One checked action in one position; the Step has B = 1. Raises IllegalMove if the action is not legal."""
        states = np.array([state], dtype=self.state_dtype)
        actions, count = self.legal_actions(states)
        if action not in actions[0, : count[0]]:
            raise IllegalMove(f"action {action} is not legal here; legal actions: {actions[0, : count[0]].tolist()}.")
        return self.step(states, np.array([action]))

    def __getstate__(self) -> dict[str, object]:
        """Facets are left out of pickles and copies, and made anew when asked for."""
        return {name: value for name, value in self.__dict__.items() if name != "_facets"}


def shorten(text: str, limit: int = 40) -> str:
    """`text` fit for an error message: at most `limit` characters, control characters escaped."""
    safe = text if text.isprintable() else ascii(text)[1:-1]
    return safe if len(safe) <= limit else safe[: limit - 1] + "…"


def copied(states: np.ndarray) -> np.ndarray:
    """A writeable, C-contiguous copy of `states` [B]. NumPy copies records field by field, bytes at once."""
    if not states.flags.c_contiguous:
        return states.copy()
    return states.view(np.dtype((np.void, states.dtype.itemsize))).copy().view(states.dtype)


def picked(states: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """``states[rows]``, a new array; states [B] contiguous, rows [N] int. As in `copied`, bytes are copied at once."""
    return states.view(np.dtype((np.void, states.dtype.itemsize))).take(rows).view(states.dtype)


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
