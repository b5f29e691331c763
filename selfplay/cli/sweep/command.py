"""The options of `selfplay sweep`, and what it does with them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from selfplay.cli.console import numbers, paths
from selfplay.cli.sweep.progress import ProgressLine, duration
from selfplay.errors import ConfigError

if TYPE_CHECKING:
    from selfplay.loop.stop_signal import StopSignal
    from selfplay.sweeps.folder import SweepFolder
    from selfplay.sweeps.plan import Plan
    from selfplay.sweeps.request import Request
    from selfplay.sweeps.training import Failure, Lane

SWEEPS = Path("sweeps")  # where sweeps are, unless told otherwise


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", nargs="?", help="a preset, or a file FILE.toml with a sweep")
    parser.add_argument("--config", type=paths.file, metavar="FILE.toml",
                        help="settings that arms change, in place of a preset; as of `selfplay train`")  # fmt: skip
    parser.add_argument("--arm", action="append", default=[], metavar="NAME[:KEY=VALUE,…]", dest="arms",
                        help="settings with a name; may be repeated; others are compared with the first")  # fmt: skip
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="sets",
                        help="change a setting in all arms")  # fmt: skip
    parser.add_argument("--seeds", type=numbers.several(0, 2**62), metavar="N",
                        help="how many seeds, from 1 (default 3); or the seeds themselves, 4,7,9")  # fmt: skip
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", type=numbers.real(0, 10**7, False), metavar="M", help="each trial's training time")
    length.add_argument("--evaluations", type=numbers.whole(1, 10**15), metavar="E",
                        help="each trial's budget in positions that the network evaluates")  # fmt: skip
    length.add_argument("--generations", type=numbers.whole(1, 999_999), metavar="G", help="the same in generations")
    parser.add_argument("--cores", type=numbers.several(0, 65_535), action="append", metavar="N[,N…]",
                        help="cores of one trial; given twice, two trials run side by side")  # fmt: skip
    parser.add_argument("--measure", metavar="HOW", help="exact, games or evaluation (default: what the game has)")
    parser.add_argument("--positions", type=numbers.whole(1, 10**6), metavar="N",
                        help="positions with exact values to measure on (default 1000)")  # fmt: skip
    parser.add_argument("--simulations", type=numbers.whole(1, 100_000), metavar="N",
                        help="a position or move when measuring (default: as the preset's evaluations)")  # fmt: skip
    parser.add_argument("--games", type=numbers.whole(2, 100_000), metavar="N",
                        help="with --measure games: of each two agents (default 20)")  # fmt: skip
    parser.add_argument("--out", type=paths.path, metavar="DIR", help="folder of the sweep (default: sweeps/NAME)")
    parser.add_argument("--dry-run", action="store_true", help="show the plan and how long it takes, and stop")
    parser.add_argument("--json", action="store_true", help="print results as JSON lines instead of a table")


def run(arguments: argparse.Namespace) -> int:
    from selfplay.loop.stop_signal import PATIENCE, Stopped, StopSignal

    with StopSignal(PATIENCE) as stop:
        try:
            return _run(arguments, stop)
        except Stopped:
            print("Stopped: what was measured is kept. The same command goes on.", file=sys.stderr)
            return stop.exit_code


def _run(arguments: argparse.Namespace, stop: StopSignal) -> int:
    from selfplay.presets import registry
    from selfplay.sweeps import folder as folders
    from selfplay.sweeps import measuring, training

    request = _request(arguments)
    plan = request.plan()
    kind = measuring.kind_of(plan)
    lanes: list[Lane] = list(request.cores or [None])
    training.check_lanes(lanes)
    for arm in plan.arms:
        try:
            agent = registry.make_agent(arm.config)  # refuses what cannot be trained
        except ConfigError as error:
            raise ConfigError(f"arm '{arm.name}': {error}") from None
        if plan.budget.kind == "evaluations" and not agent.counts_evaluations:
            raise ConfigError(f"'{plan.preset}' counts no evaluations: give --minutes or --generations.")
    path = arguments.out or SWEEPS / _name(arguments, plan)
    folders.check(path, plan)
    if arguments.dry_run:
        _show_plan(plan, path, kind, len(lanes))
        return 0
    with folders.SweepFolder(path, plan) as folder:
        progress = ProgressLine()
        with progress:
            failures = training.train(folder, lanes, stop.asked, progress)
        if stop.asked():
            print(f"Stopped and saved in {path}. The same command goes on.", file=sys.stderr)
            return stop.exit_code
        about = measuring.measure(folder, kind, progress.tell, stop.cuts)
        _report(folder, kind, about, failures, arguments.json)
    return 1 if failures else 0


def _request(arguments: argparse.Namespace) -> Request:
    """What the options ask for, on top of the file where there is one. Raises ConfigError."""
    from selfplay.sweeps import plan, request

    source: str | None = arguments.source
    budgets = [(kind, getattr(arguments, kind)) for kind in plan.BUDGETS if getattr(arguments, kind) is not None]
    seeds = arguments.seeds
    if seeds is not None and len(seeds) == 1:
        if not 1 <= seeds[0] <= plan.MOST_TRIALS:
            raise ConfigError(f"--seeds {seeds[0]} asks for so many seeds: expected 1 to {plan.MOST_TRIALS:,}.")
        seeds = range(1, 1 + seeds[0])
    file = source is not None and source.endswith(".toml")
    asked = request.Request(
        preset=None if file else source, config=arguments.config, settings=tuple(arguments.sets),
        arms=tuple(request.arm(text) for text in arguments.arms),
        seeds=None if seeds is None else tuple(seeds),
        budget=plan.Budget(budgets[0][0], float(budgets[0][1])) if budgets else None,
        cores=None if arguments.cores is None else tuple(map(tuple, arguments.cores)), kind=arguments.measure,
        positions=arguments.positions, simulations=arguments.simulations, games=arguments.games,
    )  # fmt: skip
    return asked.over(request.read(Path(source))) if file and source is not None else asked


def _name(arguments: argparse.Namespace, plan: Plan) -> str:
    """The sweep's folder, where none is named: after the file, or the preset."""
    if arguments.source and arguments.source.endswith(".toml"):
        return Path(arguments.source).stem
    return arguments.config.stem if arguments.config else plan.preset.replace("/", "-")


