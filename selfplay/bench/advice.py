"""What follows from the measurements of a machine: settings that suit it, and how long a preset takes.

Settings that change what is learned from a position, the simulations above all, stay as the preset has them: what a
preset needs is on record for these only. Knows no clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from selfplay import cores
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.bench import timing
from selfplay.bench.measuring import Measurement, best_games
from selfplay.players import pretrained

CLOSE = 0.97  # of the best is as good


class Record(NamedTuple):
    """What a run of a preset had seen, and how strong it was then: of the packaged agent."""

    positions: int
    minutes: float
    cores: int
    changes: str  # of the preset's settings; "": none
    strength: dict[str, float]  # metrics of its last evaluation


class Advice(NamedTuple):
    """Settings for this machine, and what they give."""

    concurrent_games: int
    actors: int  # 0: games are played in the learner's process
    mode: str  # of inference
    positions_per_second: float  # while learning goes on, evaluations left out

    def applied(self, config: AlphaZeroConfig) -> AlphaZeroConfig:
        """The settings with these in them."""
        return replace(
            config,
            actor=replace(config.actor, concurrent_games=self.concurrent_games),
            inference=replace(config.inference, mode=self.mode),  # type: ignore[arg-type]
            run=replace(config.run, actors=self.actors),
        )


def advise(config: AlphaZeroConfig, measured: Sequence[Measurement]) -> Advice | None:
    """What to set; None while the learner or self-play is not measured yet."""
    learner = next((one for one in measured if one.part == "learner"), None)
    playing = [one for one in measured if one.part == "games"]
    if learner is None or not playing:
        return None
    games = best_games(playing)
    alone = max(one.median for one in playing if one.settings["concurrent_games"] == games)
    learning = config.replay.samples_per_insert / learner.median  # seconds of one core a position
    offers = [Advice(games, 0, "local", timing.significant(1 / (1 / alone + learning)))]
    if config.run.actors:
        offers += [
            Advice(games, int(one.settings["processes"]), str(one.settings["mode"]), _rate(one, learning))
            for one in measured if one.part == "processes"
        ]  # fmt: skip
    best = max(offer.positions_per_second for offer in offers)
    close = [offer for offer in offers if offer.positions_per_second >= CLOSE * best]
    return min(close, key=lambda offer: (offer.mode != "local", offer.actors))


def _rate(measured: Measurement, learning: float) -> float:
    """Positions a second of actors beside a learner. What bounds them: the actors, of whom each has a core at most;
    the learner, which has one; and the cores, which all of them share."""
    number, each = int(measured.settings["processes"]), float(measured.settings["core_seconds"])
    granted = cores.granted()
    actors = min(number, granted) / each
    if measured.settings["device"] != "cpu":  # the time that a GPU takes is on the clock only
        actors = measured.median
    return timing.significant(min(actors, 1 / learning, granted / (each + learning)))


def record(preset: str, config: AlphaZeroConfig) -> Record | None:
    """What is on record of a preset; None where nothing is."""
    if config.game not in pretrained.available():
        return None
    found: dict[str, Any] = pretrained.recipe(config.game)
    if found["preset"] != preset:
        return None
    changes = found["command"].removeprefix(f"selfplay train {preset}").strip()
    return Record(found["positions"], found["minutes"], found["machine"]["cores"], changes, found["strength"])


def minutes(positions: float, advice: Advice) -> float:
    """How long so many positions take, start-up and evaluations left out."""
    return positions / advice.positions_per_second / 60


def sentences(preset: str, config: AlphaZeroConfig, advice: Advice) -> list[str]:
    """What a preset takes on this machine, in words."""
    said = []
    if config.run.minutes is not None:
        expected = 60 * config.run.minutes * advice.positions_per_second
        said.append(f"{preset}: {config.run.minutes:g} minutes give about {_rounded(expected)} positions.")
    known = record(preset, config)
    if known is None:
        return [*said, f"How many positions {preset} needs is not on record."]
    here = minutes(known.positions, advice)
    took = f"{known.minutes:g} minutes" if known.minutes >= 1 else f"{60 * known.minutes:.0f} s"
    takes = f"{here:.0f} minutes" if here >= 1.5 else f"{60 * here:.0f} s"
    changed = f", with {known.changes}" if known.changes else ""
    return [
        *said,
        f"On record: the packaged agent, {known.positions:,} positions in {took} on {known.cores} cores{changed}, and "
        f"then {strength(known.strength)}. As many take about {takes} here.",
    ]


def strength(metrics: dict[str, float]) -> str:
    """The metrics of an evaluation that say most, in words."""
    at = f"at {metrics['simulations']:.0f} simulations"
    if "accuracy" in metrics:
        return f"{metrics['accuracy']:.1%} of {metrics['positions']:,.0f} positions right {at}"
    points = [f"{value:.0%} against {name.removeprefix('score_')}"
              for name, value in metrics.items() if name.startswith("score_")]  # fmt: skip
    return f"{', '.join(points)} of the points in {metrics['games']:.0f} games each {at}"


def _rounded(number: float) -> str:
    """To two significant digits."""
    return f"{float(f'{number:.2g}'):,.0f}"
