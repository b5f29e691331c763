"""Repairs of what a check has found, for the one who asks: damaged pieces are moved to RUN/damaged/, what is kept twice
is restored, and a state whose replay is damaged goes on with the rows that are whole.

Nothing is deleted, and nothing but our own files is touched. Only for a folder whose lock the caller holds.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from selfplay.drift import events
from selfplay.loop import folder as folders
from selfplay.loop import metrics
from selfplay.ratings import tournament_folder as tournaments
from selfplay.storage import artifact, records
from selfplay.verify import runs
from selfplay.verify import tournaments as tournament_checks
from selfplay.verify.findings import LEFT_OVER, Finding, Report


def repair_run(found: runs.RunCheck) -> None:
    """Puts a run's folder right as far as possible; what was done is added to the report. Raises CheckpointError and
    OSError."""
    report = found.report
    run = report.folder
    for name in ("checkpoints", "state"):
        artifact.recover(run / name)
    if found.resumes is None and found.salvageable is not None:
        _salvage(found.salvageable, report)
    for finding in report.findings:
        if finding.state == LEFT_OVER and "tensorboard" not in finding.path:
            _move(report, run / finding.path)
        elif finding.harmful and "/" in finding.path:
            _move(report, run / _piece(finding))
    for state in found.states:
        if not state.usable and state.rest is not None:
            _move(report, state.path)  # it refers to what is damaged
    _repair_records(found)


def _piece(finding: Finding) -> str:
    """What is moved for a finding: the whole artifact, where a file of one is damaged."""
    parts = finding.path.split("/")
    return "/".join(parts[:2])


def _move(report: Report, path: Path) -> None:
    """Moves a piece to damaged/, beside what earlier repairs have moved there."""
    if not (path.exists() or path.is_symlink()):
        return
    inside = path.relative_to(report.folder)
    place, count = report.folder / runs.MOVED / inside, 1
    while place.exists() or place.is_symlink():
        count += 1
        place = (report.folder / runs.MOVED / inside).with_name(f"{inside.name}-{count}")
    place.parent.mkdir(parents=True, exist_ok=True)
    path.rename(place)
    report.moved.append(inside.as_posix())


def _salvage(state: runs.StateCheck, report: Report) -> None:
    """Writes a state anew with the shards after its last damaged one."""
    meta, files = artifact.read(state.path)
    rest: dict[str, Any] = json.loads(files["state.json"])
    shards = runs.kept_shards(state)
    window = min(rest["window"], sum(shard["last"] - shard["first"] for shard in shards))
    files["state.json"] = json.dumps({**rest, "shards": shards, "window": window}).encode()
    numbers = [int(path.name) for path in state.path.parent.iterdir() if path.name.isdecimal()]
    artifact.write(state.path.with_name(f"{max(numbers) + 1:06d}"), files, meta)
    report.repaired.append(
        f"State {max(numbers) + 1:06d} goes on from generation {rest['generation']} with {window:,} of "
        f"{rest['window']:,} rows in the window."
    )


def _repair_records(found: runs.RunCheck) -> None:
    report = found.report
    run = report.folder
    names = {finding.path for finding in report.findings if finding.harmful and "/" not in finding.path}
    source = next((state.path for state in reversed(found.states) if state.rest is not None), None)
    meta_files = artifact.read(source)[1] if source is not None and source.exists() else {}
    if records.FILE in names:
        _move(report, run / records.FILE)
        for name in runs.RECORDED:
            if (run / name).exists():
                records.accept(run / name)
        report.repaired.append(f"{records.FILE} was written anew for the files as they are now.")
    for name in sorted(names - {records.FILE}):
        lines = _LINES[name](run) if name in _LINES and (run / name).exists() else None
        _move(report, run / name)
        if name in meta_files:
            records.replace(run / name, meta_files[name])
            report.repaired.append(f"{name} was restored from the newest state.")
        elif name == folders.EVALUATION and "state.json" in meta_files:
            history = json.loads(meta_files["state.json"])["history"]
            records.replace(run / name, folders.evaluation_table([(number, values) for number, values in history]))
            report.repaired.append(f"{name} was written anew from the newest state.")
        elif lines is not None:
            records.replace(run / name, b"".join(lines))
            report.repaired.append(f"{name} keeps {len(lines):,} lines that are JSON; a figure in them may be wrong.")
        else:
            records.forget(run / name)


def _metrics(run: Path) -> list[bytes]:
    """Lines of metrics that can be read, and have their end."""
    return [line.text for line in metrics.lines(run) if line.values is not None and line.text.endswith(b"\n")]


def _events(run: Path) -> list[bytes]:
    """Alarms and actions that can be read, and have their end."""
    return [line.text for line in events.lines(run) if line.values is not None and line.text.endswith(b"\n")]


_LINES = {metrics.FILE: _metrics, events.FILE: _events}


def repair_tournament(report: Report) -> None:
    """Takes damaged lines out of games.jsonl; a copy of the whole file goes to damaged/. Raises OSError."""
    folder = report.folder
    names = {finding.path for finding in report.findings if finding.harmful}
    if any(name == tournaments.RESULTS or name.startswith("games/") for name in names):
        path = folder / tournaments.RESULTS
        partial = path.with_name(f".{path.name}.partial")
        lost = bare = 0
        with partial.open("wb") as file:
            for line in tournament_checks.lines(folder):
                if line.entry is None or not line.text.endswith(b"\n"):
                    lost += 1
                elif line.records_are_whole:
                    file.write(line.text)
                else:
                    bare += 1
                    kept = {k: v for k, v in line.entry.items() if k not in ("file", "begin", "end", "records")}
                    file.write(tournaments.seal(kept))
        copy = folder / runs.MOVED / path.name
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(
            path, copy if not copy.exists() else copy.with_name(f"{path.name}-{partial.stat().st_mtime_ns}")
        )
        partial.rename(path)
        report.repaired.append(
            f"{path.name} keeps every whole result: {lost:,} damaged ones are out, {bare:,} have no records any more."
        )
    if records.FILE in names:
        _move(report, folder / records.FILE)
        for path in sorted(folder.iterdir()):
            if path.suffix in (".json", ".csv", ".md"):
                records.accept(path)
        report.repaired.append(f"{records.FILE} was written anew for the files as they are now.")
    for name in sorted(names - {records.FILE, tournaments.RESULTS, tournaments.TERMS}):
        if "/" not in name:
            _move(report, folder / name)
            records.forget(folder / name)