def _show_plan(plan: Plan, path: Path, kind: str, lanes: int) -> None:
    from selfplay.sweeps import folder as folders

    done = folders.read_trained(path)
    trials = plan.trials()
    print(f"{plan.preset}: {len(plan.arms)} arms × {len(plan.seeds)} seeds = {len(trials)} trials of {plan.budget}, "
          f"{'one after another' if lanes == 1 else f'{lanes} side by side'}; in {path}.")  # fmt: skip
    if plan.settings:
        print(f"  all arms: {', '.join(plan.settings)}")
    for arm in plan.arms:
        print(f"  {arm.name}: {', '.join(arm.changes) or 'no other change'}")
    print(f"Order: {' '.join(trial.name + ('*' if trial.name in done else '') for trial in trials)}"
          + (" (* is trained)" if any(trial.name in done for trial in trials) else ""))  # fmt: skip
    print(f"Measured at the end by: {kind}.")
    left = sum(trial.name not in done for trial in trials)
    if plan.budget.kind == "minutes":
        rounds = -(-left // lanes)
        print(f"Training takes {duration(60 * plan.budget.amount * rounds)} ({left} trials to go), and measuring "
              "comes after it.")  # fmt: skip
    else:
        print(f"Training is {left} × {plan.budget}; how long that takes is told once the first trial runs.")


def _report(folder: SweepFolder, kind: str, about: list[str], failures: list[Failure], as_json: bool) -> None:
    """Writes the tables and the curve, and prints what is asked for."""
    from selfplay.sweeps import curve, measuring, report

    plan = folder.plan
    results = {trial.name: folder.results[trial.name] for trial in plan.trials() if trial.name in folder.results}
    found = report.rows(plan, results, measuring.metrics(kind, plan, results))
    folder.write("table.csv", report.table(found))
    points = curve.points(folder)
    folder.write(curve.CSV, curve.table(points))
    drawn = curve.draw(folder, points)
    if as_json:
        print(report.json_lines(results, found), end="")
    else:
        print(report.text(plan, results, found, about))
        print(f"Written: {folder.path}/table.csv, results.jsonl, curve.csv{', curve.png' if drawn else ''}.")
    for failure in failures:
        print(f"selfplay: {failure.trial.name} failed: {failure.why} The same command tries again.", file=sys.stderr)
