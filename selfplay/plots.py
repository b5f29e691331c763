"""Pictures of figures. Knows numbers and their names, not what they measure."""

from __future__ import annotations

from pathlib import Path

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
