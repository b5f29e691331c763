"""Teach agents by letting them play against themselves, their past, or each other.

PRESET names a board game, or data for a generator and its critic (gan-…), with settings that work as they are.
Progress is shown live, and written to the run's folder (metrics.jsonl, TensorBoard events, evaluation.png; samples.png
of a generator). Ctrl-C stops and saves; the same command goes on from there.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from selfplay.display import Display
from selfplay.errors import ConfigError, FolderError

EPILOG = """examples:
  selfplay train tic-tac-toe
  selfplay train connect-four --minutes 20
  selfplay train connect-four --run runs/big --set network.channels=64 --set network.blocks=5
  selfplay train connect-four --actors 8 --address auto        (on a Ray cluster)
  selfplay train gan-ring                                      (eight Gaussians; then: selfplay sample runs/gan-ring)
  selfplay train gan-ring --run runs/minimax --set objective.loss=minimax --set objective.r1=0 --set objective.r2=0
  selfplay train gan-digits --seed 2 --set objective.past_fakes=0.5
  selfplay train gan-digits --settings                         (every setting, its value and meaning)
"""


class Family(NamedTuple):
    """Where a family of agents keeps its presets, its class of agents, and the description of its numbers."""

    presets: str
    agent: str
    display: str


FAMILIES = {
    "alphazero": Family(
        "selfplay.alphazero.presets:PRESETS", "selfplay.alphazero.agent:AlphaZero", "selfplay.alphazero.display:DISPLAY"
    ),
    "gan": Family("selfplay.gan.presets:PRESETS", "selfplay.gan.agent:Gan", "selfplay.gan.display:DISPLAY"),
}
PRESETS = dict.fromkeys(("tic-tac-toe", "connect-four", "checkers", "chess"), "alphazero")
PRESETS |= dict.fromkeys(("gan-ring", "gan-grid", "gan-digits", "gan-stacked-digits"), "gan")
PRESETS |= dict.fromkeys(("gan-info", "gan-superres", "gan-connect-four", "vae-digits"), "gan")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("preset", metavar="PRESET", help=", ".join(PRESETS))
    parser.add_argument("--run", type=Path, metavar="DIR", help="folder of the run (default: runs/PRESET)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", metavar="M", help="budget in minutes of wall time, over all sessions of the run")
    length.add_argument("--generations", metavar="G", help="budget in generations")
    parser.add_argument("--actors", metavar="N", help="processes that play; 0: play and learn in one process")
    parser.add_argument("--address", metavar="HOST:PORT", help="a Ray cluster to run actors on; 'auto' finds one")
    parser.add_argument("--seed", metavar="S", help="everything random follows from it")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="sets", help="change a setting")
    parser.add_argument("--settings", action="store_true", help="print every setting, its value and meaning, and stop")
    parser.add_argument("--plain", action="store_true", help="plain lines instead of the live panel")


def run(arguments: argparse.Namespace) -> int:
    preset = _known(arguments.preset)
    path = arguments.run or Path("runs") / preset
    if path.is_file():
        raise FolderError(f"'{path}' is a file, and a run needs a folder: choose another with --run.")
    from selfplay import config as configs

    config = configs.override(
        _saved(path, preset) or _load(FAMILIES[PRESETS[preset]].presets)[preset], _sets(arguments)
    )
    if arguments.settings:
        _print_settings(config)
        return 0
    return _train(preset, path, config, arguments)


def _known(preset: str) -> str:
    if preset in PRESETS:
        return preset
    near = difflib.get_close_matches(preset, PRESETS, 1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    raise ConfigError(f"no preset is called '{preset}'.{hint} Presets: {', '.join(PRESETS)}.")


def display_of(preset: Any) -> Display:
    """How the numbers of a run of `preset` are shown; the default for one that is not known here."""
    return _load(FAMILIES[PRESETS[preset]].display) if preset in PRESETS else Display()


def _load(location: str) -> Any:
    module, _, name = location.partition(":")
    return getattr(importlib.import_module(module), name)


def _saved(path: Path, preset: str) -> Any:
    """The config of the run that `path` holds, or None where it holds none."""
    file = path / "config.json"
    if not file.exists():
        return None
    from selfplay import config as configs

    try:
        values = json.loads(file.read_text())
        started = values.pop("preset")
    except (OSError, ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise FolderError(
            f"{file} is damaged ({type(error).__name__}): choose another folder with --run, or delete the file to "
            "go on with the preset's settings."
        ) from None
    if started != preset:
        raise FolderError(f"'{path}' holds a run of preset '{started}', not '{preset}': choose another with --run.")
    try:
        family = type(_load(FAMILIES[PRESETS[preset]].presets)[preset])
        return configs.from_values(family, configs.with_current_keys(values))
    except ConfigError as error:
        raise FolderError(f"{file} does not hold settings of this version: {error}") from None


def _sets(arguments: argparse.Namespace) -> list[str]:
    sets = list(arguments.sets)
    if arguments.minutes is not None:
        sets += [f"run.minutes={arguments.minutes}", "run.generations=none"]
    if arguments.generations is not None:
        sets += [f"run.generations={arguments.generations}", "run.minutes=none"]
    if arguments.actors is not None:
        sets.append(f"run.actors={arguments.actors}")
    if arguments.seed is not None:
        sets.append(f"run.seed={arguments.seed}")
    return sets


def _print_settings(config: Any) -> None:
    from selfplay import config as configs

    meanings = dict(configs.describe(type(config)))
    for key, value in configs.keys(config):
        print(f"{key} = {'none' if value is None else value}\n    {meanings.get(key, '')}")


def _train(preset: str, path: Path, config: Any, arguments: argparse.Namespace) -> int:
    from selfplay import config as configs
    from selfplay import device
    from selfplay.cli.live import panel
    from selfplay.loop import folder as folders
    from selfplay.loop import run as runs

    if arguments.address and not config.run.actors:
        raise ConfigError("--address is where actors run, and this run has none: ask for some with --actors N.")
    device.tune_process()
    agent = _load(FAMILIES[PRESETS[preset]].agent)(config)
    stop = _StopSignal()
    with stop, panel.make(preset, path, arguments.plain, agent.display) as show, folders.Folder(path) as folder:
        session = runs.Run(agent, folder, show, arguments.address)
        try:
            folder.write_config(preset, configs.to_values(config))
            session.train(stop.asked)
        finally:
            session.close()
    command = f"selfplay train {preset} --run {path}"
    if session.status.phase == "stopped":
        print(f"Stopped and saved. The same command goes on: {command}")
        return 130
    print(f"Saved in {path}. To go on: {command} {_more(config.run, session.status)}")
    return 0


def _more(run: Any, status: Any) -> str:
    """The option that lets a finished run go on."""
    if status.progress < 1:
        return "--set run.stop_when_solved=false"
    if run.generations and status.generation >= run.generations:
        return f"--generations {2 * run.generations}"
    return f"--minutes {2 * run.minutes:g}"


class _StopSignal:
    """Turns the first Ctrl-C (or SIGTERM) into a wish to stop, and the second into KeyboardInterrupt.

    Handlers are set explicitly: a shell that starts us in the background makes us ignore SIGINT otherwise."""

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[int, Any] = {}

    def asked(self) -> bool:
        return self._asked

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        # Not print: that may be what was interrupted.
        os.write(2, b"\nStopping: saving first. Ctrl-C again stops at once.\n")

    def __enter__(self) -> Callable[[], bool]:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)
        return self.asked

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
