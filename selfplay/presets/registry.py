"""The registry of presets: every name that `selfplay train` takes, and the family of agents each belongs to.

A name is looked up in three places: the presets of our families, the entry points `selfplay.presets` of installed
packages, and the games that `selfplay games list` shows, whose settings are derived from their rules. This is the one
table of families; it names their modules as text and imports one when its presets or agents are asked for. Knows no
setting of any family.

A package offers a preset by an entry point whose value is a config, or a function without arguments that returns one:

    [project.entry-points."selfplay.presets"]
    hex-quick = "hexgame.presets:QUICK"
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import games
from selfplay import config as configs
from selfplay.display import Display
from selfplay.errors import ConfigError, FolderError, suggest
from selfplay.storage import bounded, records

ENTRY_POINT_GROUP = "selfplay.presets"


class Family(NamedTuple):
    """Where a family of agents keeps its parts, as "module:name"."""

    config: str  # the dataclass of all its settings
    presets: str  # dict of its presets by name
    agent: str  # the class that makes an agent of a config
    display: str  # how its metrics are shown
    for_game: str | None = None  # where it plays games: the config for a game by name


FAMILIES = {
    "alphazero": Family(
        "selfplay.alphazero.config:AlphaZeroConfig", "selfplay.alphazero.presets:PRESETS",
        "selfplay.alphazero.agent:AlphaZero", "selfplay.alphazero.display:DISPLAY",
        "selfplay.alphazero.presets:for_game",
    ),
    "gan": Family(
        "selfplay.gan.config:GanConfig", "selfplay.gan.presets:PRESETS",
        "selfplay.gan.agent:Gan", "selfplay.gan.display:DISPLAY",
    ),
    "supervised": Family(
        "selfplay.supervised.config:SupervisedConfig", "selfplay.supervised.presets:PRESETS",
        "selfplay.supervised.agent:Supervised", "selfplay.supervised.display:DISPLAY",
    ),
}  # fmt: skip


class Saved(NamedTuple):
    """What a run's config.json holds."""

    preset: str  # a preset's name, or the name of a TOML file
    config: Any  # of one of the families


def names() -> list[str]:
    """Every name that `get` knows: our presets, those of other packages, and games."""
    found = [name for family in FAMILIES.values() for name in _load(family.presets)]
    found += sorted(entry.name for entry in metadata.entry_points(group=ENTRY_POINT_GROUP))
    return list(dict.fromkeys([*found, *games.available()]))


def get(name: str) -> Any:
    """The config that `name` stands for. Raises ConfigError where there is none, or a package's preset is unusable."""
    for family in FAMILIES.values():
        presets: dict[str, Any] = _load(family.presets)
        if name in presets:
            return presets[name]
    for entry in metadata.entry_points(group=ENTRY_POINT_GROUP, name=name):
        return _of_package(entry)
    if name in games.available() or games.of_library(name):
        return next(_load(family.for_game)(name) for family in FAMILIES.values() if family.for_game)
    known = names()
    raise ConfigError(f"no preset or game is called '{name}'.{suggest(name, known)} Known: {', '.join(known)}.")


def _of_package(entry: metadata.EntryPoint) -> Any:
    where = f"the preset '{entry.name}' ({entry.value}" + (f", package {entry.dist.name})" if entry.dist else ")")
    try:
        found = entry.load()
        if callable(found):
            found = found()
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ConfigError(f"{where} cannot be loaded: {error}.") from None
    if not any(isinstance(found, _load(family.config)) for family in FAMILIES.values()):
        expected = " or ".join(family.config.replace(":", ".") for family in FAMILIES.values())
        raise ConfigError(f"{where} is of type {type(found).__name__}: expected {expected}.")
    return found


def family_of(config: Any) -> str:
    """The name of the family whose settings these are. Raises ConfigError where it is none of them."""
    for name, family in FAMILIES.items():
        module, _, kind = family.config.partition(":")
        if (type(config).__module__, type(config).__name__) == (module, kind):
            return name
    raise ConfigError(f"a config of type {type(config).__name__} belongs to no family: {', '.join(FAMILIES)}.")


def make_agent(config: Any) -> Any:
    """The agent that a config describes. Imports its family, PyTorch included. Raises ConfigError."""
    return _load(FAMILIES[family_of(config)].agent)(config)


def of_values(values: Mapping[str, Any]) -> Any:
    """The config that nested values describe, those of earlier versions included; the family is told by the sections.
    Raises ConfigError."""
    return configs.from_values(_load(FAMILIES[_family_by_sections(values)].config), configs.with_current_keys(values))


def display_of(values: Mapping[str, Any]) -> Display:
    """How the metrics of a run with these settings, a config.json, are shown."""
    found: Display = _load(FAMILIES[_family_by_sections(values)].display)
    return found


def _family_by_sections(values: Mapping[str, Any]) -> str:
    """The family whose config has most of these sections and top-level settings."""
    given = configs.with_current_keys(values).keys()
    kinds = {name: _load(family.config) for name, family in FAMILIES.items()}
    return min(kinds, key=lambda name: len(given - {field.name for field in dataclasses.fields(kinds[name])}))


def read_saved(run: Path) -> Saved | None:
    """The settings of the run in a folder, None where it holds no run. Raises FolderError for a damaged file."""
    file = run / "config.json"
    if not file.exists():
        return None
    records.require(file)
    try:
        values = bounded.read_json(file)
        preset = str(values.pop("preset"))
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise FolderError(
            f"{file} is damaged ({bounded.reason(error)}): choose another run folder, or delete the file to "
            "go on with the preset's settings."
        ) from None
    try:
        return Saved(preset, of_values(values))
    except ConfigError as error:
        raise FolderError(f"{file} does not hold settings of this version: {error}") from None


def _load(location: str) -> Any:
    module, _, name = location.partition(":")
    return getattr(importlib.import_module(module), name)
