"""A game in progress between people and agents: moves, taking them back and playing them again, clocks, records. Knows
no players and no terminal.

A move here is a whole one: all that a player does before the other is to move, in one action or several.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

import games
from games import base
from games.base import Game
from games.knowledge import Knowledge
from games.notation import Notation
from games.text import records, whole_moves
from games.text.records import GameRecord
from selfplay import errors
from selfplay.errors import UserError
from selfplay.players import levels
from selfplay.players import time_manager as clocks

MAX_MINUTES, MAX_INCREMENT = 1000, 3600
_NUMBER = re.compile(r"\d+\.+")  # of a move, as in "1. e4 e5 2. Nf3"


class PlayedMove(NamedTuple):
    """A whole move that was played."""

    mover: int  # seat
    actions: tuple[int, ...]
    text: str  # as people write it
    before: np.ndarray  # [1] state_dtype
    comment: str
    clocks: tuple[float, float] | None  # seconds left of both seats, before it


class GameSession:
    """One game: from `start` through `moves` to `states`; `ahead` are moves that were taken back, the next one last."""

    def __init__(self, game: Game, clock: TwoClocks | None = None) -> None:
        self.game, self.clock = game, clock
        self.notation = games.facet(game, Notation)
        self.set_up(game.initial_states(1))

    def set_up(self, start: np.ndarray) -> None:
        """A new game from start [1]."""
        self.start, self.states = start, start
        self.moves: list[PlayedMove] = []
        self.ahead: list[PlayedMove] = []
        self.agreed: float | None = None  # points of seat 0 in a game that ended otherwise than by the rules
        self.reason = ""  # why it did
        if self.clock:
            self.clock.reset()

    def copy(self, other: GameSession) -> None:
        """Takes the game of another session; the clocks start anew."""
        self.set_up(other.start)
        self.states, self.moves, self.ahead = other.states, list(other.moves), list(other.ahead)
        self.agreed, self.reason = other.agreed, other.reason

    @property
    def to_play(self) -> int:
        return int(self.states["to_play"][0])

    @property
    def over(self) -> bool:
        return self.agreed is not None or bool(self.states["terminal"][0])

    @property
    def actions(self) -> list[int]:
        """Since the start."""
        return [action for move in self.moves for action in move.actions]

    @property
    def points(self) -> float | None:
        """Of seat 0: 1, 0.5 or 0; None while the game goes on, or where it was over when it was set up."""
        return self.agreed if self.agreed is not None else records.score(self.game, self.start, self.actions)

    @property
    def before(self) -> np.ndarray | None:
        """[1] the position that the last move was played in."""
        return self.moves[-1].before if self.moves else None

    # -- moves -------------------------------------------------------------------------------------------

    def play(self, actions: Sequence[int], comment: str = "") -> PlayedMove:
        """Plays legal actions of the player to move; those that go on with an unfinished move are joined to it."""
        mover, before, whole = self.to_play, self.states, tuple(actions)
        clocks = self.clock.press(mover) if self.clock else None
        if self._unfinished:
            last = self.moves.pop()
            before, whole, clocks = last.before, last.actions + whole, last.clocks
        for action in actions:
            self.states = self.game.play(self.states[0], action).states
        move = PlayedMove(mover, whole, self.notation.move_in_short(before[0], whole), before, comment, clocks)
        self.moves.append(move)
        if self.ahead and self.ahead[-1].actions == whole:
            self.ahead.pop()
        else:
            self.ahead = []
        return move

    @property
    def _unfinished(self) -> bool:
        return bool(self.moves) and not self.states["terminal"][0] and self.moves[-1].mover == self.to_play

    def undo(self) -> PlayedMove | None:
        """Takes the last move back, with the clocks; None where there is none."""
        if not self.moves:
            return None
        self.agreed, self.reason = None, ""
        move = self.moves.pop()
        self.ahead.append(move)
        self.states = move.before
        if self.clock and move.clocks:
            self.clock.reset(move.clocks)
        return move

    def redo(self) -> PlayedMove | None:
        """Plays a move again that was taken back, the latest first; None where there is none."""
        if not self.ahead:
            return None
        move = self.ahead[-1]
        return self.play(move.actions, move.comment)

    def read(self, text: str) -> list[int]:
        """The actions that `text` names: by the game's notation, by another name, whole moves or their first parts.

        Raises IllegalMove, naming the legal moves."""
        state = self.states[0]
        known = {**self.notation.whole_moves(self.states), **_singly(self.notation.move_names(state))}
        for simple in (str, _without_signs, _careless):
            alike = {tuple(actions) for name, actions in known.items() if simple(name) == simple(text)}
            if len(alike) == 1:
                return list(alike.pop())
        try:
            after = self.notation.play_text(self.states, text)
        except base.IllegalMove:
            names = self.notation.move_names(state)
            if not names:
                raise
            hint = errors.suggest(text[:16], [*names, *known])
            raise base.IllegalMove(
                f"'{errors.shorten(text)}' is not a legal move here.{hint} Legal moves: {', '.join(names)}."
            ) from None
        for move in whole_moves.legal(self.game, self.states, beginnings=True):
            if all(np.array_equal(move.after[name], after[name]) for name in self.game.state_dtype.names or ()):
                return list(move.actions)
        raise base.IllegalMove(f"'{errors.shorten(text)}' cannot be played here.")

    def play_record(self, text: str) -> None:
        """Plays moves as they are written one after the other: "4453", "1. e4 e5 2. Nf3". Raises IllegalMove, naming
        the move; those before it have been played then."""
        moves = [token for token in self.notation.split(text) if not _NUMBER.fullmatch(token)]
        for number, token in enumerate(moves, start=1):
            try:
                self.play(self.read(_NUMBER.sub("", token) if self.notation.move_separator else token))
            except base.IllegalMove as error:
                raise base.IllegalMove(f"move {number}: {error}") from None

    def names(self) -> list[str]:
        """All that `read` would take as a move here, the names that people use first."""
        return [*self.notation.move_names(self.states[0]), *self.notation.whole_moves(self.states)]

    # -- records -----------------------------------------------------------------------------------------

    def run_out_of_time(self, seat: int, name: str) -> None:
        """Ends the game where the clock of `seat` has run out: lost, or drawn where the other could not win by any
        moves. name: of the seat."""
        if games.facet(self.game, Knowledge).can_win(self.states, 1 - seat)[0]:
            self.end(float(seat == 1), f"{name} ran out of time")
        else:
            self.end(0.5, f"{name} ran out of time, and the other side cannot win")

    def end(self, points: float, reason: str) -> None:
        """Ends the game otherwise than by the rules. points: of seat 0."""
        self.agreed, self.reason = points, reason

    def record(self, players: Sequence[str], tags: Mapping[str, str]) -> GameRecord:
        """The game with its comments. players: of seats 0 and 1."""
        comments, played = {}, -1
        for move in self.moves:
            played += len(move.actions)
            if move.comment:
                comments[played] = move.comment
        told = {"First": players[0], "Second": players[1], **tags}
        if self.reason:
            told["Termination"] = self.reason
        return GameRecord(self.start, self.actions, told, comments, self.agreed)

    def load(self, record: GameRecord) -> None:
        """The game of a record, at its end."""
        self.set_up(record.start)
        index = 0
        for move in whole_moves.split(self.game, record.start, record.actions, checked=True):
            self.states = move.before  # where a draw was not claimed, another than the last move led to
            comments = [record.comments.get(index + k, "") for k in range(len(move.actions))]
            self.play(move.actions, " ".join(filter(None, comments)))
            index += len(move.actions)
        if record.result is not None and not self.over:
            self.end(record.result, record.tags.get("Termination", "as the record says"))


def _without_signs(text: str) -> str:
    """A move without what only comments on it: check, mate, praise."""
    return text.rstrip("+#!?")


def _careless(text: str) -> str:
    """The same without regard to capitals and to common variants of spelling: "0-0" for "O-O", "e8q" for "e8=Q"."""
    return _without_signs(text).lower().replace("=", "").replace("0", "o")


def _singly(names: Mapping[str, int]) -> dict[str, list[int]]:
    return {name: [action] for name, action in names.items()}


def variation(game: Game, states: np.ndarray, actions: Sequence[int], most: int = 8) -> list[str]:
    """The first whole moves of a sequence of actions from states [1], as people write them."""
    notation = games.facet(game, Notation)
    moves = itertools.islice(whole_moves.split(game, states, actions), most)
    return [notation.move_in_short(move.before[0], move.actions) for move in moves]


@dataclasses.dataclass
class Strength:
    """How an agent plays."""

    simulations: int
    temperature: float  # moves are drawn from the search's policy ** (1 / temperature); 0: the best
    level: int | None = None  # where it was set by one

    def as_level(self) -> levels.Level:
        return levels.Level(self.level or 0, self.simulations, self.temperature)


@dataclasses.dataclass
class TwoClocks:
    """Two clocks, of which at most one runs."""

    seconds: float  # each at the start
    increment: float  # seconds that a move brings

    def __post_init__(self) -> None:
        self.reset()

    def reset(self, left: tuple[float, float] | None = None) -> None:
        """Stopped, with so many seconds left."""
        self._left = list(left or (self.seconds, self.seconds))
        self._running: tuple[int, float] | None = None  # seat, since when

    def run(self, seat: int) -> None:
        """Lets a seat's clock run, if it does not."""
        if self._running is None or self._running[0] != seat:
            self.stop()
            self._running = (seat, time.monotonic())

    def stop(self) -> None:
        """Stops both."""
        if self._running is not None:
            seat, _ = self._running
            self._left[seat], self._running = self.left(seat), None

    def press(self, seat: int) -> tuple[float, float]:
        """A move was made; seconds left before it."""
        before = (self._left[0], self._left[1])
        self.stop()
        self._left[seat] += self.increment
        return before

    def left(self, seat: int) -> float:
        """Seconds; negative when the time is up."""
        used = 0.0
        if self._running is not None and self._running[0] == seat:
            used = time.monotonic() - self._running[1]
        return self._left[seat] - used

    def share(self, seat: int, plies_left: int) -> float:
        """Seconds that a move may sensibly take. plies_left: until the game ends at the latest."""
        return max(0.05, clocks.budget(clocks.Clock(self.left(seat), self.increment), plies_left, 0.1).usual)


def clock(text: str) -> TwoClocks:
    """Clocks from "5+3": five minutes and three seconds a move. Raises UserError."""
    found = re.fullmatch(r"(\d{1,4}(?:\.\d+)?)(?:\+(\d{1,4}))?", text.strip(), re.ASCII)
    minutes, increment = (float(found[1]), float(found[2] or 0)) if found else (0.0, 0.0)
    if not 0 < minutes <= MAX_MINUTES or increment > MAX_INCREMENT:
        raise UserError(
            f"'{errors.shorten(text)}' is no clock: expected minutes and seconds a move, such as 5+3, with at most "
            f"{MAX_MINUTES} minutes and {MAX_INCREMENT} seconds."
        )
    return TwoClocks(60 * minutes, increment)
