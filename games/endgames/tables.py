"""Endgame tables as a facet of a game: which there are, where a position lies in them, and what they say of it.

A table has one byte a slot. A slot is a position up to the symmetries that the game's table uses, seen by the player to
move; some slots are no position at all. The byte is DRAW, or 1 + the distance to the end with best play of both sides,
or NOTHING where the slot is no position. The distance counts moves of either side (a jump over several pieces is one
move, whatever number of plies), so that it is odd in won positions and even in lost ones; 0: the game is lost already.

Tables look past what a game's history adds: clocks and repetitions, as all endgame tables do. `exact` therefore answers
only where a win is quicker than the clock; see there. Knows no file: `store` keeps tables on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from games import base
from games.base import ILLEGAL, Game

DRAW, NOTHING = 0, 255  # bytes of a table
OPEN = 254  # not known yet, while a table is computed
LONGEST = 252  # moves of either side: the greatest distance that a byte holds
NOWHERE = -1  # slot of a position that is in no table

Watch = Callable[[float], None]  # told the share that is done, in [0, 1]; ends the work by raising


class Exact(NamedTuple):
    """What is known for certain of B positions, none of them over."""

    known: np.ndarray  # [B] bool; the rest means nothing where it is not set
    values: np.ndarray  # [B, A] int8: +1 win, 0 draw, -1 loss for the player to move; base.ILLEGAL where not legal
    distance: np.ndarray | None  # [B, A] int16: moves of either side to the end after each action; 0 where it draws

    def result(self, row: int) -> tuple[int, int]:
        """(value, distance) of one position with best play: the quickest win, the slowest loss. Distance 0: unknown or
        a draw."""
        return best(self.values[row], None if self.distance is None else self.distance[row])


class Endgames:
    """The endgame tables of one game. ``games.facet(game, Endgames)`` makes it; by default there are none.

    Tables are named, and listed so that each needs none but earlier ones.
    """

    default: tuple[str, ...] = ()  # tables that are built when no name is given
    optional: tuple[str, ...] = ()  # and those that are not, after them
    pace = 1_000_000.0  # slots a second on one core, about: for estimates of how long a build takes

    def __init__(self, game: Game) -> None:
        self.game = game

    @property
    def names(self) -> tuple[str, ...]:
        """All tables that can be built."""
        return self.default + self.optional

    def needs(self, name: str) -> tuple[str, ...]:
        """Tables that building this one reads."""
        raise NotImplementedError

    def size(self, name: str) -> int:
        """Slots of a table, which are its bytes on disk."""
        raise NotImplementedError

    def memory(self, name: str) -> int:
        """Bytes of memory that building a table takes, about."""
        raise NotImplementedError

    def build(self, name: str, tables: Mapping[str, np.ndarray], watch: Watch) -> np.ndarray:
        """[size] uint8: the table, computed. tables: those that it needs. Stops only by what `watch` raises."""
        raise NotImplementedError

    def locate(self, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(index into `names` [B] int64, slot [B] int64) of positions; NOWHERE both where no table has them."""
        raise NotImplementedError

    def near(self, states: np.ndarray) -> np.ndarray:
        """[B] bool: whether the actions of positions are worth looking up. By default, where a table has them."""
        return self.locate(states)[0] != NOWHERE

    def positions(self, name: str, slots: np.ndarray) -> np.ndarray:
        """[B] state_dtype: the positions of slots [B] that are positions, without history; `terminal` is set."""
        raise NotImplementedError

    def lost(self, states: np.ndarray) -> np.ndarray:
        """[B] bool: whether terminal positions are lost for the player to move; else they are drawn."""
        raise NotImplementedError

    def moves_left(self, states: np.ndarray) -> np.ndarray:
        """[B] int64: plies until a clock draws the game, if nobody captures or does what else sets it back."""
        raise NotImplementedError

    def kinds(self, name: str) -> tuple[str, ...]:
        """Names of the material that a table holds, such as "KQK", for counts and for stages of an eval set."""
        raise NotImplementedError

    def kind_of(self, name: str, slots: np.ndarray) -> np.ndarray:
        """[B] int64: index into `kinds` of slots [B]."""
        raise NotImplementedError

    def weight(self, name: str, slots: np.ndarray) -> np.ndarray:
        """[B] int64: how many positions of the board each slot [B] stands for, itself turned or mirrored included."""
        return np.ones(len(slots), dtype=np.int64)


