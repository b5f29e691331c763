"""Agents that come with the package, one a game: checkpoints of runs of our own presets, each with its recipe.

A bundled agent is an ordinary generation's folder, read and checked as any other; its manifest also holds the recipe:
the command, every setting, seed, code and machine that it was trained with, and the strength that was measured then.
Finding one loads nothing heavy, so that a board can be shown first.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfplay.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from selfplay.alphazero.config import Config

FOLDER = Path(__file__).resolve().parent / "agents"


def available() -> list[str]:
    """Names of the games that have an agent."""
    return sorted(path.parent.name for path in FOLDER.glob("*/manifest.json"))


def path(game_name: str) -> Path:
    """The folder of a game's agent. Raises ConfigError where there is none."""
    if game_name not in available():
        raise ConfigError(
            f"no agent for {game_name} comes with the package; train one (`selfplay train`) and name its run's folder."
        )
    return FOLDER / game_name


def recipe(game_name: str) -> dict[str, Any]:
    """How a game's agent came about: see `bundle`. Raises ConfigError where there is none."""
    from selfplay import config as configs

    found: dict[str, Any] = peek(path(game_name))["recipe"]
    return found | {"config": configs.with_current_keys(found["config"])}


def peek(folder: Path) -> dict[str, Any]:
    """What a generation's folder, or the newest generation of a run's, says of itself: unchecked, since torch is not
    needed for that. Raises CheckpointError."""
    manifest = folder / "manifest.json"
    if not manifest.exists():
        within = folder if folder.name == "checkpoints" else folder / "checkpoints"
        numbers = [place.name for place in within.glob("[0-9]*") if place.name.isdigit()]
        if not numbers:
            raise CheckpointError(f"'{folder}' holds no checkpoint: expected a run's folder or one of its generations.")
        manifest = within / max(numbers, key=int) / "manifest.json"
    try:
        meta: dict[str, Any] = json.loads(manifest.read_bytes())["meta"]
        if meta.get("family", "alphazero") != "alphazero":
            raise CheckpointError(
                f"'{folder}' holds no player of a board game (family {meta['family']!r}): `selfplay sample` shows what "
                "generators make."
            )
        if not isinstance(meta["game"], str) or not isinstance(meta.get("game_options", {}), dict):
            raise ValueError(meta["game"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{manifest} is damaged ({type(error).__name__}); use another checkpoint.") from None
    return meta


def bundle(run: Path, folder: Path) -> dict[str, Any]:
    """Writes the newest generation of a run to `folder` as a bundled agent; its recipe. Raises UserError."""
    from selfplay import config as configs
    from selfplay.league import pool
    from selfplay.storage import artifact

    meta, files = artifact.read(pool.newest(run))
    try:
        config = json.loads((run / "config.json").read_text())
        about = json.loads((run / "run.json").read_text())
        with (run / "strength.csv").open() as file:
            measured = [row for row in csv.DictReader(file) if int(row["generation"]) == meta["generation"]]
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"'{run}' does not say how it was trained ({error}); bundle a run's folder.") from None
    preset = config.pop("preset")
    config = configs.with_current_keys(config)
    made = {
        "command": _command(preset, config),
        "preset": preset,
        "seed": meta["seed"],
        "minutes": round(meta["seconds"] / 60, 1),
        "games": meta["games"],
        "positions": meta["rows"],
        "updates": meta["steps"],
        "code": meta["code"],
        "machine": {name: about[name] for name in ("platform", "cores", "gpu", "python", "packages", "started")},
        "strength": {name: float(value) for row in measured for name, value in row.items() if value},
        "config": config,
    }
    artifact.write(folder, files, meta | {"recipe": made})
    return made


def _command(preset: str, config: dict[str, Any]) -> str:
    """What trains such an agent today: settings that are no longer the preset's are named."""
    from selfplay import config as configs
    from selfplay.alphazero import presets

    now: Config = presets.PRESETS[preset]
    changed = []
    for key, value in configs.keys(now):
        section, _, name = key.rpartition(".")
        then = (config.get(section, {}) if section else config).get(name, value)
        if (list(then) != list(value)) if isinstance(value, tuple) else (then != value):
            changed.append(f" --set {key}={','.join(then) if isinstance(value, tuple) else then}")
    return f"selfplay train {preset}{''.join(changed)}"
