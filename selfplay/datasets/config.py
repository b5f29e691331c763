"""Settings of a stream of data, and the names of streams. Loads neither torch nor NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

PREFIX = "stream:"  # before the name of the data set that a stream is made of
Kind = Literal["constant", "sudden", "gradual", "recurrent", "seasonal", "anomalies", "mismatch"]


@dataclass(frozen=True)
class StreamConfig:
    """How the concept of a stream of data changes over time, which is counted in generations of the run. For data whose
    name begins with stream: only."""

    kind: Kind = "constant"
    """constant: it never changes. sudden, gradual: each concept follows the one before. recurrent: they alternate.
    seasonal: they fade into each other periodically. anomalies: rows of others come in for a short while. mismatch:
    classes become more or less frequent, and nothing else changes."""

    concepts: tuple[str, ...] = ()
    """The concepts in order, each "same" or changes of the data joined by /: turn:DEGREES, invert, noise:SIGMA,
    only:CLASSES, without:CLASSES, prior:CLASSES:SHARE, relabel:STEPS, swap:CLASS+CLASS, rule:NUMBER. CLASSES are
    numbers joined by +."""

    at: Annotated[float, Meta(ge=0, le=1_000_000)] = 10.0
    """When the first concept begins to end."""

    over: Annotated[float, Meta(ge=0, le=1_000_000)] = 2.0
    """gradual, mismatch: how long a change takes, during which the share of the new concept grows linearly; mismatch
    may be at once, 0. anomalies: how long one lasts."""

    period: Annotated[float, Meta(gt=0, le=1_000_000)] = 10.0
    """Time from one change to the next; seasonal: from one return of the first concept to the next."""

    share: Annotated[float, Meta(gt=0, le=1)] = 0.1
    """anomalies: share of rows that come from elsewhere."""


def base_of(name: str) -> str | None:
    """The name of the data set that the stream `name` is made of, as "ring" of "stream:ring"; None of what is no
    stream."""
    return name.removeprefix(PREFIX) if name.startswith(PREFIX) else None
