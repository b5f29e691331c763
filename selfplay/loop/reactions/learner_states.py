"""The learner's states of earlier generations, one artifact each: learner/000012 holds weights, averages, optimizer
moments and what the update rule remembers, as they were at the end of that generation.

A run keeps them only where it may go back to one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from selfplay.errors import CheckpointError
from selfplay.league import opponents
from selfplay.loop import ownership
from selfplay.storage import artifact

NEWEST, LOG_SPACED = 4, 1  # kept: so many of the newest, and about one each time that the age doubles
FILE = "learner.safetensors"
KIND = "learner state"


class LearnerStates:
    """Those in one run's folder."""

    def __init__(self, run: Path) -> None:
        self._folder = run / ownership.LEARNER

    def generations(self) -> list[int]:
        """Of the states that are there, ascending."""
        found = self._folder.iterdir() if self._folder.is_dir() else []
        return sorted(int(path.name) for path in found if ownership.NUMBER.fullmatch(path.name))

    def save(self, generation: int, tensors: Mapping[str, torch.Tensor]) -> None:
        """Raises CheckpointError."""
        self._folder.mkdir(exist_ok=True)
        meta = {"kind": KIND, "generation": generation}
        artifact.write(self._path(generation), {FILE: artifact.pack_tensors(tensors)}, meta)

    def load(self, generation: int) -> dict[str, torch.Tensor]:
        """Raises CheckpointError."""
        path = self._path(generation)
        meta, files = artifact.read(path)
        if meta.get("kind") != KIND:
            raise CheckpointError(f"{path} holds {meta.get('kind', 'something else')}, not a {KIND}.")
        return artifact.unpack_tensors(files[FILE], str(path / FILE))

    def retain(self, newest: int) -> None:
        """Deletes what is needed no more once there is generation `newest`."""
        present = [generation for generation in self.generations() if generation <= newest]
        artifact.drop_leftovers(self._folder)
        for generation in {*present} - {*opponents.retained(present, NEWEST, LOG_SPACED)}:
            artifact.drop(self._path(generation))

    def _path(self, generation: int) -> Path:
        return self._folder / f"{generation:06d}"
