"""The measuring of a machine with the settings of a preset, part by part, so that a stop keeps what was measured.

rules      random games of every game
search     of every game, with an evaluator that costs nothing
inference  the preset's network, each backend at several batches
learner    the preset's samples a second
games      self-play in one process, by the number of games at once
processes  self-play in several processes side by side, by how the network is evaluated

All but the last are of one thread, by its processor time where no GPU computes, so that other work on the machine shows
little. Nothing is written.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

import games
from selfplay import cores
from selfplay import device as devices
from selfplay.alphazero.agent import AlphaZero
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.bench import playing, timing, work
from selfplay.bench.processes import Processes
from selfplay.search.config import SearchConfig

GAMES_AT_ONCE = 1024  # random games
SEARCHES, SIMULATIONS = 64, 64  # at once, and of each
FACTORS = (0.5, 1.0, 2.0)  # of the preset's concurrent games that are tried
MOST_PROCESSES = 64


class Effort(NamedTuple):
    """How long is measured."""

    piece: float  # seconds
    repeats: int  # pieces of each kind
    play: float  # seconds of a piece of self-play
    batches: tuple[int, ...]  # of the network


QUICK = Effort(piece=0.1, repeats=3, play=0.4, batches=(1, 64, 256))
DEFAULT = Effort(piece=0.4, repeats=5, play=2.5, batches=(1, 16, 64, 128, 256))


class Measurement(NamedTuple):
    """One speed. values: of every piece that was timed."""

    part: str  # see the module docstring
    what: str
    unit: str  # a second
    values: tuple[float, ...]
    settings: dict[str, float | str]

    @property
    def median(self) -> float:
        return timing.median(self.values)


Say = Callable[[str], None]
"""Is told what is measured next."""


def measure(config: AlphaZeroConfig, effort: Effort, say: Say) -> Iterator[Measurement]:
    """Measures this machine; the faults of settings raise UserError before anything is timed."""
    devices.tune_process()
    agent = AlphaZero(config)
    yield from _rules(effort, say)
    yield from _search(effort, say)
    yield from _inference(agent, effort, say)
    yield from _learner(agent, effort, say)
    found = []
    for measurement in _games(agent, effort, say):
        found.append(measurement)
        yield measurement
    yield from _processes(playing.with_games(config, best_games(found)), effort, say)


def best_games(measured: list[Measurement]) -> int:
    """The fewest games at once with which a process plays as fast as with any number that was tried, but for 3 %."""
    fastest = max(one.median for one in measured)
    return min(int(one.settings["concurrent_games"]) for one in measured if one.median >= 0.97 * fastest)


def _rates(part: str, unit: str, jobs: dict[str, timing.Job], settings: dict[str, dict[str, float | str]],
           effort: Effort) -> Iterator[Measurement]:  # fmt: skip
    """Measurements of jobs by name, timed in turns."""
    timed = {name: lambda job=job: timing.rate(job, effort.piece, clock()) for name, job in jobs.items()}
    for name, values in timing.in_turns(timed, effort.repeats).items():
        yield Measurement(part, name, unit, tuple(map(timing.significant, values)), settings.get(name, {}))


def _rules(effort: Effort, say: Say) -> Iterator[Measurement]:
    for name in games.available():
        say(f"rules of {name}")
        game, rng = games.make(name), np.random.default_rng(1)
        job = lambda game=game, rng=rng: work.playouts(game, GAMES_AT_ONCE, rng)  # noqa: E731
        yield from _rates("rules", "moves", {name: job}, {}, effort)


def _search(effort: Effort, say: Say) -> Iterator[Measurement]:
    config = SearchConfig(solve=False)  # so that a simulation is a simulation
    for name in games.available():
        say(f"search of {name}")
        job = work.searches(games.make(name), SEARCHES, SIMULATIONS, config)
        about: dict[str, float | str] = {"batch": SEARCHES, "simulations": SIMULATIONS}
        yield from _rates("search", "simulations", {name: job}, {name: about}, effort)


def _inference(agent: AlphaZero, effort: Effort, say: Say) -> Iterator[Measurement]:
    device, size = devices.best(), agent.config.network
    makers = work.forwards(agent.game, size, device)
    formats = {"module": "float32", "fused": str(devices.compute_dtype(device.type)).removeprefix("torch.")}
    for batch in effort.batches:
        say(f"network {size.channels}×{size.blocks} on {device.type}, batches of {batch}")
        jobs: dict[str, timing.Job] = {}
        settings: dict[str, dict[str, float | str]] = {}
        for name, make in makers.items():
            what = f"{name} {formats[name]}, batch {batch}"
            jobs[what] = make(batch)
            settings[what] = {"backend": name, "format": formats[name], "device": device.type, "batch": batch}
        yield from _rates("inference", "evaluations", jobs, settings, effort)


def _learner(agent: AlphaZero, effort: Effort, say: Say) -> Iterator[Measurement]:
    batch = agent.config.learner.batch_size
    what = f"batches of {batch}"
    say(f"learner, {what}")
    longer = effort._replace(piece=3 * effort.piece)
    yield from _rates("learner", "samples", {what: work.learning(agent)}, {what: {"batch": batch}}, longer)


def _games(agent: AlphaZero, effort: Effort, say: Say) -> Iterator[Measurement]:
    """Numbers of games in turns, so that a busy spell hits all alike."""
    numbers = sorted({max(1, round(factor * agent.config.actor.concurrent_games)) for factor in FACTORS})
    actors = {}
    for number in numbers:
        say(f"self-play, {number} games at once: warming up")
        local = playing.with_mode(playing.with_games(agent.config, number), "local")
        actors[number] = playing.actor(AlphaZero(local))
        playing.begin(actors[number])
    pieces: dict[int, list[playing.Piece]] = {number: [] for number in numbers}
    for repeat in range(effort.repeats):
        for number in numbers:
            say(f"self-play, {number} games at once, {repeat + 1} of {effort.repeats}")
            pieces[number].append(playing.play(actors[number], effort.play, clock()))
    each = playing.evaluations_per_position(piece for found in pieces.values() for piece in found)
    for number, found in pieces.items():
        seconds = [piece.seconds if on_gpu() else piece.processor for piece in found]
        batch = sum(piece.evaluations for piece in found) / max(sum(piece.batches for piece in found), 1.0)
        rates = [piece.evaluations / each / time for piece, time in zip(found, seconds, strict=True)]
        yield Measurement("games", f"{number} games at once", "positions", tuple(map(timing.significant, rates)), {
            "concurrent_games": number,
            "evaluations_per_position": timing.significant(each), "mean_batch": timing.significant(batch),
        })  # fmt: skip


def _processes(config: AlphaZeroConfig, effort: Effort, say: Say) -> Iterator[Measurement]:
    """Of each mode in turns. values: by the clock; "core_seconds" of all processes, servers included, a position."""
    most = min(cores.granted(), MOST_PROCESSES)
    sizes = sorted({1, most, *([] if effort is QUICK else [2**k for k in range(1, most.bit_length())])})
    modes = ["local", *(["shared"] if sys.platform == "linux" else [])]
    agents = {mode: AlphaZero(playing.with_mode(config, mode)) for mode in modes}
    say(f"{most} processes: starting")
    every: list[playing.Piece] = []
    with Processes(most, playing.make_player, agents) as processes:
        for size in sizes:
            sides: dict[str, list[playing.Side]] = {mode: [] for mode in modes}
            for repeat in range(effort.repeats + 1):
                for mode, found in sides.items():
                    say(f"self-play in {size} processes, {mode} inference, "
                        + (f"{repeat} of {effort.repeats}" if repeat else "warming up"))  # fmt: skip
                    found.append(playing.side_by_side(processes, mode, size, effort.play, found))
                    every += found[-1].pieces
            each = playing.evaluations_per_position(every)
            for mode, found in sides.items():
                yield _of_sides(size, mode, found[1:], each)


def _of_sides(size: int, mode: str, sides: list[playing.Side], each: float) -> Measurement:
    """each: evaluations a position."""
    rates = tuple(timing.significant(side.evaluations_per_second / each) for side in sides)
    spent, evaluations = sum(side.processor for side in sides), sum(side.evaluations for side in sides)
    return Measurement("processes", f"{size} with {mode} inference", "positions", rates, {
        "processes": size, "mode": mode, "device": devices.best().type,
        "core_seconds": timing.significant(each * spent / max(evaluations, 1.0)),
        "busy_cores": timing.significant(spent / sum(side.seconds for side in sides)),
    })  # fmt: skip


def on_gpu() -> bool:
    """Whether networks are evaluated elsewhere than on this processor."""
    return devices.best().type != "cpu"


def clock() -> Callable[[], float]:
    """What seconds of one thread are counted by: processor time, in which other work on this machine does not show;
    time on the clock where a GPU computes."""
    return time.perf_counter if on_gpu() else time.process_time
