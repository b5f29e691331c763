"""Settings of learning: the replay buffer, the mining of hard examples, the optimizer and its update rule.

Knows no family, and loads neither torch nor NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta


@dataclass(frozen=True)
class ReplayConfig:
    """How much experience is kept and how often it is used."""

    samples_per_insert: Annotated[float, Meta(gt=0, le=1000)] = 6.0
    """How many times a row is drawn for training on average: ties learning to generation, whichever is faster."""

    window_min: Annotated[int, Meta(ge=1, le=10**9)] = 20_000
    """The window holds at least this many newest rows (all rows while there are fewer)."""

    window_fraction: Annotated[float, Meta(gt=0, le=1)] = 0.5
    """The window holds this share of all rows ever inserted: old, weak play leaves as the run goes on."""

    capacity: Annotated[int, Meta(ge=1, le=10**9)] = 1_000_000
    """The window never holds more rows than this."""

    storage: Literal["auto", "memory", "disk"] = "auto"
    """Where rows are kept. disk: in a file in the run's folder, of which memory holds what is read often, so that the
    window may be larger than memory. auto: on disk where replay.capacity rows are more than a quarter of memory."""

    learn_after: Annotated[int, Meta(ge=1, le=10**9)] = 4_000
    """Rows to gather before the first update."""


@dataclass(frozen=True)
class MiningConfig:
    """Mining of hard examples: rows of buckets with large errors are drawn more often."""

    enabled: bool = False
    """Draw rows by the weights of their buckets; off: uniformly."""

    strength: Annotated[float, Meta(ge=0, le=4)] = 1.0
    """A bucket's weight is its difficulty over the mean one, to this power."""

    floor: Annotated[float, Meta(gt=0, le=1)] = 0.5
    """Smallest weight: easy buckets are still drawn."""

    ceiling: Annotated[float, Meta(ge=1, le=16)] = 4.0
    """Largest weight: buckets that cannot be learned do not dominate."""

    smoothing: Annotated[float, Meta(ge=0, lt=1)] = 0.5
    """Share of a weight that is kept from the generation before."""

    rows: Annotated[int, Meta(ge=2, le=10**9)] = 4_096
    """Newest rows whose difficulty is measured at the end of each generation."""


@dataclass(frozen=True)
class LearnerConfig:
    """Optimisation: AdamW with a cosine schedule over the run's budget, gradient clipping, averaged weights."""

    batch_size: Annotated[int, Meta(ge=1, le=65536)] = 512
    """Rows in one update."""

    learning_rate: Annotated[float, Meta(gt=0, le=1)] = 2e-3
    """At the start of the run."""

    final_learning_rate: Annotated[float, Meta(gt=0, le=1)] = 1e-4
    """At the end of the run's budget, reached along half a cosine."""

    weight_decay: Annotated[float, Meta(ge=0, le=1)] = 1e-4
    """Decoupled weight decay (AdamW), on matrices and filters only."""

    max_gradient_norm: Annotated[float, Meta(gt=0, le=1_000_000)] = 5.0
    """Gradients are scaled down to this norm."""

    ema_decay: Annotated[float, Meta(ge=0, lt=1)] = 0.999
    """Decay per step of the averaged weights, the ones that play; batch-norm statistics are averaged too. While the
    run is young the decay is (1 + step) / (10 + step), so that the average doesn't remember the random start."""

    optimizer: Literal["adamw", "sgd"] = "adamw"
    """adamw (Loshchilov, Hutter 2019), or sgd: plain gradient descent without momentum."""

    beta1: Annotated[float, Meta(ge=0, lt=1)] = 0.9
    """Of adamw: decay per step of the mean gradient; usually 0 for networks that learn against each other."""

    beta2: Annotated[float, Meta(ge=0, lt=1)] = 0.999
    """Of adamw: decay per step of the mean squared gradient, at the start of the run."""

    final_beta2: Annotated[float, Meta(ge=0, lt=1)] | None = None
    """beta2 at the end of the run's budget, reached along the same half cosine; none: beta2 is constant."""

    schedule: Literal["linear", "geometric"] = "linear"
    """How learning_rate goes to final_learning_rate along the half cosine: by differences, or by ratios (the logarithm
    of the rate follows the cosine), which spends more of the run at small rates."""

    rule: Literal["alternating", "simultaneous", "extragradient", "optimistic"] = "alternating"
    """In which order networks that learn against each other are updated, see `selfplay.learning.update_rules`; for one
    network alternating and simultaneous are the same."""

    lookahead_steps: Annotated[int, Meta(ge=0, le=100_000)] = 0
    """Every so many steps all weights are moved back towards those of so many steps ago (lookahead, Zhang 2019);
    0: never."""

    lookahead_alpha: Annotated[float, Meta(gt=0, le=1)] = 0.5
    """Share of the change that lookahead keeps."""
