"""Settings of the pool of opponents: which generations are opponents, how often, and which are kept.

Knows no family, and loads neither torch nor NumPy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta


@dataclass(frozen=True)
class PoolConfig:
    """Which past generations are opponents, and which are kept."""

    opponents: Literal["latest", "history", "pfsp", "nash", "ema"] = "history"
    """latest: the generation before; history: all earlier ones alike (fictitious play); pfsp: those that are hard to
    beat; nash: the equilibrium of the results so far (double oracle); ema: the current averaged weights."""

    priority: Literal["hard", "variance"] = "hard"
    """Of pfsp: hard, (1 - score) ** priority_power, or variance, score * (1 - score), which prefers equals."""

    priority_power: Annotated[float, Meta(gt=0, le=100)] = 2.0
    """Of pfsp with hard: the higher, the more of the hardest (Vinyals et al. 2019)."""

    matches: Annotated[int, Meta(ge=1, le=10_000)] = 6
    """How many earlier generations each new one plays matches against, for pfsp and nash, which go by results."""

    keep_newest: Annotated[int, Meta(ge=1, le=999_999)] | None = None
    """Generations to keep, the newest ones; none: all are kept."""

    keep_log_spaced: Annotated[int, Meta(ge=0, le=999_999)] = 4
    """Beside the newest, about so many are kept each time that the age doubles."""

    @property
    def by_results(self) -> bool:
        """Whether the policy looks at results of matches."""
        return self.opponents in ("pfsp", "nash")
