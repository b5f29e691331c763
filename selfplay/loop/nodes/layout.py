"""A layout: on which node each process plays, and with which share of a GPU, decided from what the nodes have.

Plain functions of numbers: knows neither Ray nor torch, so that every layout is tested without the machines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

ONLY_GPU = 0.5  # what the learner has of a GPU that is its machine's only one
PARTS = 10_000  # into which Ray divides a GPU


class Room(NamedTuple):
    """What a node has for processes of ours."""

    node: str  # its id
    cpus: float
    gpus: float = 0.0
    learns: bool = False  # whether the learner computes on a GPU of this node


class Place(NamedTuple):
    """Where a process is to play."""

    node: str | None  # where it should be; None: wherever there is room
    gpus: float  # share of a GPU; 0: it computes on the CPU, and sees none


class Layout(NamedTuple):
    """Places of all processes, by index."""

    places: list[Place]
    held: tuple[str, float] | None = None  # (node, GPUs) that are kept free of processes, for the learner


def decide(rooms: Sequence[Room], size: int, asked: float | None) -> Layout:
    """Places for `size` processes of one CPU each. Nodes with GPUs are filled first, evenly by their CPUs, and those on
    a node share its GPUs evenly, but for the learner's: that is a whole GPU where its node has several, else half of
    the one. The others compute on the CPUs of the other nodes. What finds no room waits for a CPU of any node.

    asked: share of a GPU that each must have, 0: none; None: as above."""
    if asked:
        held = next((room for room in rooms if room.learns and room.gpus >= 2), None)
        spare = sum(math.floor((room.gpus - (room is held)) / asked) for room in rooms) if asked <= 1 else 0
        kept = (held.node, 1.0) if held and spare >= size else None
        return Layout([Place(None, asked)] * size, kept)
    learners = {room.node: (1.0 if room.gpus >= 2 else min(ONLY_GPU, room.gpus)) for room in rooms if room.learns}
    free = {room.node: 0.0 if asked == 0 else room.gpus - learners.get(room.node, 0.0) for room in rooms}
    counts = dict.fromkeys(free, 0)
    left = size
    for class_ in ([r for r in rooms if free[r.node] > 0], [r for r in rooms if free[r.node] <= 0]):
        left -= _fill(class_, left, counts)
    places = [Place(node, share(free[node], count)) for node, count in counts.items() for _ in range(count)]
    held_at = next(((node, gpus) for node, gpus in learners.items() if gpus and asked is None and counts[node]), None)
    return Layout(places + [Place(None, 0.0)] * left, held_at)


def _fill(rooms: Sequence[Room], size: int, counts: dict[str, int]) -> int:
    """Adds to the `counts` of these nodes as many of `size` processes as they hold; how many."""
    for done in range(size):
        open_yet = [room for room in rooms if counts[room.node] + 1 <= room.cpus]
        if not open_yet:
            return done
        counts[min(open_yet, key=lambda room: (counts[room.node] + 1) / room.cpus).node] += 1
    return size


def another(rooms: Sequence[Room], asked: float | None) -> Place:
    """The place of one process more, where `rooms` have so much left: its share is what it would be on a full node."""
    if asked:
        return Place(None, asked)
    fit = [room for room in rooms if room.cpus >= 1]
    if not fit:
        return Place(None, 0.0)
    best = max(fit, key=lambda room: (asked is None and room.gpus > 0, room.cpus))
    return Place(best.node, share(best.gpus, int(best.cpus)) if asked is None else 0.0)


def share(gpus: float, count: int) -> float:
    """Share of a GPU for each of `count` processes on a node that has so many for them: even, and none is split between
    two GPUs."""
    if gpus <= 0 or count <= 0:
        return 0.0
    each = 1 / math.ceil(count / math.floor(gpus)) if gpus >= 1 else gpus / count
    return math.floor(each * PARTS + 1e-6) / PARTS


def as_many_as_fit(rooms: Sequence[Room], driver: str | None, cores: int) -> tuple[int, str]:
    """(number of processes for all CPUs but the learner's, a sentence that says so). driver: the node that the learner
    is on; cores: of that machine. A node that offers fewer CPUs than that has left the learner one."""
    cpus = {room.node: int(room.cpus) for room in rooms}
    total, kept = sum(cpus.values()), int(driver in cpus and cpus[driver] >= cores)
    size = max(1, total - kept)
    of = f"this machine's {total} core{'s' * (total != 1)}"
    if len(rooms) > 1:
        of = f"the {total} CPUs that {len(rooms)} nodes offer"
    but = f", but the learner's, is {size}" if kept else f", is {size}: the learner has a core besides"
    return size, f"--actors auto: one for each of {of}{but}."
