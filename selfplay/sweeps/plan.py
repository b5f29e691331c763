"""The plan of a sweep: arms, which are settings with a name; seeds; the budget that all trials share; how the trained
agents are measured. Says in which order trials run. Knows settings by their keys, no family, and no folder.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from selfplay import config as configs
from selfplay.errors import ConfigError, suggest
from selfplay.presets import files, registry

BUDGETS = ("minutes", "generations", "evaluations")
SHARED = {f"run.{name}": f"--{name}" for name in BUDGETS} | {"run.seed": "--seeds"}  # settings that no arm may have
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,39}")
MOST_TRIALS = 1_000
MAX_SEED = 2**62


class Trial(NamedTuple):
    """One run of a sweep."""

    arm: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.arm}-{self.seed}"


class Arm(NamedTuple):
    """Settings to be compared with those of other arms."""

    name: str
    changes: tuple[str, ...]  # "key=value": what it changes in the settings that all arms share
    config: Any  # of one of the families: every setting, the budget included


class Budget(NamedTuple):
    """What each trial may use."""

    kind: str  # of BUDGETS
    amount: float

    def __str__(self) -> str:
        noun = self.kind.removesuffix("s") if self.amount == 1 else self.kind
        return f"{self.amount:,.10g} {noun}"

    @property
    def assignments(self) -> list[str]:
        """The settings that it stands for."""
        amount = int(self.amount) if self.amount.is_integer() else self.amount
        return [f"run.{kind}={amount if kind == self.kind else 'none'}" for kind in BUDGETS]


class Measure(NamedTuple):
    """How trained agents are measured at the end, all of them alike. None: as the game or the preset suggests."""

    kind: str | None = None  # of `measuring.KINDS`
    positions: int = 1_000  # with exact values
    simulations: int | None = None  # a position or move
    games: int = 20  # of each two agents, where they are measured by a tournament


@dataclass(frozen=True)
class Plan:
    """A whole sweep."""

    preset: str
    """The preset that all arms change."""

    settings: tuple[str, ...]
    """What all arms change in it: "key=value"."""

    arms: tuple[Arm, ...]
    """At least one; the others are compared with the first."""

    seeds: tuple[int, ...]
    budget: Budget
    measure: Measure

    def trials(self) -> list[Trial]:
        """All trials in the order they are begun: seed by seed, each time beginning with another arm, so that a machine
        that grows slower or faster is slower or faster for all arms alike."""
        names = [arm.name for arm in self.arms]
        order = []
        for number, seed in enumerate(self.seeds):
            first = number % len(names)
            order += [Trial(name, seed) for name in names[first:] + names[:first]]
        return order

    def arm(self, name: str) -> Arm:
        return next(arm for arm in self.arms if arm.name == name)

    def values(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {
            "preset": self.preset,
            "budget": {self.budget.kind: self.budget.amount},
            "seeds": list(self.seeds),
            "measure": self.measure._asdict(),
            "arms": {arm.name: configs.flat(configs.to_values(arm.config)) for arm in self.arms},
            "given": {
                arm.name: [text.partition("=")[0].strip() for text in (*self.settings, *arm.changes)]
                for arm in self.arms
            },
        }


def make(
    preset: str | None, config: Path | None, settings: Iterable[str], arms: Sequence[tuple[str, Sequence[str]]],
    seeds: Sequence[int], budget: Budget | None, measure: Measure,
) -> Plan:  # fmt: skip
    """A checked plan. preset: a name; or config: a TOML file as `train --config` takes it. settings: "key=value" for
    all arms. arms: (name, "key=value" of this arm). budget: None for the preset's minutes or generations. Raises
    ConfigError for whatever cannot be trained or compared."""
    if (preset is None) == (config is None):
        raise ConfigError("expected a preset, such as connect-four, or a file of settings (--config), and not both.")
    if config is not None:
        preset, base = files.read(config)
    else:
        assert preset is not None
        base = registry.get(preset)
    _refuse_shared(settings := list(settings), "settings of all arms")
    base = configs.with_absolute_paths(configs.override(base, settings), Path.cwd())
    budget = budget or _budget_of(preset, base)
    made = tuple(_arm(name, changes, base, budget) for name, changes in _named(arms))
    _refuse_equal(made)
    if measure.games % 2:
        raise ConfigError(
            f"{measure.games} games of two agents are no pairs: give an even number, as seats are swapped."
        )
    trials = len(made) * len(seeds)
    if not 0 < trials <= MOST_TRIALS:
        raise ConfigError(f"the sweep has {trials:,} trials: expected 1 to {MOST_TRIALS:,} (arms times seeds).")
    if twice := next((seed for seed in seeds if list(seeds).count(seed) > 1), None):
        raise ConfigError(f"seed {twice} is given twice: each seed counts once.")
    return Plan(preset, tuple(settings), made, tuple(seeds), budget, measure)


def _budget_of(preset: str, config: Any) -> Budget:
    """The preset's own budget. Raises ConfigError where it has none, or several."""
    held = {kind: getattr(config.run, kind) for kind in BUDGETS if getattr(config.run, kind) is not None}
    if len(held) != 1:
        state = "has no budget" if not held else f"has several budgets ({', '.join(held)})"
        raise ConfigError(
            f"'{preset}' {state}: say with --minutes, --generations or --evaluations what each trial may use."
        )
    ((kind, amount),) = held.items()
    return Budget(kind, float(amount))


