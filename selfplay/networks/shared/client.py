"""The client of a shared inference server: an evaluator whose network lives in another process.

A `Client` is one process's connection; it starts the server where there is none, sends again what was on its way when a
server dies, and ends one that hangs. Its `SharedEvaluator`s are what searches ask. Loads no torch.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from games.base import Game
from selfplay.errors import ActorPoolError, TrainingDiverged
from selfplay.networks import priors
from selfplay.networks.shared import launcher, messages, segment
from selfplay.networks.shared import weights as packing
from selfplay.search.evaluators import Evaluation
from selfplay.search.search import Leaves

START_TIMEOUT = 120.0  # seconds for a server to start, after which it is ended and another one started
STARTS = 2  # servers in a row that may not start, before the client gives up
HANG_TIMEOUT = 10.0  # seconds in which a server has not moved, after which it counts as hung
END_TIMEOUT = 5.0  # seconds for a killed server to be gone
LOOK_EVERY = 0.5  # seconds between two looks at whether it moves
AWAKE = 2.0  # seconds at most that pass between two looks: more, and this process was suspended
IN_A_ROW = 5  # servers that may be lost with no answer in between, before the client gives up


@dataclass
class _Asked:
    """A request on its way."""

    request: messages.Request
    answered: bool = False


class Client:
    """One process's connection to a server, from the first question to `close`."""

    def __init__(self, game: Game, server: launcher.Server, capacity: int, slots: int) -> None:
        """capacity: positions of one request, at most. slots: requests on their way at once, at most."""
        self.game, self._server = game, server
        self._layout = segment.Layout(slots, capacity, game.max_legal_actions, game.state_dtype)
        self.capacity = capacity
        self._socket: socket.socket | None = None
        self._weights: dict[str, tuple[bytes, Mapping[str, Any]]] = {}  # by user of this connection
        self._slots = list(range(slots))  # free ones
        self._asked: dict[int, _Asked] = {}
        self._number = 0
        self._pid = 0
        self._lost = 0  # servers in a row
        self._unstarted = 0  # servers in a row that have not started in time
        self._needed: list[list[bytes]] = []  # what the server has said that it is to be sent
        self.waiting = 0  # rises while a server is starting: this process has not hung
        self.counts = dict.fromkeys(("requests", "batch", "queue", "queued", "waited", "lost"), 0.0)

    @property
    def server_pid(self) -> int:
        """The server's process; 0 while there is none."""
        return self._pid

    # -- asking ------------------------------------------------------------------------------------------------

    def use(self, user: str, weights: Mapping[str, Any]) -> bytes:
        """`user` goes on with `weights`, a state_dict; returns their digest. What it used before is forgotten."""
        digest = packing.digest(weights)
        self._weights[user] = (digest, weights)
        if self._socket is not None:
            self._insist(lambda: self._agree())
        return digest

    def ask(self, leaves: Leaves, digest: bytes) -> int:
        """Sends M <= capacity positions; `answer` takes the number that this returns. There must be a free slot."""
        slot, rows = self._slots.pop(), len(leaves.rows)
        if self._socket is None:
            self._insist(self._connect)
        memory = self._segment
        memory.states[slot, :rows] = leaves.states
        memory.actions[slot, :rows] = leaves.actions
        self._number += 1
        asked = _Asked(messages.Request(self._number, slot, rows, digest))
        self._asked[self._number] = asked
        self._insist(lambda: self._send(messages.request(asked.request)), again=self._connect)
        return self._number

    def answer(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """(logits [M, K] float32 of the actions that were listed, wdl [M, 3] float32), as copies; waits for them."""
        asked = self._asked[number]
        began = time.perf_counter()
        while not asked.answered:
            self._insist(self._read, again=self._connect)
        self.counts["waited"] += time.perf_counter() - began
        slot, rows = asked.request.slot, asked.request.rows
        found = self._segment.logits[slot, :rows].copy(), self._segment.wdl[slot, :rows].copy()
        self._drop(number)
        return found

    def _drop(self, number: int) -> None:
        self._slots.append(self._asked.pop(number).request.slot)

    def take_counts(self) -> dict[str, float]:
        """Sums since the last call, by the names of an actor's sums."""
        taken, self.counts = self.counts, dict.fromkeys(self.counts, 0.0)
        return {f"server_{name}": value for name, value in taken.items()}

    # -- talking -----------------------------------------------------------------------------------------------

    def _insist(self, step: Callable[[], None], again: Callable[[], None] | None = None) -> None:
        """Does `step`; where the server is lost on the way, connects to the next one, which includes all that was on
        its way. again: what to do then instead of `step`. Raises ActorPoolError after too many in a row."""
        while True:
            try:
                step()
                return
            except _Lost as lost:
                self.close()
                self._lost += 1
                self.counts["lost"] += 1
                if self._lost >= IN_A_ROW:
                    raise ActorPoolError(
                        f"the inference server failed {self._lost} times in a row; the last time, {lost}: "
                        "inference.mode=local does without it."
                    ) from None
                time.sleep(0.05 * (self._lost - 1))
                step = again or self._connect

    def _connect(self) -> None:
        """To the server there is, or a new one; with new memory, into which no earlier server can write."""
        held = getattr(self, "_segment", None)
        descriptor = segment.sealed(self._layout.size)
        try:
            self._segment = segment.Segment(self._layout, descriptor)
            if held is not None:
                for asked in self._asked.values():
                    slot = asked.request.slot
                    for name in ("states", "actions", "logits", "wdl"):
                        getattr(self._segment, name)[slot] = getattr(held, name)[slot]
            self._socket = self._server.connect()
            self._socket.settimeout(LOOK_EVERY)
            layout = self._layout
            self._send(messages.hello(layout.slots, layout.capacity, layout.width, layout.state.itemsize), [descriptor])
        finally:
            os.close(descriptor)
        self._pid = 0
        began = time.monotonic()
        while not self._pid:
            self._read()
            self.waiting += 1
            if time.monotonic() - began > START_TIMEOUT:
                self._end_start()
        self._unstarted = 0
        self._agree()
        for asked in self._asked.values():
            if not asked.answered:
                self._send(messages.request(asked.request))

    def _agree(self) -> None:
        """Says which weights are wanted, and sends those that the server has not got from anybody else."""
        wanted = dict(self._weights.values())
        self._send(messages.digests(messages.USE, wanted))
        while needed := self._read_need():
            for digest in needed:
                descriptor, size = packing.to_memory(wanted[digest])
                try:
                    self._send(messages.weights(digest, size), [descriptor])
                finally:
                    os.close(descriptor)

    def _read_need(self) -> list[bytes]:
        """Waits until the server has said which weights it is to be sent."""
        self._needed.clear()
        while not self._needed:
            self._read()
        return self._needed.pop()

    def _send(self, message: bytes, descriptors: list[int] | None = None) -> None:
        assert self._socket is not None
        try:
            if descriptors:
                socket.send_fds(self._socket, [message], descriptors)
            else:
                self._socket.send(message)
        except TimeoutError:
            self._look()
            self._send(message, descriptors)
        except OSError as error:
            raise _Lost(f"it is gone ({error.strerror})") from None

    def _read(self) -> None:
        """Takes one message, or notices after a while without one that the server hangs."""
        assert self._socket is not None
        try:
            message = self._socket.recv(messages.LONGEST)
        except TimeoutError:
            self._look()
            return
        except OSError as error:
            raise _Lost(f"it is gone ({error.strerror})") from None
        self._seen = None
        kind = message[:1]
        if kind == messages.ANSWER:
            self._take(messages.parse_answer(message))
        elif kind == messages.NEED:
            self._needed.append(messages.parse_digests(message))
        elif kind == messages.WELCOME:
            self._pid = messages.parse_welcome(message)
        elif kind == messages.REFUSAL:
            raise _Lost(message[1:].decode(errors="replace"))
        else:
            raise _Lost("its process ended" if self._pid else "its process ended while starting")

    def _take(self, answer: messages.Answer) -> None:
        asked = self._asked.get(answer.number)
        if asked is None or asked.answered:
            return
        asked.answered, self._lost = True, 0
        self.counts["requests"] += 1
        self.counts["batch"] += answer.batch
        self.counts["queue"] += answer.queue
        self.counts["queued"] += answer.waited / 1e6

    _seen: tuple[int, float, float] | None = None  # beat, when looked at, seconds awake in which it has not changed

    def _look(self) -> None:
        """Ends a server that has not moved for `HANG_TIMEOUT`. Only a started one is known well enough."""
        beat, now = int(self._segment.beat[0]), time.monotonic()
        if self._seen is None or self._seen[0] != beat:
            self._seen = (beat, now, 0.0)
            return
        still = self._seen[2] + min(now - self._seen[1], AWAKE)
        self._seen = (beat, now, still)
        if self._pid and still > HANG_TIMEOUT:
            self._seen = None
            self._end_server(self._pid)
            raise _Lost(f"it has not moved for {still:.0f} s")

    def _end_start(self) -> None:
        """Ends a server that hangs while it starts. Raises _Lost, or ActorPoolError where one did so before."""
        assert self._socket is not None
        self._unstarted += 1
        pid = messages.listener(self._socket)
        if launcher.is_server(pid):
            self._end_server(pid)
        if self._unstarted >= STARTS:
            raise ActorPoolError(
                f"no inference server has started within {START_TIMEOUT:.0f} s, {STARTS} times in a row: "
                "inference.mode=local does without it."
            )
        raise _Lost(f"it has not started within {START_TIMEOUT:.0f} s")

    def _end_server(self, pid: int) -> None:
        """Kills a server that hangs, and waits until it is gone: until then its name is taken."""
        assert self._socket is not None
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
            self._socket.settimeout(END_TIMEOUT)
            while self._socket.recv(messages.LONGEST):
                pass

    def close(self) -> None:
        """Ends the connection. The server ends a while after its last one."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class _Lost(Exception):
    """The server died, hung, or sent this client away; the message says why, as a clause."""


class SharedEvaluator:
    """Answers `Leaves` with a network on a server (see search/evaluators.py for the contract). Counts what it asks."""

    def __init__(self, client: Client, name: str) -> None:
        """name: of this evaluator among those of the client."""
        self._client, self._name = client, name
        self._digest = b""
        self.evaluations = 0
        self.batches = 0

    def load(self, weights: Mapping[str, Any]) -> None:
        """Takes new weights: a state_dict of PolicyValueNet."""
        self._digest = self._client.use(self._name, weights)

    def __call__(self, leaves: Leaves) -> Evaluation:
        return self.submit(leaves)()

    def submit(self, leaves: Leaves) -> Callable[[], Evaluation]:
        """Sends `leaves`; what this returns waits for the answer, and gives it. Leaves of more positions than a slot
        has room for are answered before this returns."""
        capacity, size = self._client.capacity, len(leaves.rows)
        self.evaluations += size
        self.batches += 1
        if size <= capacity:
            number = self._client.ask(leaves, self._digest)
            return lambda: self._evaluation(number, leaves)
        parts = [Leaves(*(field[at : at + capacity] for field in leaves)) for at in range(0, size, capacity)]
        found = [self._evaluation(self._client.ask(part, self._digest), part) for part in parts]
        prior, wdl = (np.concatenate(pieces) for pieces in zip(*found, strict=True))
        return lambda: (prior, wdl)

    def _evaluation(self, number: int, leaves: Leaves) -> Evaluation:
        logits, wdl = self._client.answer(number)
        prior = priors.softmax_in_place(logits, leaves.actions)
        if not (np.isfinite(wdl).all() and np.isfinite(prior).all()):
            raise TrainingDiverged("the network's answers are not finite numbers: go back to an earlier checkpoint.")
        return prior, wdl
