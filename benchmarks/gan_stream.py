"""How soon does a generator recover when its data change, and what does reacting to drift gain?

A preset of a stream is trained from nothing on its first concept, once a seed; then the data change, and change back.
From the moment of the first change on the same run goes on in several ways: with the preset's reactions to alarms,
with the same reactions in every generation, and with none; with --reset a new run learns the second concept from
nothing, as a full reset would (of a ring that turns, the first training is that already). A generation has recovered
when its samples are as good by the concept in force as they were by the first one before the change: all modes and
high quality within 5 points, or a Fréchet distance within 10 %.

Times are in generations of equally many rows and updates. "first" is the first time at which a run from nothing is as
good, "training" the length of the first training. "ratio" is the median time to recover from a change to a new
concept, with reactions, over the length of the training from nothing. Alarms while nothing changes are false.
"""

from __future__ import annotations

import json
import shutil
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import harness
import numpy as np

from selfplay.datasets.config import StreamConfig
from selfplay.drift import events
from selfplay.gan import agent, load, presets
from selfplay.gan.config import GanConfig
from selfplay.loop import folder as folders
from selfplay.loop import run as runs

PRESETS = {"ring": "gan-stream-ring", "digits": "gan-stream-digits"}
WAYS: dict[str, dict[str, Any]] = {"on-alarm": {}, "always": {"react": "every-generation"}, "never": {"react": "never"}}
LAST = 5  # measured generations whose median is the quality before a change


class Measured(NamedTuple):
    """Of one generation, by the concept in force."""

    good: float  # share of high quality; of digits, minus the Fréchet distance
    whole: bool  # whether all modes are there


def measured(path: Path, generations: range, seed: int) -> dict[int, Measured]:
    found = {}
    for generation in generations:
        one = load.load(path / "checkpoints" / f"{generation:06d}")
        rng = np.random.default_rng((seed, generation))
        metrics = one.agent.source.judge.metrics(lambda n, one=one, rng=rng: one.generator.sample(n, rng), rng)
        if "high_quality" in metrics:
            found[generation] = Measured(metrics["high_quality"], metrics["modes"] == 1)
        else:
            found[generation] = Measured(-metrics["frechet"], True)
    return found


def wanted(before: Mapping[int, Measured], change: int) -> float:
    """What is as good as before the change."""
    good = statistics.median(before[generation].good for generation in range(change - LAST, change))
    return good - 0.05 if good > 0 else 1.1 * good


def recovered(found: Mapping[int, Measured], begin: int, end: int, target: float) -> int | None:
    """Generations from `begin` to the first that is as good; None where there is none before `end`."""
    for generation in range(begin + 1, end):
        if generation in found and found[generation].whole and found[generation].good >= target:
            return generation - begin
    return None


def train(config: GanConfig, path: Path, report: Callable[[], None]) -> tuple[float, int]:
    """(CPU seconds, updates) of a session that trains to the end of its budget."""
    began = time.process_time()
    with folders.Folder(path) as folder:
        run = runs.Run(agent.Gan(config), folder, lambda status: None)
        try:
            before = run.learner.steps
            run.train(lambda: False)
            return time.process_time() - began, run.learner.steps - before
        finally:
            run.close()
            report()


def one_seed(config: GanConfig, seed: int, root: Path, resets: bool) -> dict[str, Any]:
    change, back = int(config.stream.at), int(config.stream.at + config.stream.period)
    end = back + int(config.stream.period)
    config = replace(config, run=replace(config.run, seed=seed, evaluate_every=10**5))
    began = root / f"{seed}-first"

    def told(what: str) -> Callable[[], None]:
        return lambda: print(f"seed {seed}: {what}", file=sys.stderr, flush=True)

    cost = {"first": train(replace(config, run=replace(config.run, generations=change)), began, told("first training"))}
    first = measured(began, range(1, change), seed)
    target = wanted(first, change)
    row: dict[str, Any] = {"seed": seed, "target": target, "training": change}
    row["first"] = recovered(first, 0, change, target)
    row["false"] = alarms(began, change)
    curves = {}
    if resets:
        path, constant = root / f"{seed}-reset", StreamConfig("constant", (config.stream.concepts[1],))
        reset = replace(config, stream=constant, run=replace(config.run, generations=change))
        cost["reset"] = train(reset, path, told("full reset"))
        curves["reset"] = measured(path, range(1, change + 1), seed)
        row["reset"] = recovered(curves["reset"], 0, change + 1, target)
        row["false"] += alarms(path, change)
    for name, drift in WAYS.items():
        path = root / f"{seed}-{name}"
        shutil.copytree(began, path)
        way = replace(config, drift=replace(config.drift, **drift), run=replace(config.run, generations=end))
        cost[name] = train(way, path, told(name))
        curves[name] = first | measured(path, range(change, end + 1), seed)
        row[name] = {
            "new": recovered(curves[name], change, back, target),
            "back": recovered(curves[name], back, end, target),
            "last of new": curves[name][back - 1].good,
            "last of back": curves[name][end - 1].good,
        }
        row[name]["actions"] = [
            (line["step"], line["action"]) for line in events.read(path) if line.get("action") and name == "on-alarm"
        ]
    row["cpu_seconds"] = {name: round(seconds, 1) for name, (seconds, _) in cost.items()}
    row["updates"] = {name: updates for name, (_, updates) in cost.items()}
    row["curves"] = {name: {g: m.good for g, m in curve.items()} for name, curve in curves.items()}
    return row