def _named(arms: Sequence[tuple[str, Sequence[str]]]) -> Sequence[tuple[str, Sequence[str]]]:
    """`arms`, if their names can be folders and differ. Raises ConfigError."""
    if not arms:
        raise ConfigError(
            "a sweep needs arms, which are settings with a name: --arm base --arm wide:network.channels=64"
        )
    names = [name for name, _ in arms]
    for name in names:
        if not NAME.fullmatch(name):
            raise ConfigError(
                f"'{name[:60]}' cannot be the name of an arm: expected up to 40 letters, digits and -_.+, beginning "
                "with a letter or digit."
            )
        if [other.lower() for other in names].count(name.lower()) > 1:
            raise ConfigError(f"two arms are called '{name}': give each a name of its own.")
    return arms


def _arm(name: str, changes: Sequence[str], base: Any, budget: Budget) -> Arm:
    _refuse_shared(changes, f"arm '{name}'")
    try:
        config = configs.override(base, [*changes, *budget.assignments])
    except ConfigError as error:
        raise ConfigError(f"arm '{name}': {error}") from None
    return Arm(name, tuple(changes), configs.with_absolute_paths(config, Path.cwd()))


def _refuse_shared(assignments: Iterable[str], where: str) -> None:
    for text in assignments:
        key = text.partition("=")[0].strip()
        if key in SHARED:
            raise ConfigError(f"{where}: '{key}' is the same for all trials of a sweep: give it as {SHARED[key]}.")


def _refuse_equal(arms: Sequence[Arm]) -> None:
    for number, arm in enumerate(arms):
        for other in arms[:number]:
            if arm.config == other.config:
                raise ConfigError(
                    f"the arms '{other.name}' and '{arm.name}' have equal settings: there is nothing to compare. "
                    "Drop one, or change what it sets."
                )


def assignments(values: Mapping[str, Any]) -> list[str]:
    """Nested settings, as TOML holds them, in the form "key=value"."""
    return [f"{key}={configs.shown(value)}" for key, value in configs.flat(values).items()]


def changed(saved: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What keeps a folder's sweep from going on as the plan `now`, in words; both as `Plan.values`. More seeds and more
    arms do not."""
    found = [f"the {key} was {_shown(saved[key])} and is {_shown(now[key])}" for key in ("preset", "budget", "measure")
             if saved[key] != now[key]]  # fmt: skip
    if gone := [str(seed) for seed in saved["seeds"] if seed not in now["seeds"]]:
        found.append(f"seed {', '.join(gone)} is missing")
    for name, settings in saved["arms"].items():
        if name not in now["arms"]:
            found.append(f"the arm '{name}' is missing.{suggest(name, now['arms'])}".rstrip("."))
            continue
        wanted = now["arms"][name]
        # What the version before did not have has the value that this version gives it, unless it is asked for.
        known = {*settings, *now["given"][name]}
        differ = [key for key in {**settings, **wanted} if key in known and settings.get(key) != wanted.get(key)]
        found += [
            f"{key} of the arm '{name}' was {configs.shown(settings.get(key))} and is {configs.shown(wanted.get(key))}"
            for key in differ if not key.startswith(tuple(f"run.{kind}" for kind in BUDGETS))
        ]  # fmt: skip
    if not found and list(saved["arms"])[:1] != list(now["arms"])[:1]:
        found.append(f"the first arm, with which others are compared, was '{next(iter(saved['arms']))}'")
    return found


def _shown(value: Any) -> str:
    if not isinstance(value, Mapping):
        return f"'{value}'"
    return ", ".join(f"{key} {'as suggested' if held is None else f'{held:,.10g}' if _is_number(held) else held}"
                     for key, held in value.items())  # fmt: skip


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
