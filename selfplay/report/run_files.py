"""The files of a run that reports read: settings, machine, lines of metrics, and who is training it.

What is missing or damaged is named in `warnings`; a folder without a run is refused.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from selfplay import config as configs
from selfplay.display import Display
from selfplay.errors import FolderError
from selfplay.loop import metrics
from selfplay.presets import registry
from selfplay.storage import bounded, lock

LARGEST = 2**63  # below it, whole numbers of metrics


@dataclasses.dataclass(frozen=True)
class RunFiles:
    """What was read of one run."""

    folder: Path
    settings: dict[str, Any]  # config.json by names of today, without the preset; empty where it cannot be read
    preset: str  # empty where it is not told
    about: dict[str, Any]  # run.json
    lines: list[dict[str, float]]  # of metrics.jsonl
    display: Display  # of the family that the settings are of
    trainer: str | None  # the process that trains it now
    warnings: list[str]


def read(folder: Path) -> RunFiles:
    """The files of the run in a folder. Raises FolderError where there is none, or metrics.jsonl cannot be read."""
    if not folder.is_dir() or not any((folder / name).exists() for name in ("config.json", "checkpoints")):
        raise FolderError(f"'{folder}' holds no run (no config.json): `selfplay runs list` shows those there are.")
    warnings: list[str] = []
    settings, about = _json(folder / "config.json", warnings), _json(folder / "run.json", warnings)
    preset = settings.pop("preset", "")
    try:
        settings = configs.with_current_keys(settings)
        lines = [line for line in metrics.iterate(folder) if _is_sane(line)]
        if said := metrics.warning(folder):
            warnings.append(said)
    except OSError as error:
        raise FolderError(f"{folder / metrics.FILE} cannot be read ({error.strerror}).") from None
    return RunFiles(
        folder, settings, preset if isinstance(preset, str) else "", about, lines, registry.display_of(settings),
        lock.Lock.holder(folder / "lock"), warnings,
    )  # fmt: skip


def _is_sane(line: dict[str, float]) -> bool:
    """Whether all of its numbers are such as a run counts to and measures: JSON has whole numbers of any length."""
    return 0 <= line["step"] < LARGEST and all(type(value) is float or abs(value) < LARGEST for value in line.values())


def _json(path: Path, warnings: list[str]) -> dict[str, Any]:
    try:
        values = bounded.read_json(path)
    except (OSError, ValueError) as error:
        warnings.append(f"{path} cannot be read ({bounded.reason(error)}).")
        return {}
    if isinstance(values, dict):
        return values
    warnings.append(f"{path} holds no JSON object.")
    return {}
