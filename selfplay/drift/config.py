"""Settings of what watches a run for drift. Knows no family, and loads neither torch nor NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True)
class DriftConfig:
    """What is watched while a run learns, see docs/drift.md. It never changes what is learned."""

    enabled: bool = True
    """Measure rows and weights as they come, and write drift/… among the metrics."""

    alarms: bool = True
    """Say so where something is wrong, as a note and in drift.jsonl; off: only measure."""

    alpha: Annotated[float, Meta(gt=0, le=0.5)] = 0.01
    """Probability of a false alarm of any of the tests in a whole run, whatever its length."""
