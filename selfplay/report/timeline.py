"""The timeline of a watched run as a picture: every stream and figure by generation, limits as dashed lines, alarms and
actions where they were.

A stream that is a test is drawn as evidence, an e-value on a logarithmic axis, against its limit; whatever else spans
several orders of magnitude is drawn logarithmically too.
"""

from __future__ import annotations

import io
import math
import textwrap
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfplay.report.drift_record import DriftRecord, Figure, StreamRecord
from selfplay.storage import artifact

COLUMNS = 4
MOST = 48  # panels; streams come first
DECADES = 2.0  # from so many on, an axis is logarithmic
EXPONENT = 100.0  # of the largest number that is drawn; ten to its negative is the smallest e-value
ALARM, ACTION = "tab:red", "tab:green"
LINE = "tab:blue"


def draw(record: DriftRecord, path: Path) -> None:
    """Writes a PNG. Raises OSError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    everything: list[StreamRecord | Figure] = [*record.streams, *record.figures]
    drawn = everything[:MOST]
    rows = max(1, -(-len(drawn) // COLUMNS))
    canvas = Canvas(figsize=(3.2 * COLUMNS, 1.9 * rows + 0.6), dpi=100, layout="constrained")
    FigureCanvasAgg(canvas)
    panels = canvas.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes, one in zip(panels, drawn, strict=False):
        stream(axes, one) if isinstance(one, StreamRecord) else figure(axes, one)
    for axes in panels[len(drawn) :]:
        axes.set_axis_off()
    left_out = len(everything) - len(drawn)
    more = f"; {left_out} figures are left out" if left_out else ""
    counts = f"{len(record.alarms)} alarm{'s' * (len(record.alarms) != 1)}"
    canvas.suptitle(f"{counts} (red) and {len(record.actions)} actions (green) in {record.generations} generations; "
                    f"dashed: limits{more}", fontsize=9)  # fmt: skip
    written = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # in names that a stranger gave
        canvas.savefig(written, format="png")
    artifact.replace_file(path, written.getvalue())


def stream(axes: Any, one: StreamRecord) -> None:
    """One stream, its limit, its alarms and what was done about them."""
    described, limit = one.described, one.limit
    at, values = [each for each, _ in one.values], [value for _, value in one.values]
    if one.is_test:
        _line(axes, at, [10 ** min(max(value, -EXPONENT), EXPONENT) for value in values])
        if values:
            axes.set_yscale("log")
        label = "evidence (e-value)"
    else:
        _line(axes, at, values)
        _scale(axes, [*values, *([limit] if limit is not None else [])])
        label = described.measure
    if one.threshold is not None and 0 < abs(one.threshold) < 10**EXPONENT:
        axes.axhline(one.threshold, color="tab:gray", linestyle="--", linewidth=1)
    _mark(axes, one.alarms, ALARM, 0.96)
    _mark(axes, one.actions, ACTION, 0.5)
    _words(axes, described.name.replace("_", " "), label, bool(one.alarms))


def _mark(axes: Any, events: Sequence[Mapping[str, Any]], color: str, height: float) -> None:
    """A line in each generation that has such events, named at this share of the panel's height."""
    for at in sorted({event["step"] for event in events}):
        names = [str(event.get("action") or event.get("part") or "alarm") for event in events if event["step"] == at]
        axes.axvline(at, color=color, linewidth=1.3, alpha=0.8)
        axes.annotate(plain(f"{', '.join(dict.fromkeys(names))}, gen. {at}", 30), (at, height),
                      xycoords=("data", "axes fraction"), fontsize=6, color=color, rotation=90, ha="right",
                      va="top")  # fmt: skip


def figure(axes: Any, one: Figure) -> None:
    """One figure that has no limit."""
    values = [value for _, value in one.values]
    _line(axes, [at for at, _ in one.values], values)
    if one.spec.kind == "share":
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")
    else:
        _scale(axes, values)
    _words(axes, one.title, one.spec.unit or ("share" if one.spec.kind == "share" else ""), False)


def _line(axes: Any, at: list[int], values: list[float]) -> None:
    values = [min(max(value, -(10**EXPONENT)), 10**EXPONENT) for value in values]
    axes.plot(at, values, marker="." if len(at) < 80 else "", linewidth=1, color=LINE)


def _scale(axes: Any, values: list[float]) -> None:
    """A logarithmic axis where positive values span several orders of magnitude."""
    if values and min(values) > 0 and math.log10(max(values)) - math.log10(min(values)) >= DECADES:
        axes.set_yscale("log")


def _words(axes: Any, title: str, label: str, has_alarm: bool) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.set_title(plain(title, 60, 34), fontsize=8, color=ALARM if has_alarm else "black")
    axes.set_ylabel(plain(label, 60, 22), fontsize=6)
    axes.tick_params(labelsize=6, which="both")
    axes.grid(alpha=0.3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))


def plain(text: str, most: int, width: int = 0) -> str:
    """Text of a run's files as matplotlib shows it literally: no mathematics, no control characters."""
    shown = "".join(one if one.isprintable() else "?" for one in text)
    shown = shown if len(shown) <= most else shown[: most - 1] + "…"
    return "\n".join(textwrap.wrap(shown.replace("$", r"\$"), width) or [""]) if width else shown.replace("$", r"\$")
