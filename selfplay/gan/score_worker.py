"""The match worker of GAN tournaments: loads generations from checkpoints and plays their generators against critics.

Knows which participants it holds and how to play a match, not which matches are wanted or how they are rated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from selfplay.gan import load, match
from selfplay.ratings import tournament

MEMORISED = "memorised"  # name of the metric that is kept with each result


@dataclass(frozen=True)
class ScoreSpec:
    """All that a worker needs to play, in this process or on another machine."""

    folders: tuple[str, ...]  # of G generations; participant k is the generator of the k-th, G + k its critic
    names: tuple[str, ...]  # of the 2 G participants
    samples: int  # fakes of a match
    blocks: int  # that the reals must suffice for, see `match.RealBlocks`
    seed: int


class ScoreWorker:
    """A `tournament.WorkerPool` of one: plays in this process."""

    def __init__(self, spec: ScoreSpec, loaded: Sequence[load.LoadedGan] | None = None) -> None:
        """loaded: the generations of `spec`, if in memory already. Raises UserError for one that is missing."""
        self.spec = spec
        self.loaded = loaded or [load.load(Path(folder)) for folder in spec.folders]
        self._reals = match.RealBlocks(load.newest(self.loaded).agent.source, spec.samples, spec.seed, spec.blocks)

    def run(self, tasks: Iterable[tournament.MatchTask]) -> Iterator[tuple[list[tournament.TaskResult], int]]:
        """See `tournament.WorkerPool`; nothing is searched."""
        for task in tasks:
            yield [self._result(task)], 0

    def _result(self, task: tournament.MatchTask) -> tournament.TaskResult:
        names, generations = self.spec.names, len(self.spec.folders)
        assert task.first < generations <= task.second, "generators come before critics"
        # The random stream of a match depends on its players and block, not on what else is played.
        text = f"{names[task.first]}\n{names[task.second]}\n{task.opening}"
        rng = np.random.default_rng((self.spec.seed, int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])))
        generator, critic = self.loaded[task.first].generator, self.loaded[task.second - generations].critic
        assert critic is not None, "a model without a critic is refused before"
        played = match.play(generator, critic, self._reals.draw(task.opening, rng), rng, self.spec.samples)
        return tournament.TaskResult(
            task, (played.score,), games=played.games, variance=played.variance, figures={MEMORISED: played.memorised}
        )

    def close(self) -> None:
        """See `tournament.WorkerPool`."""
