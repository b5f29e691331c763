"""Trained generators and critics, as whoever uses a checkpoint wants them: arrays in, arrays out."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import nn

from selfplay import device
from selfplay.errors import CheckpointError, ConfigError
from selfplay.gan.config import NetworkConfig
from selfplay.gan.data import sources
from selfplay.gan.models import latent
from selfplay.league import pool
from selfplay.storage import artifact

if TYPE_CHECKING:
    from selfplay.gan.agent import Gan
    from selfplay.gan.config import Config

FAMILY = "gan"
BATCH = 4096  # samples at a time


class Generator:
    """Makes fakes."""

    def __init__(
        self,
        module: nn.Module,
        source: sources.Source,
        config: NetworkConfig,
        space: latent.Space,
        encode: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        """space: of its inputs. encode: where there is a way back, from samples [n, *shape] to inputs [n, L]."""
        self.module = module.eval().requires_grad_(False)
        self.source, self.config, self.space, self.encode = source, config, space, encode

    def sample(
        self, n: int, rng: np.random.Generator, labels: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """(x [n, *shape] float32 as the data is, labels [n] int64 that were asked for). labels: of a conditional
        generator; drawn evenly where None; ignored by others, which return None."""
        wanted = None
        if self.config.conditional:
            wanted = rng.integers(self.source.num_classes, size=n) if labels is None else np.asarray(labels, np.int64)
        return self.of_inputs(self.space.draw(n, rng), wanted), wanted

    @torch.no_grad()
    def of_inputs(self, inputs: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        """x [n, *shape] float32 from inputs [n, L], so that one can walk between them."""
        device = next(self.module.parameters()).device
        parts = []
        for start in range(0, len(inputs), BATCH):
            rows = slice(start, start + BATCH)
            of = None if labels is None else torch.from_numpy(labels[rows]).to(device)
            parts.append(self.module(torch.from_numpy(inputs[rows]).to(device), of).float().cpu().numpy())
        return np.concatenate(parts) * np.float32(self.source.scale)

    def _embedding(self) -> nn.Embedding:
        return next(module for module in self.module.modules() if isinstance(module, nn.Embedding))

    def embeddings(self) -> np.ndarray:
        """[C, E] float32 of the classes, of a conditional generator."""
        return self._embedding().weight.float().cpu().numpy()

    def of_embedded(self, inputs: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """`of_inputs` of a conditional generator with vectors [n, E] in place of classes' embeddings; n ≤ BATCH."""
        given = torch.from_numpy(np.asarray(vectors, np.float32)).to(next(self.module.parameters()).device)
        assert len(given) == len(inputs) <= BATCH

        def replace(_: nn.Module, __: object, output: torch.Tensor) -> torch.Tensor:
            return torch.cat([output[: len(output) - len(given)], given])  # a reference batch may come before the rows

        hook = self._embedding().register_forward_hook(replace)
        try:
            return self.of_inputs(inputs, np.zeros(len(inputs), np.int64))
        finally:
            hook.remove()


class Critic:
    """Scores samples: the higher, the more real."""

    def __init__(self, module: nn.Module, source: sources.Source, config: NetworkConfig) -> None:
        self.module = module.eval().requires_grad_(False)
        self.source, self.config = source, config

    @torch.no_grad()
    def score(self, x: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """[n] float64 of x [n, *shape]; labels [n] of a conditional critic. One that judges packs of m gives [n // m];
        where samples are scored in groups, those are of rows that follow each other, and a last one of fewer is left
        out."""
        device = next(self.module.parameters()).device
        group = max(self.config.packing, self.config.minibatch_deviation, 1)
        whole, size = len(x) - len(x) % group, BATCH - BATCH % group
        scaled = torch.from_numpy(np.asarray(x[:whole] / np.float32(self.source.scale), dtype=np.float32)).to(device)
        of = torch.from_numpy(np.asarray(labels, np.int64)[:whole]).to(device) if self.config.conditional else None
        parts = [
            self.module(scaled[s : s + size], None if of is None else of[s : s + size]) for s in range(0, whole, size)
        ]
        return torch.cat(parts).double().cpu().numpy()


class Loaded(NamedTuple):
    """What a checkpoint holds."""

    agent: Gan
    generator: Generator
    discriminator: Critic | None  # None in a model without one, which meets nobody
    meta: dict[str, Any]


def load(path: Path) -> Loaded:
    """The players in a generation's folder, or of the newest generation of a run. Raises CheckpointError, or what is
    raised for data that is not there."""
    from selfplay.gan import config as settings  # which know this module
    from selfplay.gan.models import model

    device.tune_process()
    folder = pool.newest(path)
    meta, weights = pool.load_weights(folder)
    if meta.get("family") != FAMILY:
        raise CheckpointError(f"{folder} does not hold a generator and its critic (family {meta.get('family')!r}).")
    try:
        config = settings.described(meta)
    except (KeyError, ConfigError) as error:
        raise CheckpointError(f"{folder} does not say what it holds ({error}).") from None
    made = _agent(config)
    missing = [name for name in dict.fromkeys((made.model.sampler, *made.roles)) if name not in weights]
    if missing:
        raise CheckpointError(f"{folder} holds no {' and no '.join(missing)}.")
    try:
        critic = made.critic(weights) if model.CRITIC in made.roles else None
        return Loaded(made, made.generator(weights), critic, meta)
    except RuntimeError:
        raise CheckpointError(f"{folder} holds weights that do not fit the networks it describes.") from None


@functools.lru_cache(maxsize=4)
def _agent(config: Config) -> Gan:
    """The same for all generations of a run, so that its data are in memory once."""
    from selfplay.gan import agent  # which knows this module

    return agent.Gan(config)


def digest(path: Path) -> str:
    """What the generation's folder, or the newest of a run, holds: equal for equal weights and settings."""
    return artifact.digest((pool.newest(path) / artifact.MANIFEST).read_bytes())[:16]
