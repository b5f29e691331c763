"""Whole moves of checkers: the plies of one side in a row, a step or a jump to its end. Knows the rules, no notation
but a move's own."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from games import base
from games.checkers import board
from games.text import whole_moves


class CheckersMove(NamedTuple):
    """A whole move from some position."""

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


def resolve(game: base.Game, state: np.void, text: str) -> CheckersMove:
    """The move that `text` names: by all its squares, by its ends, or by the first plies of a jump, which then is to
    be continued. Raises IllegalMove, naming the legal moves, or those that `text` may mean."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", text, re.ASCII)) if len(text) <= 60 else ()
    moves = legal(game, state)
    exact = [move for move in moves if move.squares == numbers]
    ends = [move for move in moves if len(numbers) == 2 and (move.squares[0], move.squares[-1]) == numbers]
    firsts = [move for move in moves if move.squares[: len(numbers)] == numbers and len(numbers) >= 2]
    if exact:
        return exact[0]
    if len({placement(move.states[0]) for move in ends}) == 1 and not firsts:
        return ends[0]
    if ends:
        paths = " or ".join(dict.fromkeys(move.path for move in [*ends, *firsts]))
        raise base.IllegalMove(f"'{base.shorten(text)}' can mean {paths}; name all squares.")
    if firsts:
        return _first_plies(game, state, firsts[0], len(numbers) - 1)
    if not moves:
        raise base.IllegalMove(f"'{base.shorten(text)}' cannot be played: the game is over.")
    forced = " A jump is forced." if moves[0].jump else ""
    names = ", ".join(dict.fromkeys(move.path for move in moves))
    raise base.IllegalMove(f"'{base.shorten(text)}' is not a legal move here.{forced} Legal moves: {names}.")


def _first_plies(game: base.Game, state: np.void, move: CheckersMove, plies: int) -> CheckersMove:
    states = np.array([state], dtype=game.state_dtype)
    for action in move.actions[:plies]:
        states = game.step(states, np.array([action])).states
    return CheckersMove(move.squares[: plies + 1], move.actions[:plies], states, True)
