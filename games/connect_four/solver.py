"""Exact connect-four solver: win, draw or loss of any position, and exact scores, by alpha–beta search.

It knows the bitboards and an optional table of solved openings. It does not know the game contract, states of
`rules.py`, players, networks or training; it serves them as a source of truth.

Positions are pairs (own, mask) of 49-bit numbers: bit = column * 7 + row, columns 0–6 from the left, row 0 at the
bottom, row 6 always empty; `own` holds the stones of the side to move and `mask` all stones.

Scores follow Pascal Pons (http://blog.gamesolver.org): 22 minus the number of stones the winner has placed at the
end of the game, positive if the side to move wins, negative if it loses, 0 for a draw.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from games.connect_four import solver_kernels as kernels

COLUMNS = kernels.COLUMNS
CELLS = kernels.CELLS
ILLEGAL = -128  # stands for a full column in move_values and move_scores
OPENINGS_FILE = Path(__file__).with_name("openings.npz")
NODES_PER_SLICE = 3_000_000  # 0.1 to 0.3 s between two returns to Python, so that Ctrl-C is handled

_BOTTOM = int(kernels.BOTTOM)
_BOARD = int(kernels.BOARD)
_COLUMN = int(kernels.COLUMN)


class Openings(NamedTuple):
    """Solved openings. keys: [n] uint64, ascending canonical keys; values: [n] int8, for the side to move."""

    plies: int  # every position up to this ply, that is not over, is in the table; -1 for an empty table
    keys: np.ndarray
    values: np.ndarray


NO_OPENINGS = Openings(-1, np.zeros(0, np.uint64), np.zeros(0, np.int8))


@lru_cache(maxsize=1)
def load_openings() -> Openings:
    """The packaged opening table; an empty one if the file was not built (then openings are searched: slow, right)."""
    if not OPENINGS_FILE.exists():
        return NO_OPENINGS
    with np.load(OPENINGS_FILE, allow_pickle=False) as file:
        return Openings(int(file["plies"]), file["keys"].astype(np.uint64), file["values"].astype(np.int8))


def position_from_moves(moves: str) -> tuple[int, int]:
    """(own, mask) after the moves, columns as digits 1–7: "4453". ValueError for a wrong digit or a full column."""
    own = mask = 0
    for ply, digit in enumerate(moves, start=1):
        if digit not in "1234567":
            raise ValueError(f"move {ply} of {moves!r} is {digit!r}; moves are columns 1 to 7")
        column = int(digit) - 1
        if not is_playable(mask, column):
            raise ValueError(f"move {ply} of {moves!r}: column {digit} is full")
        own, mask = play(own, mask, column)
    return own, mask


def play(own: int, mask: int, column: int) -> tuple[int, int]:
    """(own, mask) after the side to move drops a stone into column 0–6, seen by the other side. No checks."""
    return own ^ mask, mask | (mask + (1 << (7 * column)))


def is_playable(mask: int, column: int) -> bool:
    """Whether column 0–6 has an empty cell."""
    return not mask >> (7 * column + 5) & 1


def has_four(stones: int) -> bool:
    """Whether `stones` contain four in a line."""
    return any((pairs := stones & (stones >> step)) & (pairs >> 2 * step) for step in (1, 6, 7, 8))


def is_over(own: int, mask: int) -> bool:
    """Whether the game has ended: the last stone made four, or the board is full."""
    return mask == _BOARD or has_four(own ^ mask)


def canonical_key(own: int, mask: int) -> int:
    """The key, below 2**49, under which a position and its mirror image are in the opening table."""
    return int(kernels.canonical_key(np.uint64(own), np.uint64(mask)))


def check_position(own: int, mask: int) -> None:
    """ValueError unless (own, mask) can be searched: stones on stones, whose turn it is, game not over."""
    if not 0 <= mask <= _BOARD or mask & ~_BOARD or own < 0 or own & ~mask:
        raise ValueError(f"own {own:#x} and mask {mask:#x}: own must be within mask, and mask on the board")
    for column in range(COLUMNS):
        stack = mask >> (7 * column) & _COLUMN
        if stack & (stack + 1):
            raise ValueError(f"mask {mask:#x}: a stone hangs in the air in column {column}")
    if own.bit_count() != mask.bit_count() // 2:
        raise ValueError(f"own {own:#x} has {own.bit_count()} stones of {mask.bit_count()}; the side to move has half")
    if is_over(own, mask) or has_four(own):
        raise ValueError(f"own {own:#x} and mask {mask:#x}: the game is over")


class Solver:
    """Answers questions about positions and remembers what it learnt: a transposition table of 2**table_bits entries.

    A table of 22 bits takes 32 MiB. Not safe to share between threads.
    """

    def __init__(
        self, table_bits: int = 22, *, openings: Openings | None = None, nodes_per_slice: int = NODES_PER_SLICE
    ):
        """`openings`: None for the packaged table, loaded when first needed; NO_OPENINGS to search everything."""
        if not 8 <= table_bits <= 32:
            raise ValueError(f"table_bits is {table_bits}; allowed are 8 to 32")
        if nodes_per_slice < 1:
            raise ValueError(f"nodes_per_slice is {nodes_per_slice}; it must be positive")
        self._table = np.zeros(1 << table_bits, np.uint64)
        self._bucket_bits = table_bits - 2
        self._openings = openings
        self._nodes_per_slice = nodes_per_slice
        frames = CELLS + 1
        self._own = np.zeros(frames, np.uint64)
        self._mask = np.zeros(frames, np.uint64)
        self._moves = np.zeros((frames, COLUMNS), np.uint64)
        self._left = np.zeros(frames, np.int64)
        self._began = np.zeros(frames, np.int64)
        self._registers = np.zeros(kernels.NUM_REGISTERS, np.int64)

    @property
    def nodes(self) -> int:
        """Positions searched since the solver was made."""
        return int(self._registers[kernels.NODES])

    def reset(self) -> None:
        """Forgets all positions; `nodes` goes on."""
        self._table[:] = 0

    def value(self, own: int, mask: int) -> int:
        """1, 0 or -1: win, draw or loss for the side to move. ValueError if the game is over or cannot be."""
        own, mask = int(own), int(mask)
        check_position(own, mask)
        return self._value(own, mask)

    def score(self, own: int, mask: int) -> int:
        """The exact score of the position, in [-21, 21], by Pons's convention. ValueError as for `value`."""
        own, mask = int(own), int(mask)
        check_position(own, mask)
        return self._score(own, mask)

    def move_values(self, own: int, mask: int) -> np.ndarray:
        """[7] int8: for each column the value of playing there, for the side to move; ILLEGAL where it is full."""
        return self._of_moves(own, mask, self._value, 1)

    def move_scores(self, own: int, mask: int) -> np.ndarray:
        """[7] int8: for each column the score of playing there, for the side to move; ILLEGAL where it is full."""
        winning = (CELLS + 1 - int(mask).bit_count()) // 2
        return self._of_moves(own, mask, self._score, winning)

    def solve_many(self, own: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """move_values of a batch. own, mask: [B] uint64; returns [B, 7] int8. ValueError names the first bad row."""
        own, mask = np.asarray(own, np.uint64), np.asarray(mask, np.uint64)
        if own.ndim != 1 or own.shape != mask.shape:
            raise ValueError(f"own has shape {own.shape}, mask {mask.shape}; both must be [B]")
        values = np.empty((len(own), COLUMNS), np.int8)
        for row, position in enumerate(zip(own.tolist(), mask.tolist(), strict=True)):
            try:
                values[row] = self.move_values(*position)
            except ValueError as error:
                raise ValueError(f"row {row}: {error}") from error
        return values

    def _of_moves(self, own: int, mask: int, evaluate: Callable[[int, int], int], winning: int) -> np.ndarray:
        own, mask = int(own), int(mask)
        check_position(own, mask)
        results = np.full(COLUMNS, ILLEGAL, np.int8)
        for column in range(COLUMNS):
            if is_playable(mask, column):
                child = play(own, mask, column)
                if has_four(child[0] ^ child[1]):
                    results[column] = winning
                else:
                    results[column] = 0 if child[1] == _BOARD else -evaluate(*child)
        return results

    def _value(self, own: int, mask: int) -> int:
        known = self._opening_value(own, mask)
        if known is not None:
            return known
        if self._wins_at_once(own, mask):
            return 1
        if mask.bit_count() == CELLS - 1:
            return 0
        # The first player wins most games, so on even plies ask "a win?" first and on odd plies "a loss?".
        if mask.bit_count() % 2 == 0:
            return 1 if self._is_above(own, mask, 0) else int(self._is_above(own, mask, -1)) - 1
        return -1 if not self._is_above(own, mask, -1) else int(self._is_above(own, mask, 0))

    def _score(self, own: int, mask: int) -> int:
        ply = mask.bit_count()
        if self._wins_at_once(own, mask):
            return (CELLS + 1 - ply) // 2
        if ply == CELLS - 1:
            return 0
        low, high = -((CELLS - ply) // 2), (CELLS - 1 - ply) // 2
        while low < high:
            # Win or not, loss or not: the two cheapest questions, and their answers help the finer ones.
            threshold = 0 if low <= 0 < high else -1 if low < 0 == high else (low + high) // 2
            if self._is_above(own, mask, threshold):
                low = threshold + 1
            else:
                high = threshold
        return low

    def _wins_at_once(self, own: int, mask: int) -> bool:
        return any(
            is_playable(mask, column) and has_four(own | (mask + (1 << (7 * column))) & ~mask & _BOARD)
            for column in range(COLUMNS)
        )

    def _opening_value(self, own: int, mask: int) -> int | None:
        if self._openings is None:
            self._openings = load_openings()
        if mask.bit_count() > self._openings.plies:
            return None
        key = np.uint64(canonical_key(own, mask))
        index = int(np.searchsorted(self._openings.keys, key))
        if index < len(self._openings.keys) and self._openings.keys[index] == key:
            return int(self._openings.values[index])
        return None

    def _is_above(self, own: int, mask: int, threshold: int) -> bool:
        """Whether the score is greater than the threshold. Searches in slices, so that Ctrl-C is handled."""
        registers = self._registers
        registers[kernels.DEPTH] = 0
        registers[kernels.PHASE] = kernels.ENTER
        registers[kernels.ROOT_PLY] = mask.bit_count()
        registers[kernels.THRESHOLD] = threshold
        self._own[0] = own
        self._mask[0] = mask
        with np.errstate(over="ignore"):  # uncompiled kernels wrap around on purpose
            while True:
                status = kernels.search(
                    self._table,
                    self._bucket_bits,
                    self._own,
                    self._mask,
                    self._moves,
                    self._left,
                    self._began,
                    registers,
                    self._nodes_per_slice,
                )
                if status == kernels.FINISHED:
                    return bool(registers[kernels.ANSWER])
