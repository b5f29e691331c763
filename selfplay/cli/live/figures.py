"""How the figures of a measurement are told: as a sentence, as a headline, as curves. For every family of agents.

Which figures there are decides what is said of them; those that nobody has a phrase for are told by their names.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

Figures = dict[str, float]

BARS = "▁▂▃▄▅▆▇█"
UNNAMED = 4  # figures without a phrase that are told, at most
LEAST = 1e-6  # that a logarithmic curve shows


def sentence(generation: int, figures: Figures) -> str:
    """One measurement as a sentence."""
    told = [phrase for tell in PHRASES if (phrase := tell(figures))] or _by_name(figures)
    if not told:
        return f"generation {generation}: not measured"
    if "simulations" in figures:
        return f"generation {generation}: {'; '.join(told)}, at {figures['simulations']:.0f} simulations"
    return f"generation {generation}: {', '.join(told)}"


def headline(figures: Figures) -> str | None:
    """What says most, in a few words: accuracy, else points against the hardest opponent, else how good samples are."""
    if "accuracy" in figures:
        return f"{figures['accuracy']:.2%} accuracy"
    scores = {name: value for name, value in figures.items() if name.startswith("score_")}
    if scores:
        hardest = min(scores, key=scores.__getitem__)
        return f"{scores[hardest]:.2%} points against {_opponent(hardest)}"
    quality = [phrase for tell in HEADLINES if (phrase := tell(figures))] or _by_name(figures)
    return ", ".join(quality[:2]) if quality else None


# Phrases: each says what it can of the figures, or nothing


def _exactness(figures: Figures) -> str:
    if "accuracy" not in figures:
        return ""
    stages = [f"{name.removeprefix('accuracy_')} {value:.1%}" for name, value in figures.items() if "accuracy_" in name]
    worst = f" ({', '.join(stages)})" if stages else ""
    raw, contested = (figures.get(name, 0) for name in ("raw_accuracy", "contested_accuracy"))
    return (
        f"{figures.get('mistakes', 0):.0f} mistakes in {figures.get('positions', 0):,.0f} positions against exact play "
        f"— accuracy {figures['accuracy']:.2%}{worst}, where a wrong move exists {contested:.1%}, "
        f"policy alone {raw:.1%}"
    )


def _points(figures: Figures) -> str:
    played = [f"{value:.0%} against {_opponent(name)}" for name, value in figures.items() if name.startswith("score_")]
    return f"points {', '.join(played)}, in {figures.get('games', 0):.0f} games each" if played else ""


def _opponent(name: str) -> str:
    name = name.removeprefix("score_")
    return "the first generation" if name == "first" else name


def _modes(figures: Figures) -> str:
    if "modes_found" not in figures:
        return ""
    there = figures.get("modes_there") or 0
    return f"{figures['modes_found']:,.0f}{f' of {there:,.0f}' if there else ''} modes"


def _share(name: str, phrase: str) -> Callable[[Figures], str]:
    return lambda figures: f"{figures[name]:.1%} {phrase}" if name in figures else ""


def _distance(name: str, phrase: str) -> Callable[[Figures], str]:
    def tell(figures: Figures) -> str:
        if name not in figures:
            return ""
        floor = figures.get(f"{name}_floor")
        beside = "" if floor is None else f" (floor {number(floor)})"
        return f"{phrase} {number(figures[name])}{beside}"

    return tell


def _width(figures: Figures) -> str:
    return f"modes {figures['spread']:.2f} × as wide as they should be" if figures.get("spread") else ""


def _frechet(figures: Figures) -> str:
    if "frechet_ratio" in figures:
        return f"Fréchet distance {figures['frechet_ratio']:.1f} × its floor"
    return _distance("frechet", "Fréchet distance")(figures)


def _critic(figures: Figures) -> str:
    return f"critic's AUC on held-out data {figures['auc']:.3f}" if "auc" in figures else ""


HEADLINES = (
    _share("as_asked", "read as asked"), _modes, _share("high_quality", "high quality"), _share("legal", "legal"),
    _frechet, _share("coverage", "coverage"),
)  # fmt: skip
PHRASES = (
    _exactness, _points, _share("as_asked", "read as asked"), _modes, _share("high_quality", "high quality"),
    _share("legal", "legal"), _distance("kl", "KL"), _width, _frechet, _share("coverage", "coverage"), _critic,
    _distance("code_nmi", "NMI of codes and classes"), _distance("signal_to_noise", "signal to noise in dB"),
    _distance("reconstruction_error", "reconstruction error"), _distance("elbo", "evidence lower bound"),
)  # fmt: skip


def _by_name(figures: Figures) -> list[str]:
    told = [f"{name.replace('_', ' ')} {number(value)}" for name, value in figures.items() if name != "seconds"]
    return told[:UNNAMED]


def number(value: float) -> str:
    """Three digits, and whole numbers whole."""
    return f"{value:,.0f}" if value.is_integer() else f"{value:,.3g}"


# Curves


class Curve(NamedTuple):
    """A figure by generation."""

    title: str
    bars: str  # one character a measurement
    newest: str
    best: str  # empty where more is not better, nor less


class _Kind(NamedTuple):
    title: str
    show: Callable[[float], str]
    best: Callable[[list[float]], float] | None = max  # of the measured values
    logarithmic: bool = False


def _percent(value: float) -> str:
    return f"{value:.2%}"


CURVES = {
    "accuracy": _Kind("accuracy", _percent),
    "as_asked": _Kind("read as asked", _percent),
    "modes_found": _Kind("modes", number),
    "high_quality": _Kind("high quality", _percent),
    "legal": _Kind("legal", _percent),
    "kl": _Kind("KL", number, min, logarithmic=True),
    "spread": _Kind("width of modes", "{:.2f}×".format, None),
    "frechet_ratio": _Kind("Fréchet / floor", number, min, logarithmic=True),
    "coverage": _Kind("coverage", _percent),
    "auc": _Kind("AUC, held out", _percent, None),
}


def curves(history: list[tuple[int, Figures]], width: int) -> list[Curve]:
    """What the newest measurement holds, against the `width` newest: accuracy alone where there is one, points against
    each opponent, or how good samples are."""
    last = history[-1][1] if history else {}
    names = [name for name in CURVES if name in last] or [name for name in last if name.startswith("score_")]
    if "accuracy" in last:
        names = ["accuracy"]
    found = []
    for name in names:
        values = [figures[name] for _, figures in history if math.isfinite(figures.get(name, math.nan))][-width:]
        kind = CURVES.get(name) or _Kind(f"points against {_opponent(name)}", _percent)
        if values:
            best = kind.show(kind.best(values)) if kind.best else ""
            heights = [math.log(max(value, LEAST)) for value in values] if kind.logarithmic else values
            found.append(Curve(kind.title, bars(heights), kind.show(values[-1]), best))
    return found


def bars(values: list[float]) -> str:
    """The values [N ≥ 1] between their smallest and their largest, a character each."""
    low, high = min(values), max(max(values), min(values) + 1e-6)
    return "".join(BARS[int((value - low) / (high - low) * (len(BARS) - 1))] for value in values)
