"""The timeline of a watched run as a picture: every figure by generation, and a line where a stream gave an alarm."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfplay.drift.watching import PREFIX
from selfplay.storage import artifact

COLUMNS = 4


def draw(lines: Sequence[Mapping[str, Any]], alarms: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Writes a PNG from lines of metrics and alarms. Raises OSError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    names = list(dict.fromkeys(name for line in lines for name in line if name.startswith(PREFIX)))
    names += [name for alarm in alarms if (name := PREFIX + str(alarm.get("stream"))) not in names]
    count = max(1, -(-len(names) // COLUMNS))
    figure = Figure(figsize=(3 * COLUMNS, 1.7 * count + 0.6), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(count, COLUMNS, squeeze=False).ravel()
    for axes, name in zip(panels, names, strict=False):
        at = [line["step"] for line in lines if name in line]
        axes.plot(at, [line[name] for line in lines if name in line], marker=".", linewidth=1)
        own = [alarm for alarm in alarms if PREFIX + str(alarm.get("stream")) == name]
        for alarm in own:
            axes.axvline(alarm["step"], color="C3", linewidth=1.5)
            label = f"{alarm.get('part') or 'alarm'}, generation {alarm['step']}"
            axes.annotate(label, (alarm["step"], 0.95), xycoords=("data", "axes fraction"), fontsize=6,
                          color="C3", rotation=90, ha="right", va="top")  # fmt: skip
        axes.set_title(name.removeprefix(PREFIX).replace("_", " "), fontsize=8, color="C3" if own else "black")
        axes.tick_params(labelsize=6)
        axes.grid(alpha=0.3)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    figure.suptitle(f"{len(alarms)} alarm{'s' * (len(alarms) != 1)}; evidence is log10, alarms are red", fontsize=9)
    written = io.BytesIO()
    figure.savefig(written, format="png")
    artifact.replace_file(path, written.getvalue())
