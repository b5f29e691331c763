"""Calls to actors: each is asked for rows again as soon as it has delivered, one call in flight for each.

Used by the process that learns, and by the relay of a node in its place. Knows neither whose actors they are nor how
they are replaced: it tells which calls failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from selfplay.errors import UserError
from selfplay.loop.nodes import connection


class Member(NamedTuple):
    """An actor that has started."""

    actor: int  # its index
    incarnation: int  # how many processes there were before this one
    node: str
    handle: Any


class Order(NamedTuple):
    """What actors are asked for."""

    generation: int
    weights: Any  # reference to (newest, opponent's)
    rows: int  # at least so many


class Made(NamedTuple):
    """What one call has brought."""

    actor: int  # its index
    incarnation: int
    rows: np.ndarray
    stats: dict[str, float]
    generation: int  # of the weights
    number: int  # of the call, see `SampleBatch.source`


class Failed(NamedTuple):
    """A call that failed, with its actor."""

    actor: int
    incarnation: int
    why: str  # as a clause
    error: UserError | None = None  # what the user has to be told instead of replacing the actor


def ready(ray: Any, flying: Iterable[Any], timeout: float) -> list[Any]:
    """Those of the calls in flight that are done; the first within `timeout` seconds."""
    waiting = list(flying)
    if not waiting or not ray.wait(waiting, num_returns=1, timeout=timeout)[0]:
        return []
    found: list[Any] = ray.wait(waiting, num_returns=len(waiting), timeout=0)[0]  # others may be done as well
    return found


class Calls:
    """Calls in flight."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._flying: dict[Any, tuple[int, int]] = {}  # call → actor, incarnation
        self.messages = self.bytes = 0  # received so far

    def busy(self) -> set[int]:
        """Actors with a call in flight."""
        return {index for index, _ in self._flying.values()}

    def ask(self, actors: Sequence[Member], order: Order, paused: bool) -> None:
        """Asks those of `actors` that are not busy, unless it is `paused`."""
        busy = self.busy()
        for index, incarnation, _, handle in [] if paused else actors:
            if index not in busy:
                call = handle.work.remote(order.generation, order.weights, order.rows)
                self._flying[call] = (index, incarnation)

    def forget(self, index: int) -> None:
        """The actor's call is not waited for any more."""
        self._flying = {call: actor for call, actor in self._flying.items() if actor[0] != index}

    def collect(self, timeout: float) -> tuple[list[Made], list[Failed]]:
        """What is ready; the first within `timeout` seconds."""
        made: list[Made] = []
        failed: list[Failed] = []
        for call in ready(self._ray, self._flying, timeout):
            actor = self._flying.pop(call)
            try:
                # The rows are a read-only view of the object store's memory, which the replay copies from.
                made.append(Made(*actor, *self._ray.get(call)))
            except self._ray.exceptions.RayTaskError as error:
                of_user = error.cause if isinstance(error.cause, UserError) else None
                failed.append(Failed(*actor, connection.sentence(error.cause), of_user))
            except self._ray.exceptions.RayError as error:  # its process, its node, or what it had stored is lost
                failed.append(Failed(*actor, f"it died ({connection.sentence(error)})"))
            else:
                self.messages += 1
                self.bytes += made[-1].rows.nbytes
        return made, failed
