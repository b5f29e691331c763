"""The pool of opponents: the generations a run has saved, which of them are kept, and how often each is drawn.

Knows players by name and generations by number; not what either of them is.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from selfplay.errors import CheckpointError
from selfplay.league import opponents, payoff
from selfplay.league.config import PoolConfig
from selfplay.storage import artifact
from selfplay.types import Weights

_NUMBER = re.compile(r"\d{6,}")  # what `Pool.path` names


class Pool:
    """Generations on disk, one artifact each: checkpoints/000012 holds the averaged weights of every player."""

    def __init__(self, folder: Path, config: PoolConfig | None = None) -> None:
        self.folder, self.config = folder, config or PoolConfig()
        self.anchors: list[int] = []  # generations that are kept, and drawn half of the time

    def generations(self) -> list[int]:
        """Numbers of the generations present, ascending."""
        return sorted(int(path.name) for path in self.folder.glob("[0-9]*") if _NUMBER.fullmatch(path.name))

    def path(self, generation: int) -> Path:
        return self.folder / f"{generation:06d}"

    def save(self, generation: int, weights: Weights, meta: dict[str, Any]) -> None:
        files = {f"{player}.safetensors": artifact.pack_tensors(tensors) for player, tensors in weights.items()}
        artifact.write(self.path(generation), files, meta | {"generation": generation, "kind": "weights"})

    def load(self, generation: int) -> tuple[dict[str, Any], Weights]:
        """(meta, weights). Raises CheckpointError."""
        return load_weights(self.path(generation))

    def kept(self, newest: int) -> list[int]:
        """Generations up to `newest` that take part once there is that one, ascending. What lies here besides may be
        about to go, or, if later, have been left behind by a run that was killed before it saved its state."""
        present = [generation for generation in self.generations() if generation <= newest]
        if self.config.keep_newest is None or not present:
            return present
        return opponents.retained(
            present, self.config.keep_newest, self.config.keep_log_spaced, pinned=(0, *self.anchors)
        )

    def opponents(
        self, role: str, newest: int, table: payoff.PayoffTable | None = None
    ) -> tuple[list[str], np.ndarray]:
        """(names of K players of a role, shares [K] float64): how often each of them is drawn as the
        opponent from generation `newest` on. Names are numbers of earlier generations, or `opponents.AVERAGE`; none
        while there are none. table: results so far, for the policies that go by them."""
        names, shares = self._by_policy(role, newest, table)
        anchors = [str(generation) for generation in self.kept(newest) if generation in self.anchors]
        anchors = [name for name in anchors if int(name) < newest]
        if not anchors:
            return names, shares
        drawn = {name: share / 2 for name, share in zip(names, shares, strict=True)}
        for name in anchors:
            drawn[name] = drawn.get(name, 0.0) + 0.5 / len(anchors)
        return list(drawn), np.array(list(drawn.values()))

    def _by_policy(self, role: str, newest: int, table: payoff.PayoffTable | None) -> tuple[list[str], np.ndarray]:
        config = self.config
        if config.opponents == "ema":
            return [opponents.AVERAGE], np.ones(1)
        names = [str(generation) for generation in self.kept(newest) if generation < newest]
        if not names:
            return [], np.zeros(0)
        if table is None or role == table.roles[-1]:
            seen = table
        else:
            seen = table.turned()
        kind, power, unknown = config.priority, config.priority_power, self.unknown(seen)
        return names, opponents.weights(config.opponents, names, seen, str(newest), kind, power, unknown)

    def unknown(self, table: payoff.PayoffTable | None) -> float:
        """Score of a pair that has not played: even, or, between two roles, where that may be far off, the mean."""
        if table is None or table.symmetric or not table.rows():
            return 0.5
        return float(np.mean([entry["score"] for entry in table.rows()]))

    def retain(self, referred: Collection[int]) -> None:
        """Deletes generations that are needed no more. referred: those that training states on disk go on from;
        what took part at the time of the oldest of them stays, so that each can be gone on from exactly."""
        artifact.drop_leftovers(self.folder)
        if self.config.keep_newest is None or not referred:
            return
        oldest = min(referred)
        kept = {*self.kept(oldest), *referred}
        for generation in self.generations():
            if generation < oldest and generation not in kept:
                artifact.drop(self.path(generation))


def load_weights(folder: Path) -> tuple[dict[str, Any], Weights]:
    """(meta, weights by player) of one generation's artifact. Raises CheckpointError."""
    meta, files = artifact.read(folder)
    if meta.get("kind") != "weights":
        raise CheckpointError(f"{folder} holds {meta.get('kind', 'something else')}, not the weights of a generation.")
    suffix = ".safetensors"
    return meta, {
        name.removesuffix(suffix): artifact.unpack_tensors(data, str(folder / name)) for name, data in files.items()
    }


def newest(path: Path) -> Path:
    """`path` itself if it is a generation's folder, else the newest generation of the run it holds.

    Raises CheckpointError."""
    if not path.exists():
        raise CheckpointError(f"'{path}' does not exist: expected a run's folder such as those in runs/.")
    if (path / "manifest.json").exists():
        return path
    checkpoints = Pool(path if path.name == "checkpoints" else path / "checkpoints")
    generations = checkpoints.generations()
    if not generations:
        raise CheckpointError(
            f"'{path}' holds no checkpoint: expected a run's folder or one of its checkpoints/NNNNNN."
        )
    return checkpoints.path(generations[-1])
