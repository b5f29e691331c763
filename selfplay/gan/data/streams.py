"""Streams for generators: what is real at a time, held-out data of it, and the judge of its fakes.

Time is a float, in generations of the run. At each time the concept that most rows are of is in force: fakes are
measured against it, and against the concept before it, to tell what was forgotten. Rows themselves are drawn by
`DataStream`, mixed where one concept fades into the next. Knows no network.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from selfplay.datasets import stream
from selfplay.datasets.concept import Concept
from selfplay.datasets.config import StreamConfig, base_of
from selfplay.datasets.image_sets import Images
from selfplay.datasets.mixtures import Mixture
from selfplay.errors import ConfigError
from selfplay.gan.config import DataConfig
from selfplay.gan.data import sources
from selfplay.gan.data.sources import DataSource
from selfplay.gan.metrics import judge, readers

STEP = 0.25  # generations between the times at which the concept before is looked for
LOOKED_AT = 4_000  # times at most


def make(data: DataConfig, config: StreamConfig) -> DataSource:
    """The source that `data` names, at time 0 if it is a stream. Raises ConfigError, or DataError for data that are
    missing."""
    if base_of(data.name) is None:
        if config != StreamConfig():
            raise ConfigError(
                f"stream.* says how data change over time, and data.name={data.name} is no stream: set it to "
                f"stream:{data.name}, or leave stream.* out."
            )
        return sources.make(data)
    plain = sources.make(data)
    held_out = plain.held_out if plain.held_out is plain.train else stream.make(plain.held_out, config).base
    return Timeline(stream.make(plain.train, config), stream.make(held_out, config), plain.scale).at(0.0)


class Timeline:
    """The sources of one stream, of every time. Those of one concept are made once."""

    def __init__(self, train: stream.DataStream, held_out: stream.DataStream, scale: float) -> None:
        self.train, self.held_out, self.scale = train, held_out, scale
        self._made: dict[int, DataSource] = {}  # by number of the concept

    def at(self, t: float) -> DataSource:
        """The source at time t: that of the concept in force, with the judge of the one before it."""
        number = self.train.concept_at(t)
        before = self._before(t, number)
        judged = None if before is None else self._of(before).judge
        return dataclasses.replace(self._of(number), before=judged)

    def _before(self, t: float, present: int) -> int | None:
        """The number of the concept that was in force before the present one; None where there was none."""
        step = max(STEP, t / LOOKED_AT)
        for earlier in np.arange(t - step, -step, -step):
            if (number := self.train.concept_at(max(earlier, 0.0))) != present:
                return number
        return None

    def _of(self, number: int) -> DataSource:
        if number not in self._made:
            train, held_out = self.train.concepts[number], self.held_out.concepts[number]
            made = _of_mixture if isinstance(train.base, Mixture) else _of_images
            self._made[number] = dataclasses.replace(
                made(train, held_out), scale=self.scale, timeline=self, concept=train.text
            )
        return self._made[number]


# -- mixtures ----------------------------------------------------------------------------------------------


def _of_mixture(train: Concept, held_out: Concept) -> DataSource:
    assert isinstance(train.base, Mixture)
    there, weights = seen_mixture(train)
    frequencies = train.frequencies
    return DataSource(
        train, train, 1.0, judge.MixtureJudge(there, weights), readers.MixtureReader(train.base),
        frequencies=frequencies,
    )  # fmt: skip


def seen_mixture(concept: Concept) -> tuple[Mixture, np.ndarray | None]:
    """(the modes that samples of a concept of a mixture come from, their shares, None if equal): without those that are
    missing, and as wide as noise makes them."""
    base = concept.base
    assert isinstance(base, Mixture)
    prior = np.full(len(base.centres), 1 / len(base.centres)) if concept.prior is None else concept.prior
    there = prior > 0
    mixture = Mixture(concept.name, base.centres[there], math.hypot(base.sigma, concept.noise))
    weights = prior[there]
    return mixture, None if np.allclose(weights, weights[0]) else weights


# -- images ------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, eq=False)
class Listed:
    """N samples in memory, all of which can be listed."""

    name: str
    x: np.ndarray  # [N, *shape] float32
    labels: np.ndarray | None  # [N] int64
    num_classes: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.x.shape[1:]

    def everything(self) -> tuple[np.ndarray, np.ndarray | None]:
        """All N, in order."""
        return self.x, self.labels

    def sample(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray | None]:
        """See `Dataset.sample`."""
        rows = rng.integers(len(self.x), size=n)
        return self.x[rows], None if self.labels is None else self.labels[rows]


def _of_images(train: Concept, held_out: Concept) -> DataSource:
    reals, others = listed(train), listed(held_out)
    seen = judge.Shown(quarters(train.text), inverted(train.text), train.renamed, train.frequencies)
    return DataSource(
        reals, others, 1.0, judge.DigitJudge(reals, others, seen), readers.DigitReader(), frequencies=train.frequencies
    )


def listed(concept: Concept) -> Listed:
    """Images of a concept, each once: all of its base, or as many as have classes as frequent as they should be."""
    base = concept.base
    assert isinstance(base, Images)
    rows = np.arange(len(base.pixels))
    if concept.prior is not None:
        assert base.labels is not None
        rows = as_frequent(base.labels, concept.prior)
    x, labels = base.take(rows)
    if concept.noise:
        x = np.clip(x + concept.noise * np.random.default_rng(0).standard_normal(x.shape, dtype=np.float32), -1, 1)
    if concept.renamed is not None and labels is not None:
        labels = concept.renamed[labels]
    return Listed(concept.name, x, labels, base.num_classes)


def as_frequent(labels: np.ndarray, prior: np.ndarray) -> np.ndarray:
    """Rows of labels [N] in which class c has the share prior[c], as nearly as whole rows can: the most that there
    are."""
    there = np.bincount(labels, minlength=len(prior))
    wanted = prior > 0
    most = float((there[wanted] / prior[wanted]).min())
    counts = np.floor(most * prior + 1e-9).astype(np.int64)
    return np.sort(np.concatenate([np.flatnonzero(labels == c)[: counts[c]] for c in np.flatnonzero(wanted)]))


def inverted(text: str) -> bool:
    """Whether a concept shows light as dark."""
    return [change.strip() for change in text.split("/")].count("invert") % 2 == 1


def quarters(text: str) -> int:
    """By how many quarters a concept turns images, counterclockwise."""
    changes = [change.strip().partition(":") for change in text.split("/")]
    return sum(int(float(degrees) // 90) for word, _, degrees in changes if word == "turn") % 4
