"""Runs: list those below a folder, or show one."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from selfplay.errors import FolderError

EPILOG = """examples:
  selfplay runs list
  selfplay runs list --root /data/runs
  selfplay runs show runs/connect-four
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="a line for each run", epilog=EPILOG,
                                 formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    listing.add_argument("--root", type=Path, default=Path("runs"), metavar="DIR", help="where to look (default: runs)")
    show = actions.add_parser("show", help="settings, machine and strength of one run", epilog=EPILOG,
                              formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    show.add_argument("run_folder", type=Path, metavar="RUN", help="a run's folder")


def run(arguments: argparse.Namespace) -> int:
    return _list(arguments.root) if arguments.action == "list" else _show(arguments.run_folder)


def _list(root: Path) -> int:
    from selfplay.cli.live import figures as told

    found = sorted(path.parent for path in root.glob("*/config.json"))
    if not found:
        print(f"No runs below '{root}'. `selfplay train tic-tac-toe` makes one; --root looks elsewhere.")
        return 0
    print(f"{'run':32} {'preset':16} {'gen.':>5} {'minutes':>8} {'games':>9} {'rows':>10}  strength")
    for path in found:
        try:
            config, last = _read(path / "config.json"), _last(path)
        except FolderError as error:  # one damaged run does not hide the others
            print(f"{path!s:32} {error}")
            continue
        measured = _measured(path)
        shown = (told.headline(measured[-1][1]) if measured else None) or "–"
        preset = str(config.get("preset", "?"))
        rows = last.get("rows", 0)
        games = "–" if last.get("games", 0) == rows else f"{last['games']:,}"  # a row a game: no games to speak of
        print(f"{path!s:32} {preset:16} {last.get('step', 0):5} {last.get('seconds', 0) / 60:8.1f} "
              f"{games:>9} {rows:10,}  {shown}")  # fmt: skip
    return 0


def _show(path: Path) -> int:
    from selfplay.cli.live import figures as told

    if not (path / "config.json").exists():
        raise FolderError(f"'{path}' holds no run (no config.json): `selfplay runs list` shows those there are.")
    for title, name in (("machine and code", "run.json"), ("settings", "config.json")):
        print(f"{title}:")
        for key, value in _flat(_read(path / name)):
            print(f"  {key} = {value}")
    measured = _measured(path)
    print("strength by generation:" if measured else "strength: not measured yet")
    for line, figures in measured:
        print(f"  {line.get('seconds', 0) / 60:6.1f} min  {told.sentence(line['step'], figures)}")
    return 0


def _measured(path: Path) -> list[tuple[dict[str, Any], dict[str, float]]]:
    """(line of metrics, figures of strength) of each generation that was measured."""
    found = []
    for line in _lines(path):
        figures = {key.removeprefix("strength/"): value for key, value in line.items() if key.startswith("strength/")}
        if figures and "step" in line:
            found.append((line, figures))
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise FolderError(f"{path} cannot be read ({type(error).__name__}).") from None
    if not isinstance(values, dict):
        raise FolderError(f"{path} cannot be read (it holds no JSON object).")
    return values


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        text = (path / "metrics.jsonl").read_text(errors="replace")
    except FileNotFoundError:
        return []
    lines = []
    for written in text.splitlines():
        try:
            line = json.loads(written)
        except ValueError:
            continue  # the last line of a run that was killed
        if isinstance(line, dict):
            lines.append(line)
    return lines


def _last(path: Path) -> dict[str, Any]:
    return (_lines(path) or [{}])[-1]


def _flat(values: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    pairs: list[tuple[str, Any]] = []
    for key, value in values.items():
        pairs += _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else [(prefix + key, value)]
    return pairs
