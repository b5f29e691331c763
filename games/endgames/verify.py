"""The proof of an endgame table: every position's result against its moves, by the game's rules alone.

Shares nothing with the analysis that made the table but the numbering of positions: no move is taken back, and what is
legal and where it leads comes from `Game.legal_actions` and `Game.step`. A table for which no position disagrees is the
only one that there is, as far as distances are finite: by induction over the distance each win and each loss is right,
and a position that is called drawn has a move that keeps the draw and none that wins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from games import base
from games.endgames import tables
from games.endgames.tables import DRAW, NOTHING, Endgames, Watch

CHUNK = 1 << 10  # positions taken together, with all that follow them: more would not fit into a cache


class Fault(NamedTuple):
    """A position whose result does not follow from its moves."""

    slot: int
    found: int  # the byte in the table
    expected: int  # the byte that its moves give; NOTHING where a move leads to no table


def faults(endgames: Endgames, name: str, known: Mapping[str, np.ndarray], watch: Watch) -> Iterator[Fault]:
    """All faults of a table. known: it and those that it needs, by name."""
    table = known[name]
    for first in range(0, len(table), CHUNK):
        watch(first / len(table))
        slots = first + np.flatnonzero(table[first : first + CHUNK] != NOTHING)
        if not len(slots):
            continue
        states = endgames.positions(name, slots)
        expected = results(endgames, known, states)
        which, where = endgames.locate(states)
        expected[(which != endgames.names.index(name)) | (where != slots)] = NOTHING
        for row in np.flatnonzero(expected != table[slots]):
            yield Fault(int(slots[row]), int(table[slots[row]]), int(expected[row]))
    watch(1.0)


def results(endgames: Endgames, known: Mapping[str, np.ndarray], states: np.ndarray) -> np.ndarray:
    """[B] uint8: the bytes that positions without history should have, from those of the positions after their moves;
    NOTHING where one of these is in no table."""
    found = np.full(len(states), NOTHING, dtype=np.uint8)
    over = states["terminal"]
    found[over] = np.where(endgames.lost(states[over]), 1, DRAW)
    going = np.flatnonzero(~over)
    rows, _, value, distance, sure = tables.after(endgames, known, base.picked(states, going))
    best, moves, every = tables.best_of_rows(len(going), rows, value, distance, sure)
    byte = np.where(best == 0, DRAW, moves + 1).astype(np.uint8)
    found[going[every]] = byte[every]
    return found


class Counts(NamedTuple):
    """What a table holds of one kind of material, positions turned and mirrored counted as positions of their own."""

    kind: str
    positions: int
    wins: int  # for the player to move, as are draws and losses
    draws: int
    losses: int
    longest_win: int  # moves of either side
    longest_loss: int


def counts(endgames: Endgames, name: str, table: np.ndarray) -> list[Counts]:
    """Of each kind of material in a table."""
    found = []
    slots = np.flatnonzero(table != NOTHING)
    kinds, weight = endgames.kind_of(name, slots), endgames.weight(name, slots)
    values, distance = tables.decode(table[slots])
    for number, kind in enumerate(endgames.kinds(name)):
        here = kinds == number
        value, far, many = values[here], distance[here], weight[here]
        won, lost = far[value > 0], far[value < 0]
        found.append(
            Counts(
                kind, int(many.sum()), int(many[value > 0].sum()), int(many[value == 0].sum()),
                int(many[value < 0].sum()), int(won.max(initial=0)), int(lost.max(initial=0)),
            )
        )  # fmt: skip
    return found
