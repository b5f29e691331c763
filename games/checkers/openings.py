"""Three-move openings of checkers, from which matches start, so that games between equal players differ.

`derive` makes the list: of the 302 ways to begin with three moves, 216 lead to different positions, and in
42 of those the search of `engine.py` finds a man lost (after 15 moves no score lies between 0.2 and 1.1 men). The other
174 are these, each by the first order of moves that leads to it. They are the same positions as the 174 three-move
ballots that the library pydraughts carries, 17 of which it marks as lost.
"""

from __future__ import annotations

import numpy as np

from games.checkers import engine, moves, rules
from games.checkers.pdn import replay

LOST_A_MAN = 60  # hundredths of a man

THREE_MOVES = """
    9-13 21-17 5-9, 9-13 21-17 6-9, 9-13 21-17 10-14, 9-13 21-17 10-15, 9-13 21-17 11-15, 9-13 21-17 11-16,
    9-13 21-17 12-16, 9-13 22-17 13x22, 9-13 22-18 6-9, 9-13 22-18 10-14, 9-13 22-18 10-15, 9-13 22-18 11-15,
    9-13 22-18 11-16, 9-13 22-18 12-16, 9-13 22-18 13-17, 9-13 23-18 5-9, 9-13 23-18 6-9, 9-13 23-18 10-14,
    9-13 23-18 10-15, 9-13 23-18 11-15, 9-13 23-18 11-16, 9-13 23-18 12-16, 9-13 23-19 5-9, 9-13 23-19 6-9,
    9-13 23-19 10-14, 9-13 23-19 10-15, 9-13 23-19 11-15, 9-13 23-19 11-16, 9-13 24-19 5-9, 9-13 24-19 6-9,
    9-13 24-19 10-14, 9-13 24-19 10-15, 9-13 24-19 11-15, 9-13 24-19 11-16, 9-13 24-20 5-9, 9-13 24-20 6-9,
    9-13 24-20 10-14, 9-13 24-20 10-15, 9-13 24-20 11-15, 9-13 24-20 11-16, 9-13 24-20 12-16, 9-14 22-17 5-9,
    9-14 22-17 6-9, 9-14 22-17 10-15, 9-14 22-17 11-15, 9-14 22-17 11-16, 9-14 22-18 5-9, 9-14 22-18 6-9,
    9-14 22-18 10-15, 9-14 22-18 11-15, 9-14 22-18 11-16, 9-14 22-18 12-16, 9-14 23-18 14x23, 9-14 23-19 5-9,
    9-14 23-19 6-9, 9-14 23-19 10-15, 9-14 23-19 11-15, 9-14 23-19 11-16, 9-14 23-19 14-18, 9-14 24-19 5-9,
    9-14 24-19 6-9, 9-14 24-19 10-15, 9-14 24-19 11-15, 9-14 24-19 11-16, 9-14 24-20 5-9, 9-14 24-20 6-9,
    9-14 24-20 10-15, 9-14 24-20 11-15, 9-14 24-20 11-16, 10-14 22-17 7-10, 10-14 22-17 9-13, 10-14 22-17 11-15,
    10-14 22-17 11-16, 10-14 22-17 14-18, 10-14 22-18 7-10, 10-14 22-18 11-15, 10-14 22-18 11-16,
    10-14 22-18 12-16, 10-14 23-18 14x23, 10-14 23-19 7-10, 10-14 23-19 11-15, 10-14 23-19 11-16,
    10-14 23-19 14-18, 10-14 24-19 7-10, 10-14 24-19 11-15, 10-14 24-19 11-16, 10-14 24-19 14-18, 10-14 24-20 7-10,
    10-14 24-20 11-15, 10-14 24-20 11-16, 10-14 24-20 14-18, 10-15 21-17 6-10, 10-15 21-17 7-10, 10-15 21-17 9-14,
    10-15 21-17 11-16, 10-15 21-17 15-18, 10-15 22-17 6-10, 10-15 22-17 7-10, 10-15 22-17 9-13, 10-15 22-17 11-16,
    10-15 22-17 15-19, 10-15 22-18 15x22, 10-15 23-18 6-10, 10-15 23-18 7-10, 10-15 23-18 9-14, 10-15 23-18 11-16,
    10-15 23-18 12-16, 10-15 23-19 6-10, 10-15 23-19 7-10, 10-15 23-19 11-16, 10-15 24-19 15x24, 10-15 24-20 6-10,
    10-15 24-20 7-10, 10-15 24-20 11-16, 10-15 24-20 12-16, 10-15 24-20 15-19, 11-15 21-17 8-11, 11-15 21-17 9-14,
    11-15 21-17 10-14, 11-15 21-17 15-19, 11-15 22-17 8-11, 11-15 22-17 9-13, 11-15 22-17 15-18, 11-15 22-17 15-19,
    11-15 22-18 15x22, 11-15 23-18 8-11, 11-15 23-18 9-14, 11-15 23-18 10-14, 11-15 23-18 12-16, 11-15 23-18 15-19,
    11-15 23-19 8-11, 11-15 24-19 15x24, 11-15 24-20 8-11, 11-15 24-20 12-16, 11-15 24-20 15-18, 11-15 24-20 15-19,
    11-16 21-17 7-11, 11-16 21-17 8-11, 11-16 21-17 9-14, 11-16 21-17 10-14, 11-16 21-17 16-20, 11-16 22-17 7-11,
    11-16 22-17 8-11, 11-16 22-17 9-13, 11-16 22-17 16-20, 11-16 22-18 7-11, 11-16 22-18 8-11, 11-16 22-18 10-15,
    11-16 22-18 16-19, 11-16 22-18 16-20, 11-16 23-18 7-11, 11-16 23-18 8-11, 11-16 23-18 9-14, 11-16 23-18 10-14,
    11-16 23-18 16-20, 11-16 23-19 16x23, 11-16 24-19 7-11, 11-16 24-19 8-11, 11-16 24-19 10-15, 11-16 24-19 16-20,
    11-16 24-20 7-11, 11-16 24-20 8-11, 12-16 21-17 9-14, 12-16 21-17 16-19, 12-16 21-17 16-20, 12-16 22-17 16-19,
    12-16 22-17 16-20, 12-16 22-18 16-19, 12-16 22-18 16-20, 12-16 23-18 9-14, 12-16 23-18 16-19,
    12-16 23-18 16-20, 12-16 23-19 16x23, 12-16 24-19 16-20
"""


