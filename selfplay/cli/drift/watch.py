"""Watches a CSV or Parquet file, or standard input, for drift against a reference file with the same columns.

Every window of rows is tested column by column: numbers by Kolmogorov–Smirnov, categories by a G-test, missing cells
and rare or new categories by exact tests. Thresholds follow from the numbers of rows. The chance that the whole report
names any column that has not drifted is at most --alpha, however many columns and windows there are, if rows are
independent; rows that belong together are named by --group. With --label and --prediction, the share of errors is
tested too, and confusion, accuracy, recall, F1 and (with --score) ROC-AUC are given window by window.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from selfplay import errors
from selfplay.cli.console import numbers, paths
from selfplay.errors import ArgumentError, FolderError

if TYPE_CHECKING:
    from selfplay.drift.tables.files.blocks import Kind, Options, Table
    from selfplay.drift.tables.report import Tally
    from selfplay.drift.tables.settings import Settings
    from selfplay.drift.tables.watch import Watch

EPILOG = """examples:
  selfplay drift watch week.csv --reference train.csv
  selfplay drift watch week.parquet --reference train.parquet --every 1d --png drift.png
  zcat week.csv.gz | selfplay drift watch - --reference train.csv.gz --json
  selfplay drift watch week.csv --reference train.csv --label paid --prediction guess --score p --positive 1
  selfplay drift watch week.csv --reference train.csv --type zip=categorical --ignore id,note --window 5000

exit codes: 0 no drift, 1 drift was found, 2 refused: a file that cannot be read, or columns that do not fit

