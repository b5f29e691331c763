"""What a user asks of a sweep, in a TOML file or on the command line, before it is checked and becomes a plan.

preset = "connect-four"          # or: config = "my.toml", settings as `selfplay train --config` takes them
minutes = 10                     # of each trial; or evaluations, or generations
seeds = 3                        # 1, 2 and 3; or a list
cores = [[0], [1]]               # two trials side by side, each on a core of its own

[settings]                       # of all arms
"run.actors" = 0

[arms.base]
[arms.look-ahead]
"search.look_ahead" = true
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from selfplay.errors import ConfigError, shorten, suggest
from selfplay.presets import files
from selfplay.sweeps import plan
from selfplay.sweeps.plan import Budget, Measure, Plan

MEASURES = Measure._fields
KEYS = ("preset", "config", *plan.BUDGETS, "seeds", "cores", "measure", *MEASURES[1:], "settings", "arms")
MOST = {"positions": 1_000_000, "simulations": 100_000, "games": 100_000}
MOST_CORES = 65_536
V = TypeVar("V")
_NEXT_SETTING = re.compile(r",(?=\s*[A-Za-z_][\w.]*=)")  # a comma within a list is none


@dataclass(frozen=True)
class Request:
    """Whatever is None was not asked for."""

    preset: str | None = None
    config: Path | None = None
    settings: tuple[str, ...] = ()
    arms: tuple[tuple[str, tuple[str, ...]], ...] = ()
    seeds: tuple[int, ...] | None = None
    budget: Budget | None = None
    cores: tuple[tuple[int, ...], ...] | None = None
    """The cores of each trial that runs beside others; None: one after another, on all cores."""
    kind: str | None = None
    positions: int | None = None
    simulations: int | None = None
    games: int | None = None

    def over(self, other: Request) -> Request:
        """This request, and what it leaves open from `other`; settings and arms of both."""
        told = {name: value for name, value in vars(self).items() if value is not None}
        merged = replace(other, **told)
        if self.preset is not None or self.config is not None:
            merged = replace(merged, preset=self.preset, config=self.config)
        return replace(merged, settings=other.settings + self.settings, arms=other.arms + self.arms)

    def plan(self) -> Plan:
        """The checked plan. Raises ConfigError."""
        told = {name: getattr(self, name) for name in MEASURES if getattr(self, name) is not None}
        return plan.make(
            self.preset, self.config, self.settings, self.arms, (1, 2, 3) if self.seeds is None else self.seeds,
            self.budget, Measure(**told),
        )  # fmt: skip


def arm(text: str) -> tuple[str, tuple[str, ...]]:
    """(name, assignments) of "name:key=value,key=value". Raises ConfigError."""
    name, _, changes = text.partition(":")
    found = tuple(part.strip() for part in _NEXT_SETTING.split(changes)) if changes.strip() else ()
    return name.strip(), found


def read(file: Path) -> Request:
    """The request in a TOML file; `config` in it is named from its own folder. Raises ConfigError, in one sentence with
    the line or the key."""
    values = files.parse(file, "`selfplay sweep --help` shows what it holds")
    try:
        return _of_values(values, file.parent)
    except ConfigError as error:
        raise ConfigError(f"'{file}': {error}") from None


def _of_values(values: Mapping[str, Any], folder: Path) -> Request:
    for key in values:
        if key not in KEYS:
            raise ConfigError(f"a sweep has no '{key}'.{suggest(key, KEYS)} It has {', '.join(KEYS)}.")
    budgets = [kind for kind in plan.BUDGETS if kind in values]
    if len(budgets) > 1:
        raise ConfigError(f"{' and '.join(budgets)} are given: each trial has one budget.")
    config = _held(values, "config", str, "the name of a file")
    arms = _held(values, "arms", dict, "sections [arms.NAME]") or {}
    kind = _held(values, "measure", str, "one word")
    return Request(
        preset=_held(values, "preset", str, "a name in quotes"),
        config=None if config is None else folder / config,
        settings=tuple(plan.assignments(_held(values, "settings", dict, "a section [settings]") or {})),
        arms=tuple((name, tuple(plan.assignments(_held(arms, name, dict, "a section") or {}))) for name in arms),
        seeds=_seeds(values["seeds"]) if "seeds" in values else None,
        budget=Budget(budgets[0], _amount(budgets[0], values[budgets[0]])) if budgets else None,
        cores=_cores(values["cores"]) if "cores" in values else None,
        kind=kind,
        **{name: _number(name, values[name], most) for name, most in MOST.items() if name in values},
    )


def _held(values: Mapping[str, Any], key: str, kind: type[V], expected: str) -> V | None:
    value = values.get(key)
    if value is None or isinstance(value, kind):
        return value
    raise ConfigError(f"'{key}' is {shorten(value)}: expected {expected}.")


def _number(name: str, value: Any, most: int, least: int = 1) -> int:
    if type(value) is not int or not least <= value <= most:
        raise ConfigError(f"'{name}' is {shorten(value)}: expected a whole number from {least:,} to {most:,}.")
    return value


def _amount(kind: str, value: Any) -> float:
    if type(value) not in (int, float) or not value > 0:
        raise ConfigError(f"'{kind}' is {shorten(value)}: expected a number above 0.")
    return float(value)


def _seeds(value: Any) -> tuple[int, ...]:
    if isinstance(value, list):
        return tuple(_number("seeds", seed, plan.MAX_SEED, 0) for seed in value)
    return tuple(range(1, 1 + _number("seeds", value, plan.MOST_TRIALS)))


def _cores(value: Any) -> tuple[tuple[int, ...], ...]:
    if not isinstance(value, list) or not value or not all(isinstance(own, list) and own for own in value):
        raise ConfigError("'cores' lists the cores of each trial that runs beside others, as in [[0, 1], [2, 3]].")
    return tuple(tuple(_number("cores", core, MOST_CORES, 0) for core in own) for own in value)
