"""The choice of what to train: a run's name, folder and settings, for the command line and for Python.

Settings are those of the run that the folder holds, else the preset's; then those of a TOML file or of a config that is
given; then single assignments. Files and folders in settings are named from the root in what is found: those of a TOML
file were named from its folder, others from the current one. Knows presets and config.json, neither families nor the
training loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from selfplay import config as configs
from selfplay.errors import ConfigError, FolderError
from selfplay.presets import files, registry, resume

RUNS = Path("runs")  # where runs are, unless told otherwise


class Choice(NamedTuple):
    """What `choose` has found."""

    name: str  # that the run keeps: a preset's, a TOML file's, or that of a config's game or family
    path: Path  # the run's folder
    preset: str | None  # what the settings change: a file's preset; None for a config of no game
    config: Any  # of one of the families


def choose(source: object, path: Path | None, assignments: Iterable[str], to_train: bool = True) -> Choice:
    """The run to train, or only the settings that it would have.

    source: a preset's name, the Path of a TOML file, or a family's config. path: the folder; runs/NAME where None.
    assignments: "key=value", as `config.override` takes them. to_train: refuse settings that the run in the folder
    cannot go on with. Raises ConfigError; FolderError for a folder that is a file, or holds a run of another name."""
    preset: str | None
    if isinstance(source, Path):
        name, preset, config = source.name, None, None
    elif isinstance(source, str):
        name, preset, config = source, source, registry.get(source)
    else:
        family = registry.family_of(source)
        preset, config = getattr(source, "game", None), source
        name = preset or family
    path = path or RUNS / (source.stem if isinstance(source, Path) else name)
    saved = _saved(name, path)
    if isinstance(source, Path):
        preset, config = files.read(source, over=saved.config if saved else None)
    elif isinstance(source, str) and saved:
        config = saved.config
    config = configs.with_absolute_paths(_override(config, assignments, preset), Path.cwd())
    if to_train and saved and (path / "state").is_dir() and any((path / "state").iterdir()):
        resume.check(path, saved.config, config)
    return Choice(name, path, preset, config)


def _saved(name: str, path: Path) -> registry.Saved | None:
    """What the folder holds of a run called `name`."""
    if path.is_file():
        raise FolderError(f"'{path}' is a file, and a run needs a folder: choose another run folder.")
    saved = registry.read_saved(path)
    if saved and saved.preset != name:
        raise FolderError(f"'{path}' holds a run of '{saved.preset}', not '{name}': choose another run folder.")
    return saved


def _override(config: Any, assignments: Iterable[str], preset: str | None) -> Any:
    try:
        return configs.override(config, assignments)
    except ConfigError as error:
        command = "`selfplay train {} --settings`"  # named in full where the preset is known
        raise ConfigError(str(error).replace(command.format("PRESET"), command.format(preset or "PRESET"))) from None


def assignments(
    texts: Iterable[str], minutes: object = None, generations: object = None, evaluations: object = None,
    actors: object = None, seed: object = None,
) -> list[str]:  # fmt: skip
    """`texts` ("key=value"), and after them those of the settings that have a name of their own and are not None. A
    budget that is given takes the place of the preset's."""
    made = list(texts)
    budget = {"minutes": minutes, "generations": generations, "evaluations": evaluations}
    if any(value is not None for value in budget.values()):
        made += [assignment(f"run.{name}", value) for name, value in budget.items()]
    if actors is not None:
        made.append(assignment("run.actors", actors))
    if seed is not None:
        made.append(assignment("run.seed", seed))
    return made


def assignment(key: str, value: object) -> str:
    """ "key=value" of a value of Python's."""
    if value is None:
        return f"{key}=none"
    if isinstance(value, (list, tuple)):
        return f"{key}={','.join(map(str, value)) or 'none'}"
    return f"{key}={str(value).lower() if isinstance(value, bool) else value}"
