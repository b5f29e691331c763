"""Shows what a run is watched for, where each stream stands and where its limit lies, and what drifted: alarms by
generation, with test, statistic and threshold, and what was done about them.

Reads files only, and may be asked while the run is being trained. Evidence is an e-value: 1 says nothing, and it
reaches its limit by chance at most as often as drift.alpha says. `selfplay runs report` makes a page of this and of all
else that a run's files say.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfplay.cli.console import paths
from selfplay.errors import FolderError

if TYPE_CHECKING:
    from selfplay.report.drift_record import DriftRecord, Part, StreamRecord
    from selfplay.report.run_files import RunFiles

WIDE = 200  # columns where there is no terminal to fit
BARS = 30  # characters of a curve, at most
LOOK: dict[str, Any] = {"pad_edge": False, "collapse_padding": True}

EPILOG = """examples:
  selfplay drift run runs/connect-four
  selfplay drift run runs/connect-four --png drift.png
  selfplay drift run runs/connect-four --json

exit codes: 0 no alarm, 1 there are alarms, 2 refused
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", type=paths.path, metavar="RUN", help="a run's folder")
    parser.add_argument(
        "--json", action="store_true",
        help="JSON lines for programs: one a stream, an alarm and an action, and one of the whole (docs/drift.md)",
    )  # fmt: skip
    parser.add_argument("--png", type=paths.file, metavar="FILE", help="draw the streams by generation, and the alarms")


def run(arguments: argparse.Namespace) -> int:
    from selfplay.report import drift_record, run_files

    files = run_files.read(arguments.run_folder)
    try:
        record = drift_record.read(files.folder, files.lines, files.display)
    except OSError as error:
        raise FolderError(f"{error.filename} cannot be read ({error.strerror}).") from None
    if arguments.png:
        _draw(record, arguments.png)
    if arguments.json:
        for line in _json(record, files):
            print(json.dumps(line))
    else:
        _show(record, files)
    for warning in (*files.warnings, *record.warnings):
        print(f"selfplay: warning: {_safe(warning, 300)}", file=sys.stderr)
    return 1 if record.alarms else 0


def _draw(record: DriftRecord, path: Path) -> None:
    from selfplay.report import timeline

    try:
        timeline.draw(record, path)
    except OSError as error:
        raise FolderError(f"cannot write '{path}' ({error.strerror or error}).") from None


# -- for programs ----------------------------------------------------------------------------------------------


def _json(record: DriftRecord, files: RunFiles) -> list[dict[str, Any]]:
    """What docs/drift.md promises of each kind of line."""
    from selfplay.report import drift_record

    lines: list[dict[str, Any]] = []
    for stream in record.streams:
        described = stream.described
        lines.append({
            "kind": "stream", "stream": described.name, "detects": described.detects, "unit": described.unit,
            "test": described.test, "measure": "e-value" if stream.is_test else described.measure,
            "threshold": stream.threshold, "below": described.below, "times": described.times,
            "alarms": [alarm["step"] for alarm in stream.alarms],
            "parts": [{name: getattr(part, name) for name in drift_record.Part.__struct_fields__}
                      for part in described.parts],
        })  # fmt: skip
    words = ("stream", "part", "detects", "test", "statistic", "threshold", "unit", "counted", "sentence")
    for alarm in record.alarms:
        lines.append({"kind": "alarm", "generation": alarm["step"], **{word: alarm.get(word) for word in words}})
    for action in record.actions:
        told = {word: action.get(word) for word in ("action", "stream", "part", "sentence")}
        lines.append({"kind": "action", "generation": action["step"], **told})
    lines.append({
        "kind": "run", "run": str(files.folder), "watched": record.is_watched, "generations": record.generations,
        "alarms": len(record.alarms), "actions": len(record.actions), "alpha": record.alpha,
        "trained_by": files.trainer, "warnings": [*files.warnings, *record.warnings],
    })  # fmt: skip
    return lines


# -- for people ------------------------------------------------------------------------------------------------


def _show(record: DriftRecord, files: RunFiles) -> None:
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDE)
    if record.streams:
        console.print(_streams(record))
    if record.alarms or record.actions:
        console.print(_events(record))
    for event in (*record.alarms, *record.actions):
        sentence = f"Generation {event['step']}: {_safe(event.get('sentence') or '', 1000)}"
        console.print(sentence, highlight=False, markup=False, soft_wrap=not console.is_terminal)
    if record.figures:
        console.print(_figures(record))
    console.print(_verdict(record, files), highlight=False, markup=False, soft_wrap=True)


def _table(*headers: str, right: tuple[str, ...] = ()) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, **LOOK)
    for header in headers:
        justify: Any = "right" if header in right else "left"
        table.add_column(header, justify=justify, overflow="fold", no_wrap=header.startswith("generations"))
    return table


