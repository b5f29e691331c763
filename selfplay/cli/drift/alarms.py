"""Shows what drifted in a run, when, and which test said so: alarms of drift.jsonl, and figures of its last generation.

Reads only, and may be asked while the run is being trained. Exit code: 0 no alarm, 1 there are alarms, 2 refused.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from selfplay.cli.console import paths
from selfplay.errors import FolderError

EPILOG = """examples:
  selfplay drift run runs/connect-four
  selfplay drift run runs/connect-four --png drift.png
  selfplay drift run runs/connect-four --json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=paths.path, metavar="RUN", help="a run's folder")
    parser.add_argument("--json", action="store_true", help="a JSON object for each alarm, a line each")
    parser.add_argument("--png", type=paths.file, metavar="FILE", help="draw the streams by generation, and the alarms")


def run(arguments: argparse.Namespace) -> int:
    from selfplay.drift import events
    from selfplay.loop import metrics

    folder: Path = arguments.run_folder
    if not folder.is_dir() or not any((folder / name).exists() for name in ("config.json", "checkpoints")):
        raise FolderError(f"'{folder}' holds no run (no config.json): `selfplay runs list` shows those there are.")
    try:
        alarms, lines = events.read(folder), list(metrics.iterate(folder))
    except OSError as error:
        raise FolderError(f"{error.filename} cannot be read ({error.strerror}).") from None
    watched = [line for line in lines if any(name.startswith("drift/") for name in line)]
    if arguments.png:
        from selfplay.drift import timeline

        try:
            timeline.draw(watched, alarms, arguments.png)
        except OSError as error:
            raise FolderError(f"cannot write '{arguments.png}' ({error.strerror or error}).") from None
    if arguments.json:
        for alarm in alarms:
            print(json.dumps(alarm))
    else:
        _show(folder, watched, alarms)
    return 1 if alarms else 0


def _show(folder: Path, watched: list[dict[str, Any]], alarms: list[dict[str, Any]]) -> None:

    if not watched and not alarms:
        print(f"'{folder}' was not watched, or has no generation yet.")
        return
    if alarms:
        print(f"{'generation':>10}  {'stream':14} {'of':20} {'statistic':>10} {'threshold':>10}")
    for alarm in alarms:
        numbers = [f"{alarm[key]:10.3g}" if alarm.get(key) is not None else f"{'–':>10}"
                   for key in ("statistic", "threshold")]  # fmt: skip
        print(f"{alarm['step']:>10}  {alarm.get('stream', ''):14} {alarm.get('part') or '':20} {' '.join(numbers)}")
        print(f"{'':10}  {alarm.get('sentence', '')}")
    if watched:
        last = {name: value for name, value in watched[-1].items() if name.startswith("drift/")}
        print(f"figures of generation {watched[-1]['step']}:")
        for name, value in last.items():
            print(f"  {name.removeprefix('drift/'):20} {value:10.4g}")
    count = f"{len(alarms)} alarm{'s' * (len(alarms) != 1)}" if alarms else "no alarm"
    print(f"{folder}: {count} in {len(watched)} generations that were watched.")
