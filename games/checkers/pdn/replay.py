"""A game played again from the texts of its moves. A text may mean several jumps; what follows tells which.

All ways to read the moves so far are kept side by side, each with its position: a way ends where the next move is not
legal in it. Knows the rules and the texts of moves, no tags, no results and no files.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from games import base
from games.checkers import moves, rules

MAX_LINES = 64  # ways to read a game, at one time


class Choice(NamedTuple):
    """A text that may mean several moves, and one of them."""

    number: int  # of the whole move, from 1
    text: str
    path: str


class Line(NamedTuple):
    """One way to read the moves."""

    states: np.ndarray  # [1] state_dtype
    actions: list[int]
    ends: tuple[int, ...] = ()  # plies after each whole move
    loose: int = 0  # moves that are named by less than all their squares
    choices: tuple[Choice, ...] = ()
    drawn: tuple[int, str] | None = None  # plies and reason, where a draw was not claimed and play went on

    @property
    def moves(self) -> int:
        """Whole moves."""
        return len(self.ends)


class Replay:
    """The ways to read the moves of one game so far, at least one."""

    def __init__(self, game: rules.Checkers, start: np.ndarray) -> None:
        self.game = game
        self.lines = [Line(start, [])]

    def play(self, text: str) -> None:
        """Adds a move. Raises IllegalMove where no way to read the moves before allows it."""
        going = [self._played_on(line) for line in self.lines]
        found = [after for line in going for after in self._after(line, text)]
        if not found:
            number = going[0].moves + 1
            if len(going[0].actions) >= self.game.max_game_length:
                raise base.IllegalMove(f"a game has at most {self.game.max_game_length} plies.")
            raise base.IllegalMove(f"move {number}: {moves.illegal(self.game, going[0].states[0], text)}")
        self.lines = found if len(found) == 1 else _distinct(found)
        if len(self.lines) > MAX_LINES:
            raise base.IllegalMove(f"move {self.lines[0].moves}: {_doubt(self.lines)}; name all squares.")

    def _after(self, line: Line, text: str) -> list[Line]:
        if len(line.actions) >= self.game.max_game_length:
            return []
        readings = moves.squares_named(text)
        found = [
            (move, move.squares != each) for each in readings for move in moves.meant(self.game, line.states, each)
        ]
        doubtful = len(found) > 1 and len({moves.placement(move.states[0]) for move, _ in found}) > 1
        number = line.moves + 1
        return [
            Line(
                move.states,
                [*line.actions, *move.actions],
                (*line.ends, len(line.actions) + len(move.actions)) if move.complete else line.ends,
                line.loose + loose,
                (*line.choices, Choice(number, text, move.path)) if doubtful else line.choices,
                line.drawn,
            )
            for move, loose in found
        ]

    def _played_on(self, line: Line) -> Line:
        """The line as it is for a player who does not claim a draw."""
        if not line.states["terminal"][0]:
            return line
        going = self.game.unclaimed(line.states)
        if going["terminal"][0]:
            return line
        repeated = int(line.states["clock"][0]) < self.game.quiet_plies
        reason = "a position occurred for the third time" if repeated else "nothing was captured and no man moved"
        return line._replace(states=going, drawn=line.drawn or (len(line.actions), reason))

    def finish(self) -> Line:
        """The one way to read the game. Raises IllegalMove where there is none, or more than one."""
        whole = [line for line in self.lines if not line.states["jumper"][0]]
        if not whole:
            raise base.IllegalMove(f"the game ends in the middle of a jump, which goes on: {self._rest()}.")
        fewest = min(line.loose for line in whole)
        best = [line for line in whole if line.loose == fewest]
        if len(best) > 1:
            raise base.IllegalMove(f"{_doubt(best)}, and all that follows allows both; name all squares.")
        return best[0]

    def _rest(self) -> str:
        return " or ".join(move.path for move in moves.legal(self.game, self.lines[0].states[0]))


def after(game: rules.Checkers, texts: Iterable[str]) -> Line:
    """A game from the start position."""
    replayed = Replay(game, game.initial_states(1))
    for text in texts:
        replayed.play(text)
    return replayed.finish()


def _distinct(lines: Iterable[Line]) -> list[Line]:
    """One line a position, the one that names most squares."""
    found: dict[tuple[int, ...], Line] = {}
    for line in lines:
        key = moves.placement(line.states[0])
        if key not in found or line.loose < found[key].loose:
            found[key] = line
    return list(found.values())


def _doubt(lines: list[Line]) -> str:
    """In which move two lines differ, as the beginning of a sentence."""
    for ours, theirs in zip(lines[0].choices, lines[1].choices, strict=False):
        if ours != theirs:
            return f"'{base.shorten(ours.text)}' (move {ours.number}) can mean {ours.path} or {theirs.path}"
    return "the moves can be read in more than one way"


def outcome(game: rules.Checkers, states: np.ndarray) -> float | None:
    """Points of seat 0 where the rules ended the game in states [1]; None while it goes on."""
    if not states["terminal"][0]:
        return None
    if not game.unclaimed(states)["terminal"][0]:
        return 0.5
    return float(states["to_play"][0])  # who cannot move has lost
