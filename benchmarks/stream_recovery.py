"""How many rows does a classifier need to recover from a change of concept, by what is done about the alarm?

A stream of digits changes after CHANGE generations of ROWS rows: two classes exchange their names, or all have others;
or all change back and forth, so that old concepts return; or nothing changes. A row is tested before it is learned
from. Rows to recover are those before the first WINDOW generations whose share of right rows is within 5 % of the level
before the change; rows from zero, those that the same run needed at its start: the same level, by the same measure,
with the same settings. The table is of medians over seeds, with the least and the most. "ratio" is rows to recover over
rows from zero, two classes, reacting on an alarm.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import harness
import numpy as np

from selfplay.datasets.config import StreamConfig
from selfplay.drift.config import DriftConfig
from selfplay.loop import folder as folders
from selfplay.loop.run import Run
from selfplay.supervised.agent import Supervised
from selfplay.supervised.config import SupervisedConfig
from selfplay.supervised.presets import DIGITS

ROWS, CHANGE, AFTER, PERIOD, CHANGES = 50, 60, 40, 25, 4
WITHIN, WINDOW, LEVEL = 0.95, 2, 20  # of the level; generations of a window, and of the level before a change
ACTIONS = ("restore-snapshot", "evict-rows", "refit-outputs", "raise-learning-rate")
REACTIONS = {"never": "never", "on an alarm": "on-alarm", "always": "every-generation"}
STREAMS = {
    "two classes": StreamConfig("sudden", ("same", "swap:3+8"), at=CHANGE),
    "all classes": StreamConfig("sudden", ("same", "relabel:1"), at=CHANGE),
    "recurring": StreamConfig("recurrent", ("same", "relabel:1"), at=CHANGE, period=PERIOD),
    "stationary": StreamConfig(),
}
GENERATIONS = {
    "two classes": CHANGE + AFTER, "all classes": CHANGE + AFTER, "recurring": CHANGE + CHANGES * PERIOD,
    "stationary": CHANGE + CHANGES * PERIOD,
}  # fmt: skip


def settings(stream: str, reaction: str, seed: int) -> SupervisedConfig:
    drift = DriftConfig(actions=ACTIONS, react=REACTIONS[reaction], rate_factor=3.0, lasting=6)  # type: ignore[arg-type]
    run = replace(
        DIGITS.run, seed=seed, generations=GENERATIONS[stream], generation_rows=ROWS, rollout_rows=ROWS // 2,
        evaluate_every=10**5,
    )  # fmt: skip
    return replace(DIGITS, stream=STREAMS[stream], drift=drift, run=run)


def trained(config: SupervisedConfig) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """(share of new rows right, by generation; lines of drift.jsonl)."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        with folders.Folder(path) as held:
            run = Run(Supervised(config), held, lambda status: None)
            try:
                run.train(lambda: False)
            finally:
                run.close()
        lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
        file = path / "drift.jsonl"
        events = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    return np.array([line["drift/accuracy"] for line in lines if "drift/accuracy" in line]), events


def rows_to(level: float, accuracy: np.ndarray) -> float:
    """Rows before the first window within 5 % of the level; all rows there are where none is."""
    windows = np.convolve(accuracy, np.full(WINDOW, 1 / WINDOW), "valid")
    found = np.flatnonzero(windows >= WITHIN * level)
    return float(ROWS * (found[0] if len(found) else len(accuracy)))


def measured(stream: str, accuracy: np.ndarray, events: list[dict[str, Any]]) -> dict[str, float]:
    level = float(accuracy[CHANGE - LEVEL : CHANGE].mean())
    zero = rows_to(level, accuracy[:CHANGE])
    found = {"level": level, "from_zero": zero, "mean_accuracy_after": float(accuracy[CHANGE:].mean())}
    found["alarms"] = float(sum(not event.get("action") and event["stream"] == "errors" for event in events))
    found["actions"] = float(sum(bool(event.get("action")) for event in events))
    if stream == "recurring":  # the second change and later ones are returns to what was there before
        starts = [CHANGE + change * PERIOD for change in range(1, CHANGES)]
        rows = [rows_to(level, accuracy[start : start + PERIOD]) for start in starts]
        return found | {"recover": statistics.mean(rows), "share": statistics.mean(rows) / zero}
    if stream != "stationary":
        rows_after = rows_to(level, accuracy[CHANGE:])
        return found | {"recover": rows_after, "share": rows_after / zero}
    return found


def table(results: dict[str, dict[str, list[dict[str, float]]]]) -> str:
    names = ("stream", "reaction", "rows from zero", "rows to recover", "share", "accuracy after", "alarms, actions")
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for stream, by in results.items():
        for reaction, runs in by.items():
            rows = " | ".join(_spread(runs, name, form) for name, form in
                              (("from_zero", "{:,.0f}"), ("recover", "{:,.0f}"), ("share", "{:.2f}"),
                               ("mean_accuracy_after", "{:.3f}")))  # fmt: skip
            alarms = ", ".join(f"{statistics.mean(run[name] for run in runs):.1f}" for name in ("alarms", "actions"))
            lines.append(f"| {stream} | {reaction} | {rows} | {alarms} |")
    return "\n".join(lines)


def _spread(runs: list[dict[str, float]], name: str, form: str) -> str:
    values = [run[name] for run in runs if name in run]
    if not values:
        return "–"
    return f"{form.format(statistics.median(values))} ({form.format(min(values))}–{form.format(max(values))})"


def draw(curves: dict[str, dict[str, list[np.ndarray]]], path: Path) -> None:
    """Share of new rows right by rows, the mean over seeds."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(len(curves), 1, figsize=(8, 2.2 * len(curves)), squeeze=False)
    for axis, (stream, by) in zip(axes[:, 0], curves.items(), strict=True):
        for reaction, runs in by.items():
            axis.plot(ROWS * np.arange(1, len(runs[0]) + 1), np.mean(runs, axis=0), label=reaction, linewidth=1)
        axis.set_title(stream, fontsize=9)
        axis.set_ylim(0, 1)
    axes[0, 0].legend(fontsize=7, loc="lower left")
    axes[-1, 0].set_xlabel("rows")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = harness.parser(__doc__, seconds=0, repeats=5)
    parser.add_argument("--streams", nargs="+", choices=STREAMS, default=list(STREAMS), help="only these")
    parser.add_argument("--png", type=Path, help="draw accuracy by rows to this file")
    arguments = parser.parse_args()
    harness.start()
    results: dict[str, dict[str, list[dict[str, float]]]] = {}
    curves: dict[str, dict[str, list[np.ndarray]]] = {}
    for stream in arguments.streams:
        for reaction in REACTIONS:
            for seed in range(1, arguments.repeats + 1):
                accuracy, events = trained(settings(stream, reaction, seed))
                results.setdefault(stream, {}).setdefault(reaction, []).append(measured(stream, accuracy, events))
                curves.setdefault(stream, {}).setdefault(reaction, []).append(accuracy)
    print(table(results), file=sys.stderr)
    if arguments.png:
        draw(curves, arguments.png)
    chosen = results.get("two classes", next(iter(results.values())))["on an alarm"]
    harness.report(
        "stream_recovery", statistics.median(run.get("share", 1.0) for run in chosen), "training from zero",
        results={
            stream: {reaction: [{name: round(value, 4) for name, value in run.items()} for run in runs]
                     for reaction, runs in by.items()}
            for stream, by in results.items()
        },
        generation_rows=ROWS, change=CHANGE, period=PERIOD,
    )  # fmt: skip


if __name__ == "__main__":
    main()
