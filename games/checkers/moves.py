"""Whole moves of checkers: the plies of one side in a row, a step or a jump to its end. Knows the rules, no notation
but a move's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from games import base
from games.checkers import board
from games.text import whole_moves

_MAX_TEXT = 60  # characters: a jump over nine pieces, with spaces, needs 50


class CheckersMove(NamedTuple):
    """A whole move from some position, or the beginning of a jump."""

    squares: tuple[int, ...]  # numbers 1–32: start, every landing square
    actions: tuple[int, ...]  # one a ply
    states: np.ndarray  # [1] state_dtype after it
    jump: bool

    @property
    def path(self) -> str:
        """All squares: "11-15", "22x15x8"."""
        return ("x" if self.jump else "-").join(map(str, self.squares))

    @property
    def ends(self) -> str:
        """First and last square: "11-15", "22x8"."""
        return f"{self.squares[0]}{'x' if self.jump else '-'}{self.squares[-1]}"

    @property
    def complete(self) -> bool:
        """False for the beginning of a jump."""
        return not self.states["jumper"][0]


def described(move: whole_moves.WholeMove) -> CheckersMove:
    """A whole move by its squares."""
    to_play = int(move.before["to_play"][0])
    steps = [board.squares_of(action) for action in move.actions]
    numbers = (board.number(square, to_play) for square in (steps[0][0], *(target for _, target, _ in steps)))
    return CheckersMove(tuple(numbers), move.actions, move.after, steps[0][2] >= 0)


def legal(game: base.Game, state: np.void) -> list[CheckersMove]:
    """Every whole move by ascending actions; in the middle of a jump, every way to end it."""
    return [described(move) for move in whole_moves.legal(game, np.array([state], dtype=game.state_dtype))]


def placement(state: np.void) -> tuple[int, ...]:
    """What a position is without its history: (own, other, kings, jumper, to_play)."""
    return tuple(int(state[field]) for field in ("own", "other", "kings", "jumper", "to_play"))


def squares_named(text: str) -> list[tuple[int, ...]]:
    """The squares that a move's text may name: of "11-15", "22 x 15 x 8" and "1115" one reading, of "115" two."""
    words = re.findall(r"\d+", text, re.ASCII) if len(text) <= _MAX_TEXT else []
    if len(words) != 1:
        return [tuple(map(int, words))]
    if len(words[0]) == 3:
        readings = [(int(words[0][:cut]), int(words[0][cut:])) for cut in (1, 2)]
        return [each for each in readings if max(each) <= board.SQUARES]
    return [tuple(int(words[0][i : i + 2]) for i in range(0, len(words[0]), 2))]


def meant(game: base.Game, states: np.ndarray, squares: Sequence[int]) -> list[CheckersMove]:
    """What a move that names `squares` may mean in states [1]: the move over just these squares first, then jumps that
    begin so and go on, then moves with these ends and the squares between on their way."""
    squares = tuple(squares)
    if len(squares) < 2:
        return []
    found = []
    pending: list[tuple[tuple[int, ...], tuple[int, ...], np.ndarray]] = [((), (), states)]
    while pending:
        path, actions, now = pending.pop()
        to_play = int(now["to_play"][0])
        listed, count = game.legal_actions(now)
        for action in listed[0, : count[0]].tolist():
            start, target, over = board.squares_of(action)
            if not path and board.number(start, to_play) != squares[0]:
                continue
            if over < 0 and board.number(target, to_play) != squares[1]:
                continue
            after = game.step(now, np.array([action])).states
            move = CheckersMove(
                (*(path or squares[:1]), board.number(target, to_play)), (*actions, action), after, over >= 0
            )
            if not move.complete:
                pending.append((move.squares, move.actions, after))
            if move.squares == squares or (move.complete and _fits(move.squares, squares)):
                found.append(move)
    return sorted(found, key=lambda move: (move.squares != squares, not move.complete, move.actions))


def _fits(path: tuple[int, ...], squares: tuple[int, ...]) -> bool:
    """Whether a path has the ends of `squares` and passes those between in their order."""
    rest = iter(path[1:-1])
    return path[-1] == squares[-1] and all(square in rest for square in squares[1:-1])


def resolve(game: base.Game, state: np.void, text: str) -> CheckersMove:
    """The move that `text` names: by all its squares, by its ends, or by the first plies of a jump, which then is to
    be continued. Raises IllegalMove, naming the legal moves, or those that `text` may mean."""
    states = np.array([state], dtype=game.state_dtype)
    readings = squares_named(text)
    found = [move for squares in readings for move in meant(game, states, squares)]
    if found:
        exact = found[0].complete and found[0].squares == readings[0]
        if exact or len({placement(move.states[0]) for move in found}) == 1:
            return found[0]
        paths = " or ".join(dict.fromkeys(path for move in found for path in _ways(game, move)))
        raise base.IllegalMove(f"'{base.shorten(text)}' can mean {paths}; name all squares.")
    raise illegal(game, state, text)


def _ways(game: base.Game, move: CheckersMove) -> list[str]:
    """The path of a move; of the beginning of a jump, every way to end it."""
    if move.complete:
        return [move.path]
    separator = move.path + "x"
    return [separator + rest.path.partition("x")[2] for rest in legal(game, move.states[0])]


def illegal(game: base.Game, state: np.void, text: str) -> base.IllegalMove:
    """The error for a text that names no legal move of a position."""
    shown = base.shorten(text)
    listed = legal(game, state)
    if not listed:
        return base.IllegalMove(f"'{shown}' cannot be played: the game is over.")
    squares = squares_named(text)
    if any(number > board.SQUARES for reading in squares for number in reading):
        return base.IllegalMove(f"'{shown}' names a square above 32; a board of English checkers has squares 1 to 32.")
    forced = " A jump is forced." if listed[0].jump else ""
    names = ", ".join(dict.fromkeys(move.path for move in listed))
    return base.IllegalMove(f"'{shown}' is not a legal move here.{forced} Legal moves: {names}.")
