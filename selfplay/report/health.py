"""The health of a run, read from its files: what it is, how strong it became, how fast it worked, what was watched.

Everything that a page shows is gathered here as plain values; what is missing or damaged becomes a warning.
"""

from __future__ import annotations

import dataclasses
import math
import shlex
import time
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from selfplay import config as configs
from selfplay import errors
from selfplay.display import SECONDS, Display, MetricSpec
from selfplay.errors import FolderError, UserError
from selfplay.league.pool import Pool
from selfplay.presets import choice, registry
from selfplay.ratings.elo import Z95
from selfplay.report import drift_record, run_files
from selfplay.report.drift_record import DriftRecord, Values
from selfplay.report.run_files import RunFiles

EVALUATION = "evaluation/"
LISTED = 20  # rows of a table of evaluations or checkpoints
COUNTED = {"actors/quarantined": "actors taken out of service", "actors/restarts": "actors that were started anew",
           "actors/repeated": "deliveries that came twice"}  # fmt: skip


class Setting(NamedTuple):
    """A setting that differs from the preset's."""

    key: str
    value: str
    preset: str


class Evaluation(NamedTuple):
    """What was measured of a generation."""

    generation: int
    seconds: float  # of the run until then
    words: str


class Checkpoint(NamedTuple):
    """Weights of a generation on disk."""

    generation: int
    size: int  # bytes
    saved: str  # when


class Strength(NamedTuple):
    """A metric of evaluations."""

    name: str
    spec: MetricSpec
    values: Values
    intervals: dict[int, tuple[float, float]]  # 95 %, by generation, where it is a share of a known number


@dataclasses.dataclass(frozen=True)
class Health:
    """All of one run that a report shows."""

    files: RunFiles
    drift: DriftRecord
    newest: Mapping[str, float]  # the last line of metrics; empty before there is one
    changed: list[Setting] | None  # None: they cannot be compared
    command: str  # that starts such a run; empty where it cannot be told
    evaluations: list[Evaluation]
    strength: list[Strength]
    checkpoints: list[Checkpoint]
    warnings: list[str]

    @property
    def result(self) -> str:
        """The newest evaluation in words; empty where there is none."""
        return self.evaluations[-1].words if self.evaluations else ""


def read(folder: Path) -> Health:
    """The health of the run in a folder. Raises FolderError where there is none or its records cannot be read."""
    files = run_files.read(folder)
    try:
        drift = drift_record.read(folder, files.lines, files.display)
    except OSError as error:
        raise FolderError(f"{error.filename} cannot be read ({error.strerror}).") from None
    warnings = [*files.warnings, *drift.warnings]
    changed, command = _settings(files, warnings)
    newest = files.lines[-1] if files.lines else {}
    warnings += [f"{newest[name]:,.0f} {what}." for name, what in COUNTED.items() if newest.get(name)]
    evaluated = _evaluated(files.lines)
    return Health(
        files, drift, newest, changed, command, _evaluations(evaluated, files.display),
        _strength(evaluated, files.display), _checkpoints(folder, warnings), warnings,
    )  # fmt: skip


def _settings(files: RunFiles, warnings: list[str]) -> tuple[list[Setting] | None, str]:
    """(what differs from the preset, the command that starts such a run)."""
    try:
        preset = registry.get(files.preset)
        held = registry.of_values(files.settings)
        given, known = dict(configs.keys(held)), dict(configs.keys(preset))
    except UserError as error:
        warnings.append(f"The settings cannot be compared with those of the preset: {error}")
        return None, ""
    differing = [key for key, value in given.items() if key not in known or value != known[key]]
    changed = [
        Setting(key, configs.shown(given[key]), configs.shown(known[key]) if key in known else "–") for key in differing
    ]
    words = ["selfplay", "train", files.preset]
    for key, value in configs.flat({key: given[key] for key in differing}).items():
        words += ["--set", choice.assignment(key, value)]
    return changed, shlex.join(words)


def _evaluated(lines: list[dict[str, float]]) -> list[tuple[dict[str, float], dict[str, float]]]:
    """(line, metrics of its evaluation) of each generation that was evaluated."""
    found = [
        (line, {key.removeprefix(EVALUATION): value for key, value in line.items() if key.startswith(EVALUATION)})
        for line in lines
    ]
    return [(line, metrics) for line, metrics in found if metrics]


def _evaluations(
    evaluated: list[tuple[dict[str, float], dict[str, float]]], display: Display
) -> list[Evaluation]:  # fmt: skip
    return [
        Evaluation(int(line["step"]), line.get("seconds", math.nan), _words(metrics, display))
        for line, metrics in evaluated
    ]


def _words(metrics: Mapping[str, float], display: Display) -> str:
    finite = {name: value for name, value in metrics.items() if math.isfinite(value)}
    try:
        return display.sentence(finite) or "not measured"
    except (KeyError, ValueError, OverflowError, ZeroDivisionError):  # of a file that a family has not written
        return "not as its family writes it"


def _strength(evaluated: list[tuple[dict[str, float], dict[str, float]]], display: Display) -> list[Strength]:
    """What the family draws of its evaluations, and where it names nothing all shares; those it names first."""
    names = list(dict.fromkeys(name for _, metrics in evaluated for name in metrics if name != SECONDS))
    groups = [[name for wanted in group for name in names if fnmatchcase(name, wanted)] for group in display.curves]
    first = next((group for group in groups if group), [])
    rest = [name for name in names if (spec := display.spec(name)) and spec.kind != "number"]
    found = []
    for name in dict.fromkeys([*first, *rest] or names):
        spec = display.spec(name) or MetricSpec(name)
        values, intervals = {}, {}
        for line, metrics in evaluated:
            value, count = metrics.get(name, math.nan), metrics.get(spec.counted, math.nan)
            if math.isfinite(value):
                values[int(line["step"])] = value
                if 0 <= value <= 1 and 1 <= count < math.inf:
                    intervals[int(line["step"])] = wilson(value, count)
        if values:
            found.append(Strength(name, spec, sorted(values.items()), intervals))
    return found


def wilson(share: float, count: float) -> tuple[float, float]:
    """95 % interval of a probability of which `share` of `count` independent trials, or points of games, were seen
    (Wilson 1927). With draws among the games it is wider than need be."""
    scale = 1 + Z95**2 / count
    middle = (share + Z95**2 / (2 * count)) / scale
    half = Z95 / scale * math.sqrt(share * (1 - share) / count + Z95**2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _checkpoints(folder: Path, warnings: list[str]) -> list[Checkpoint]:
    pool, found = Pool(folder / "checkpoints"), []
    try:
        for generation in pool.generations():
            files = [each.lstat() for each in pool.path(generation).iterdir()]
            saved = time.strftime("%Y-%m-%d %H:%M", time.localtime(max((one.st_mtime for one in files), default=0)))
            found.append(Checkpoint(generation, sum(one.st_size for one in files), saved))
    except OSError as error:
        warnings.append(f"The checkpoints cannot all be listed: {errors.shorten(error, 200)}.")
    return found
