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
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import ClassVar, NamedTuple, Protocol

import numpy as np

from games import appearance
from games.protocols import HubText, UciText

ILLEGAL = -128  # in exact action values: the action is not legal in this position
WEYL = np.uint64(0x9E3779B97F4A7C15)  # odd, 2**64 over the golden ratio: adding it runs through all words evenly


class IllegalMove(ValueError):
    """A move or a position from outside that the rules do not allow; the message names what is allowed."""


class Step(NamedTuple):
    """What `Game.step` returns."""

    states: np.ndarray  # [B] state_dtype, the positions after the actions
    reward: np.ndarray  # [B] float32 in [-1, 1], for the player who moved
    discount: np.ndarray  # [B] float32 in {-1, 0, +1}: see the module docstring


class EvalSet(NamedTuple):
    """Positions whose exact worth is known: what the strength of an agent is measured against."""

    states: np.ndarray  # [B] state_dtype, none of them terminal
    values: np.ndarray  # [B, A] int8: +1 win, 0 draw, -1 loss for the player to move; ILLEGAL where not legal
    stage: np.ndarray  # [B] int8, index into stage_names
    stage_names: tuple[str, ...]


class Engine(Protocol):
    """A game's own opponent, such as alpha–beta: asked about one position at a time."""

    def best_action(self, state: np.void, depth: int | None = None, nodes: int | None = None) -> int:
        """The action to play in a position that is not terminal, found within `depth` moves and `nodes` positions."""


RESULTS = {1.0: "1-0", 0.5: "1/2-1/2", 0.0: "0-1", None: "*"}  # points of seat 0 as records have them


