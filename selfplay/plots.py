"""Pictures of figures. Knows numbers and their names, not what they measure."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np


def curves(history: list[tuple[int, dict[str, float]]], title: str, path: Path) -> np.ndarray:
    """Draws every figure that stays within [0, 1] against its generation; writes a PNG and returns the image
    [rows, columns, 3] uint8. The first figure is drawn bold."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 4.5), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    generations = [generation for generation, _ in history]
    names = [
        name for name in history[-1][1] if all(0 <= figures.get(name, 0) <= 1 for _, figures in history)
    ]
    for index, name in enumerate(names):
        values = [figures.get(name, np.nan) for _, figures in history]
        axes.plot(generations, values, marker=".", linewidth=2.5 if index == 0 else 1.2, alpha=1 if index == 0 else 0.7,
                  label=f"{name.replace('_', ' ')} {values[-1]:.1%}", zorder=3 if index == 0 else 2)  # fmt: skip
    axes.set_xlabel("generation")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.grid(alpha=0.3)
    axes.set_title(title)
    if names:
        figure.legend(fontsize=8, loc="outside right upper")
    canvas.draw()
    figure.savefig(path)
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


class Point(NamedTuple):
    """One rating in `ratings`; bounds may be infinite."""

    at: float
    elo: float
    lower: float
    upper: float


def ratings(
    series: Mapping[str, Sequence[Point]], lines: Mapping[str, float], title: str, note: str, path: Path
) -> None:
    """Writes a PNG: Elo by generation with 95 % bars, a curve a series, and players without generations as lines."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(9, 5.5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    floor, roof = _frame(series, lines)
    for name, points in series.items():
        at = [point.at for point in points]
        # What lies outside is drawn at the edge, with its number.
        elo, low, high = (np.clip([point[k] for point in points], floor, roof) for k in (1, 2, 3))
        bars = axes.errorbar(at, elo, yerr=[elo - low, high - elo], marker="o", markersize=4, capsize=3, label=name)
        for point, shown in zip(points, elo.tolist(), strict=True):
            if shown != point.elo:
                axes.annotate(f"{point.elo:+.0f}", (point.at, shown), xytext=(6, 2), textcoords="offset points",
                              fontsize=8, color=bars[0].get_color())  # fmt: skip
    if any(len(points) for points in series.values()):
        axes.set_xlabel("generation")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for number, (name, rating) in enumerate(sorted(lines.items(), key=lambda entry: -entry[1])):
        height = min(max(rating, floor), roof)
        axes.axhline(height, linestyle="--", linewidth=1, color=f"C{(number + len(series)) % 10}", zorder=1)
        axes.annotate(f"{name} {rating:+.0f}", (1, height), xycoords=("axes fraction", "data"), xytext=(-4, 3),
                      textcoords="offset points", ha="right", fontsize=8)  # fmt: skip
    axes.set_ylabel("Elo")
    axes.grid(alpha=0.3)
    axes.set_title(title)
    figure.supxlabel(textwrap.fill(note, 150), fontsize=7)
    if len(series) > 1:
        axes.legend(fontsize=8, loc="best")
    figure.savefig(path)


def _frame(series: Mapping[str, Sequence[Point]], lines: Mapping[str, float]) -> tuple[float, float]:
    """Lowest and highest Elo to show: all that is bounded on both sides, and as much again as that is apart."""
    everything = [point for points in series.values() for point in points]
    sure = [bound for point in everything if np.isfinite(point[1:]).all() for bound in point[1:]]
    known = [point.elo for point in everything] + list(lines.values())
    if not sure:
        return min(known) - 50, max(known) + 50
    room = max(200.0, max(sure) - min(sure))
    return max(min(sure + known), min(sure) - room) - 20, min(max(sure + known), max(sure) + room) + 20