def alarms(path: Path, before: int) -> int:
    """Alarms of drift of the data in a run, before a generation."""
    return sum(line["stream"] in ("reals", "critic", "fakes") and line["step"] <= before and not line.get("action")
               for line in events.read(path))  # fmt: skip


def shown(values: list[int | None]) -> str:
    return ", ".join("–" if value is None else str(value) for value in values)


def table(rows: list[dict[str, Any]]) -> str:
    training = rows[0]["training"]
    lines = ["| way | new concept, generations | old concept back, generations |", "|---|---|---|"]
    for name in WAYS:
        lines.append(f"| {name} | {shown([r[name]['new'] for r in rows])} | {shown([r[name]['back'] for r in rows])} |")
    if "reset" in rows[0]:
        lines.append(f"| full reset, of {training} | {shown([row['reset'] for row in rows])} | the same |")
    lines.append(f"| first training, of {training} | {shown([row['first'] for row in rows])} | |")
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]], config: GanConfig, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), dpi=100, layout="constrained")
    canvas, axes = FigureCanvasAgg(figure), figure.subplots()
    change, back = config.stream.at, config.stream.at + config.stream.period
    for name in rows[0]["curves"]:
        curves = [{int(g): value for g, value in row["curves"][name].items()} for row in rows]
        there = sorted(curves[0])
        middle = [abs(statistics.median(curve[g] for curve in curves)) for g in there]
        axes.plot([g + (change if name == "reset" else 0) for g in there], middle, label=name, linewidth=1.3)
    for when in (change, back):
        axes.axvline(when, color="0.6", linewidth=0.8)
    axes.set_xlim(0.5 * change, back + config.stream.period)
    axes.set_xlabel("generation")
    axes.set_ylabel("share of high quality" if rows[0]["target"] > 0 else "Fréchet distance")
    axes.legend()
    canvas.print_png(path)


def main() -> None:
    parser = harness.parser(__doc__, seconds=0, repeats=3)
    parser.add_argument("--data", choices=PRESETS, default="ring")
    parser.add_argument("--concepts", help="of the stream, instead of the preset's: CONCEPT,CONCEPT")
    parser.add_argument("--training", type=int, help="generations of the first training, instead of the preset's")
    parser.add_argument("--rows", type=int, help="of a generation, instead of the preset's")
    parser.add_argument("--reset", action="store_true", help="train on the second concept from nothing, too")
    parser.add_argument("--period", type=int, help="generations from one change to the next")
    parser.add_argument("--png", type=Path, help="draw quality by generation")
    parser.add_argument("--keep", type=Path, help="folder to keep the runs in")
    arguments = parser.parse_args()
    harness.start()
    config = presets.PRESETS[PRESETS[arguments.data]]
    stream = replace(config.stream, kind="recurrent")
    if arguments.concepts:
        stream = replace(stream, concepts=tuple(arguments.concepts.split(",")))
    if arguments.training:
        stream = replace(stream, at=float(arguments.training))
    if arguments.period:
        stream = replace(stream, period=float(arguments.period))
    run = replace(config.run, schedule_generations=int(stream.at), generation_rows=arguments.rows or
                  config.run.generation_rows)  # fmt: skip
    config = replace(config, stream=stream, run=run)
    with TemporaryDirectory() as scratch:
        root = arguments.keep or Path(scratch)
        rows = [one_seed(config, seed, root, arguments.reset) for seed in range(1, arguments.repeats + 1)]
    print(table(rows), file=sys.stderr)
    if arguments.png:
        draw(rows, config, arguments.png)
    for row in rows:
        del row["curves"]
        print(json.dumps(row), file=sys.stderr)
    new, back = ([row["on-alarm"][when] or stream.period for row in rows] for when in ("new", "back"))
    harness.report(
        "gan_stream", harness.significant(statistics.median(new) / stream.at), "training from nothing",
        data=arguments.data, concepts=stream.concepts, seeds=len(rows), training=stream.at,
        back=harness.significant(statistics.median(back) / stream.at),
        false_alarms=sum(row["false"] for row in rows), watched=(1 + arguments.reset) * int(stream.at) * len(rows),
        results=rows,
    )  # fmt: skip


if __name__ == "__main__":
    main()
