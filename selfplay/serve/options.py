"""What the user of an engine can set: names, kinds, defaults and ranges, for the protocols UCI and Hub.

Engines have to say this at once, before NumPy or anything else that is slow to load, so the fields of
`search.SearchConfig` stand here a second time; a test compares the two. Loads the standard library only.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from selfplay.players import levels

Value = bool | int | float | str


class Option(NamedTuple):
    """One setting."""

    key: str  # of the engine's settings; a field of SearchConfig where `search` says so
    name: str  # in UCI; in Hub it is the key with dashes
    default: Value  # its type is the option's: bool, int, float, or str for a choice
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    search: bool = False
    idle: bool = False  # accepted without effect: noise, which belongs to self-play


_MAX = 1_000_000

ENGINE = (
    Option("hash", "Hash", 256, 1, 65536),  # MB
    Option("threads", "Threads", 1, 1, 1),  # one batch has too little work for two, which would wait for each other
    Option("leaves", "Leaves Per Batch", 16, 1, 256),
    Option("multi_pv", "MultiPV", 1, 1, 256),
    Option("level", "Level", levels.FULL.number, 1, levels.FULL.number),
    Option("temperature", "Temperature", 0.0, 0, 100),
    Option("move_overhead", "Move Overhead", 30, 0, 5000),  # ms
    Option("verbose", "VerboseMoveStats", False),
)

SEARCH = (
    Option("policy", "Policy", "puct", choices=("gumbel", "puct", "uct"), search=True),
    Option("c_puct", "CPuct", 1.5, 0, None, search=True),
    Option("fpu_reduction", "FpuReduction", 0.2, 0, 2, search=True),
    Option("c_uct", "CUct", math.sqrt(2), 0, None, search=True),
    Option("dirichlet_alpha", "DirichletAlpha", 1.0, 0, None, search=True, idle=True),
    Option("dirichlet_fraction", "DirichletFraction", 0.25, 0, 1, search=True, idle=True),
    Option("reuse_tree", "ReuseTree", True, search=True),
    Option("max_num_considered_actions", "MaxNumConsideredActions", 16, 1, _MAX, search=True),
    Option("gumbel_scale", "GumbelScale", 1.0, 0, None, search=True, idle=True),
    Option("c_visit", "CVisit", 50.0, 0, None, search=True),
    Option("c_scale", "CScale", 0.1, 0, None, search=True),
    Option("solve", "Solve", True, search=True),
    Option("look_ahead", "LookAhead", False, search=True),
    Option("edges_per_node", "EdgesPerNode", 48, 1, _MAX, search=True),
)


def with_defaults(options: tuple[Option, ...], values: Mapping[str, Any]) -> tuple[Option, ...]:
    """The options, with other defaults where `values` has some of the right type by key."""
    return tuple(
        option._replace(default=type(option.default)(values[option.key]))
        if isinstance(values.get(option.key), int | float | str)
        and isinstance(values[option.key], str) == isinstance(option.default, str)
        else option
        for option in options
    )


def parse(option: Option, text: str) -> Value:
    """The value that `text` stands for. Raises ValueError, saying what is expected."""
    text = text.strip()
    kind = type(option.default)
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(f"{option.name} is true or false, not '{_shown(text)}'.")
        return text.lower() == "true"
    if kind is str:
        for choice in option.choices:
            if text.lower() == choice.lower():
                return choice
        if option.choices:
            raise ValueError(f"{option.name} is one of {', '.join(option.choices)}, not '{_shown(text)}'.")
        return text
    low = -math.inf if option.low is None else option.low
    high = math.inf if option.high is None else option.high
    with contextlib.suppress(ValueError):
        value: int | float = int(text) if kind is int else float(text)
        if math.isfinite(value) and low <= value <= high:
            return value
    span = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of {low:g} or more"
    if low == high:
        raise ValueError(f"{option.name} is always {low:g}.")
    raise ValueError(f"{option.name} is a {'whole ' if kind is int else ''}number {span}, not '{_shown(text)}'.")


def _shown(text: str) -> str:
    """Fit for a message of one line."""
    safe = text if text.isprintable() else ascii(text)[1:-1]
    return safe if len(safe) <= 40 else safe[:39] + "…"
