"""Inference with trained networks: a generator that makes samples and a critic that scores them, arrays in and out.

Samples are in the units of the data; the networks work on data divided by `source.scale`. Knows nothing of training,
checkpoints or matches.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from selfplay.gan.config import GanNetworkConfig
from selfplay.gan.data import sources
from selfplay.gan.models import latent, layers

BATCH = 4096  # samples in one forward pass


class TrainedGenerator:
    """A frozen generator and the space that its inputs are drawn from."""

    def __init__(
        self,
        module: nn.Module,
        source: sources.DataSource,
        config: GanNetworkConfig,
        space: latent.LatentSpace,
        encode: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        """space: distribution of the inputs. encode: samples [n, *shape] → inputs [n, L], of models with an
        encoder."""
        self.module = module.eval().requires_grad_(False)
        self.source, self.config, self.space, self.encode = source, config, space, encode

    def sample(
        self, n: int, rng: np.random.Generator, labels: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """(x [n, *shape] float32 in the units of the data, labels [n] int64 that were requested, or None).

        labels [n]: classes to make, for a conditional generator; None draws them uniformly, or as frequent as a stream
        has them at its time. An unconditional generator ignores them and returns None."""
        wanted = None
        if self.config.conditional:
            wanted = self._classes(n, rng) if labels is None else np.asarray(labels, np.int64)
        return self.from_inputs(self.space.draw(n, rng), wanted), wanted

    def _classes(self, n: int, rng: np.random.Generator) -> np.ndarray:
        if self.source.frequencies is None:
            return rng.integers(self.source.num_classes, size=n)
        return rng.choice(self.source.num_classes, size=n, p=self.source.frequencies)

    @torch.no_grad()
    def from_inputs(self, inputs: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        """x [n, *shape] float32 of given inputs [n, L] float32 and labels [n] int64."""
        parts = []
        for start in range(0, len(inputs), BATCH):
            rows = slice(start, start + BATCH)
            of = None if labels is None else torch.from_numpy(labels[rows]).to(self._device)
            parts.append(self.module(torch.from_numpy(inputs[rows]).to(self._device), of).float().cpu().numpy())
        return np.concatenate(parts) * np.float32(self.source.scale)

    @torch.no_grad()
    def class_embeddings(self) -> np.ndarray:
        """[C, E] float32: the embedding of each class, of a conditional generator."""
        assert isinstance(self.module, layers.Generator)
        embedded = self.module.embed(torch.arange(self.source.num_classes, device=self._device))
        assert embedded is not None, "an unconditional generator has no embeddings"
        return embedded.float().cpu().numpy()

    @torch.no_grad()
    def from_embeddings(self, inputs: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """x [n, *shape] float32 of inputs [n, L] and embeddings [n, E], not necessarily those of a class; n ≤ BATCH."""
        assert isinstance(self.module, layers.Generator) and len(vectors) == len(inputs) <= BATCH
        embedded = torch.from_numpy(np.asarray(vectors, np.float32)).to(self._device)
        x = self.module.generate(torch.from_numpy(inputs).to(self._device), embedded).float().cpu().numpy()
        return np.asarray(x * np.float32(self.source.scale))

    @property
    def _device(self) -> torch.device:
        return next(self.module.parameters()).device


class TrainedCritic:
    """A frozen critic: it scores samples, the higher the more likely to be real."""

    def __init__(self, module: nn.Module, source: sources.DataSource, config: GanNetworkConfig) -> None:
        self.module = module.eval().requires_grad_(False)
        self.source, self.config = source, config

    @torch.no_grad()
    def score(self, x: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """[n] float64: scores of samples x [n, *shape]; labels [n] for a conditional critic.

        A critic of packs of m samples returns [n // m]. Samples that are scored in groups are grouped in order, and an
        incomplete last group is dropped."""
        device = next(self.module.parameters()).device
        group = max(self.config.packing, self.config.minibatch_deviation, 1)
        whole, size = len(x) - len(x) % group, BATCH - BATCH % group
        scaled = torch.from_numpy(np.asarray(x[:whole] / np.float32(self.source.scale), dtype=np.float32)).to(device)
        of = torch.from_numpy(np.asarray(labels, np.int64)[:whole]).to(device) if self.config.conditional else None
        parts = [
            self.module(scaled[s : s + size], None if of is None else of[s : s + size]) for s in range(0, whole, size)
        ]
        return torch.cat(parts).double().cpu().numpy()
