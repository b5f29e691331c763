"""Bundling: the newest generation of a run becomes an agent that comes with the package, with the recipe of the run.

`selfplay.players.pretrained` finds and reads such agents; this file knows how runs are recorded, and makes them.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from selfplay import config as configs
from selfplay.alphazero import presets
from selfplay.errors import CheckpointError
from selfplay.league import pool
from selfplay.loop import folder as folders
from selfplay.storage import artifact


def bundle(run: Path, folder: Path) -> dict[str, Any]:
    """Writes the newest generation of a run to `folder` as a bundled agent; its recipe. Raises UserError."""
    meta, files = artifact.read(pool.newest(run))
    try:
        config = json.loads((run / "config.json").read_text())
        about = json.loads((run / "run.json").read_text())
        with folders.evaluation_file(run).open() as file:
            measured = [row for row in csv.DictReader(file) if int(row["generation"]) == meta["generation"]]
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"'{run}' does not say how it was trained ({error}); bundle a run's folder.") from None
    preset = config.pop("preset")
    config = configs.with_current_keys(config)
    recipe = {
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
    artifact.write(folder, files, meta | {"recipe": recipe})
    return recipe


def _command(preset: str, config: dict[str, Any]) -> str:
    """What trains such an agent today: settings that are no longer the preset's are named. Where the preset was a file
    or another package's, they are compared with those of the game."""
    name = preset if preset in presets.PRESETS else config["game"]
    start = presets.PRESETS.get(name) or presets.for_game(name)
    changed = []
    for key, value in configs.keys(start):
        section, _, field = key.rpartition(".")
        then = (config.get(section, {}) if section else config).get(field, value)
        if (list(then) != list(value)) if isinstance(value, tuple) else (then != value):
            changed.append(f" --set {key}={','.join(then) if isinstance(value, tuple) else then}")
    return f"selfplay train {name}{''.join(changed)}"
