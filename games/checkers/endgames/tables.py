"""Endgame tables of English checkers: one for each number of pieces, solved class by class of material.

Positions are those of the rules, seen by the player to move, who has any number of the pieces, none included. A table
holds all positions with its number of pieces that are not in the middle of a jump; its classes come in pairs, a class
beside that of the same pieces with the other player to move, and those with fewer men first, since men become kings.
The numbers of positions are those that Chinook's databases have (Schaeffer et al. 2003), and counted by `counts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import numpy as np

from games.checkers import rules
from games.checkers.endgames import kernels
from games.endgames import retrograde
from games.endgames.tables import NOTHING, NOWHERE, Endgames, Watch

Material = tuple[int, int, int, int]  # own men, own kings, other men, other kings

_P = kernels.MAX_PIECES + 1


def _classes(pieces: int) -> list[tuple[Material, ...]]:
    """The classes of a table in the order in which they are solved: pairs, or single ones that are their own pair."""
    found: dict[tuple[Material, ...], None] = {}
    counts = range(pieces + 1)
    kinds = [(a, b, c, d) for a, b, c, d in product(counts, counts, counts, counts) if a + b + c + d == pieces]
    for kind in sorted(kinds, key=lambda kind: (kind[0] + kind[2], kind)):
        own_men, own_kings, other_men, other_kings = kind
        pair = tuple(sorted({kind, (other_men, other_kings, own_men, own_kings)}, reverse=True))
        found[pair] = None
    return list(found)


def _slots(kind: Material) -> int:
    own_men, own_kings, other_men, other_kings = kind
    choose, free = kernels.CHOOSE, 32 - own_men - other_men
    men = int(choose[28, own_men] * choose[28, other_men])
    return men * int(choose[free, own_kings] * choose[free - own_kings, other_kings])


def name_of(kind: Material) -> str:
    """ "2K v 1K 1M": what the player to move has, and the other."""
    sides = [" ".join(f"{n}{letter}" for n, letter in ((k, "K"), (m, "M")) if n) for m, k in (kind[:2], kind[2:])]
    return " v ".join(side or "none" for side in sides)


class _Pair:
    """A class and the one with the other player to move, as `retrograde` wants them."""

    width = kernels.WIDTH

    def __init__(self, pair: tuple[Material, ...], start: np.ndarray, solved: np.ndarray) -> None:
        self.first = int(start[pair[0]])
        self._start, self._solved, self._pair = start, solved, pair
        self._split = _slots(pair[0])
        self.size = sum(map(_slots, pair))
        self._classes = np.array([pair[0], pair[-1]], dtype=np.int64)
        self._frames = np.zeros((kernels.MAX_JUMPS + 1, kernels.FRAME_WORDS + 4), dtype=np.uint64)

    @np.errstate(over="ignore")  # uncompiled kernels wrap around on purpose, here and below
    def begin(self, first: int, end: int, level: np.ndarray, left: np.ndarray, latest: np.ndarray) -> None:
        for kind, offset in zip(self._pair, (0, self._split), strict=False):
            low, high = max(first - offset, 0), min(end - offset, _slots(kind))
            if low < high:
                kernels.begin(low, high, offset, *kind, self._start, self._solved, self._frames, level, left, latest)

    @np.errstate(over="ignore")
    def before(self, slots: np.ndarray, found: np.ndarray) -> int:
        return int(kernels.before(slots, self._split, self._classes, self.first, self._start, found))


def _within(watch: Watch, before: int, size: int, whole: int) -> Watch:
    """For a piece of the work, which tells how much of itself is done."""
    return lambda share: watch((before + share * size) / whole)


class CheckersEndgames(Endgames):
    game: rules.Checkers
    default = ("1-piece", "2-piece", "3-piece", "4-piece")
    optional = ("5-piece",)
    pace = 2_000_000.0

    def __init__(self, game: rules.Checkers) -> None:
        super().__init__(game)
        self._pairs = [_classes(pieces) for pieces in range(1, _P)]
        # The first slot of each class, within its own table and in all tables one after the other.
        self._own_start = np.full((_P,) * 4, NOWHERE, dtype=np.int64)
        self._start = np.full((_P,) * 4, NOWHERE, dtype=np.int64)
        self._sizes, before = [], 0
        for pairs in self._pairs:
            size = 0
            for kind in (kind for pair in pairs for kind in pair):
                self._own_start[kind], self._start[kind] = size, before + size
                size += _slots(kind)
            self._sizes.append(size)
            before += size

    def needs(self, name: str) -> tuple[str, ...]:
        return self.names[: self.names.index(name)]

    def size(self, name: str) -> int:
        return self._sizes[self.names.index(name)]

    def memory(self, name: str) -> int:
        index = self.names.index(name)
        largest = max(sum(map(_slots, pair)) for pair in self._pairs[index])
        return sum(self._sizes[: index + 1]) + 3 * largest + 9 * retrograde.CHUNK * kernels.WIDTH

    def build(self, name: str, tables: Mapping[str, np.ndarray], watch: Watch) -> np.ndarray:
        index = self.names.index(name)
        earlier = sum(self._sizes[:index])
        solved = np.concatenate(
            [*(tables[need] for need in self.needs(name)), np.full(self._sizes[index], NOTHING, dtype=np.uint8)]
        )
        done = 0
        for pair in self._pairs[index]:
            positions = _Pair(pair, self._start, solved)
            table = retrograde.solve(positions, _within(watch, done, positions.size, self._sizes[index]))
            solved[positions.first : positions.first + positions.size] = table
            done += positions.size
        watch(1.0)
        return solved[earlier:].copy()

    @np.errstate(over="ignore")
    def locate(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        own, other, kings = (np.ascontiguousarray(states[field]) for field in ("own", "other", "kings"))
        pieces = np.bitwise_count(own | other).astype(np.int64)
        slots = np.empty(len(states), dtype=np.int64)
        kernels.slots_of(own, other, kings, self._own_start, slots)
        nowhere = (slots < 0) | (pieces == 0) | (states["jumper"] != 0)
        slots[nowhere] = NOWHERE
        return np.where(nowhere, NOWHERE, pieces - 1), slots

    def near(self, states: np.ndarray) -> np.ndarray:
        """Positions in the middle of a jump, too, which no table has."""
        few: np.ndarray = np.bitwise_count(states["own"] | states["other"]) < _P
        return few

    @np.errstate(over="ignore")
    def positions(self, name: str, slots: np.ndarray) -> np.ndarray:
        states = self.game.initial_states(len(slots))
        kinds = self.kind_of(name, slots)
        for number, kind in enumerate(self._kinds(name)):
            here = np.flatnonzero(kinds == number)
            if len(here):
                words = [np.empty(len(here), dtype=np.uint64) for _ in range(3)]
                ranks = np.ascontiguousarray(slots[here] - self._own_start[kind])
                kernels.positions_of(ranks, *kind, *words)
                for field, word in zip(("own", "other", "kings"), words, strict=True):
                    states[field][here] = word
        states["terminal"] = self.game.legal_actions(states)[1] == 0
        return states

    def lost(self, states: np.ndarray) -> np.ndarray:
        """Who cannot move has lost; other games end drawn."""
        going = self.game.unclaimed(states)
        stuck: np.ndarray = going["terminal"]
        return stuck

    def moves_left(self, states: np.ndarray) -> np.ndarray:
        left: np.ndarray = self.game.quiet_plies - states["clock"].astype(np.int64)
        return left

    def _kinds(self, name: str) -> list[Material]:
        return [kind for pair in self._pairs[self.names.index(name)] for kind in pair]

    def kinds(self, name: str) -> tuple[str, ...]:
        return tuple(map(name_of, self._kinds(name)))

    def kind_of(self, name: str, slots: np.ndarray) -> np.ndarray:
        starts = [self._own_start[kind] for kind in self._kinds(name)]
        found: np.ndarray = np.searchsorted(starts, slots, side="right") - 1
        return found
