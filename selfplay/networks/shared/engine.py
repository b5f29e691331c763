"""What a server computes with: a model for each set of weights in use, and batches through them.

Models are kept when their weights are no longer wanted, and given new ones in place: on a GPU their CUDA graphs stay.
On a GPU a batch is queued, by way of pinned memory, and fetched later, so that the next one is gathered meanwhile; on
the CPU it is computed at once. A row's numbers do not depend on the others of its batch where the network's do not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import torch

from games.base import Game
from selfplay import device as devices
from selfplay.networks import inference, priors
from selfplay.networks.config import IN_PROCESS, InferenceConfig, NetworkConfig

Fetch = Callable[[], tuple[np.ndarray, np.ndarray]]
"""Waits for a batch: (logits [M, K] float32 of the listed actions, wdl [M, 3] float32)."""

_SPARE = 2  # models without weights in use that are kept for the next ones
_CPU_BATCH, _GPU_BATCH = 256, 4096
_CPU_ENOUGH = 64  # positions from which larger batches are hardly faster on a CPU


class Engine:
    """The models of one device, from `__init__` on."""

    def __init__(
        self, game: Game, network: NetworkConfig, device: torch.device, config: InferenceConfig = IN_PROCESS
    ) -> None:
        self.game, self.network, self.device, self._config = game, network, device, config
        cuda = device.type == "cuda"
        self.max_batch = config.max_batch or (_GPU_BATCH if cuda else _CPU_BATCH)
        self.enough = self.max_batch // 2 if cuda else min(_CPU_ENOUGH, self.max_batch)
        self.depth = 2 if cuda else 1  # batches that may be on their way at once
        self._models: dict[bytes, inference.NetworkEvaluator] = {}
        self._spare: list[inference.NetworkEvaluator] = []
        self._staging = [_Staging(game, device) for _ in range(self.depth)] if cuda else []
        self._turn = 0

    def warm_up(self) -> None:
        """Has libraries loaded, and what they make at the first calls made, before clients watch whether this moves."""
        model = inference.NetworkEvaluator(self.game, self.network, self.device, self._config)
        states = self.game.initial_states(1)
        with torch.inference_mode():
            for _ in range(inference.RARE + 1):
                model.forward(model.planes(states))[1].float().cpu()
        self._spare.append(model)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._models

    def load(self, digest: bytes, weights: Mapping[str, Any]) -> None:
        """Takes weights. Raises RuntimeError where they do not fit the network."""
        if self._spare:
            model = self._spare.pop()
        else:
            model = inference.NetworkEvaluator(self.game, self.network, self.device, self._config)
        model.load(weights)
        self._models[digest] = model

    def retain(self, wanted: Collection[bytes]) -> None:
        """Forgets all weights but these."""
        for digest in [held for held in self._models if held not in wanted]:
            self._spare.append(self._models.pop(digest))
        del self._spare[_SPARE:]

    def start(self, digest: bytes, states: np.ndarray, actions: np.ndarray) -> Fetch:
        """Evaluates positions [M] state_dtype with actions [M, K] int32, padded with -1."""
        model = self._models[digest]
        with torch.inference_mode():
            if self._staging:
                self._turn = (self._turn + 1) % self.depth
                return self._staging[self._turn].start(model.forward, states, actions)
            policy, wdl = model.forward(model.planes(states))
            found = (
                priors.legal_logits(policy.float().numpy(), actions),
                np.asarray(wdl.float().softmax(1).numpy()),
            )
        return lambda: found


class _Staging:
    """Memory for one batch on its way to a GPU and back: pinned, so that copies need not be waited for. On a CPU, where
    nothing has to be waited for, it serves tests."""

    def __init__(self, game: Game, device: torch.device) -> None:
        self._game, self._device, self._capacity = game, device, 0
        # The processor's time belongs to searches.
        self._done = torch.cuda.Event(blocking=True) if device.type == "cuda" else None

    def _grow(self, capacity: int) -> None:
        pinned, width, shape = self._done is not None, self._game.max_legal_actions, self._game.observation_shape
        self._capacity = capacity
        self._planes = torch.empty(
            (capacity, *shape), dtype=devices.compute_dtype(self._device.type), pin_memory=pinned,
            memory_format=torch.channels_last,
        )  # fmt: skip
        self._actions = torch.empty((capacity, width), dtype=torch.int32, pin_memory=pinned)
        self._logits = torch.empty((capacity, width), dtype=torch.float32, pin_memory=pinned)
        self._wdl = torch.empty((capacity, 3), dtype=torch.float32, pin_memory=pinned)

    def start(self, forward: inference.Forward, states: np.ndarray, actions: np.ndarray) -> Fetch:
        size = len(states)
        if size > self._capacity:
            self._grow(inference.bucket(size))
        self._planes[:size].copy_(torch.from_numpy(self._game.observe(states)))
        self._actions[:size].copy_(torch.from_numpy(actions))
        policy, wdl = forward(self._planes[:size])
        listed = self._actions[:size].to(self._device, non_blocking=True).long().clamp_(min=0)
        self._logits[:size].copy_(policy.float().gather(1, listed), non_blocking=True)
        self._wdl[:size].copy_(wdl.float().softmax(1), non_blocking=True)
        done = self._done
        if done is not None:
            done.record(torch.cuda.current_stream(self._device))

        def fetch() -> tuple[np.ndarray, np.ndarray]:
            if done is not None:
                done.synchronize()
            return self._logits[:size].numpy(), self._wdl[:size].numpy()

        return fetch