def ballots() -> list[str]:
    """The 174 openings as PDN moves, such as "9-13 21-17 5-9"."""
    return [" ".join(line.split()) for line in THREE_MOVES.split(",")]


def states(game: rules.Checkers) -> np.ndarray:
    """[174] state_dtype: the positions after each opening, White to move."""
    return np.concatenate([replay.after(game, opening.split()).states for opening in ballots()])


def derive(game: rules.Checkers, depth: int = 11) -> list[str]:
    """Makes the list anew, with a search of `depth` moves for each opening; 11 to 15 moves give the same list."""
    searcher = engine.CheckersEngine(game)
    found: dict[tuple[int, ...], tuple[str, np.void]] = {}
    for first in moves.legal(game, game.initial_states(1)[0]):
        for second in moves.legal(game, first.states[0]):
            for third in moves.legal(game, second.states[0]):
                opening = f"{first.ends} {second.ends} {third.ends}"
                found.setdefault(moves.placement(third.states[0]), (opening, third.states[0]))
    scores = {opening: searcher.analyze(state, depth).score for opening, state in found.values()}
    return sorted((opening for opening, score in scores.items() if abs(score) < LOST_A_MAN), key=_numbers)


def _numbers(opening: str) -> list[int]:
    return [int(number) for number in opening.replace("x", "-").replace("-", " ").split()]
