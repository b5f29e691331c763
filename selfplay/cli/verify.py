"""Checks runs, generations and tournaments by the digests that were written with them: what is damaged, what can be
recovered, and what is lost.

Reads only, and may be asked while a run is being trained. --repair moves damaged pieces to FOLDER/damaged/ and restores
what is kept twice; it deletes nothing. Exit code: 0 all is well, 1 damage was found (or is left), 2 wrong use.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from selfplay.cli.console import paths
from selfplay.errors import FolderError

if TYPE_CHECKING:
    from selfplay.verify.findings import OnProgress, Report

EPILOG = """examples:
  selfplay verify runs/connect-four
  selfplay verify runs/* --json
  selfplay verify runs/connect-four --repair
  selfplay verify runs/connect-four/checkpoints/000012
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folders", nargs="+", type=paths.path, metavar="FOLDER",
        help="the folder of a run, of a tournament (`elo --out`), or of one generation",
    )  # fmt: skip
    parser.add_argument("--repair", action="store_true", help="put right what can be; damaged pieces are moved")
    parser.add_argument("--json", action="store_true", help="one JSON object a folder, a line each")


def run(arguments: argparse.Namespace) -> int:
    for folder in arguments.folders:  # before the first is repaired
        _kind(folder)
    code = 0
    for folder in arguments.folders:
        report = _repair(folder) if arguments.repair else _check(folder)
        if arguments.json:
            print(json.dumps(report.as_json()), flush=True)
        else:
            _show(report)
        code = max(code, 1 if report.damaged else 0)
    return code


def _kind(folder: Path) -> str:
    """ "run", "tournament" or "generation". Raises FolderError for what is none."""
    if not folder.is_dir():
        state = "is a file" if folder.exists() else "does not exist"
        raise FolderError(f"'{folder}' {state}: expected the folder of a run, a tournament or a generation.")
    if any((folder / name).exists() for name in ("config.json", "checkpoints", "state")):
        return "run"
    if any((folder / name).exists() for name in ("games.jsonl", "arena.json")):
        return "tournament"
    if (folder / "manifest.json").exists():
        return "generation"
    raise FolderError(
        f"'{folder}' holds no run, tournament or generation (no config.json, games.jsonl or manifest.json): "
        "`selfplay runs list` shows the runs there are."
    )


def _check(folder: Path) -> Report:
    from selfplay.storage import lock
    from selfplay.verify import runs, tournaments

    kind = _kind(folder)
    if kind == "generation":
        return runs.check_generation(folder, _progress(folder))
    holder = lock.Lock.holder(folder / "lock")
    report = runs.check(folder, _progress(folder)).report if kind == "run" else tournaments.check(folder, None)
    if holder is not None:
        report.summary += f"; process {holder} is writing here, and files may have changed during the check"
    return report


def _repair(folder: Path) -> Report:
    """Checks and repairs under the folder's lock; the report is of what is left."""
    from selfplay.storage import lock
    from selfplay.verify import repair, runs, tournaments

    kind = _kind(folder)
    if kind == "generation":
        raise FolderError(f"'{folder}' is a single generation: --repair takes the folder of its run.")
    try:
        held = lock.Lock(folder / "lock")
    except lock.Held as error:
        raise FolderError(f"process {error.holder} is writing to '{folder}': repair it once that has ended.") from None
    except OSError as error:
        raise FolderError(f"cannot write to '{folder}' ({error.strerror}), which --repair needs.") from None
    try:
        if kind == "run":
            found = runs.check(folder, _progress(folder))
            before = found.report
            repair.repair_run(found)
            after = runs.check(folder, _progress(folder)).report
        else:
            before = tournaments.check(folder)
            repair.repair_tournament(before)
            after = tournaments.check(folder)
    except OSError as error:
        raise FolderError(f"the repair of '{folder}' was cut short at {error.filename} ({error.strerror}).") from None
    finally:
        held.release()
    after.moved, after.repaired = before.moved, before.repaired
    return after


def _progress(folder: Path) -> OnProgress | None:
    """A line on standard error that counts, on a terminal."""
    if not sys.stderr.isatty():
        return None
    import time

    shown = time.monotonic()

    def show(files: int, size: int) -> None:
        nonlocal shown
        if time.monotonic() - shown > 0.5:
            shown = time.monotonic()
            print(f"\r{folder}: {files:,} files, {size / 2**20:,.0f} MB checked", end="\r", file=sys.stderr, flush=True)

    return show


def _show(report: Report) -> None:
    word = "damaged" if report.damaged else "all is well"
    print(f"{report.folder}: {word}; {report.files:,} files, {report.bytes / 2**20:,.1f} MB checked; {report.summary}.")
    for sentence in report.repaired:
        print(f"  repaired      {sentence}")
    if report.moved:
        print(f"  moved         to {report.folder / 'damaged'}: {', '.join(report.moved)}")
    for finding in report.findings:
        print(f"  {finding.state:13} {finding.path}: {finding.effect.rstrip('.')}.")
    if report.unlisted:
        print(
            f"  no digest     {', '.join(report.unlisted)}: written by an earlier version; only their form was checked."
        )
