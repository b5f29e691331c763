"""Training from Python: starts or resumes a run, calls back at the end of each generation, reads what was written.

Knows presets, run folders and the training loop; no family of agents. Runs made here are those of the `selfplay`
command: the same folders, settings and files.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from selfplay import config as configs
from selfplay import errors
from selfplay.agent import Agent
from selfplay.api import agents, arguments, frames
from selfplay.errors import ArgumentError, ArgumentTypeError, FolderError
from selfplay.league import pool
from selfplay.loop import metrics
from selfplay.presets import choice, registry
from selfplay.types import Status

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class GenerationEnd:
    """What callbacks and loggers are told at the end of a generation, once all of it is saved."""

    generation: int
    """Its number, from 1."""

    metrics: dict[str, float]
    """Its line of metrics.jsonl, by name: "loss/…", "rate/…", "evaluation/…" where it was measured."""

    checkpoint: Path
    """The folder of its weights, which `selfplay.load` takes."""


class MetricsLogger(Protocol):
    """Takes metrics elsewhere, such as to Weights & Biases or MLflow; examples/loggers.py has both."""

    def start(self, run: Path, settings: dict[str, Any]) -> None:
        """Before training. settings: every setting in force, by dotted key."""

    def log(self, end: GenerationEnd) -> None:
        """At the end of each generation."""

    def finish(self) -> None:
        """After training, also after an error."""


class TrainingRun:
    """A run's folder: what was measured, and the agents that came out of it."""

    path: Path
    """The folder."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Opens a run, whoever trained it. Raises UserError where the folder holds none."""
        self.path = arguments.path("the run", path)
        if not (self.path / "config.json").exists():
            known = [str(config.parent) for config in choice.RUNS.glob("*/config.json")]
            near = errors.suggest(str(self.path), known)
            raise FolderError(f"'{self.path}' holds no run (no config.json).{near}")

    def __repr__(self) -> str:
        return f"TrainingRun({str(self.path)!r})"

    @property
    def preset(self) -> str:
        """The name that `selfplay.train` and `selfplay train` go on with."""
        return self._saved().preset

    @property
    def config(self) -> Any:
        """Every setting, as its family's dataclass."""
        return self._saved().config

    def _saved(self) -> registry.Saved:
        saved = registry.read_saved(self.path)
        if saved is None:
            raise FolderError(f"'{self.path}' holds no run any more (no config.json).")
        return saved

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl, one a generation, with its number under "step". `to_frame` is the same for
        pandas. A damaged line is left out, with a warning. Raises UserError where the file cannot be read."""
        try:
            if said := metrics.warning(self.path):
                warnings.warn(said, stacklevel=2)
            return metrics.read(self.path)
        except OSError as error:
            raise FolderError(f"{self.path / metrics.FILE} cannot be read ({error.strerror}).") from None

    def to_frame(self) -> pandas.DataFrame:
        """The metrics as a DataFrame, a row a generation. Raises UserError where pandas is not installed."""
        return frames.frame(self.metrics())

    def generations(self) -> list[Path]:
        """Folders of the generations that are kept, the oldest first; `selfplay.load` and matches take each."""
        checkpoints = pool.Pool(self.path / "checkpoints")
        return [checkpoints.path(number) for number in checkpoints.generations()]

    def agent(self, generation: int | None = None) -> agents.TrainedAgent:
        """The agent of the newest generation, or of another that is kept. Raises UserError; of a GAN run too, of which
        `selfplay.sample` draws samples."""
        if generation is None:
            return agents.load(self.path)
        kept = {int(folder.name): folder for folder in self.generations()}
        if generation not in kept:
            raise ArgumentError(
                f"generation {generation} of '{self.path}' is not kept; these are: {', '.join(map(str, kept))}."
            )
        return agents.load(kept[generation])


def preset_names() -> list[str]:
    """Every name that `train` takes: presets, those of other installed packages, and games."""
    return registry.names()


def preset(name: str) -> Any:
    """The settings behind a name: a frozen dataclass, of which `dataclasses.replace` makes others for `train`.

    Raises UserError for a name that is not known."""
    if not isinstance(name, str):
        raise ArgumentTypeError(f"a preset is a name such as 'connect-four', not {arguments.shown(name)}.")
    return registry.get(name)


def train(
    preset: str | os.PathLike[str] | object, *, run: str | os.PathLike[str] | None = None,
    minutes: float | None = None, generations: int | None = None, evaluations: int | None = None,
    actors: int | Literal["auto"] | None = None, address: str | None = None, seed: int | None = None,
    settings: Mapping[str, object] | None = None,
    progress: bool | Callable[[Status], None] = True,
    on_generation: Callable[[GenerationEnd], object] | None = None, loggers: Sequence[MetricsLogger] = (),
) -> TrainingRun:  # fmt: skip
    """Trains until the budget is used, or goes on with the run that the folder holds; as `selfplay train` does.

    preset: a name that `preset_names` lists, a TOML file as `--config` takes it, or a config such as `preset` returns.
    run: the folder; runs/NAME where None. A run in it goes on with its own settings, changed by what is given here.
    minutes, generations, evaluations: the budget, over all sessions of the run. address: a Ray cluster.
    actors: processes that play; 0: this one; "auto": one for each core of the machine or cluster but the learner's.
    settings: further settings by dotted key, {"network.channels": 64}.
    progress: a panel on a terminal and lines elsewhere; False: nothing; or a function that takes every `Status`.
    on_generation: called at the end of each generation, once it is saved; what it raises ends the run there, and the
        same call goes on from there. loggers: the same, with a start and an end.

    Ctrl-C saves first and then raises KeyboardInterrupt. Torch is set to one thread in this process, and the allocator
    to keep large buffers (docs/api.md). Raises UserError, in one sentence, for what cannot be used."""
    if actors == "auto":
        from selfplay.loop import ray_pool

        actors = ray_pool.as_many_as_fit(address)[0]
    chosen = choice.choose(
        _source(preset), None if run is None else arguments.path("run", run),
        choice.assignments(_of_settings(settings), minutes, generations, evaluations, actors, seed),
    )  # fmt: skip
    if address is not None and not chosen.config.run.actors:
        raise ArgumentError("address is where actors run, and this run has none: ask for some with actors=N.")
    _check_callbacks(progress, on_generation, loggers)
    _run(chosen, address, progress, on_generation, loggers)
    return TrainingRun(chosen.path)


def _source(preset: object) -> object:
    """`preset` as `choice.choose` takes it. Raises ArgumentTypeError."""
    if isinstance(preset, os.PathLike) or (isinstance(preset, str) and preset.endswith(".toml")):
        return Path(preset)
    if not isinstance(preset, str) and (not dataclasses.is_dataclass(preset) or isinstance(preset, type)):
        raise ArgumentTypeError(
            "what to train is a preset's name, a TOML file or a config such as selfplay.preset('connect-four'), not "
            f"{arguments.shown(preset)}."
        )
    return preset


def _of_settings(settings: Mapping[str, object] | None) -> list[str]:
    """Assignments as `choice.choose` takes them. Raises ArgumentTypeError."""
    if settings is not None and not isinstance(settings, Mapping):
        raise ArgumentTypeError(
            f"settings must be a dict such as {{'network.channels': 64}}, not {arguments.shown(settings)}."
        )
    return [choice.assignment(key, value) for key, value in (settings or {}).items()]


def _check_callbacks(progress: object, on_generation: object, loggers: Sequence[object]) -> None:
    """Raises UserError for what cannot be called; better now than at the end of the first generation."""
    if not isinstance(progress, bool) and not callable(progress):
        raise ArgumentTypeError(f"progress must be True, False or a function, not {arguments.shown(progress)}.")
    if on_generation is not None and not callable(on_generation):
        raise ArgumentTypeError(f"on_generation must be a function, not {arguments.shown(on_generation)}.")
    for logger in loggers:
        if missing := [name for name in ("start", "log", "finish") if not callable(getattr(logger, name, None))]:
            raise ArgumentTypeError(f"{arguments.shown(logger)} is no logger: it has no method {missing[0]}.")


def _run(
    chosen: choice.Choice, address: str | None, progress: bool | Callable[[Status], None],
    on_generation: Callable[[GenerationEnd], object] | None, loggers: Sequence[MetricsLogger],
) -> None:  # fmt: skip
    """One session of a run. Raises KeyboardInterrupt where it was stopped."""
    from selfplay import device
    from selfplay.loop import session

    name, path, _, config = chosen
    device.tune_process()
    agent: Agent = registry.make_agent(config)
    checkpoints = pool.Pool(path / "checkpoints")

    def end(generation: int, line: Mapping[str, float]) -> None:
        ended = GenerationEnd(generation, dict(line), checkpoints.path(generation))
        for logger in loggers:
            logger.log(ended)
        if on_generation is not None:
            on_generation(ended)

    show, logged = _shown(name, path, agent, progress), _logged(path, config, loggers)
    if session.train(name, path, agent, show, address, end, logged).phase == "stopped":
        raise KeyboardInterrupt(f"stopped and saved: the same call goes on with '{path}'")


@contextlib.contextmanager
def _logged(path: Path, config: Any, loggers: Sequence[MetricsLogger]) -> Iterator[None]:
    """Loggers are started, and finished, the last one first."""
    with contextlib.ExitStack() as stack:
        for logger in loggers:
            logger.start(path, dict(configs.keys(config)))
            stack.callback(logger.finish)
        yield


@contextlib.contextmanager
def _shown(
    name: str, path: Path, agent: Agent, progress: bool | Callable[[Status], None]
) -> Iterator[Callable[[Status], None]]:
    """What takes each status."""
    if progress is True:
        from selfplay.cli.live import panel

        with panel.make(name, path, False, agent.display) as show:
            yield show
    else:
        yield progress if callable(progress) else lambda _: None
