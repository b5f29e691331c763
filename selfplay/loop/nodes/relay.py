"""A relay: a process on a node that asks the actors there for rows, and hands over about once a second what they made.

The process that learns so exchanges one message a second with a node, however many actors play there; rows of all of
them travel together, compressed where that pays. Which actors there are, it is told with every exchange.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from selfplay.loop.nodes.calls import Calls, Failed, Made, Member, Order

EVERY = 1.0  # seconds of an exchange
MOST_BYTES = 64_000_000  # of rows that are held before they are handed over
NO_ROWS = np.empty(0, np.uint8)
LEVEL = 1  # of zlib: a third of connect four's bytes, an eighth of chess's; higher levels cost more than they save


class Delivery(NamedTuple):
    """What the actors of a node have done since the exchange before."""

    made: list[Made]  # with their rows taken out
    counts: list[int]  # of rows of each
    packed: bytes  # the rows of all, one after another
    compressed: bool
    failed: list[Failed]
    busy: list[int]  # actors that have a call in flight


class Relay:
    """Runs in a process of its own on the node."""

    def __init__(self, dtype: np.dtype) -> None:
        """dtype: of rows."""
        import ray

        self._dtype = dtype
        self._calls = Calls(ray)
        self._incarnations: dict[int, int] = {}

    def exchange(self, actors: Sequence[Member], order: Sequence[Any], paused: bool, compress: bool) -> Delivery:
        """actors: all that play here. order: the fields of an `Order`, its weights as a list of one reference, since
        they are not fetched here. paused: no actor is asked for more."""
        generation, (weights,), rows = order
        current = {member.actor: member.incarnation for member in actors}
        for index, incarnation in self._incarnations.items():
            if current.get(index) != incarnation:
                self._calls.forget(index)
        self._incarnations = current
        made: list[Made] = []
        failed: list[Failed] = []
        end = time.monotonic() + EVERY
        while (left := end - time.monotonic()) > 0 and not failed and sum(one.rows.nbytes for one in made) < MOST_BYTES:
            self._calls.ask(actors, Order(generation, weights, rows), paused)
            if not self._calls.busy():
                time.sleep(min(left, 0.1))
            done, failed = self._calls.collect(left)
            made += [one for one in done if one.rows.dtype == self._dtype]
            failed += [  # all rows of a delivery travel as one, so that others would make it unreadable
                Failed(one.actor, one.incarnation, "it sent rows of another layout")
                for one in done if one.rows.dtype != self._dtype
            ]  # fmt: skip
        packed, compressed = pack([one.rows for one in made], compress)
        counts = [len(one.rows) for one in made]
        emptied = [one._replace(rows=NO_ROWS) for one in made]
        return Delivery(emptied, counts, packed, compressed, failed, sorted(self._calls.busy()))


def pack(rows: Sequence[np.ndarray], compress: bool) -> tuple[bytes, bool]:
    """(the bytes of all rows, whether they are compressed)."""
    plain = b"".join(part.tobytes() for part in rows)
    if not compress or len(plain) < 4096:
        return plain, False
    packed = zlib.compress(plain, LEVEL)
    return (packed, True) if len(packed) < 0.9 * len(plain) else (plain, False)


def unpack(delivery: Delivery, dtype: np.dtype) -> list[Made]:
    """What the calls of a delivery have brought. dtype: of rows."""
    plain = zlib.decompress(delivery.packed) if delivery.compressed else delivery.packed
    ends = np.cumsum(delivery.counts)
    parts = np.split(np.frombuffer(plain, dtype), ends[:-1]) if delivery.counts else []
    return [one._replace(rows=rows) for one, rows in zip(delivery.made, parts, strict=True)]


def node_id() -> str:
    """The node that this process runs on."""
    import ray

    found: str = ray.get_runtime_context().get_node_id()
    return found