class GameRecord(NamedTuple):
    """One game as it was played, for files."""

    start: np.ndarray  # [1] state_dtype
    actions: list[int]
    tags: dict[str, str]  # what is known of it, in order: "First" and "Second" name the players of seats 0 and 1
    comments: dict[int, str]  # by index of the action that they follow; −1: before the first
    result: float | None = None  # points of seat 0 where the game ended otherwise than by the rules; None: by them


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
    record_suffix: ClassVar[str] = "txt"  # of files with game records
    seat_names: ClassVar[tuple[str, str]] = ("First", "Second")  # what people call the players of seats 0 and 1
    pieces: ClassVar[dict[str, appearance.Piece]] = {}  # by mark: what `board` puts on cells
    has_fen: ClassVar[bool] = False  # positions can be given and told as FEN; without it, by the moves that lead there

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

    # -- text --------------------------------------------------------------------------------------------

    def action_to_string(self, state: np.void, action: int) -> str:
        """The action in the game's own notation. state: one record of state_dtype."""
        raise NotImplementedError

    def move_to_string(self, state: np.void, actions: Sequence[int]) -> str:
        """A whole move: `actions` of one player in a row from `state`, almost always a single one."""
        texts = []
        for action in actions:
            texts.append(self.action_to_string(state, action))
            state = self.step(np.array([state], dtype=self.state_dtype), np.array([action])).states[0]
        return self.move_separator.join(texts)

    def to_string(self, state: np.void) -> str:
        """The board as plain text, several lines, readable without colour."""
        raise NotImplementedError

    def board(self, state: np.void) -> appearance.Board | None:
        """The position as cells to be drawn; None where `to_string` is all there is."""
        return None

    def move_names(self, state: np.void) -> dict[str, int]:
        """Legal actions by other names that people know them by, as SAN in chess; none by default."""
        return {}

    def move_in_words(self, state: np.void, actions: Sequence[int]) -> str:
        """A whole move as it is said: "column 4", "knight g1 to f3"."""
        return self.move_to_string(state, actions)

    def from_fen(self, text: str) -> np.ndarray:
        """[1] state_dtype: the position that `text` describes. Raises IllegalMove, saying what is wrong, also for a
        game without FEN."""
        raise IllegalMove(f"positions of {self.name} have no FEN; give the moves that lead there instead.")

    def to_fen(self, state: np.void) -> str | None:
        """The position as FEN, or None where there is none for it."""
        return None

    def write_record(self, record: GameRecord) -> str:
        """The game as text that ends with a newline, in the game's own format."""
        from games.text import records as records

        return records.write(self, record)

    def read_records(self, text: str) -> list[GameRecord]:
        """The games in a text of that format. Raises IllegalMove, saying which game and move is wrong."""
        from games.text import records as records

        return records.read(self, text)

    def uci_text(self) -> UciText | None:
        """How the game is written in UCI, for engines and interfaces of others; None where there is no such way."""
        return None

    def hub_text(self) -> HubText | None:
        """How the game is written in the Hub protocol; None where there is no such way."""
        return None

    # -- exact knowledge, where a game has it --------------------------------------------------------------

    def exact_action_values(self, states: np.ndarray) -> np.ndarray | None:
        """[B, A] int8 game-theoretic values of the actions for the player to move (ILLEGAL where not legal), or None
        when the game has no exact solver."""
        return None

    def yardstick(self) -> EvalSet | None:
        """A fixed set of positions with exact values, or None when the game has no exact solver."""
        return None

    def stones(self, states: np.ndarray) -> np.ndarray | None:
        """[B, R, C] int8: the boards as stones, 0 empty, +1 of seat 0, −1 of seat 1, rows and columns as in `observe`;
        None where a position is more than that."""
        return None

    def faults(self, stones: np.ndarray) -> np.ndarray | None:
        """[B] str: what keeps each of the boards [B, R, C] of such stones from coming up in a game, "" where nothing
        does; exact. None where a game cannot tell."""
        return None

    # -- rough knowledge, for reference players --------------------------------------------------------------

    def heuristic(self, states: np.ndarray) -> np.ndarray:
        """[B] float32 in [-1, 1]: who is ahead at a glance, for the player to move; by material, say. 0: no idea."""
        return np.zeros(len(states), dtype=np.float32)

    def engine(self) -> Engine | None:
        """A new engine of the game's own, or None where it has none."""
        return None

    def openings(self) -> np.ndarray | None:
        """[N] state_dtype: positions that matches begin from, by custom; None where a game has no such list."""
        return None

    def perft(self, state: np.void, depth: int) -> int:
        """Number of sequences of `depth` whole moves from `state`. A game may count faster than this does, and then
        looks past draws that depend on a game's history, as published counts do."""
        from games.checks import perft

        return perft.perft(self, depth, np.array([state], dtype=self.state_dtype))

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

    def play_text(self, states: np.ndarray, text: str) -> np.ndarray:
        """[1] state_dtype: the position after the move `text` in states [1]. Raises IllegalMove, as
        action_from_string."""
        return self.step(states, np.array([self.action_from_string(states[0], text)])).states

    def state_after(self, moves: str, start: np.ndarray | None = None) -> np.ndarray:
        """[1] state_dtype: the position after a game record such as "4453", from `start` [1] or the game's start.
        Raises IllegalMove, naming the move."""
        tokens = moves.split() if self.move_separator else [text for text in moves if not text.isspace()]
        if len(tokens) > self.max_game_length:
            raise IllegalMove(f"{len(tokens)} moves were given, but a game has at most {self.max_game_length} plies.")
        states = self.initial_states(1) if start is None else start
        for number, token in enumerate(tokens, start=1):
            try:
                states = self.play_text(states, token)
            except IllegalMove as error:
                raise IllegalMove(f"move {number}: {error}") from None
        return states


def score(game: Game, start: np.ndarray, actions: Sequence[int]) -> float | None:
    """Points of seat 0, 1, 0.5 or 0, after `actions` from `start` [1]; None while the game goes on, and where it was
    over at the start."""
    states, found = start, None
    for action in actions:
        gain = 1 if states["to_play"][0] == 0 else -1
        step = game.step(states, np.array([action]))
        states = step.states
        if step.discount[0] == 0 and found is None:
            found = 0.5 + 0.5 * gain * float(np.sign(step.reward[0]))
    return found


def points_of(result: str) -> float | None:
    """The inverse of RESULTS; None for anything else."""
    return next((points for points, text in RESULTS.items() if text == result), None)


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
