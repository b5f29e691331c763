"""Plots of metrics and ratings. Knows numbers, their names and how they are to be drawn, not what they measure."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from selfplay.display import Display
from selfplay.storage import artifact

RATIO_TOP = 1.5  # where ratios, of any size, are cut
LEAST_DISTANCE = 1e-5  # below it, drawn as this


def curves(history: list[tuple[int, dict[str, float]]], title: str, path: Path, display: Display) -> np.ndarray:
    """Draws metrics against their generations: shares, which stay within [0, 1], and ratios on one axis, and distances
    below them where there are any; writes a PNG and returns the image [rows, columns, 3] uint8. The first is bold."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    shares, distances = display.plotted(history)
    figure = Figure(figsize=(9, 6.5 if distances else 4.5), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    heights = [2, 1] if distances else [1]
    panels = figure.subplots(len(heights), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    generations = [generation for generation, _ in history]
    for index, name in enumerate(shares):
        values = [metrics.get(name, np.nan) for _, metrics in history]
        panels[0].plot(generations, np.minimum(values, RATIO_TOP), marker=".", linewidth=2.5 if index == 0 else 1.2,
                       alpha=1 if index == 0 else 0.7, zorder=3 if index == 0 else 2,
                       label=f"{name.replace('_', ' ')} {values[-1]:.1%}")  # fmt: skip
    for index, name in enumerate(distances):
        values = [metrics.get(name, np.nan) for _, metrics in history]
        panels[1].plot(generations, np.maximum(values, LEAST_DISTANCE), marker=".", color=f"C{9 - index}",
                       label=f"{name.replace('_', ' ')} {values[-1]:.3g}")  # fmt: skip
        panels[1].set_yscale("log")
    panels[-1].set_xlabel("generation")
    panels[-1].xaxis.set_major_locator(MaxNLocator(integer=True))
    panels[0].yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    panels[0].set_title(title)
    for axes in panels:
        axes.grid(alpha=0.3)
    if shares or distances:
        figure.legend(fontsize=8, loc="outside right upper")
    canvas.draw()
    written = io.BytesIO()
    figure.savefig(written, format="png")
    artifact.replace_file(path, written.getvalue())
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


def save(picture: np.ndarray, path: Path) -> None:
    """Writes an image [R, C, 3] uint8 as PNG, the same bytes for the same image. Raises OSError."""
    from matplotlib import image

    written = io.BytesIO()
    image.imsave(written, picture, format="png", metadata={"Software": ""})
    artifact.replace_file(path, written.getvalue())
