"""A match of a generator against a critic: its score, the number of independent games it is worth, and its variance.

A game is one real sample against one fake; the one with the higher score of the critic wins. The generator's score is
its share of all games, 1 − AUC, on reals that the critic was not trained on, so critics of any loss can be compared.
Knows generators and critics by what they do, not how they were trained or where they are stored.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from selfplay.gan.data import sources
from selfplay.gan.metrics import auc
from selfplay.types import MatchResult

SAMPLES = 1000  # fakes, and reals, of a match
ClassLabels = np.ndarray | None  # [n] int64 of a conditional model's samples


class RealSamples(NamedTuple):
    """The reals of one match."""

    held_out: np.ndarray  # [n, *shape] float32, not trained on
    labels: ClassLabels
    learned: np.ndarray  # [m, *shape] float32, of the training data
    learned_labels: ClassLabels


class ScoredMatch(NamedTuple):
    """The outcome of a match."""

    score: float  # of the generator: 1 − AUC of the critic on held-out reals, in [0, 1]
    games: float  # number of independent games that it is worth, see `auc.Auc.games`
    variance: float  # of the score, DeLong's
    memorised: float  # AUC on training reals − AUC on held-out reals: memorisation by the critic, in [−1, 1]


class Sampler(Protocol):
    """Makes fakes, as `inference.TrainedGenerator` does."""

    def sample(self, n: int, rng: np.random.Generator, labels: ClassLabels = None) -> tuple[np.ndarray, ClassLabels]:
        """(x [n, *shape] float32, labels [n] int64 or None)."""
        ...


class Scorer(Protocol):
    """Scores samples, the higher the more likely to be real, as `inference.TrainedCritic` does."""

    def score(self, x: np.ndarray, labels: ClassLabels = None) -> np.ndarray:
        """[n] float64 of x [n, *shape]."""
        ...


class RealBlocks:
    """The real data of matches, in disjoint blocks: parts of a finite held-out set, or draws from an endless one."""

    def __init__(self, source: sources.DataSource, n: int, seed: int, blocks: int = 1) -> None:
        """n: held-out reals of a block; fewer if a finite set is too small for `blocks` blocks of n."""
        self._source, self._parts = source, None
        everything = getattr(source.held_out, "everything", None)
        self.size, self.blocks = n, None
        if everything is not None:
            x, labels = everything()
            self.size = max(2, min(n, len(x) // blocks))
            self.blocks = len(x) // self.size
            self._parts = x, labels, np.random.default_rng((seed, len(x))).permutation(len(x))

    size: int  # held-out reals of a block
    blocks: int | None  # number of blocks; None: no limit
    _parts: tuple[np.ndarray, ClassLabels, np.ndarray] | None

    def draw(self, block: int, rng: np.random.Generator) -> RealSamples:
        """The reals of a match. block: 0 to `blocks` − 1. rng: for what is drawn at random."""
        if self._parts is None:
            held_out, labels = self._source.held_out.sample(self.size, rng)
        else:
            x, of, order = self._parts
            rows = order[block * self.size : (block + 1) * self.size]
            assert len(rows) == self.size, (block, self.blocks)
            held_out, labels = x[rows], None if of is None else of[rows]
        return RealSamples(held_out, labels, *self._source.train.sample(self.size, rng))


def play(generator: Sampler, critic: Scorer, reals: RealSamples, rng: np.random.Generator, n: int) -> ScoredMatch:
    """A match with n fakes, n ≥ 2. The labels requested of a conditional generator are drawn from those of the reals,
    so that label frequencies do not give fakes away. Raises TrainingDiverged if a score is not finite."""
    wanted = None if reals.labels is None else reals.labels[rng.integers(len(reals.labels), size=n)]
    fakes, labels = generator.sample(n, rng, wanted)
    fake = critic.score(fakes, labels)
    held_out = auc.auc(critic.score(reals.held_out, reals.labels), fake)
    learned = auc.auc(critic.score(reals.learned, reals.learned_labels), fake)
    return ScoredMatch(1 - held_out.value, held_out.games, held_out.variance, learned.value - held_out.value)


def play_seeded(
    generator: Sampler, critic: Scorer, source: sources.DataSource, seed: int, n: int = SAMPLES
) -> MatchResult:
    """A match with n fakes against n reals of `source`, or as many as it has: a function of its arguments."""
    rng = np.random.default_rng(seed)
    reals = RealBlocks(source, n, seed).draw(0, rng)
    played = play(generator, critic, reals, rng, n)
    return MatchResult(played.score, played.games, played.variance)