def decode(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(values [B] int8 in {-1, 0, 1} for the player to move, distance [B] int16, 0 for draws) of bytes [B]."""
    distance = table.astype(np.int16) - 1
    values = np.where(table == DRAW, 0, np.where(distance & 1, 1, -1)).astype(np.int8)
    return values, np.maximum(distance, 0).astype(np.int16)


def best(values: np.ndarray, distance: np.ndarray | None) -> tuple[int, int]:
    """(value, distance) of a position from those of its actions [A], of which one is legal: see `Exact.result`."""
    value = int(values.max())
    if distance is None or value == 0:
        return value, 0
    among = distance[values == value]
    return value, int(among.min() if value > 0 else among.max())


def worth(values: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """int32, greater for what is better: won sooner, drawn, lost later. For values and distances of any shape."""
    order: np.ndarray = values.astype(np.int32) * 1024 - values.astype(np.int32) * distance
    return order


def in_words(value: int, distance: int = 0) -> str:
    """ "win in 7" moves of the winner, "draw", "loss in 3"; without the number where the distance is not known: 0."""
    word = {1: "win", 0: "draw", -1: "loss"}[value]
    return f"{word} in {(distance + 1) // 2}" if value and distance else word


def exact(endgames: Endgames, tables: Mapping[str, np.ndarray], states: np.ndarray) -> Exact:
    """What the tables say of each action in states [B], none of them over.

    A position with as few pieces as a table has is known where every action leads to a position in a table, or ends
    the game by the rules, and no win takes longer than the clock allows from here on; whoever is drawn by the tables is
    drawn under any clock. Positions that stood on the board before are not looked at: a win is exact as long as the way
    to it repeats none a third time.
    """
    game = endgames.game
    values = np.full((len(states), game.num_actions), ILLEGAL, dtype=np.int8)
    distance = np.zeros((len(states), game.num_actions), dtype=np.int16)
    known = endgames.near(states)
    few = np.flatnonzero(known)
    if len(few):
        states = base.picked(base.kernel_ready(states), few)
        rows, actions, value, moves, sure = after(endgames, tables, states)
        values[few[rows], actions], distance[few[rows], actions] = value, moves
        known[few[rows[~sure]]] = False
        known[few] &= distance[few].max(axis=1) <= endgames.moves_left(states)
    return Exact(known, values, distance)


def after(
    endgames: Endgames, tables: Mapping[str, np.ndarray], states: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of all legal actions of states [B], one after the other: (row in states, action, value for its player, distance,
    whether these two are known)."""
    game = endgames.game
    legal, count = game.legal_actions(states)
    rows = np.repeat(np.arange(len(states)), count)
    actions = legal[np.arange(legal.shape[1]) < count[:, None]]
    step = game.step(base.picked(states, rows), actions)
    value, moves = np.sign(step.reward).astype(np.int8), np.ones(len(rows), dtype=np.int16)
    moves[value == 0] = 0
    known = step.discount == 0
    turned = np.flatnonzero(step.discount < 0)
    if len(turned):
        found, theirs, later = look_up(endgames, tables, base.picked(step.states, turned))
        value[turned], known[turned] = -theirs, found
        moves[turned] = np.where(theirs == 0, 0, later + 1)
    on = np.flatnonzero(step.discount > 0)  # the same player goes on with the same move
    if len(on):
        inner, _, further, deeper, sure = after(endgames, tables, base.picked(step.states, on))
        value[on], moves[on], known[on] = best_of_rows(len(on), inner, further, deeper, sure)
    return rows, actions, value, moves, known


def best_of_rows(
    number: int, rows: np.ndarray, values: np.ndarray, distance: np.ndarray, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(value, distance, known) [number] each of positions, from those of their actions [N], of which each position has
    one or more. rows: [N] int64, ascending: the position of each action; known: all actions have to be."""
    order = np.lexsort((worth(values, distance), rows))
    last = order[np.searchsorted(rows, np.arange(number), side="right") - 1]
    every = np.ones(number, dtype=bool)
    every[rows[~known]] = False
    return values[last], distance[last], every


def look_up(
    endgames: Endgames, tables: Mapping[str, np.ndarray], states: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(known [B] bool, values [B] int8, distance [B] int16) of positions for the player to move, from those of the
    tables that are given."""
    table, slots = endgames.locate(states)
    found = np.full(len(states), NOTHING, dtype=np.uint8)
    for index, name in enumerate(endgames.names):
        here = np.flatnonzero(table == index)
        if len(here) and name in tables:
            found[here] = tables[name][slots[here]]
    known = found != NOTHING
    values, distance = decode(np.where(known, found, DRAW).astype(np.uint8))
    return known, values, distance
