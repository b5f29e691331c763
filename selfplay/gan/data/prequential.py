"""The observer of a GAN run on a stream: new reals are tested before anything is learned from them.

The reals of each generation are scored with the weights that it began with, which have seen none of them (prequential:
Dawid 1984; of GANs on streams: w4k2/gan-data-streams, 2021, which trains first). Half of them is compared with a half
of the generation before under the same weights, of which neither had been learned from: while the data stay as they
are, the two halves are alike to any critic and any fakes. No row is used in two comparisons. Knows what makes and
scores samples, not networks.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from selfplay.drift.config import DriftConfig
from selfplay.drift.detectors import evalues
from selfplay.drift.monitor import Reading, Stream
from selfplay.gan.data.observer import REALS, DataObserver
from selfplay.gan.metrics import auc, quality
from selfplay.types import SampleBatch, Weights

MOST = 500  # rows of a half, and fakes
FEWEST = 50

CRITIC = Stream(
    "critic", "covariate p(x)", "row",
    "the critic's scores of new reals, against those of the generation before (Mann–Whitney, e-process)",
    "The critic takes new reals for other data than those it knows.",
    "Look at what feeds the data, allow drift.actions, or let the run go on until it has learned the new ones.",
    actions=REALS.actions, again=True,
)  # fmt: skip
FAKES = Stream(
    "fakes", "covariate p(x)", "row",
    "distances of new reals from the nearest fake, against the generation before (Mann–Whitney, e-process)",
    "New reals lie elsewhere than the generator's samples, which were good before.",
    "Look at what feeds the data, allow drift.actions, or let the run go on until it has learned the new ones.",
    actions=REALS.actions, again=True,
)  # fmt: skip


class Scorers(NamedTuple):
    """What scores new reals: one generation's networks, in the networks' scale."""

    fakes: np.ndarray  # [MOST, *shape] float32
    score: Callable[[np.ndarray, np.ndarray], np.ndarray] | None  # a critic: (x [n, *shape], labels [n]) → [n] float64
    fake_labels: np.ndarray  # [MOST] int64


class Kept(NamedTuple):
    """What the next generation is compared with."""

    weights: Weights
    distances: np.ndarray  # [n] float64 of reals that were kept, from the fakes of `weights`
    scores: np.ndarray  # [n] float64 of the same reals, by the critic of `weights`; [0] without a critic


class StreamObserver:
    """See `selfplay.drift.monitor.Observer`."""

    streams: tuple[Stream, ...] = (REALS, CRITIC, FAKES)

    def __init__(
        self, settings: DriftConfig, row_dtype: np.dtype, scorers: Callable[[Weights], Scorers],
        pack: Callable[[Weights], str], unpack: Callable[[str], Weights],
    ) -> None:  # fmt: skip
        """scorers: of the same weights always the same. pack, unpack: weights as text."""
        self.settings, self._scorers, self._pack, self._unpack = settings, scorers, pack, unpack
        fields = [(name, row_dtype[name]) for name in ("real", "label")]
        self._dtype = np.dtype(fields)
        self._data = DataObserver(settings, self._dtype["real"].shape)
        self._halves = [np.zeros(0, self._dtype), np.zeros(0, self._dtype)]  # of new rows: to compare, and to keep
        self._weights: Weights = {}  # which the present generation began with
        self._kept: Kept | None = None
        self._generation = 0  # of the newest weights

    def begin(self, weights: Weights, raw: Weights) -> None:
        self._weights = weights

    def take(self, batch: SampleBatch, generation: int) -> None:
        self._generation = generation
        self._data.take(batch, generation)
        for place, half in enumerate(self._halves):
            new = batch.rows[["real", "label"]][place::2][: MOST - len(half)]
            self._halves[place] = np.concatenate([half, new.astype(self._dtype)])

    def drawn(self, rows: np.ndarray, generation: int) -> None:
        pass

    def end_generation(self, weights: Weights, raw: Weights) -> tuple[dict[str, float], list[Reading]]:
        figures, readings = self._data.end_generation(weights, raw)
        (new, spare), self._halves = self._halves, [np.zeros(0, self._dtype), np.zeros(0, self._dtype)]
        if min(len(new), len(spare)) >= FEWEST:
            figures = figures | self._figures(new)
            if self._kept is not None:
                readings = readings + self._readings(self._kept, new)
            self._kept = Kept(self._weights, *_looked_at(self._scorers(self._weights), spare))
        self._weights = weights
        return figures, readings

    def _figures(self, rows: np.ndarray) -> dict[str, float]:
        """new_coverage, new_precision: see `quality.Neighbourhoods`, of fakes about new reals. new_auc: of the critic,
        new reals against fakes."""
        scorers = self._scorers(self._weights)
        reals, fakes = (x.reshape(len(x), -1) for x in (rows["real"], scorers.fakes))
        near = quality.neighbourhoods(reals, fakes)
        found = {"new_coverage": near.coverage, "new_precision": near.precision}
        if scorers.score is not None:
            scores = scorers.score(rows["real"], rows["label"]), scorers.score(scorers.fakes, scorers.fake_labels)
            found["new_auc"] = auc.auc(*scores).value
        return found

    def _readings(self, kept: Kept, new: np.ndarray) -> list[Reading]:
        """Since the generation that ends: what is compared are its rows with those before."""
        distances, scores = _looked_at(self._scorers(kept.weights), new)
        found = [_compared("fakes", kept.distances, distances, "farther from fakes")]
        if len(scores) and len(kept.scores):
            found.append(_compared("critic", kept.scores, scores, "scored higher by the critic"))
        return [reading._replace(since=self._generation + 1) for reading in found]

    def evaluated(self, metrics: Mapping[str, float]) -> list[Reading]:
        return []

    # -- going on exactly ------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        kept = self._kept
        return {
            "generation": self._generation,
            "data": self._data.state(),
            "halves": [base64.b64encode(half.tobytes()).decode() for half in self._halves],
            "kept": kept and [self._pack(kept.weights), kept.distances.tolist(), kept.scores.tolist()],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        self._generation = int(state["generation"])
        self._data.load_state(state["data"])
        self._halves = [np.frombuffer(base64.b64decode(text), self._dtype) for text in state["halves"]]
        self._kept = None
        if state["kept"]:
            packed, distances, scores = state["kept"]
            self._kept = Kept(self._unpack(packed), np.array(distances), np.array(scores))


def _looked_at(scorers: Scorers, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(distances of reals from the nearest fake [n], the critic's scores of them [n] or [0])."""
    flat, fakes = (x.reshape(len(x), -1) for x in (rows["real"], scorers.fakes))
    scores = np.zeros(0) if scorers.score is None else scorers.score(rows["real"], rows["label"]).astype(np.float64)
    return quality.nearest_distances(flat, fakes), scores


def _compared(stream: str, before: np.ndarray, after: np.ndarray, higher: str) -> Reading:
    """The two-sided Mann–Whitney test of two samples of a number."""
    test = stats.mannwhitneyu(after, before, method="asymptotic")
    share = float(test.statistic) / (len(after) * len(before))
    seen = f"new reals are {higher} than those of the generation before in {share:.0%} of pairs, where half is expected"
    return Reading(stream, evalues.from_p_value(float(test.pvalue)), seen, len(after))
