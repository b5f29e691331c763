"""Positions with known results as lines of text, as Pascal Pons's test files for connect four have them: the moves that
lead to a position, a blank, and its score for the player to move, above 0 where it is won and below where it is lost.

    2252576253462244111563365343671351441 -1

How large a score is says how soon the game ends, on a scale of the file's own; only its sign is compared here. Knows no
player and opens no file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

import games
from games.base import ILLEGAL, Game, IllegalMove, shorten
from games.knowledge import Knowledge
from games.notation import Notation

_RESULTS = {1: "won", 0: "drawn", -1: "lost"}
_SCORE = re.compile(r"[+-]?[0-9]{1,6}")


class ScoredPositions(NamedTuple):
    """What a file holds, in its order."""

    states: np.ndarray  # [B] state_dtype, none of them over
    scores: np.ndarray  # [B] int32, for the player to move
    lines: np.ndarray  # [B] int64, numbers of their lines, from 1


def read(game: Game, lines: Iterable[str]) -> ScoredPositions:
    """The positions of a file; empty lines are skipped. Raises ValueError, one sentence with the line, for whatever is
    not a position and its score."""
    notation = games.facet(game, Notation)
    states, scores, numbers = [], [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        moves, _, score = line.strip().rpartition(" ")
        if not moves or not _SCORE.fullmatch(score):
            raise ValueError(f"line {number} is '{shorten(line.strip())}': expected moves, a blank and a whole number.")
        try:
            state = notation.state_after(moves)[0]
        except IllegalMove as error:
            raise ValueError(f"line {number}: {error}") from None
        if state["terminal"]:
            raise ValueError(f"line {number}: the game is over after '{shorten(moves)}', and no move is left.")
        states.append(state)
        scores.append(int(score))
        numbers.append(number)
    if not states:
        raise ValueError("there is no position in it: expected lines of moves, a blank and a whole number.")
    return ScoredPositions(
        np.array(states, dtype=game.state_dtype), np.array(scores, np.int32), np.array(numbers, np.int64)
    )


def exact_values(game: Game, positions: ScoredPositions) -> np.ndarray:
    """[B, A] int8: what every action is worth, as `Knowledge.exact_action_values`, of a game that has them. Raises
    ValueError where they contradict a score of the file."""
    values = games.facet(game, Knowledge).exact_action_values(positions.states)
    if values is None:
        raise ValueError(f"{game.name} has no solver, so moves cannot be judged.")
    best = np.where(values == ILLEGAL, -1, values).max(axis=1)
    wrong = np.flatnonzero(best != np.sign(positions.scores))
    if len(wrong):
        first = wrong[0]
        said, found = (_RESULTS[int(value)] for value in (np.sign(positions.scores[first]), best[first]))
        raise ValueError(
            f"line {positions.lines[first]}: the score {positions.scores[first]} says {said}, but the position is "
            f"{found} for the player to move."
        )
    return values
