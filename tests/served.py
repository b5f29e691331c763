"""An inference server in a thread of the tests' own process, and positions to ask it about."""

from __future__ import annotations

import secrets
import socket
import sys
import threading
from typing import Any

import numpy as np
import tiny
import torch

import games
from games.base import Game
from selfplay.networks import inference
from selfplay.networks.config import InferenceConfig, NetworkConfig
from selfplay.networks.shared import client, engine, launcher, messages, server
from selfplay.search.search import Leaves

CPU = torch.device("cpu")
SHARED = InferenceConfig(mode="shared", device="cpu")


class Served:
    """Used in a `with`: a server of a game that listens, in a thread, until its last client has gone."""

    def __init__(
        self, name: str = "connect-four", config: InferenceConfig = SHARED, network: NetworkConfig = tiny.NETWORK
    ) -> None:
        self.game = games.make(name)
        self.named = launcher.Server(secrets.token_hex(8), 0, self.game, network, config)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listening.bind(messages.address(self.named.key, 0))
        listening.listen(8)
        self._listening = listening
        self.engine = engine.Engine(self.game, network, CPU, config)
        self.server = server.Server(listening, self.game, self.engine, config)
        self.loads: list[bytes] = []  # digests of weights, as they came
        load = self.engine.load

        def note(digest: bytes, weights: Any) -> None:
            self.loads.append(digest)
            load(digest, weights)

        self.engine.load = note  # type: ignore[method-assign]
        self._clients: list[client.Client] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self.server.run()
        finally:  # as at the end of a process
            self._listening.close()
            for connected in self.server._clients:
                connected.socket.close()

    def __enter__(self) -> Served:
        self._interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-4)  # seconds: client and server take turns all the time
        self._thread.start()
        return self

    def client(self, capacity: int = 64, slots: int = 3) -> client.Client:
        made = client.Client(self.game, self.named, capacity, slots)
        self._clients.append(made)
        return made

    def evaluator(self, seed: int, capacity: int = 64) -> client.SharedEvaluator:
        """One with random weights, on a connection of its own."""
        made = client.SharedEvaluator(self.client(capacity), "newest")
        made.load(tiny.random_weights(self.game, seed))
        made._client._insist(made._client._connect)  # so that a server which lost another client goes on
        return made

    def __exit__(self, *_: object) -> None:
        for made in self._clients:
            made.close()
        self._thread.join(30)
        sys.setswitchinterval(self._interval)
        assert not self._thread.is_alive()


def local(game: Game, seed: int) -> inference.NetworkEvaluator:
    evaluator = inference.NetworkEvaluator(game, tiny.NETWORK, CPU)
    evaluator.load(tiny.random_weights(game, seed))
    return evaluator


def leaves(game: Game, size: int, seed: int = 0) -> Leaves:
    """Positions a few random plies from the start."""
    rng = np.random.default_rng(seed)
    states = game.initial_states(size)
    for _ in range(4):
        actions, count = game.legal_actions(states)
        moves = actions[np.arange(size), (rng.random(size) * count).astype(int)]
        states = game.step(states, moves).states
    actions, count = game.legal_actions(states)
    return Leaves(np.arange(size), np.arange(size), states, actions, count)


def same(found: tuple[np.ndarray, np.ndarray], wanted: tuple[np.ndarray, np.ndarray]) -> bool:
    return all(tiny.same_bits(a, b) for a, b in zip(found, wanted, strict=True))
