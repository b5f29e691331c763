"""The time manager: how long to search for a move when a game is played by the clock. Knows no game and no
search; loads the standard library only.

The time left is shared among the moves that may still come, and most of an increment is spent as it arrives. Two
bounds follow: one at which the search ends as a rule, and a hard one, a fraction of what is left, up to which it may
go on while the best move is in doubt. What lies between sending a move and the opponent's clock is the overhead.
"""

from __future__ import annotations

import math
from typing import NamedTuple

MOVES = 40  # that a game is expected to go on, at most: few go on for as long as their rules allow
_INCREMENT = 0.75  # share of an increment that is spent on its move
_LONGER = 3.0  # how much longer than usual a doubtful move may take
_OF_THE_REST = 0.4  # share of the time left that one move may take
_OF_THE_LAST = 0.9  # the same for the last move before more time comes


class Clock(NamedTuple):
    """What is on a player's clock, in seconds."""

    remaining: float  # may be negative, when an interface is late
    increment: float = 0.0  # added after each move
    moves_to_go: int | None = None  # until more time is added; None: the rest of the game


class TimeBudget(NamedTuple):
    """Seconds to search for a move."""

    usual: float  # in [0, most]
    most: float  # never more than the time left less the overhead, nor below 0


def budget(clock: Clock, plies_left: int, overhead: float) -> TimeBudget:
    """plies_left: until the game ends by its rules at the latest. overhead: seconds, as above."""
    usable = max(clock.remaining - overhead, 0.0)
    if clock.moves_to_go:
        moves = min(clock.moves_to_go, MOVES)
    else:
        moves = max(min(math.ceil(plies_left / 2), MOVES), 1)
    last = clock.moves_to_go == 1
    most = usable * (_OF_THE_LAST if last else _OF_THE_REST)
    usual = min(usable / moves + _INCREMENT * max(clock.increment, 0.0), most)
    return TimeBudget(usual, min(_LONGER * usual, most))


def for_one_move(seconds: float, overhead: float) -> TimeBudget:
    """For a move with a time of its own, all of which is to be used."""
    usable = max(seconds - overhead, seconds / 2, 0.0)
    return TimeBudget(usable, usable)
