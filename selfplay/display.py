"""How a family's numbers are shown: labels, units, which way is better, and what a panel and a plot draw of them.

A family describes its numbers here once; plots, panel, telemetry and lists of runs read the description. Loads nothing
heavy, so that lists of runs need no network.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

Metrics = Mapping[str, float]

SECONDS = "seconds"  # the metric that the loop adds to every evaluation: how long it took
UNNAMED = 4  # metrics of a family without sentences of its own that a sentence shows, at most


@dataclass(frozen=True)
class MetricSpec:
    """One number of `Agent.evaluate`, or all whose names fit a pattern."""

    name: str
    """The metric's name, or a pattern such as "score_*" (as for file names)."""

    label: str = ""
    """In words, for titles; {} stands for what the pattern's * matched. Empty: the name."""

    kind: Literal["share", "ratio", "distance", "number"] = "number"
    """share: in [0, 1]; ratio: 1 at best, of any size; distance: 0 or 1 at best, drawn logarithmically; number: written
    plainly, and not plotted."""

    better: Literal["higher", "lower", "neither"] = "higher"
    """Which way is better."""

    unit: str = ""
    """Of a number, such as "plies"."""

    counted: str = ""
    """Of a share: the metric that says of how many, so that its uncertainty can be told."""

    def matches(self, name: str) -> bool:
        return fnmatchcase(name, self.name)

    def title(self, name: str) -> str:
        """The label of metric `name`, which matches."""
        prefix, _, suffix = self.name.partition("*")
        matched = name[len(prefix) : len(name) - len(suffix)]
        return self.label.replace("{}", matched) if self.label else name.replace("_", " ")

    def show(self, value: float) -> str:
        if self.kind == "share":
            return f"{value:.2%}"
        shown = f"{value:.2f}×" if self.kind == "ratio" else number(value)
        return f"{shown} {self.unit}" if self.unit else shown

    def best(self, values: Iterable[float]) -> float | None:
        """The best of values [N ≥ 1]; None where neither way is better."""
        return None if self.better == "neither" else max(values) if self.better == "higher" else min(values)


@dataclass(frozen=True)
class RateSpec:
    """A rate formed from the actors' sums: a sum per second, or a sum over another."""

    name: str
    """Of the sum; with `of`, of the ratio."""

    part: str = ""
    """With `of`: name of the sum that is divided; empty: the rate is per second."""

    of: str = ""
    """Name of the sum that it is divided by."""

    label: str = ""
    """In a panel; empty: not shown there."""

    show: str = "{:.1f}"
    """Format of a ratio."""

    optional: bool = False
    """Left out where no actor has told the sum."""

    @property
    def key(self) -> str:
        """Its name among `Status.rates`."""
        return self.name if self.of else f"{self.name}/s"


@dataclass(frozen=True)
class Balance:
    """A loss that says who of two players is ahead, drawn as a bar: the share in [0, 1] that `right` wins."""

    metric: str
    left: str
    right: str


def number(value: float) -> str:
    """Three digits, and whole numbers whole."""
    return f"{value:,.0f}" if value.is_integer() else f"{value:,.3g}"


def by_name(metrics: Metrics) -> list[str]:
    """The first UNNAMED metrics with their names."""
    shown = [f"{name.replace('_', ' ')} {number(value)}" for name, value in metrics.items() if name != SECONDS]
    return shown[:UNNAMED]


@dataclass(frozen=True)
class Display:
    """How the numbers of one family are shown. The defaults do for any family."""

    rows: str = "rows"
    """What a row of the replay is called, in the plural."""

    counts_games: bool = False
    """Whether a game makes several rows, so that games are counted beside them."""

    metrics: tuple[MetricSpec, ...] = ()
    """Of `Agent.evaluate`; the first that matches a name counts."""

    rates: tuple[RateSpec, ...] = ()
    """Of the actors' sums, in the order they are shown."""

    figures: Mapping[str, tuple[MetricSpec, ...]] = field(default_factory=dict)
    """What reports show of every generation, by heading; names and patterns as in metrics.jsonl."""

    curves: tuple[tuple[str, ...], ...] = ()
    """Names or patterns of metrics that a panel draws by generation: those of the first group that has any."""

    balance: Balance | None = None
    """Of two players that learn against each other."""

    players: Mapping[str, str] = field(default_factory=dict)
    """Shorter names of networks, for panels."""

    sentence: Callable[[Metrics], str] = lambda metrics: ", ".join(by_name(metrics))
    """One evaluation in words; empty where there is nothing to say."""

    headline: Callable[[Metrics], str] = lambda metrics: ", ".join(by_name(metrics)[:2])
    """The few words that say most."""

    def spec(self, name: str) -> MetricSpec | None:
        return next((spec for spec in self.metrics if spec.matches(name)), None)

    def plotted(self, history: list[tuple[int, dict[str, float]]]) -> tuple[list[str], list[str]]:
        """(shares and ratios, distances): names in the newest of the evaluations that a plot draws, in their order. A
        metric without a description is a share where it has always been in [0, 1]; a distance must be finite."""
        shares, distances = [], []
        for name, value in history[-1][1].items():
            spec = self.spec(name)
            always = all(0 <= metrics.get(name, 0) <= 1 for _, metrics in history)
            kind = spec.kind if spec else "share" if always else "number"
            if kind == "distance" and math.isfinite(value):
                distances.append(name)
            elif kind == "ratio" or (kind == "share" and always):
                shares.append(name)
        return shares, distances
