"""Trains agents by self-play: against themselves, their earlier generations, or each other.

PRESET names a board game, or data for a generator and its critic (gan-…), with settings that work as they are. Any
game that `selfplay games list` shows can be trained by its name, a game of another package too.
Progress is shown live, and written to the run's folder (metrics.jsonl, TensorBoard events, evaluation.png;
samples.png of a generator). Ctrl-C stops and saves; the same command goes on from there.
"""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfplay.cli.console import paths
from selfplay.errors import ConfigError

if TYPE_CHECKING:
    from selfplay.loop.stop_signal import StopSignal
    from selfplay.presets.choice import Choice

ALARMED = 3  # exit code where drift.actions=stop has ended the session

EPILOG = """examples:
  selfplay train tic-tac-toe
  selfplay train connect-four --minutes 20
  selfplay train connect-four --run runs/big --set network.channels=64 --set network.blocks=5
  selfplay train connect-four --actors 8 --address auto        (on a Ray cluster)
  selfplay train gan-ring                                      (eight Gaussians; then: selfplay sample runs/gan-ring)
  selfplay train gan-ring --run runs/minimax --set objective.loss=minimax --set objective.r1=0 --set objective.r2=0
  selfplay train gan-digits --seed 2 --set objective.past_fakes=0.5
  selfplay train gan-digits --settings                         (every setting, its value and meaning)
  selfplay train connect-four --write-config my.toml           (the same as a file to edit; then:)
  selfplay train --config my.toml
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "preset", metavar="PRESET", nargs="?",
        help="a game (`selfplay games list`), data for a generator (gan-ring, gan-digits, …), or a preset of an "
        "installed package; --list shows all",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="print the names of all presets, and stop")
    parser.add_argument(
        "--config", type=paths.file, metavar="FILE.toml", help="settings from a file, in place of PRESET"
    )
    parser.add_argument(
        "--write-config", type=paths.file, metavar="FILE.toml",
        help="write every setting and its meaning to a file for --config, and stop",
    )  # fmt: skip
    parser.add_argument("--run", type=paths.path, metavar="DIR", help="folder of the run (default: runs/PRESET)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--minutes", metavar="M", help="budget in minutes of wall time, over all sessions of the run")
    length.add_argument("--generations", metavar="G", help="budget in generations")
    length.add_argument(
        "--evaluations", metavar="E", help="budget in positions that the network evaluates in self-play"
    )
    parser.add_argument("--actors", metavar="N", help="processes that play, or auto: all cores but one; 0: play here")
    parser.add_argument("--address", metavar="HOST:PORT", help="a Ray cluster to run actors on; 'auto' finds one")
    parser.add_argument("--seed", metavar="S", help="random seed of the whole run")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="sets", help="change a setting")
    parser.add_argument("--settings", action="store_true", help="print every setting, its value and meaning, and stop")
    parser.add_argument("--plain", action="store_true", help="plain lines instead of the live panel")


def run(arguments: argparse.Namespace) -> int:
    from selfplay.loop.stop_signal import PATIENCE, Stopped, StopSignal

    with StopSignal(PATIENCE) as stop:
        try:
            return _run(arguments, stop)
        except Stopped:  # before there was anything to save
            return stop.exit_code


def _run(arguments: argparse.Namespace, stop: StopSignal) -> int:
    from selfplay.presets import choice, files, registry

    if arguments.list:
        print("\n".join(registry.names()))
        return 0
    if (arguments.preset is None) == (arguments.config is None):
        raise ConfigError(
            "expected a PRESET, such as tic-tac-toe, or --config FILE.toml, and not both: `selfplay train --list` "
            "shows the presets."
        )
    if arguments.actors == "auto":
        from selfplay.loop import ray_pool

        arguments.actors, sentence = ray_pool.as_many_as_fit(arguments.address)
        print(sentence, flush=True)
    to_train = not (arguments.write_config or arguments.settings)
    chosen = choice.choose(arguments.config or arguments.preset, arguments.run, _assignments(arguments), to_train)
    if file := arguments.write_config:
        assert chosen.preset is not None  # it is only of a config from Python
        files.write(file, chosen.preset, chosen.config)
        print(f"Wrote {file}. To train with it: selfplay train --config {file}")
        return 0
    if arguments.settings:
        _print_settings(chosen.config)
        return 0
    return _train(chosen, arguments, stop)


def _assignments(arguments: argparse.Namespace) -> list[str]:
    from selfplay.presets import choice

    return choice.assignments(
        arguments.sets,
        arguments.minutes,
        arguments.generations,
        arguments.evaluations,
        arguments.actors,
        arguments.seed,
    )


def _print_settings(config: Any) -> None:
    from selfplay import config as configs

    meanings = dict(configs.describe(type(config)))
    for key, value in configs.keys(config):
        print(f"{key} = {'none' if value is None else value}\n    {meanings.get(key, '')}")


def _train(chosen: Choice, arguments: argparse.Namespace, stop: StopSignal) -> int:
    from selfplay import device
    from selfplay.cli.live import panel
    from selfplay.loop import run as runs
    from selfplay.loop import session
    from selfplay.presets import registry

    name, path, _, config = chosen
    if arguments.address and not config.run.actors:
        raise ConfigError("--address is where actors run, and this run has none: ask for some with --actors N.")
    device.tune_process()
    agent = registry.make_agent(config)
    show = panel.make(name, path, arguments.plain, agent.display)
    stop.say = show.say if isinstance(show, panel.LivePanel) else None
    status = session.train(name, path, agent, show, arguments.address, stop=stop)
    if status.phase == "stopped":
        try:
            print(f"Stopped and saved. The same command goes on: {_command(path, arguments)}", flush=True)
        except OSError:  # nobody is left to read it
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return stop.exit_code
    if status.phase == runs.ALARMED:
        print(f"{status.notes[-1]} Saved in {path}. The same command goes on: {_command(path, arguments)}")
        return ALARMED
    print(f"Saved in {path}. To go on: {_command(path, arguments, _more(config.run, status))}")
    return 0


def _command(path: Path, arguments: argparse.Namespace, more: list[str] | None = None) -> str:
    """What goes on with the run in this folder. Its saved settings hold, but those of a file are read again, and what
    the command line changed in them has to be said again. more: options that extend the budget."""
    words = ["selfplay", "train", *(["--config", str(arguments.config)] if arguments.config else [arguments.preset])]
    words += ["--run", str(path)]
    if arguments.config:
        budget = ("run.minutes=", "run.generations=", "run.evaluations=") if more else ()
        words += [word for text in _assignments(arguments) if not text.startswith(budget) for word in ("--set", text)]
    words += ["--address", arguments.address] if arguments.address else []
    return shlex.join(words + (more or []))


def _more(run: Any, status: Any) -> list[str]:
    """The option that lets a finished run go on."""
    if status.progress < 1:  # solved, or out of rows, of which there may be more another time
        return ["--set", "run.stop_when_solved=false"] if run.stop_when_solved else []
    if run.generations and status.generation >= run.generations:
        return ["--generations", f"{2 * run.generations}"]
    if run.evaluations and status.evaluations >= run.evaluations:
        return ["--evaluations", f"{2 * run.evaluations}"]
    return ["--minutes", f"{2 * run.minutes:g}"]
