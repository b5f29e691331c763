"""The inference server: gathers the requests of its clients into batches, and answers them from one device.

A batch takes requests for the same weights, oldest first. It begins when it is large enough, when no client is left
that could add to it, or when the oldest has waited for `wait_ms`; while one is computed, the next gathers. A client
that dies or says what cannot be is dropped with all it asked. None can have more on its way than its slots, so that
queues are bounded. The server ends when its last client has gone.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import struct
import time
from collections import deque
from typing import NamedTuple

import numpy as np
import torch

from games.base import Game
from selfplay import device as devices
from selfplay.errors import shorten
from selfplay.networks.config import InferenceConfig, NetworkConfig
from selfplay.networks.shared import messages, segment, weights
from selfplay.networks.shared.engine import Engine, Fetch

LINGER = 3.0  # seconds without a client after which it ends
FIRST = 60.0  # seconds without a first client, after which it ends
SENDING = 5.0  # seconds for a client to send weights, before another is asked for them
IDLE = 0.25  # seconds that it waits for a message at most: clients see from its beat that it is well


class _Refused(Exception):
    """What a client said cannot be; the message says why, as a clause."""


class _Client:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.segment: segment.Segment | None = None
        self.layout: segment.Layout | None = None
        self.used: list[bytes] = []  # weights
        self.agreeing = False  # it waits for a NEED message
        self.waiting = 0  # requests that are not answered

    def send(self, message: bytes) -> bool:
        """False where it is gone, or does not take what it is sent."""
        try:
            self.socket.send(message, socket.MSG_DONTWAIT)
        except OSError:
            return False
        return True


class _Waiting(NamedTuple):
    client: _Client
    request: messages.Request
    since: float


class _Flight(NamedTuple):
    """A batch on its way."""

    fetch: Fetch
    requests: list[_Waiting]
    rows: int
    queue: int
    began: float


class Server:
    """Owns the clients and the queue."""

    def __init__(self, listening: socket.socket, game: Game, engine: Engine, config: InferenceConfig) -> None:
        self.game, self.engine = game, engine
        self._listening, self._wait = listening, config.wait_ms / 1000
        self._selector = selectors.DefaultSelector()
        listening.setblocking(False)
        self._selector.register(listening, selectors.EVENT_READ, None)
        self._clients: list[_Client] = []
        self._queue: deque[_Waiting] = deque()
        self._flights: deque[_Flight] = deque()
        self._awaited: dict[bytes, tuple[_Client, float]] = {}  # weights: the client that was asked for them, and when
        self._beat = 0

    def run(self) -> None:
        """Until the last client has gone."""
        alone, patience = time.monotonic(), FIRST
        while True:
            self._receive(self._timeout())
            if self._awaited:
                self._agree()
            batch = self._gather() if len(self._flights) < self.engine.depth else []
            if batch:
                self._flights.append(self._start(batch))
            if self._flights and (not batch or len(self._flights) >= self.engine.depth):
                self._answer(self._flights.popleft())
            self._show_beat()
            if self._clients:
                alone, patience = time.monotonic(), LINGER
            elif time.monotonic() - alone > patience:
                return

    def fail(self, why: str) -> None:
        """Tells all clients why the server ends."""
        for client in self._clients:
            client.send(messages.refusal(why))

    def _show_beat(self) -> None:
        self._beat += 1
        for client in self._clients:
            if client.segment is not None:
                client.segment.beat[0] = self._beat

    # -- messages ----------------------------------------------------------------------------------------------

    def _timeout(self) -> float:
        """Seconds to wait for messages."""
        if self._flights:
            return 0.0
        if not self._queue:
            return IDLE
        return max(0.0, self._wait - (time.monotonic() - self._queue[0].since)) if not self._is_due() else 0.0

    def _receive(self, timeout: float) -> None:
        for key, _ in self._selector.select(timeout):
            client: _Client | None = key.data
            if client is None:
                self._accept()
                continue
            if client not in self._clients:
                continue
            message, descriptors = messages.receive(client.socket)
            try:
                self._heed(client, message, descriptors)
            except (_Refused, struct.error, ValueError, OSError, RuntimeError) as error:
                client.send(messages.refusal(shorten(" ".join(str(error).split()), 200)))
                self._drop(client)
            finally:
                for descriptor in descriptors:
                    os.close(descriptor)

    def _accept(self) -> None:
        with contextlib.suppress(BlockingIOError):
            connection, _ = self._listening.accept()
            if not messages.is_own(connection):
                connection.close()
                return
            client = _Client(connection)
            self._clients.append(client)
            self._selector.register(connection, selectors.EVENT_READ, client)

    def _drop(self, client: _Client) -> None:
        """Forgets a client, and what it asked for."""
        self._selector.unregister(client.socket)
        client.socket.close()
        self._clients.remove(client)
        self._queue = deque(waiting for waiting in self._queue if waiting.client is not client)
        self._awaited = {digest: asked for digest, asked in self._awaited.items() if asked[0] is not client}
        self._retain()
        self._agree()

    def _heed(self, client: _Client, message: bytes, descriptors: list[int]) -> None:
        """Raises _Refused and the errors of what it calls."""
        kind = message[:1]
        if kind == messages.REQUEST:
            self._enqueue(client, messages.parse_request(message))
        elif not kind:
            self._drop(client)
        elif kind == messages.HELLO and descriptors:
            slots, capacity, width, state = messages.parse_hello(message)
            if (width, state) != (self.game.max_legal_actions, self.game.state_dtype.itemsize):
                raise _Refused("it serves another game")
            client.layout = segment.Layout(slots, capacity, width, self.game.state_dtype)
            client.segment = segment.Segment(client.layout, descriptors[0])
            client.send(messages.welcome(os.getpid()))
        elif kind == messages.USE:
            client.used, client.agreeing = messages.parse_digests(message), True
            self._retain()
            self._agree()
        elif kind == messages.WEIGHTS and descriptors:
            digest, size = messages.parse_weights(message)
            if digest not in self.engine:
                self.engine.load(digest, weights.from_memory(descriptors[0], size))
            self._awaited.pop(digest, None)
            self._agree()
        else:
            raise _Refused("it was sent a message that it does not know")

    def _enqueue(self, client: _Client, request: messages.Request) -> None:
        layout, memory = client.layout, client.segment
        if layout is None or memory is None or request.slot >= layout.slots or request.rows > layout.capacity:
            raise _Refused("it was sent a request that its memory does not hold")
        if request.digest not in self.engine:
            raise _Refused("it was sent a request for weights that it has not got")
        if client.waiting >= layout.slots:
            raise _Refused("it was sent more requests than there are slots")
        if memory.actions[request.slot, : request.rows].max(initial=-1) >= self.game.num_actions:
            raise _Refused("it was sent actions that the game does not have")
        client.waiting += 1
        self._queue.append(_Waiting(client, request, time.monotonic()))

    def _agree(self) -> None:
        """Tells clients that wait for it which weights they are to send. Each set is asked of one of them, and of the
        next where that one does not send it."""
        now = time.monotonic()
        for digest, (sender, since) in list(self._awaited.items()):
            if now - since > SENDING:
                del self._awaited[digest]
                self._clients.sort(key=lambda client, late=sender: client is late)  # type: ignore[misc]
        for client in self._clients:
            missing = [digest for digest in client.used if digest not in self.engine]
            asked = [digest for digest in missing if digest not in self._awaited]
            if client.agreeing and (asked or not missing):
                self._awaited |= dict.fromkeys(asked, (client, now))
                client.agreeing = bool(missing)
                client.send(messages.digests(messages.NEED, asked))

    def _retain(self) -> None:
        queued = {waiting.request.digest for waiting in self._queue}
        self.engine.retain(queued.union(*(client.used for client in self._clients)))

    # -- batches -----------------------------------------------------------------------------------------------

    def _is_due(self) -> bool:
        """Whether the batch of the oldest request begins now."""
        oldest = self._queue[0]
        if all(client.waiting for client in self._clients):
            return True
        rows = sum(one.request.rows for one in self._queue if one.request.digest == oldest.request.digest)
        return rows >= self.engine.enough or time.monotonic() - oldest.since >= self._wait

    def _gather(self) -> list[_Waiting]:
        """Takes the requests of the next batch from the queue; none while it is not due."""
        if not self._queue or not self._is_due():
            return []
        digest, rows = self._queue[0].request.digest, 0
        taken: list[_Waiting] = []
        left: deque[_Waiting] = deque()
        for waiting in self._queue:
            fits = not taken or rows + waiting.request.rows <= self.engine.max_batch
            if waiting.request.digest == digest and fits:
                taken.append(waiting)
                rows += waiting.request.rows
            else:
                left.append(waiting)
        self._queue = left
        return taken

    def _start(self, batch: list[_Waiting]) -> _Flight:
        queue = sum(waiting.request.rows for waiting in (*batch, *self._queue))
        states, actions = [], []
        for client, request, _ in batch:
            assert client.segment is not None
            states.append(client.segment.states[request.slot, : request.rows])
            actions.append(client.segment.actions[request.slot, : request.rows])
        joined, listed = np.concatenate(states), np.concatenate(actions)
        began = time.monotonic()
        fetch = self.engine.start(batch[0].request.digest, joined, listed)
        return _Flight(fetch, batch, len(joined), queue, began)

    def _answer(self, flight: _Flight) -> None:
        logits, wdl = flight.fetch()
        at = 0
        for client, request, since in flight.requests:
            rows = slice(at, at + request.rows)
            at += request.rows
            if client not in self._clients:
                continue
            assert client.segment is not None
            client.segment.logits[request.slot, : request.rows] = logits[rows]
            client.segment.wdl[request.slot, : request.rows] = wdl[rows]
            client.waiting -= 1
            waited = int(1e6 * (flight.began - since))
            if not client.send(messages.answer(messages.Answer(request.number, flight.rows, flight.queue, waited))):
                self._drop(client)


def serve(listening: socket.socket, number: int, game: Game, network: NetworkConfig, config: InferenceConfig) -> None:
    """Runs a server on a socket that listens. number: of this server on its node, which chooses among several GPUs."""
    devices.tune_process(threads=1)
    device = torch.device("cpu") if config.device == "cpu" else devices.best()
    if device.type == "cuda":
        device = torch.device("cuda", number % devices.gpus())
        torch.cuda.set_device(device)
    engine = Engine(game, network, device, config)
    engine.warm_up()
    server = Server(listening, game, engine, config)
    try:
        server.run()
    except Exception as error:
        server.fail(shorten(f"{type(error).__name__}: {error}", 500))
        raise
