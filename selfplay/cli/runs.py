"""Lists the runs in a folder, shows one run, or makes a page of its health."""

from __future__ import annotations

import argparse
import collections
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selfplay import errors
from selfplay.cli.console import paths
from selfplay.errors import FolderError

ROOT = Path("runs")

EPILOG = """examples:
  selfplay runs list
  selfplay runs list --root /data/runs
  selfplay runs show runs/connect-four
  selfplay runs report runs/connect-four --out health.html
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="a line for each run", epilog=EPILOG,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    listing.add_argument("--root", type=paths.path, default=ROOT, metavar="DIR", help="where to look (default: runs)")
    show = actions.add_parser("show", help="settings, machine and evaluations of one run", epilog=EPILOG,
                              formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    show.add_argument("run_folder", type=paths.path, metavar="RUN", help="a run's folder")
    report = actions.add_parser(
        "report", help="an HTML page of a run's health: strength, speed, losses, drift, settings", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Makes one HTML page of a run's health from its files. It opens without a network and without "
        "scripts, and may be made while the run is being trained.",
    )  # fmt: skip
    report.add_argument("run_folder", type=paths.path, metavar="RUN", help="a run's folder")
    report.add_argument(
        "--out", type=paths.file, metavar="FILE", help="where to write it (default: the run's name and .html, here)"
    )


def run(arguments: argparse.Namespace) -> int:
    if arguments.action == "list":
        return _list(arguments.root)
    return _show(arguments.run_folder) if arguments.action == "show" else _report(arguments.run_folder, arguments.out)


def _report(folder: Path, out: Path | None) -> int:
    from selfplay.report import health, page

    found = health.read(folder)
    path = out or Path(f"{folder.resolve().name}.html")
    if out is None:
        paths.check_file(path)
    try:
        page.write(found, path)
    except OSError as error:
        raise FolderError(f"cannot write '{path}' ({error.strerror or error}).") from None
    print(f"Written to {errors.shorten(path, 300)}.")
    for warning in found.warnings:
        print(f"selfplay: warning: {errors.shorten(warning, 300)}", file=sys.stderr)
    return 0


def _list(root: Path) -> int:
    from selfplay.cli.live import evaluation
    from selfplay.presets import registry

    if not root.is_dir() and (root.exists() or root != ROOT):
        raise FolderError(f"'{root}' is no folder: --root names the one that runs are in.")
    found = sorted(path.parent for path in root.glob("*/config.json"))
    if not found:
        print(f"No runs below '{root}'. `selfplay train tic-tac-toe` makes one; --root looks elsewhere.")
        return 0
    print(f"{'run':32} {'preset':16} {'game':16} {'gen.':>5} {'minutes':>8} {'games':>9} {'rows':>10}  evaluation")
    for path in found:
        try:
            config, last, evaluated = _read(path / "config.json"), _last(path), _evaluated(path)
        except FolderError as error:  # one damaged run does not hide the others
            print(f"{path!s:32} {error}")
            continue
        preset, game, display = str(config.get("preset", "?")), _game(config), registry.display_of(config)
        shown = (evaluation.headline(evaluated[-1][1], display) if evaluated else None) or "–"
        rows = last.get("rows", 0)
        games = "–" if last.get("games", rows) == rows else f"{last['games']:,}"  # a row a game: no games to speak of
        print(f"{path!s:32} {preset:16} {game:16} {last.get('step', 0):5} {last.get('seconds', 0) / 60:8.1f} "
              f"{games:>9} {rows:10,}  {shown}")  # fmt: skip
    return 0


def _game(config: dict[str, Any]) -> str:
    """The game that a run plays, or the data that it imitates."""
    data = config.get("data")
    return str(config.get("game") or (data.get("name") if isinstance(data, dict) else None) or "–")


def _show(path: Path) -> int:
    from selfplay.cli.live import evaluation
    from selfplay.loop import metrics as lines_of_metrics
    from selfplay.presets import registry

    if not (path / "config.json").exists():
        raise FolderError(f"'{path}' holds no run (no config.json): `selfplay runs list` shows those there are.")
    from selfplay import config as configs

    settings = configs.with_current_keys(_read(path / "config.json"))
    for title, values in (("machine and code", _read(path / "run.json")), ("settings", settings)):
        print(f"{title}:")
        for key, value in _flat(values):
            print(f"  {key} = {value}")
    evaluated = _evaluated(path)
    display = registry.display_of(settings)
    print("evaluation by generation:" if evaluated else "evaluation: none yet")
    for line, metrics in evaluated:
        sentence = evaluation.sentence(line["step"], metrics, display)
        print(f"  {line.get('seconds', 0) / 60:6.1f} min  {sentence}")
    if said := lines_of_metrics.warning(path):
        print(f"selfplay: warning: {said}", file=sys.stderr)
    return 0


def _evaluated(path: Path) -> list[tuple[dict[str, Any], dict[str, float]]]:
    """(line of metrics, metrics of its evaluation) of each generation that was evaluated."""
    found = []
    for line in _lines(path):
        metrics = {
            key.removeprefix("evaluation/"): value for key, value in line.items() if key.startswith("evaluation/")
        }
        if metrics:
            found.append((line, metrics))
    return found


def _read(path: Path) -> dict[str, Any]:
    from selfplay.storage import bounded

    try:
        values = bounded.read_json(path)
    except (OSError, ValueError) as error:
        raise FolderError(f"{path} cannot be read ({bounded.reason(error)}).") from None
    if not isinstance(values, dict):
        raise FolderError(f"{path} cannot be read (it holds no JSON object).")
    return values


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    from selfplay.loop import metrics

    try:
        yield from metrics.iterate(path)
    except OSError as error:
        raise FolderError(f"{path / metrics.FILE} cannot be read ({error.strerror}).") from None


def _last(path: Path) -> dict[str, Any]:
    last = collections.deque(_lines(path), maxlen=1)
    return last[0] if last else {}


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in values.items():
        pairs += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return pairs