def _streams(record: DriftRecord) -> Any:
    generations = [at for stream in record.streams for at, _ in stream.values]
    span = f"generations {min(generations)}–{max(generations)}" if generations else "generations"
    table = _table("stream", "drift", "compared", "of", "now", "limit", span, "alarms", right=("now", "of"))
    for stream in record.streams:
        described, worst = stream.described, stream.worst
        of = f"{worst.counted:,} {_units(described.unit, worst.counted)}" if worst else described.unit
        name = described.name + (f" ({worst.part})" if worst and worst.part else "")
        table.add_row(
            _markup(name), _markup(described.detects), _markup(described.test), _markup(of), now(stream, worst),
            limit(stream), _curve(stream), ", ".join(map(str, sorted({alarm["step"] for alarm in stream.alarms}))),
            style="bold" if stream.alarms else None,
        )  # fmt: skip
    return table


def now(stream: StreamRecord, worst: Part | None) -> str:
    """The newest value; what was measured last where streams.json does not tell."""
    if worst is not None and worst.statistic is not None:
        return f"{worst.statistic:.3g}"
    if not stream.values:
        return "–"
    newest = stream.values[-1][1]
    return f"{10**newest:.3g}" if stream.is_test and newest < 300 else f"{newest:.3g}"


def limit(stream: StreamRecord) -> str:
    """Where the limit lies, and of what."""
    described = stream.described
    if stream.threshold is None:
        return "not known" if not stream.is_known else "nothing to compare yet"
    if stream.is_test:
        return f"{stream.threshold:,.3g} (e-value)"
    words = f"{'below' if described.below else 'above'} {stream.threshold:.3g}"
    times = f", {described.times} times" if described.times > 1 else ""
    return _markup(f"{words} {described.measure}".rstrip() + times)


def _units(unit: str, count: int) -> str:
    return unit if count == 1 else f"{unit}es" if unit.endswith("ch") else f"{unit}s"


def _curve(stream: StreamRecord) -> str:
    from selfplay.cli.live import evaluation

    pick = min if stream.described.below else max
    binned = _binned([value for _, value in stream.values], pick)
    return evaluation.bars(binned) if binned else ""


def _binned(values: list[float], pick: Any) -> list[float]:
    """At most BARS of them: of each stretch the one that `pick` takes."""
    count = min(BARS, len(values))
    edges = [len(values) * place // count for place in range(count + 1)] if count else [0]
    return [pick(values[begin:end]) for begin, end in itertools.pairwise(edges)]


def _events(record: DriftRecord) -> Any:
    table = _table("generation", "stream", "test", "statistic", "threshold", "counted", "done",
                   right=("generation", "statistic", "threshold", "counted"))  # fmt: skip
    for event in sorted((*record.alarms, *record.actions), key=lambda event: event["step"]):
        numbers = (f"{event[key]:,.3g}" if event.get(key) is not None else "–" for key in ("statistic", "threshold"))
        name = str(event.get("stream") or "–") + (f" ({event['part']})" if event.get("part") else "")
        count, unit = event.get("counted"), str(event.get("unit") or "")
        counted = f"{count:,} {_units(unit, count)}" if isinstance(count, int) and unit else "–"
        action = str(event.get("action") or "")
        test = "–" if action else str(event.get("test") or "–")
        table.add_row(f"{event['step']}", _markup(name), _markup(test), *numbers, _markup(counted), _markup(action))
    return table


def _figures(record: DriftRecord) -> Any:
    from selfplay.cli.live import evaluation

    table = _table("described", "", "newest", "generations", right=("newest",))
    heading = ""
    for figure in record.figures:
        binned = _binned([value for _, value in figure.values], max)
        shown = "" if figure.heading == heading else figure.heading
        heading = figure.heading
        newest = figure.spec.show(figure.values[-1][1])
        table.add_row(_markup(shown), _markup(figure.title), newest, evaluation.bars(binned))
    return table


def _verdict(record: DriftRecord, files: RunFiles) -> str:
    folder = _safe(files.folder, 200)
    training = f" It is being trained, by process {_safe(files.trainer)}." if files.trainer else ""
    if not record.is_watched:
        return f"{folder} was not watched (drift.enabled), or has no generation yet.{training}"
    count = f"{len(record.alarms)} alarm{'s' * (len(record.alarms) != 1)}" if record.alarms else "no alarm"
    acted = f" and {len(record.actions)} action{'s' * (len(record.actions) != 1)}" if record.actions else ""
    rate = f" Of runs in which nothing drifts, at most {record.alpha:.3g} have a false alarm." if record.alpha else ""
    return f"{folder}: {count}{acted} in {record.generations} generations that were watched.{rate}{training}"


def _safe(text: object, most: int = 200) -> str:
    from selfplay import errors

    return errors.shorten(text, most)


def _markup(text: str) -> str:
    """Text of a run's files in a cell of a table."""
    from rich.markup import escape

    return escape(_safe(text))
