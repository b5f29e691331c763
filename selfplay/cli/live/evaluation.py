"""Evaluations of a run as text for a terminal: a sentence, a headline, curves of bars.

The family's `Display` says what the metrics are called and which way is better.
"""

from __future__ import annotations

import math
from fnmatch import fnmatchcase
from typing import NamedTuple

from selfplay.display import Display, MetricSpec, by_name

BARS = "▁▂▃▄▅▆▇█"
LEAST = 1e-6  # that a logarithmic curve shows


def sentence(generation: int, metrics: dict[str, float], display: Display) -> str:
    """One evaluation as a sentence."""
    words = display.sentence(metrics) or ", ".join(by_name(metrics))
    return f"generation {generation}: {words or 'not measured'}"


def headline(metrics: dict[str, float], display: Display) -> str | None:
    """The metrics that say most, in a few words."""
    return display.headline(metrics) or ", ".join(by_name(metrics)[:2]) or None


class Curve(NamedTuple):
    """A metric by generation."""

    title: str
    bars: str  # one character an evaluation
    newest: str
    best: str  # empty where neither way is better


def curves(history: list[tuple[int, dict[str, float]]], width: int, display: Display) -> list[Curve]:
    """Curves over the `width` newest evaluations, of the metrics in the newest that the display names."""
    last = history[-1][1] if history else {}
    groups = ([name for wanted in group for name in last if fnmatchcase(name, wanted)] for group in display.curves)
    found = []
    for name in next((names for names in groups if names), []):
        values = [metrics[name] for _, metrics in history if math.isfinite(metrics.get(name, math.nan))][-width:]
        spec = display.spec(name) or MetricSpec(name)
        if values:
            best = spec.best(values)
            heights = [math.log(max(value, LEAST)) for value in values] if spec.kind == "distance" else values
            shown = "" if best is None else spec.show(best)
            found.append(Curve(spec.title(name), bars(heights), spec.show(values[-1]), shown))
    return found


def bars(values: list[float]) -> str:
    """The finite values [N ≥ 1] between their smallest and their largest, a character each."""
    low, high = min(values), max(max(values), min(values) + 1e-6)
    span = high / 2 - low / 2 or 1.0  # halves, since the whole may be too large a number
    return "".join(BARS[int((value / 2 - low / 2) / span * (len(BARS) - 1))] for value in values)
