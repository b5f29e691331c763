"""Agents that come with the package, one a game: checkpoints of runs of our own presets, each with its recipe.

A bundled agent is an ordinary generation's folder, read and checked as any other; its manifest also holds the recipe:
the command, every setting, seed, code and machine that it was trained with, and the strength that was measured then.
Finding one loads nothing heavy, so that a board can be shown first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from selfplay.errors import CheckpointError, ConfigError
from selfplay.storage import bounded

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
    """How a game's agent was trained: see `selfplay.alphazero.bundle`. Raises ConfigError where there is none."""
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
        meta: dict[str, Any] = bounded.read_json(manifest)["meta"]
        if meta.get("family", "alphazero") != "alphazero":
            raise CheckpointError(
                f"'{folder}' holds no player of a board game (family {meta['family']!r}): `selfplay sample` shows what "
                "generators make."
            )
        if not isinstance(meta["game"], str) or not isinstance(meta.get("game_options", {}), dict):
            raise ValueError(meta["game"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(f"{manifest} is damaged ({bounded.reason(error)}); use another checkpoint.") from None
    return meta
