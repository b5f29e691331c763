"""Endgame tables of chess: king and queen, rook, pawn, or bishop and knight against king.

The distance is that to mate (DTM) in moves of either side: mate in n moves is 2n - 1. Results are those of the rules of
`Chess`: a position with too little material is drawn at once, as is stalemate.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from games import base
from games.chess import history, rules
from games.chess.endgames import kernels
from games.endgames import retrograde
from games.endgames.tables import NOWHERE, Endgames, Watch

_KINDS = {
    "KQK": (kernels.QUEEN, 0),
    "KRK": (kernels.ROOK, 0),
    "KPK": (kernels.PAWN, 0),
    "KBNK": (kernels.BISHOP, kernels.KNIGHT_KIND),
}


class _Positions:
    """The positions of one table, as `retrograde` wants them."""

    width = kernels.WIDTH

    def __init__(self, size: int, kinds: np.ndarray, queen: np.ndarray, rook: np.ndarray) -> None:
        self.size = size
        self._kinds, self._queen, self._rook = kinds, queen, rook
        self._targets = np.zeros(64, dtype=np.uint64)

    @np.errstate(over="ignore")  # uncompiled kernels wrap around on purpose, here and below
    def begin(self, first: int, end: int, level: np.ndarray, left: np.ndarray, latest: np.ndarray) -> None:
        kernels.begin(first, end, self._kinds, self._queen, self._rook, self._targets, level, left, latest)

    @np.errstate(over="ignore")
    def before(self, slots: np.ndarray, found: np.ndarray) -> int:
        return int(kernels.before(slots, self._kinds, found))


class ChessEndgames(Endgames):
    game: rules.Chess
    default = tuple(_KINDS)
    pace = 500_000.0

    def needs(self, name: str) -> tuple[str, ...]:
        return ("KQK", "KRK") if name == "KPK" else ()

    def size(self, name: str) -> int:
        first, second = _KINDS[name]
        return 2 * (32 if first == kernels.PAWN else 16) * 64 * 64 * (64 if second else 1)

    def memory(self, name: str) -> int:
        return 4 * self.size(name) + 8 * retrograde.CHUNK * kernels.WIDTH

    def build(self, name: str, tables: Mapping[str, np.ndarray], watch: Watch) -> np.ndarray:
        nothing = np.zeros(0, dtype=np.uint8)
        needed = (np.asarray(tables[need]) if need in self.needs(name) else nothing for need in ("KQK", "KRK"))
        table = retrograde.solve(_Positions(self.size(name), _kinds(name), *needed), watch)
        watch(1.0)
        return table

    @np.errstate(over="ignore")
    def locate(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        table, found = np.full(len(states), NOWHERE), np.full(len(states), NOWHERE)
        few = np.flatnonzero(np.bitwise_count(_occupied(states)) <= 4)
        if len(few):
            here, slots = base.picked(states, few), np.empty(len(few), dtype=np.int64)
            for index, name in enumerate(self.names):
                kernels.slots_of(here, _kinds(name), slots)
                inside = slots >= 0
                table[few[inside]], found[few[inside]] = index, slots[inside]
        return table, found

    @np.errstate(over="ignore")
    def positions(self, name: str, slots: np.ndarray) -> np.ndarray:
        """White is to move in all of them, whichever side is the strong one."""
        states = np.zeros(len(slots), dtype=self.game.state_dtype)
        states["first_move"] = 1
        kernels.positions_of(np.ascontiguousarray(slots, dtype=np.int64), _kinds(name), states)
        return self.game.settled(states)

    @np.errstate(over="ignore")
    def lost(self, states: np.ndarray) -> np.ndarray:
        """Mated: in check, and over."""
        found = np.empty(len(states), dtype=np.bool_)
        kernels.checked(base.kernel_ready(states), found)
        return found

    def moves_left(self, states: np.ndarray) -> np.ndarray:
        left: np.ndarray = np.minimum(
            history.FIFTY_MOVES - states["clock"].astype(np.int64),
            self.game.max_game_length - states["ply"].astype(np.int64),
        )
        return left

    def kinds(self, name: str) -> tuple[str, ...]:
        return f"{name[:-1]} v K", f"K v {name[:-1]}"

    def kind_of(self, name: str, slots: np.ndarray) -> np.ndarray:
        side: np.ndarray = slots // (self.size(name) // 2)
        return side

    def weight(self, name: str, slots: np.ndarray) -> np.ndarray:
        """Mirror images are positions of their own: two with a pawn, four without. The strong side is White's only."""
        return np.full(len(slots), 2 if name == "KPK" else 4, dtype=np.int64)


def _kinds(name: str) -> np.ndarray:
    return np.array(_KINDS[name], dtype=np.int64)


def _occupied(states: np.ndarray) -> np.ndarray:
    """[B] uint64."""
    words = [states[field] for field in ("pawns", "knights", "diagonals", "straights", "kings")]
    occupied: np.ndarray = np.bitwise_or.reduce(words)
    return occupied
