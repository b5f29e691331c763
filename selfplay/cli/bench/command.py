"""The options of `selfplay bench`, and what it does with them."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selfplay.cli.console import output, paths
from selfplay.errors import ConfigError, FolderError

if TYPE_CHECKING:
    from selfplay.alphazero.config import AlphaZeroConfig
    from selfplay.bench.advice import Advice
    from selfplay.bench.measuring import Measurement

PRESET = "connect-four"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--preset", default=PRESET, metavar="NAME",
                        help=f"the preset of a board game that is measured for (default {PRESET})")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="shorter and fewer pieces: rough figures")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    parser.add_argument("--write", type=paths.file, metavar="FILE.toml",
                        help="keep the recommended settings for `selfplay train --config FILE.toml`")  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    config = _config(arguments.preset)
    if arguments.write is not None:
        _check_new(arguments.write)
    from selfplay.bench import advice as advising
    from selfplay.bench import measuring
    from selfplay.presets import files

    measured: list[Measurement] = []
    shown = Shown(silent=arguments.json)
    stopped = False
    try:
        effort = measuring.QUICK if arguments.quick else measuring.DEFAULT
        for one in measuring.measure(config, effort, shown.say):
            measured.append(one)
            shown.show(one)
    except KeyboardInterrupt:
        stopped = True
    shown.wipe()
    advice = advising.advise(config, measured)
    if arguments.json:
        print(json.dumps(_object(arguments, config, measured, advice, stopped)))
    else:
        _say(arguments.preset, config, advice, stopped)
    if arguments.write is not None and advice is not None and not stopped:
        files.write(arguments.write, arguments.preset, advice.applied(config))
        print(f"Written: selfplay train --config {arguments.write}", file=sys.stderr)
    return 130 if stopped else 0


def _config(preset: str) -> AlphaZeroConfig:
    """The settings of a preset. Raises ConfigError for one that plays no game."""
    from selfplay.alphazero.config import AlphaZeroConfig
    from selfplay.presets import registry

    config = registry.get(preset)
    if not isinstance(config, AlphaZeroConfig):
        raise ConfigError(f"'{preset}' plays no board game: name a preset of one, such as {PRESET}.")
    return config


def _check_new(file: Path) -> None:
    """Raises FolderError where a file cannot be written, before minutes are spent."""
    if os.path.lexists(file):
        raise FolderError(f"'{file}' exists: choose another name, or delete it first.")
    if not file.parent.is_dir():
        raise FolderError(f"cannot write '{file}': there is no folder '{file.parent}'.")
    if not os.access(file.parent, os.W_OK):
        raise FolderError(f"cannot write '{file}': nothing can be written to '{file.parent}'.")


class Shown:
    """What is measured, as lines; and on a terminal what is measured next."""

    def __init__(self, silent: bool) -> None:
        self._silent, self._part = silent, ""
        self._redraws = output.can_redraw(sys.stderr)
        self._drawn = False

    def say(self, what: str) -> None:
        if self._redraws:
            print(f"\r\x1b[K{what} …", end="", file=sys.stderr, flush=True)
            self._drawn = True

    def show(self, one: Measurement) -> None:
        self.wipe()
        if self._silent:
            return
        part = one.part if one.part != self._part else ""
        self._part = one.part
        low, high = min(one.values), max(one.values)
        print(f"{part:10} {one.what:32} {one.median:>14,.0f} {one.unit}/s  ({low:,.0f}–{high:,.0f})", flush=True)

    def wipe(self) -> None:
        if self._drawn:
            self._drawn = False
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _say(preset: str, config: AlphaZeroConfig, advice: Advice | None, stopped: bool) -> None:
    from selfplay.bench import advice as advising

    if stopped:
        print("Stopped: what is above was measured, and what follows is from that.")
    if advice is None:
        print("Nothing is recommended: the learner and self-play were not measured.")
        return
    where = "in the learner's process" if advice.actors == 0 else f"{advice.mode} inference"
    print(f"\nSuits {preset} here: run.actors={advice.actors} ({where}), inference.mode={advice.mode}, "
          f"actor.concurrent_games={advice.concurrent_games};\nactor.num_simulations={config.actor.num_simulations} "
          f"stays. That gives about {advice.positions_per_second:,.0f} positions/s while it learns.")  # fmt: skip
    for sentence in advising.sentences(preset, config, advice):
        print(sentence)


def _object(
    arguments: argparse.Namespace, config: AlphaZeroConfig, measured: list[Measurement], advice: Advice | None,
    stopped: bool,
) -> dict[str, Any]:  # fmt: skip
    import selfplay
    from selfplay import cores
    from selfplay import device as devices
    from selfplay.bench import advice as advising
    from selfplay.bench import timing

    found: dict[str, Any] = {
        "preset": arguments.preset,
        "complete": not stopped,
        "machine": {
            "processor": timing.processor(), "cores": cores.granted(), "device": devices.best().type,
            "load": os.getloadavg()[0], "selfplay": selfplay.__version__,
        },
        "measurements": [one._asdict() | {"median": one.median} for one in measured],
    }  # fmt: skip
    if advice is not None:
        known = advising.record(arguments.preset, config)
        found["recommended"] = advice._asdict() | {"num_simulations": config.actor.num_simulations}
        found["record"] = None
        if known is not None:
            found["record"] = known._asdict() | {"minutes_here": advising.minutes(known.positions, advice)}
    return found
