"""A match of a generator against a critic, as the arena knows matches: who wins how many games, and how sure that is.

A game is one real sample against one fake, and the one that the critic scores higher wins it. The generator's score is
its share of all games, 1 − AUC, on reals that the critic never learned from; so critics of any loss can be compared.
Knows generators and critics as `players` has them, not how they learned.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from selfplay.gan import players
from selfplay.gan.data import sources
from selfplay.gan.metrics import auc
from selfplay.ratings import tournament
from selfplay.types import MatchResult, Weights

if TYPE_CHECKING:
    from selfplay.gan.agent import Gan

SAMPLES = 1000  # fakes, and reals, of a match
MEMORISED = "memorised"  # name of the figure that arenas keep
Labels = np.ndarray | None  # [n] int64 of a conditional model's samples


class Drawn(NamedTuple):
    """Reals of one match."""

    held_out: np.ndarray  # [n, *shape] float32, never learned from
    labels: Labels
    learned: np.ndarray  # [m, *shape] float32, of the training data
    learned_labels: Labels


class ScoredMatch(NamedTuple):
    """What came of a match."""

    score: float  # of the generator: 1 − AUC of the critic on held-out reals, in [0, 1]
    games: float  # how many independent games it is worth, see `auc.Auc.games`
    variance: float  # of the score, DeLong's
    memorised: float  # AUC on training reals − AUC on held-out ones: what the critic knows by heart, in [−1, 1]


class Samples(Protocol):
    """What makes fakes, as `players.Generator` does."""

    def sample(self, n: int, rng: np.random.Generator, labels: Labels = None) -> tuple[np.ndarray, Labels]: ...


class Scores(Protocol):
    """What scores samples, the higher the more real, as `players.Critic` does."""

    def score(self, x: np.ndarray, labels: Labels = None) -> np.ndarray: ...


class Reals:
    """The real data of matches, in blocks that share nothing: parts of a finite held-out set, or fresh draws of an
    endless one."""

    def __init__(self, source: sources.Source, n: int, seed: int, blocks: int = 1) -> None:
        """n: held-out reals of a block, fewer where a finite set could not make `blocks` blocks of so many."""
        self._source, self._parts = source, None
        everything = getattr(source.held_out, "everything", None)
        self.size, self.blocks = n, None  # of a block; how many there are, None: no end of them
        if everything is not None:
            x, labels = everything()
            self.size = max(2, min(n, len(x) // blocks))
            self.blocks = len(x) // self.size
            self._parts = x, labels, np.random.default_rng((seed, len(x))).permutation(len(x))

    size: int
    blocks: int | None
    _parts: tuple[np.ndarray, Labels, np.ndarray] | None

    def draw(self, block: int, rng: np.random.Generator) -> Drawn:
        """The reals of a match. block: below `blocks`. rng: of what is drawn freely."""
        if self._parts is None:
            held_out, labels = self._source.held_out.sample(self.size, rng)
        else:
            x, of, order = self._parts
            rows = order[block * self.size : (block + 1) * self.size]
            assert len(rows) == self.size, (block, self.blocks)
            held_out, labels = x[rows], None if of is None else of[rows]
        return Drawn(held_out, labels, *self._source.train.sample(self.size, rng))


def play(generator: Samples, critic: Scores, reals: Drawn, rng: np.random.Generator, n: int) -> ScoredMatch:
    """A match with n fakes, n ≥ 2. Conditional fakes are asked for labels drawn from those of the reals, so that the
    critic learns nothing from how often a label comes. Raises TrainingDiverged if a score is not finite."""
    wanted = None if reals.labels is None else reals.labels[rng.integers(len(reals.labels), size=n)]
    fakes, labels = generator.sample(n, rng, wanted)
    fake = critic.score(fakes, labels)
    held_out = auc.auc(critic.score(reals.held_out, reals.labels), fake)
    learned = auc.auc(critic.score(reals.learned, reals.learned_labels), fake)
    return ScoredMatch(1 - held_out.value, held_out.games, held_out.variance, learned.value - held_out.value)


def of_weights(agent: Gan, row: Weights, column: Weights, seed: int, n: int = SAMPLES) -> MatchResult:
    """The generator with weights `row` against the critic with weights `column`: a function of its arguments."""
    rng = np.random.default_rng(seed)
    drawn = Reals(agent.source, n, seed).draw(0, rng)
    played = play(agent.generator(row), agent.critic(column), drawn, rng, n)
    return MatchResult(played.score, played.games, played.variance)


@dataclass(frozen=True)
class ScoreSpec:
    """All that is needed to play, here or on another machine."""

    folders: tuple[str, ...]  # of G generations: entrant k is the generator of the k-th, entrant G + k its critic
    names: tuple[str, ...]  # of the 2 G entrants
    samples: int
    blocks: int  # that reals must do for, see `Reals`
    seed: int


class ScoreWorker:
    """Generators and critics, ready to play. An `arena.Crew` that plays in this process."""

    def __init__(self, plan: ScoreSpec, company: Sequence[players.Loaded] | None = None) -> None:
        """company: the plan's generations where they are loaded already. Raises UserError for one that is not there."""
        self.plan = plan
        self.company = company or [players.load(Path(folder)) for folder in plan.folders]
        self._reals = Reals(self.company[0].agent.source, plan.samples, plan.seed, plan.blocks)

    def run(self, tasks: Sequence[tournament.MatchTask]) -> Iterator[tuple[list[tournament.TaskResult], int]]:
        """See `arena.Crew`; nothing is searched."""
        for task in tasks:
            yield [self._result(task)], 0

    def _result(self, task: tournament.MatchTask) -> tournament.TaskResult:
        names, generations = self.plan.names, len(self.plan.folders)
        assert task.first < generations <= task.second, "generators are entered before critics"
        # A match's random stream depends on who plays on what, not on what else is played.
        text = f"{names[task.first]}\n{names[task.second]}\n{task.opening}"
        rng = np.random.default_rng((self.plan.seed, int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])))
        generator, critic = self.company[task.first].generator, self.company[task.second - generations].discriminator
        assert critic is not None, "whoever has no critic is refused before"
        played = play(generator, critic, self._reals.draw(task.opening, rng), rng, self.plan.samples)
        return tournament.TaskResult(
            task, (played.score,), games=played.games, variance=played.variance, figures={MEMORISED: played.memorised}
        )

    def close(self) -> None:
        """See `arena.Crew`."""
