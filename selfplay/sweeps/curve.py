"""The curves of a sweep: what evaluations in training measured, against the time or the evaluations used.

Each arm is a line with a band over its seeds. As CSV with every point, and as PNG.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from selfplay import config as configs
from selfplay.display import Display, MetricSpec
from selfplay.loop import metrics
from selfplay.presets import registry
from selfplay.sweeps.folder import SweepFolder
from selfplay.sweeps.plan import Budget, Plan, Trial

CSV, PNG = "curve.csv", "curve.png"
PREFIX = "evaluation/"
AXES = {
    "minutes": "minutes",
    "generations": "generation",
    "evaluations": "evaluations",
}  # columns, by the budget's kind
GRID = 200  # points of a line


def points(folder: SweepFolder) -> list[dict[str, Any]]:
    """A dict for each evaluation of each trial that is trained or begun: arm, seed, generation, minutes, evaluations,
    and its metrics. Trials whose metrics cannot be read are left out."""
    found = []
    for trial in folder.plan.trials():
        for line in _lines(folder, trial):
            measured = {key.removeprefix(PREFIX): value for key, value in line.items() if key.startswith(PREFIX)}
            if measured:
                found.append({
                    "arm": trial.arm, "seed": trial.seed, "generation": line["step"],
                    "minutes": line.get("seconds", 0.0) / 60, "evaluations": line.get("evaluations", 0), **measured,
                })  # fmt: skip
    return found


def _lines(folder: SweepFolder, trial: Trial) -> list[dict[str, Any]]:
    try:
        return metrics.read(folder.run(trial))
    except OSError:
        return []


def table(found: Sequence[dict[str, Any]]) -> str:
    """The points as CSV."""
    columns = list(dict.fromkeys(key for point in found for key in point))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return out.getvalue()


def drawn_metric(plan: Plan, found: Sequence[dict[str, Any]]) -> tuple[str, MetricSpec] | None:
    """The metric that the curve shows: the first that the family's panel draws, else the first share; None where there
    is none."""
    display: Display = registry.display_of(configs.to_values(plan.arms[0].config))
    names = list(dict.fromkeys(key for point in found for key in point))[5:]
    wanted = [pattern for group in display.curves for pattern in group]
    for name in [*(n for pattern in wanted for n in names if MetricSpec(pattern).matches(n)), *names]:
        spec = display.spec(name)
        if spec is not None and spec.kind != "number":
            return name, spec
    return None


def draw(folder: SweepFolder, found: Sequence[dict[str, Any]]) -> bool:
    """Writes the PNG; False where there is nothing to draw. Raises FolderError."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    plan = folder.plan
    metric = drawn_metric(plan, found)
    if metric is None:
        return False
    name, spec = metric
    axis = AXES[plan.budget.kind]
    figure = Figure(figsize=(9, 5), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for number, arm in enumerate(plan.arms):
        curves = [curve for curve in _by_seed(found, arm.name, axis, name) if len(curve[0])]
        if not curves:
            continue
        colour = f"C{number % 10}"
        for x, y in curves:
            axes.plot(x, y, color=colour, alpha=0.3, linewidth=0.8, marker=".", markersize=3)
        grid, middle, low, high = band(curves)
        axes.plot(
            grid, middle, color=colour, linewidth=2, label=f"{arm.name} (n={len(curves)}): {spec.show(middle[-1])}"
        )
        if len(curves) > 1:
            axes.fill_between(grid, low, high, color=colour, alpha=0.15, linewidth=0)
    axes.set_xlabel(_axis_title(plan.budget, axis))
    axes.set_ylabel(spec.title(name))
    if spec.kind == "share":
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_title(f"{plan.preset}: mean and range over seeds, as evaluated in training")
    axes.grid(alpha=0.3)
    axes.legend()
    written = io.BytesIO()
    figure.savefig(written, format="png")
    folder.write(PNG, written.getvalue())
    return True


def _by_seed(
    found: Sequence[dict[str, Any]], arm: str, axis: str, name: str
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(x, y) of each of an arm's seeds, ascending in x."""
    for seed in dict.fromkeys(point["seed"] for point in found if point["arm"] == arm):
        own = [point for point in found if (point["arm"], point["seed"]) == (arm, seed) and name in point]
        yield np.array([point[axis] for point in own], float), np.array([point[name] for point in own], float)


def band(curves: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(x, mean, least, most) over curves, [G] each, where all of them are known; straight between their points. Where
    there is no such stretch, of each curve's last point, at the mean of their x."""
    low, high = max(x[0] for x, _ in curves), min(x[-1] for x, _ in curves)
    if low < high:
        grid = np.linspace(low, high, GRID)
        lines = np.array([np.interp(grid, x, y) for x, y in curves])
    else:
        grid = np.array([np.mean([x[-1] for x, _ in curves])])
        lines = np.array([[y[-1]] for _, y in curves])
    return grid, lines.mean(axis=0), lines.min(axis=0), lines.max(axis=0)


def _axis_title(budget: Budget, axis: str) -> str:
    return {"minutes": "minutes of training", "evaluations": "positions evaluated in self-play"}.get(axis, axis)