A column's type (numeric, categorical, boolean, time) is inferred from the reference's first rows, or stated by Parquet.
Times are described and cut windows, and are not tested; nor is a column that only grows, as row numbers do.
"""
KINDS = ("numeric", "categorical", "boolean", "time", "ignore")
MAX_ROWS = 10**9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="CSV (also .gz, .bz2) or Parquet; - for CSV on standard input")
    parser.add_argument("--reference", required=True, metavar="FILE", help="what the file is compared with")
    cut = parser.add_argument_group("windows").add_mutually_exclusive_group()
    cut.add_argument(
        "--window",
        type=numbers.whole(1, MAX_ROWS),
        default=1000,
        metavar="ROWS",
        help="rows in a window (default: %(default)s)",
    )
    cut.add_argument("--every", metavar="TIME", help="windows by time instead, such as 30min, 6h, 1d or 1w")
    columns = parser.add_argument_group("columns")
    columns.add_argument("--type", action="append", default=[], metavar="COLUMN=TYPE", dest="types",
                         help="the type of a column: " + ", ".join(KINDS))  # fmt: skip
    columns.add_argument("--columns", default="", metavar="A,B", help="compare only these")
    columns.add_argument("--ignore", default="", metavar="A,B", help="leave these out")
    columns.add_argument("--time", metavar="COLUMN", help="the column of times (default: the only one of that type)")
    columns.add_argument("--group", metavar="COLUMN", help="rows with the same value here belong together, such as the "
                         "moves of a game: tests see one row of each")  # fmt: skip
    columns.add_argument("--missing", action="append", default=[], metavar="TEXT",
                         help="a further text that stands for a missing cell")  # fmt: skip
    performance = parser.add_argument_group("performance of a model")
    performance.add_argument("--label", metavar="COLUMN", help="true classes; where missing, a row is left out")
    performance.add_argument("--prediction", metavar="COLUMN", help="predicted classes")
    performance.add_argument("--score", metavar="COLUMN", help="scores of the positive class, for the ROC-AUC")
    performance.add_argument("--positive", metavar="CLASS", help="the positive class (default: 1 or true of two)")
    tests = parser.add_argument_group("tests")
    tests.add_argument("--alpha", type=numbers.real(0, 1, ends=False), default=0.01, metavar="RATE",
                       help="false alarms a report, at most (default: %(default)s)")  # fmt: skip
    tests.add_argument("--least-psi", type=numbers.real(0, 1000), default=0.0, metavar="PSI",
                       help="leave alone what changes a column's "
                       "population stability index by less (default: %(default)s)")  # fmt: skip
    tests.add_argument("--sample", type=numbers.whole(100, MAX_ROWS), default=100_000, metavar="ROWS",
                       help="rows of the reference, and of a "
                       "window, that tests use at most, drawn at random (default: %(default)s)")  # fmt: skip
    tests.add_argument("--seed", type=numbers.seed, default=0, help="of that draw (default: %(default)s)")
    reading = parser.add_argument_group("reading and writing")
    reading.add_argument("--delimiter", metavar="CHARACTER", help="between fields of a CSV file; tab for tabs "
                         "(default: found in the header)")  # fmt: skip
    reading.add_argument("--encoding", default="utf-8", help="of a CSV file (default: %(default)s)")
    reading.add_argument("--json", action="store_true", help="a JSON object a window, as soon as it is read, and "
                         "one of the whole at the end")  # fmt: skip
    reading.add_argument("--png", type=paths.file, metavar="FILE", help="draw what drifted when, and by which test")


def run(arguments: argparse.Namespace) -> int:
    settings, options = _settings(arguments), _options(arguments)
    if arguments.png is not None and not arguments.png.absolute().parent.is_dir():
        raise FolderError(f"the folder of '{arguments.png}' does not exist: --png writes into one that does.")
    if arguments.reference != "-":
        paths.check_file(Path(arguments.reference))
    if arguments.file != "-":
        paths.check_file(Path(arguments.file), pipes=True)
    if arguments.file == "-" == arguments.reference:
        raise ArgumentError("the file and the reference are both standard input: name one of them.")
    from selfplay.cli.drift import table
    from selfplay.drift.tables import report
    from selfplay.drift.tables.files import sources
    from selfplay.drift.tables.files.blocks import TableError
    from selfplay.drift.tables.watch import LEAST_ROWS, Watch

    progress = Progress()
    live = options._replace(rows=min(options.rows, settings.window)) if arguments.file == "-" else options
    opened = sources.opened(arguments.reference, options), sources.opened(arguments.file, live)
    with _no_collection(), opened[0] as reference, opened[1] as watched:
        watch = Watch(reference, watched, settings, progress.show)
        tally = report.Tally(watch.names, settings.alpha)
        for window in watch.windows():
            tally.add(window)
            if arguments.json:
                print(json.dumps(report.window_json(window), ensure_ascii=False, allow_nan=False), flush=True)
    progress.clear()
    if arguments.json:
        print(json.dumps(report.summary_json(watch, tally), ensure_ascii=False, allow_nan=False), flush=True)
    else:
        table.show(watch, tally)
    if arguments.png is not None:
        _draw(arguments.png, watch, tally)
    if not tally.tested:
        least = f"{LEAST_ROWS} rows" if settings.group is None else f"{LEAST_ROWS} groups"
        raise TableError(f"'{watched.name}': none of its windows has the {least} that a test needs: make them larger.")
    return 1 if tally.drifted else 0


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Without Python's search for cycles, which a fifth of the time of reading would go into: rows hold none."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _draw(path: Path, watch: Watch, tally: Tally) -> None:
    from selfplay.drift.tables import picture

    try:
        picture.draw(tally, f"{watch.table.name} against {watch.reference.name}", path)
    except OSError as error:
        raise FolderError(f"'{path}' cannot be written ({error.strerror or error}).") from None


def _settings(arguments: argparse.Namespace) -> Settings:
    from selfplay.drift.tables.columns import MISSING_TEXTS
    from selfplay.drift.tables.settings import Settings, duration

    types: dict[str, Kind] = {}
    for text in arguments.types:
        name, equals, kind = text.rpartition("=")
        if not equals or not name:
            raise ArgumentError(f"--type '{text}': expected COLUMN=TYPE, such as age=numeric.")
        if kind not in KINDS:
            raise ArgumentError(f"there is no type '{kind}'.{errors.suggest(kind, KINDS)} Types: {', '.join(KINDS)}.")
        types[name] = kind
    return Settings(
        window=arguments.window, every=None if arguments.every is None else duration(arguments.every),
        time=arguments.time, group=arguments.group, label=arguments.label, prediction=arguments.prediction,
        score=arguments.score, positive=arguments.positive, types=types, only=_names(arguments.columns),
        ignore=_names(arguments.ignore), missing=MISSING_TEXTS | set(arguments.missing), alpha=arguments.alpha,
        least_psi=arguments.least_psi, sample=arguments.sample, seed=arguments.seed,
    )  # fmt: skip


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _options(arguments: argparse.Namespace) -> Options:
    from selfplay.drift.tables.files.blocks import Options

    delimiter = {"tab": "\t", r"\t": "\t"}.get(arguments.delimiter, arguments.delimiter)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise ArgumentError(f"--delimiter '{delimiter}': expected one character that is no quote or line end, or tab.")
    return Options(delimiter, arguments.encoding)


class Progress:
    """A line on standard error that says how much has been read, on a terminal."""

    def __init__(self) -> None:
        self._on = sys.stderr.isatty()
        self._shown = time.monotonic()
        self._width = 0

    def show(self, read: Table) -> None:
        now = time.monotonic()
        if not self._on or now - self._shown < 0.5:
            return
        self._shown = now
        share = read.share_read()
        self._write(f"reading {read.name}" + ("" if share is None else f": {share:.0%}"))

    def clear(self) -> None:
        if self._width:
            self._write("")
            print("\r", end="", file=sys.stderr, flush=True)

    def _write(self, text: str) -> None:
        print("\r" + text.ljust(self._width), end="", file=sys.stderr, flush=True)
        self._width = len(text)
