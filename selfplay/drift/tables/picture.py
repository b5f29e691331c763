"""The timeline of a watch as a PNG: how far each column is from the reference, which tests alarmed when, and how well
predictions did."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from selfplay.drift.tables.report import METRICS, Tally, Tick, when
from selfplay.storage import artifact

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 40  # columns that are drawn, those that drifted most
MARKERS = {"Kolmogorov–Smirnov": "o", "G-test": "s", "exact (rare or new)": "^", "exact (missing)": "x",
           "exact (errors)": "D"}  # fmt: skip
TOP = 0.5  # population stability index of the darkest shade
NAME = 28  # characters of a column's name


def draw(tally: Tally, title: str, path: Path) -> None:
    """Writes the PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    timeline = tally.timeline
    order = sorted(range(len(timeline.columns)), key=lambda index: _rank(tally, timeline.columns[index]))[:MOST]
    performed = any(tick.defined.any() for tick in timeline.ticks)
    heights = [1.2 + 0.28 * len(order), *([2.4] if performed else [])]
    figure = Figure(figsize=(11, sum(heights) + 1.2), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(heights), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    _columns(panels[0], tally, order)
    panels[0].set_title(title, fontsize=11)
    if performed:
        _metrics(panels[1], timeline.ticks)
    _label_windows(panels[-1], timeline.ticks)
    written = io.BytesIO()
    figure.savefig(written, format="png")
    artifact.replace_file(path, written.getvalue())


def _rank(tally: Tally, name: str) -> tuple[int, float]:
    one = tally.columns[name]
    return -one.windows, -one.psi


def _columns(axes: Axes, tally: Tally, order: list[int]) -> None:
    ticks = tally.timeline.ticks
    shades = np.array([tick.psi[order] for tick in ticks]).T  # [columns, ticks]
    image = axes.imshow(shades, aspect="auto", cmap="Blues", vmin=0, vmax=TOP, interpolation="nearest",
                        extent=(0.5, len(ticks) + 0.5, len(order) - 0.5, -0.5))  # fmt: skip
    names = [tally.timeline.columns[index] for index in order]
    safe = [name if len(name) <= NAME else name[: NAME - 1] + "…" for name in names]
    axes.set_yticks(range(len(order)), [name.replace("$", r"\$") for name in safe], fontsize=8)
    for test, marker in MARKERS.items():
        places = [
            (x, y)
            for x, tick in enumerate(ticks, start=1)
            for y, index in enumerate(order)
            if test in tick.alarms[index]
        ]
        if places:
            look: dict[str, Any] = {"color": "C3"} if marker == "x" else {"facecolors": "none", "edgecolors": "C3"}
            across, down = zip(*places, strict=True)
            axes.scatter(across, down, marker=marker, s=16, linewidths=0.9, label=test, **look)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(0, -0.02 if len(order) > 3 else -0.1), ncols=5,
                    title="drift found by", title_fontsize=8, frameon=False)  # fmt: skip
    axes.figure.colorbar(image, ax=axes, label="population stability index", pad=0.01, extend="max")


def _metrics(axes: Axes, ticks: list[Tick]) -> None:
    places = range(1, len(ticks) + 1)
    sums = np.array([tick.metrics for tick in ticks])
    counts = np.array([tick.defined for tick in ticks])
    for index, name in enumerate(METRICS):
        if counts[:, index].any():
            with np.errstate(invalid="ignore", divide="ignore"):
                values = np.where(counts[:, index] > 0, sums[:, index] / counts[:, index], np.nan)
            axes.plot(places, values, marker="." if len(ticks) <= 100 else None, label=name.replace("_", " "))
    axes.set_ylim(-0.02, 1.02)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower left", ncols=4)


def _label_windows(axes: Axes, ticks: list[Tick]) -> None:
    shown = np.unique(np.linspace(1, len(ticks), min(len(ticks), 6)).round().astype(int))
    timed = all(tick.begin is not None for tick in ticks)
    names = [when(ticks[x - 1].begin or 0.0)[:16] if timed else f"row {ticks[x - 1].first:,}" for x in shown]
    axes.set_xticks(shown, names, fontsize=8)
    axes.set_xlabel("beginning of the window")
