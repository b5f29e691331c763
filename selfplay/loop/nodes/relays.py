"""The relays of a cluster, as the process that learns sees them: one on each node where actors play, replaced when it
dies. A node that is gone is told of as the failure of all its actors.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from selfplay.loop.nodes import calls, connection, relay
from selfplay.loop.nodes.calls import Failed, Made, Member, Order

HUNG = 60.0  # seconds of an exchange, of which a relay needs about one


class Relays:
    """Exchanges in flight, at most one for each node."""

    def __init__(self, ray: Any, dtype: np.dtype) -> None:
        """dtype: of rows."""
        self._ray, self._dtype = ray, dtype
        self._here = ray.get_runtime_context().get_node_id()
        self._relays: dict[str, Any] = {}
        self._flying: dict[Any, tuple[str, float]] = {}  # exchange → node, when it began
        self._told: dict[str, list[Member]] = {}  # node → the actors that its relay was told of last
        self._busy: dict[str, set[int]] = {}  # node → those of them with a call in flight, as far as is known
        self.messages = self.bytes = 0  # received so far

    def busy(self) -> set[int]:
        """Actors with a call in flight."""
        return set().union(*self._busy.values())

    def ask(self, actors: Sequence[Member], order: Order, paused: bool) -> None:
        """Begins an exchange with every node that has none in flight."""
        nodes: dict[str, list[Member]] = {}
        for member in actors:
            nodes.setdefault(member.node, []).append(member)
        flying = {node for node, _ in self._flying.values()}
        for node, members in nodes.items():
            if node in flying:
                continue
            if node not in self._relays:
                self._relays[node] = self._start(node)
            whole = (order.generation, [order.weights], order.rows)
            call = self._relays[node].exchange.remote(members, whole, paused, node != self._here)
            self._flying[call], self._told[node] = (node, time.monotonic()), members
            if not paused:
                self._busy[node] = {member.actor for member in members}

    def forget(self, index: int) -> None:
        """The actor's call is not waited for any more."""
        for busy in self._busy.values():
            busy.discard(index)

    def _start(self, node: str) -> Any:
        affinity = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
        options = {"num_cpus": 0, "max_restarts": 0, "scheduling_strategy": affinity(node, soft=False)}
        return self._ray.remote(**options)(relay.Relay).remote(self._dtype)

    def collect(self, timeout: float) -> tuple[list[Made], list[Failed]]:
        """What has arrived; the first within `timeout` seconds."""
        made: list[Made] = []
        failed: list[Failed] = []
        for call in calls.ready(self._ray, self._flying, timeout):
            node, _ = self._flying.pop(call)
            try:
                delivery: relay.Delivery = self._ray.get(call)
            except self._ray.exceptions.RayError as error:
                failed += self._lost(node, connection.sentence(error))
                continue
            self._busy[node] = set(delivery.busy)
            self.messages += 1
            self.bytes += len(delivery.packed)
            made += relay.unpack(delivery, self._dtype)
            failed += delivery.failed
        for node, began in self._flying.values():
            if time.monotonic() - began > HUNG:
                self._ray.kill(self._relays[node])  # which ends its exchange
        return made, failed

    def _lost(self, node: str, why: str) -> list[Failed]:
        """A relay is gone: another one takes its place, unless the node is gone with all its actors. What actors had
        made in the last second is lost with it, and has been counted nowhere."""
        self._ray.kill(self._relays.pop(node))
        self._busy.pop(node, None)
        members = self._told.pop(node)
        if any(other["NodeID"] == node and other["Alive"] for other in self._ray.nodes()):
            return []
        return [Failed(one.actor, one.incarnation, f"its node is gone ({why})") for one in members]
