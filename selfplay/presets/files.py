"""Settings of a run as a TOML file: written with the meaning of each, and read on top of a preset.

    preset = "connect-four"     # what everything that is left out is taken from

    [network]
    channels = 64

Knows nested settings and their documentation, no family. TOML has no null: a setting that is off is "none".
"""

from __future__ import annotations

import json
import re
import textwrap
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from selfplay import config as configs
from selfplay.errors import ConfigError, FolderError
from selfplay.presets import registry
from selfplay.storage import bounded

WIDTH = 100  # of comments


def read(file: Path, over: Any = None) -> tuple[str, Any]:
    """(name of the preset, config) of a TOML file: its settings, and for the others those of the preset that it names,
    or of the config `over`. Files and folders in it are named from its own. Raises ConfigError, one sentence with the
    line or the key."""
    values = parse(file, f"`selfplay train PRESET --write-config {file}` writes one")
    preset = values.pop("preset", None)
    if not isinstance(preset, str):
        raise ConfigError(
            f"'{file}' does not say which preset it changes: begin it with preset = \"NAME\", the name of a preset or "
            "of a game."
        )
    try:
        start = registry.get(preset) if over is None else over
        values = configs.absolute_paths(type(start), values, file.parent)
        return preset, configs.from_values(type(start), _merged(configs.to_values(start), values))
    except ConfigError as error:
        raise ConfigError(f"'{file}': {error}") from None


def parse(file: Path, hint: str) -> dict[str, Any]:
    """What a TOML file holds. hint: where such a file comes from, as a clause. Raises ConfigError."""
    try:
        with file.open("rb") as stream:  # a pipe, too: `--config <(…)`
            data = stream.read(bounded.MAX_JSON + 1)
        text = data.decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        raise ConfigError(f"there is no file '{file}': {hint}.") from None
    except OSError as error:
        raise ConfigError(f"cannot read '{file}' ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise ConfigError(f"'{file}' is not text in UTF-8: expected a TOML file.") from None
    if len(data) > bounded.MAX_JSON:
        raise ConfigError(f"'{file}' has more than {bounded.MAX_JSON:,} bytes: expected a TOML file of settings.")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError(f"'{file}' is not valid TOML: it is nested too deeply.") from None
    except tomllib.TOMLDecodeError as error:
        problem, _, place = str(error).rpartition(" (at ")
        named = re.match(r"line \d+", place)
        line = named[0] if named else f"line {len(text.splitlines())}"
        raise ConfigError(f"'{file}' is not valid TOML in {line}: {problem[:1].lower()}{problem[1:]}.") from None


def _merged(base: Mapping[str, Any], values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    merged = dict(base)
    for key, value in values.items():
        if isinstance(base.get(key), Mapping):
            if not isinstance(value, Mapping):
                raise ConfigError(f"'{prefix}{key}' is a section: write its settings below a line [{prefix}{key}].")
            merged[key] = _merged(base[key], value, f"{prefix}{key}.")
        else:
            merged[key] = None if value == "none" else value
    return merged


def write(file: Path, preset: str, config: Any) -> None:
    """Writes `text` to a file. Raises FolderError where the file exists or cannot be written."""
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(text(file.name, preset, config))
    except FileExistsError:
        raise FolderError(f"'{file}' exists: choose another name, or delete it first.") from None
    except OSError as error:
        raise FolderError(f"cannot write '{file}' ({error.strerror}).") from None


def text(name: str, preset: str, config: Any) -> str:
    """Every setting of `config` with its meaning, as a TOML file called `name` holds them."""
    meanings = dict(configs.describe(type(config)))
    lines = [
        f"# Settings of a run. `selfplay train --config {name}` trains with them.",
        "# A line that is deleted takes its value from this preset:",
        f"preset = {_toml(preset)}",
        *_section(configs.absolute_paths(type(config), configs.to_values(config), Path.cwd()), meanings, ""),
    ]
    return "\n".join(lines) + "\n"


def _section(values: Mapping[str, Any], meanings: Mapping[str, str], prefix: str) -> list[str]:
    """Settings first: in TOML, what comes after a section's head belongs to the section."""
    lines = []
    for key, value in values.items():
        if not isinstance(value, Mapping):
            lines += ["", *_comment(meanings.get(prefix + key, "")), f"{key} = {_toml(value)}"]
    for key, value in values.items():
        if isinstance(value, Mapping):
            lines += ["", *_comment(meanings.get(prefix + key, "")), f"[{prefix}{key}]"]
            lines += _section(value, meanings, f"{prefix}{key}.")
    return lines


def _comment(meaning: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(meaning, WIDTH)]


def _toml(value: Any) -> str:
    if value is None:
        return '"none"'
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value).lower() if isinstance(value, bool) else repr(value)
