"""Hard-example mining: rows of experience fall into buckets, whose difficulty is measured at the end of a generation;
rows of difficult buckets are drawn more often in the next.

Knows numbers of buckets and means over them. What a bucket is and what makes a row difficult, the agent says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from selfplay.agent import Agent
from selfplay.learning.config import MiningConfig
from selfplay.learning.replay import Replay
from selfplay.types import Weights

CANDIDATES = 4  # rows drawn evenly for each one kept: weights up to this repeat no row
NEGLIGIBLE = 1e-3  # of a weight's distance to 1, below which a bucket is forgotten

BucketsOf = Callable[[np.ndarray], np.ndarray]  # rows [M] → the bucket of each [M] int64


class Buckets(NamedTuple):
    """Measurements of M buckets."""

    names: np.ndarray  # [M] int64, ascending
    counts: np.ndarray  # [M] int64, rows measured
    means: np.ndarray  # [M] float64, as measured
    trust: np.ndarray  # [M] float64 in [0, 1]: share of each mean that is believed
    shrunk: np.ndarray  # [M] float64: trust · mean + (1 − trust) · overall
    overall: float  # mean over all rows


def shrink(buckets: np.ndarray, difficulty: np.ndarray) -> Buckets:
    """Means of difficulty [N] by bucket [N], few rows believed little (Bühlmann & Straub 1970, and their estimators).

    A mean of n rows scatters by σ²/n of its own, σ² being the variance within buckets, and true means by τ² around the
    overall mean. The estimate of least squared error trusts the bucket's own mean by n / (n + σ²/τ²) and gives the rest
    to the overall mean. Without it, the buckets on top would be those with the fewest rows. Where buckets differ no
    more than their scatter explains, τ² = 0 and none is trusted. Rows of one game are no independent draws, which this
    does not know: it trusts such buckets too much.
    """
    assert len(buckets) == len(difficulty) > 0 and np.isfinite(difficulty).all() and (difficulty >= 0).all()
    names, row, counts = np.unique(buckets, return_inverse=True, return_counts=True)
    total, spare = len(buckets), len(buckets) - len(names)
    means = np.bincount(row, difficulty) / counts
    overall = float(np.mean(difficulty))
    within = float(np.square(difficulty - means[row]).sum() / spare) if spare else 0.0
    room = total - np.square(counts).sum() / total
    between = (counts * np.square(means - overall)).sum() - (len(names) - 1) * within
    between = max(0.0, float(between / room)) if room > 0 and spare else 0.0
    trust = counts * between / (counts * between + within) if between else np.zeros(len(names))
    return Buckets(names, counts, means, trust, trust * means + (1 - trust) * overall, overall)


class HardExampleMiner:
    """The weights of the buckets, from one generation to the next. Unknown buckets weigh 1."""

    def __init__(self, config: MiningConfig) -> None:
        self.config = config
        self.weights: dict[int, float] = {}
        self.metrics: dict[str, float] = {}  # as measured last

    def end_generation(self, agent: Agent, weights: Weights, replay: Replay) -> None:
        """Measures the newest rows of the replay with `weights`; nothing where mining is off or there are no rows."""
        measured = min(self.config.rows, len(replay))
        if self.config.enabled and measured:
            rows = replay.rows(replay.inserted - measured, replay.inserted)
            self.measure(agent.buckets(rows), agent.difficulty(weights, rows))

    def measure(self, buckets: np.ndarray, difficulty: np.ndarray) -> dict[int, float]:
        """The new weights, in [floor, ceiling], by bucket. buckets: [M] int64, M ≥ 1; difficulty: [M]
        float64, ≥ 0. A bucket without rows goes back towards 1."""
        config, found = self.config, shrink(buckets, difficulty)
        ratio = found.shrunk / found.overall if found.overall > 0 else np.ones(len(found.names))
        aims = np.clip(ratio**config.strength, config.floor, config.ceiling)
        aimed = dict(zip(found.names.tolist(), aims.tolist(), strict=True))
        kept = config.smoothing
        weights = {
            name: kept * self.weights.get(name, 1.0) + (1 - kept) * aimed.get(name, 1.0)
            for name in sorted(self.weights.keys() | aimed.keys())
        }
        self.weights = {name: weight for name, weight in weights.items() if abs(weight - 1) > NEGLIGIBLE}
        self._describe(found)
        return self.weights

    def _describe(self, found: Buckets) -> None:
        """metrics: the mean difficulty, and that of the worst bucket, with its number and weight; the effective sample
        size of the weights, as a share of the rows (Kish 1965); how far the means were trusted; how many buckets."""
        weights, worst = self.weights_of(found.names), int(np.argmax(found.shrunk))
        drawn = found.counts @ weights
        self.metrics = {
            "difficulty": found.overall,
            "worst": float(found.shrunk[worst]),
            "worst_bucket": float(found.names[worst]),
            "worst_weight": float(weights[worst]),
            "effective": float(drawn**2 / (found.counts.sum() * (found.counts @ np.square(weights)))),
            "trust": float(found.trust @ found.counts / found.counts.sum()),
            "buckets": float(len(found.names)),
        }

    def weights_of(self, buckets: np.ndarray) -> np.ndarray:
        """[M] float64, of buckets [M] int64."""
        names, row = np.unique(buckets, return_inverse=True)
        weights: np.ndarray = np.array([self.weights.get(name, 1.0) for name in names.tolist()])[row]
        return weights

    def sample(self, replay: Replay, size: int, rng: np.random.Generator, buckets_of: BucketsOf) -> np.ndarray:
        """[size] rows of the replay, each drawn in proportion to the weight of its bucket.

        By importance resampling (Rubin 1987): even draws first, then some of them by weight. Before the first
        measurement and where mining is off, `replay.sample` and nothing else. Raises ValueError for an empty replay.
        """
        if not (self.config.enabled and self.weights):
            return replay.sample(size, rng)
        candidates = replay.sample(CANDIDATES * size, rng)
        return candidates[resample(self.weights_of(buckets_of(candidates)), size, rng)]

    def state(self) -> dict[str, Any]:
        """JSON values; `load_state` goes on from there."""
        return {"weights": [[name, weight] for name, weight in self.weights.items()], "metrics": self.metrics}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.weights = {int(name): float(weight) for name, weight in state["weights"]}
        self.metrics = dict(state["metrics"] if "metrics" in state else state["figures"])  # as earlier versions wrote


def resample(weights: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """[size] int64, ascending: places in weights [M] > 0, place i size·wᵢ/Σw times on average.

    Systematic (Kitagawa 1996): by one random number, each place is taken that average rounded down or up, so that no
    place is taken twice where the average is below 1.
    """
    ends = np.cumsum(weights)
    marks = (rng.random() + np.arange(size)) * (ends[-1] / size)
    return np.minimum(np.searchsorted(ends, marks, side="right"), len(weights) - 1)
