"""Options of an engine: names, kinds, defaults and ranges of what its user can set, for the protocols UCI and Hub.

Those of the search are the fields of `SearchConfig`. Engines announce all of them before anything slow is loaded, so
this file loads neither NumPy nor anything that does. Knows no session and no protocol.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from selfplay.errors import shorten
from selfplay.players import levels

Value = bool | int | float | str


class Option(NamedTuple):
    """One setting."""

    key: str  # of the engine's settings; a field of SearchConfig where `search` is set
    name: str  # in UCI; in Hub it is the key with dashes
    default: Value  # its type is the option's: bool, int, float, or str for a choice
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    search: bool = False
    idle: str = ""  # why it is accepted without effect; empty: it has one


_MAX = 1_000_000

ENGINE = (
    Option("hash", "Hash", 256, 1, 65536),  # MB
    Option("threads", "Threads", 1, 1, 1024, idle="a batch of one game has too little work for a second thread"),
    Option("leaves", "Leaves Per Batch", 16, 1, 256),
    Option("multi_pv", "MultiPV", 1, 1, 256),
    Option("level", "Level", levels.FULL.number, 1, levels.FULL.number),
    Option("temperature", "Temperature", 0.0, 0, 100),
    Option("move_overhead", "Move Overhead", 30, 0, 5000),  # ms
    Option("verbose", "VerboseMoveStats", False),
)

# Noise at the root.
_NOISE = ("dirichlet_alpha", "dirichlet_fraction", "gumbel_scale")
_FOR_SELF_PLAY = "it is noise for self-play"


@functools.cache
def of_search() -> tuple[Option, ...]:
    """The options that are fields of SearchConfig: max_num_considered_actions is MaxNumConsideredActions in UCI."""
    import msgspec.inspect  # here, so that help does not wait for it

    from selfplay.search.config import SearchConfig

    told = msgspec.inspect.type_info(SearchConfig)
    assert isinstance(told, msgspec.inspect.DataclassType)
    found = []
    for field in told.fields:
        name = "".join(word.capitalize() for word in field.name.split("_"))
        option = Option(field.name, name, field.default, search=True, idle=_FOR_SELF_PLAY * (field.name in _NOISE))
        kind = field.type
        if isinstance(kind, msgspec.inspect.LiteralType):
            option = option._replace(choices=tuple(map(str, kind.values)))
        elif isinstance(kind, msgspec.inspect.IntType | msgspec.inspect.FloatType):
            limit = _MAX if isinstance(kind, msgspec.inspect.IntType) else None
            option = option._replace(
                low=kind.gt if kind.ge is None else kind.ge, high=limit if kind.le is None else kind.le
            )
        found.append(option)
    return tuple(found)


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
            raise ValueError(f"{option.name} is true or false, not '{shorten(text)}'.")
        return text.lower() == "true"
    if kind is str:
        for choice in option.choices:
            if text.lower() == choice.lower():
                return choice
        if option.choices:
            raise ValueError(f"{option.name} is one of {', '.join(option.choices)}, not '{shorten(text)}'.")
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
    raise ValueError(f"{option.name} is a {'whole ' if kind is int else ''}number {span}, not '{shorten(text)}'.")
