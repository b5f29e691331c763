"""The pool of past selves: the generations a run has saved, and who is drawn from them as an opponent.

Knows players by name and generations by number; not what either of them is.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from selfplay import checkpoint
from selfplay.errors import CheckpointError, ConfigError

Weights = dict[str, dict[str, torch.Tensor]]  # player → state_dict


class Pool:
    """Generations on disk, one artifact each: checkpoints/000012 holds the averaged weights of every player."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def generations(self) -> list[int]:
        """Numbers of the generations present, ascending."""
        return sorted(int(path.name) for path in self.folder.glob("[0-9]*") if path.name.isdigit())

    def path(self, generation: int) -> Path:
        return self.folder / f"{generation:06d}"

    def save(self, generation: int, weights: Weights, meta: dict[str, Any]) -> None:
        files = {f"{player}.safetensors": checkpoint.pack_tensors(tensors) for player, tensors in weights.items()}
        checkpoint.write(self.path(generation), files, meta | {"generation": generation, "kind": "weights"})

    def load(self, generation: int) -> tuple[dict[str, Any], Weights]:
        """(meta, weights). Raises CheckpointError."""
        return load_weights(self.path(generation))

    def opponent(self, policy: str, before: int, rng: np.random.Generator) -> int | None:
        """A generation earlier than `before` to play against, or None while there is none. policy: "latest", or
        "history" for a uniform draw from the past (fictitious play). Later ones may lie here too, left behind by a
        run that was killed before it saved its state."""
        generations = [generation for generation in self.generations() if generation < before]
        if not generations:
            return None
        if policy == "latest":
            return generations[-1]
        if policy == "history":
            return int(rng.choice(generations))
        raise ConfigError(f"no opponent policy is called '{policy}'; known: latest, history.")


def load_weights(folder: Path) -> tuple[dict[str, Any], Weights]:
    """(meta, weights by player) of one generation's artifact. Raises CheckpointError."""
    meta, files = checkpoint.read(folder)
    if meta.get("kind") != "weights":
        raise CheckpointError(f"{folder} holds {meta.get('kind', 'something else')}, not the weights of a generation.")
    suffix = ".safetensors"
    return meta, {
        name.removesuffix(suffix): checkpoint.unpack_tensors(data, str(folder / name)) for name, data in files.items()
    }
