"""The trajectory of a game in progress: its searched moves as rows, and their outcomes once it has ended.

Rows stay in one array from here to the replay. This file owns the value targets; it knows neither games nor searches.
"""

from __future__ import annotations

import numpy as np

CAPACITY = 32  # rows that an array has room for at first

MOVE = np.dtype([
    ("recorded", "?"),  # false for a move that is not learned from, such as an opponent's
    ("exact", "f4"),  # proven value of the position it was played in, for its player; nan: none
    ("reward", "f4"),  # for its player, in [-1, 1]
    ("discount", "f4"),  # see games.base.Step; 0 ends the game
    ("cut", "?"),  # an outcome is not carried back over it
    ("search_value", "f4"),  # what the search expected, for its player, in [-1, 1]
    ("surprise", "f4"),  # divergence of the policy that is learned from the prior, in nats
])  # fmt: skip


class GrowingArray:
    """Rows [n] of one dtype in an array that is doubled when it is full. Bytes between fields are zero."""

    def __init__(self, dtype: np.dtype, capacity: int = CAPACITY) -> None:
        self._array = np.zeros(capacity, dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def rows(self) -> np.ndarray:
        """[n], a view: valid until the array grows or is cleared."""
        return self._array[: self._size]

    def append(self, row: np.void) -> None:
        self.extend_by(1)[0] = row

    def extend_by(self, count: int) -> np.ndarray:
        """Adds `count` rows and returns them, a view to be written to."""
        size = self._size + count
        if size > len(self._array):
            larger = np.zeros(max(2 * len(self._array), size), self._array.dtype)
            larger[: self._size] = self.rows
            self._array = larger
        self._size = size
        return self._array[size - count : size]

    def clear(self) -> None:
        """Starts again from no rows, in the same memory."""
        self._size = 0

    def take(self) -> np.ndarray:
        """[n] the rows, which are the caller's from now on; starts again from no rows, in new memory."""
        rows = self.rows
        self._array, self._size = np.zeros(len(self._array), self._array.dtype), 0
        return rows


class Trajectory:
    """The searched moves of one game: row i is the position before move i, with what the search made of it."""

    def __init__(self, row_dtype: np.dtype, outcome_lambda: float = 1.0) -> None:
        self._outcome_lambda = outcome_lambda
        self._rows, self._moves = GrowingArray(row_dtype), GrowingArray(MOVE)

    def __len__(self) -> int:
        return len(self._moves)

    @property
    def rows(self) -> np.ndarray:
        """[n] rows, zero where a move is not recorded; their outcomes are not known before the end."""
        return self._rows.rows

    @property
    def moves(self) -> np.ndarray:
        """[n] MOVE."""
        return self._moves.rows

    def append(self, row: np.void, move: np.void) -> None:
        self._rows.append(row)
        self._moves.append(move)

    def extend(self, rows: np.ndarray, moves: np.ndarray) -> None:
        """Adds several moves [m], as read from a saved state."""
        self._rows.extend_by(len(rows))[:] = rows
        self._moves.extend_by(len(moves))[:] = moves

    def clear(self) -> None:
        self._rows.clear()
        self._moves.clear()

    def finish(self, finished: GrowingArray, surprise_weight: float, rng: np.random.Generator) -> None:
        """Values the game's positions and adds those recorded to `finished`, the last one first; by surprise, where
        that has a weight, several times or not at all."""
        rows, moves = self.rows, self.moves
        rows["outcome"] = outcomes(moves, self._outcome_lambda)
        order = np.flatnonzero(moves["recorded"])[::-1]
        if surprise_weight:
            order = np.repeat(order, copies(moves["surprise"][order], surprise_weight, rng))
        np.take(rows, order, out=finished.extend_by(len(order)), mode="clip")


def copies(surprise: np.ndarray, weight: float, rng: np.random.Generator) -> np.ndarray:
    """[n] int: how often each of a game's rows is kept. On average 1 - weight, and the rest in proportion to
    surprise [n] ≥ 0; what is no whole number is drawn. Where nothing is surprising: once each."""
    mean = surprise.mean(dtype=np.float64) if len(surprise) else 0.0
    if mean <= 0:
        return np.ones(len(surprise), np.int64)
    wanted = (1 - weight) + weight * surprise / mean
    found: np.ndarray = np.floor(wanted + rng.random(len(surprise))).astype(np.int64)
    return found


def outcomes(moves: np.ndarray, outcome_lambda: float = 1.0) -> np.ndarray:
    """[n] float32 in [-1, 1] of moves [n] MOVE, each for its player, from the game's end backwards: reward + discount ·
    outcome of the next; where the move is cut, the search's value instead; where the search has proven a position, the
    proven value. outcome_lambda: part of the next's outcome that is carried back, the rest is the search's value."""
    found = np.zeros(len(moves), np.float32)
    carried = 0.0
    columns = (moves[name].tolist() for name in ("exact", "reward", "discount", "cut", "search_value"))
    for place, (exact, reward, discount, cut, value) in reversed(list(enumerate(zip(*columns, strict=True)))):
        if exact == exact:  # nan is the number that differs from itself
            outcome = carried = exact
        else:
            outcome = carried = value if cut else reward + discount * carried
            if outcome_lambda < 1:
                carried = outcome_lambda * outcome + (1 - outcome_lambda) * value
        found[place] = outcome
    return found


def like(array: np.ndarray, own: np.ndarray) -> np.ndarray:
    """A copy of an array from a saved state that is to take the place of `own`: compiled code does not check what it is
    given. Raises ValueError where its shape or its numbers' format is another."""
    if array.shape != own.shape or array.dtype != own.dtype:
        raise ValueError(f"an array {array.shape} of {array.dtype}, not {own.shape} of {own.dtype}")
    return array.copy()
