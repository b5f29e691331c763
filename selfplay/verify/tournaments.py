"""The check of a tournament's folder: every line of games.jsonl, the records that it stands for, the terms and tables.

Reads a line and the records of one result at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from selfplay.errors import CheckpointError
from selfplay.ratings import tournament_folder as tournaments
from selfplay.storage import bounded, records
from selfplay.verify import findings, formats
from selfplay.verify.findings import DAMAGED, LEFT_OVER, MISSING, NOT_OURS, Report


class Line(NamedTuple):
    """A line of games.jsonl."""

    number: int  # from 1
    text: bytes
    entry: dict[str, Any] | None  # None where it is damaged
    records_are_whole: bool


def check(folder: Path, on_progress: findings.OnProgress | None = None) -> Report:
    """Checks the folder of a tournament."""
    report = Report(folder, "tournament", on_progress)
    results, bad, named = 0, 0, set()
    report.count(folder / tournaments.RESULTS)
    for line in lines(folder):
        results += 1
        if not line.text.endswith(b"\n"):
            report.add(folder / tournaments.RESULTS, LEFT_OVER, f"line {line.number} was cut short: it is played again")
        elif line.entry is None:
            bad += 1
            effect = f"line {line.number}: one result is lost; --repair takes it out, and it is played again"
            report.add(folder / tournaments.RESULTS, DAMAGED, effect)
        elif not line.records_are_whole:
            effect = f"records of line {line.number}; ratings do not read them. --repair keeps the result without them"
            report.add(folder / "games" / str(line.entry["file"]), DAMAGED, effect)
        if line.entry is not None and "file" in line.entry:
            named.add(str(line.entry["file"]))
    report.count(*(folder / "games" / name for name in sorted(named)))
    _records(folder, report)
    for path in sorted((folder / "games").glob("*")):
        if path.name not in named:
            report.add(path, NOT_OURS, "no result names it; left alone")
    report.summary = f"{results - bad:,} of {results:,} results are whole"
    return report


def lines(folder: Path) -> Iterator[Line]:
    """The lines of games.jsonl, each checked together with its records."""
    try:
        with bounded.opened(folder / tournaments.RESULTS) as file:
            for number, text in enumerate(iter(lambda: file.readline(bounded.MAX_LINE), b""), 1):
                try:
                    entry = tournaments.unseal(text)
                except tournaments.DAMAGE:
                    entry = None
                yield Line(number, text, entry, entry is None or _records_are_whole(folder, entry))
    except FileNotFoundError:
        return


def _records_are_whole(folder: Path, entry: dict[str, Any]) -> bool:
    name = str(entry.get("file", ""))
    if not name:
        return True
    path = folder / "games" / name
    if Path(name).name != name or path.is_symlink() or not path.is_file() or path.stat().st_size < entry["end"]:
        return False
    if "records" not in entry:  # of an earlier version
        return True
    try:
        with bounded.opened(path) as file:
            file.seek(entry["begin"])
            data = file.read(entry["end"] - entry["begin"])
    except OSError:
        return False
    return hashlib.sha256(data).hexdigest().startswith(entry["records"])


def _records(folder: Path, report: Report) -> None:
    try:
        known, wrong = records.load(folder), records.check(folder)
    except CheckpointError as error:
        report.add(folder / records.FILE, DAMAGED, f"{error} --repair records them as they are now")
        known, wrong = {}, {}
    for name in known:
        report.count(folder / name)
        if name in wrong:
            effect = "a table or picture; the command that made the folder writes it anew"
            if name == tournaments.TERMS:
                effect = "the terms of the results: what they are is not known, and no results can be added"
            report.add(folder / name, wrong[name], effect)
    for path in sorted(folder.glob("*.png")):
        report.count(path)
        if not formats.png_is_whole(path):
            report.add(path, DAMAGED, "a picture; the command that made the folder draws it anew")
    if not (folder / tournaments.TERMS).exists() and tournaments.TERMS not in known:
        report.add(folder / tournaments.TERMS, MISSING, "the terms of the results are not known")
    report.unlisted += [path.name for path in sorted(folder.glob("*.json")) if path.name not in {*known, records.FILE}]
