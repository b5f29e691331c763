"""Game records in memory: what a record holds, and what its result is. Knows no file format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from games.base import Game, IllegalMove

RESULTS = {1.0: "1-0", 0.5: "1/2-1/2", 0.0: "0-1", None: "*"}  # points of seat 0 as records have them


class GameRecord(NamedTuple):
    """One game as it was played, for files."""

    start: np.ndarray  # [1] state_dtype
    actions: list[int]
    tags: dict[str, str]  # what is known of it, in order: "First" and "Second" name the players of seats 0 and 1
    comments: dict[int, str]  # by index of the action that they follow; −1: before the first
    result: float | None = None  # points of seat 0 where the game ended otherwise than by the rules; None: by them
    warnings: tuple[str, ...] = ()  # what was read otherwise than it stands, a sentence each
    line: int = 0  # of the text where the game begins, from 1; 0: not from a text
    glyphs: Mapping[
        int, tuple[int, ...]
    ] = {}  # marks such as !, by index of the action that they follow; see glyphs.py


class RecordError(IllegalMove):
    """Text that is no record of a game; the message says what is wrong and where."""

    def __init__(self, message: str, game: int = 0, line: int = 0, column: int = 0, word: str = "") -> None:
        self.message, self.game, self.line, self.column, self.word = message, game, line, column, word
        """game: its number in the text; line and column: from 1; word: what is wrong. 0 and "" for unknown."""
        place = [f"game {game}"] * bool(game) + [f"line {line}"] * bool(line) + [f"column {column}"] * bool(column)
        super().__init__(f"{', '.join(place)}: {message}" if place else message)

    def of_game(self, number: int) -> RecordError:
        """The same error in a game of that number."""
        return RecordError(self.message, number, self.line, self.column, self.word)


def score(game: Game, start: np.ndarray, actions: Sequence[int]) -> float | None:
    """Points of seat 0, 1, 0.5 or 0, after `actions` from `start` [1]; None while the game goes on, and where it was
    over at the start. A draw after which play went on was not claimed and ended nothing."""
    states, found = start, None
    for action in actions:
        if states["terminal"][0]:
            states = game.unclaimed(states)
            if states["terminal"][0]:
                break
        gain, found = (1 if states["to_play"][0] == 0 else -1), None
        step = game.step(states, np.array([action]))
        states = step.states
        if step.discount[0] == 0:
            found = 0.5 + 0.5 * gain * float(np.sign(step.reward[0]))
    return found


def points_of(result: str) -> float | None:
    """The inverse of RESULTS; None for anything else."""
    return next((points for points, text in RESULTS.items() if text == result), None)
