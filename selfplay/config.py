"""Configuration as frozen dataclasses: overriding fields by dotted key, checking values, conversion to JSON and back.

A wrong key or value is refused in one sentence that names the key, what is allowed and the nearest match. Knows
dataclasses whose fields carry msgspec constraints, and the old names of settings; not which settings exist.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from selfplay.errors import ConfigError, nearest, shorten

C = TypeVar("C")

PATH = msgspec.Meta(extra={"path": True})  # Annotated[str, PATH]: a setting that names a file or a folder, or is empty

# What settings of earlier versions are called now: the one table of old keys, sections before the fields in them.
OLD_KEYS = {
    "strength": "evaluation",
    "rounds": "mining",
    "strength.meeting_games": "evaluation.match_games",
    "strength.meeting_simulations": "evaluation.match_simulations",
    "actor.adjudicated_worth": "actor.adjudication_scale",
    "actor.past_self_share": "actor.opponent_share",
    "actor.sync_simulations": "actor.restart_search_on_update",
    "pool.meetings": "pool.matches",
    "run.chunk_rows": "run.rollout_rows",
}


def current_key(key: str) -> str:
    """Today's name of a dotted key, which may be one of an earlier version."""
    if key in OLD_KEYS:
        return OLD_KEYS[key]
    section, dot, name = key.partition(".")
    return OLD_KEYS.get(section, section) + dot + name


def with_current_keys(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings as an earlier version saved them (config.json, a bundled agent's recipe), by today's names."""
    renamed: dict[str, Any] = {}
    for section, held in values.items():
        if isinstance(held, Mapping):
            held = {current_key(f"{section}.{name}").rpartition(".")[2]: value for name, value in held.items()}
        renamed[current_key(section)] = held
    return renamed


def keys(config: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of every leaf field."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from keys(value, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, value


def override(config: C, assignments: Iterable[str]) -> C:
    """`config` with "key=value" strings applied, e.g. "actor.num_simulations=64". Raises ConfigError.

    Of a setting that is a table any entry can be set, "game_options.history_length=4"; a list is given whole, with
    commas, "evaluation.opponents=random,uct:100", or as none."""
    values = msgspec.to_builtins(config)
    known = dict(keys(config))
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        key = key.strip()
        if not equals:
            raise ConfigError(f"'{assignment}' is not a setting: write it as key=value, e.g. {next(iter(known))}=….")
        if key not in known and not isinstance(known.get(key.rpartition(".")[0]), Mapping):
            if current_key(key) in known:
                raise ConfigError(f"'{key}' is now '{current_key(key)}'.")
            # A user may remember the field and not its section.
            found = nearest(key, known) or next((k for k in known if k.split(".")[-1] == key), None)
            hint = f" Did you mean '{found}'?" if found else ""
            raise ConfigError(f"no setting is called '{key}'.{hint} `selfplay train PRESET --settings` lists them all.")
        held = known.get(key)
        if isinstance(held, Mapping):
            raise ConfigError(f"'{key}' is a table: set its entries, as in {key}.NAME=VALUE.")
        _assign(values, key, _list(text) if isinstance(held, (list, tuple)) else text.strip())
    return from_values(type(config), values)


def _list(text: str) -> list[str]:
    """The entries of "a, b"; none of "none" or ""."""
    entries = [entry.strip() for entry in text.split(",")]
    return [] if entries in ([""], ["none"]) else entries


def _assign(values: dict[str, Any], key: str, text: str | list[str]) -> None:
    *sections, last = key.split(".")
    for section in sections:
        values = values[section]
    values[last] = None if isinstance(text, str) and text.lower() in ("none", "null") else text


def from_values(cls: type[C], values: Mapping[str, Any]) -> C:
    """A checked config from nested mappings; numbers may be strings. Missing keys take their defaults.

    Raises ConfigError for unknown keys, wrong types and values out of range."""
    _refuse_unknown(cls, values, "")
    try:
        config = msgspec.convert(values, cls, strict=False)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$.")
        key = path.rstrip("`").partition("[")[0]  # of a list or table, no entry is named
        found = _at(values, key)
        given = ",".join(map(str, found)) if isinstance(found, list | tuple) else found
        value = f"'{shorten(given, 60)}'" if key else "that value"
        where = f" for '{key}'" if key else ""
        problem = _wanted(cls, key, found) if key else ""
        problem = problem or shorten(message[:1].lower() + message[1:], 120)
        raise ConfigError(f"{value} is not valid{where}: {problem}.") from None
    for key, value in keys(config):
        # Infinity passes every lower bound.
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"'{value}' is not valid for '{key}': expected a finite number.")
    return config


def _wanted(cls: Any, key: str, value: Any) -> str:
    """What a setting that is a number, a switch or one of some words expects, as the end of a sentence; empty for
    others."""
    *sections, last = key.split(".")
    for section in sections:
        kind = _field_types(cls)[section]
        assert isinstance(kind, msgspec.inspect.DataclassType)
        cls = kind.cls
    kind = _field_types(cls)[last]
    if isinstance(kind, msgspec.inspect.VarTupleType) and isinstance(kind.item_type, msgspec.inspect.LiteralType):
        words = [str(word) for word in kind.item_type.values]
        wrong = next((str(each) for each in value if each not in words), "") if isinstance(value, list | tuple) else ""
        like = nearest(wrong, words)
        hint = f"; '{shorten(wrong)}' is none of them" + (f" (did you mean '{like}'?)" if like else "")
        return f"expected some of {', '.join(words)}, with commas between them, or none" + (hint if wrong else "")
    if isinstance(kind, msgspec.inspect.LiteralType):
        words = [str(word) for word in kind.values]
        near = nearest(str(value), words)
        return f"expected one of {', '.join(words)}" + (f" (did you mean '{near}'?)" if near else "")
    kinds = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
    told = [said for member in kinds if (said := _in_words(member))]
    return f"expected {', or '.join(told)}" if len(told) == len(kinds) else ""


def _in_words(kind: msgspec.inspect.Type) -> str:
    """A number's type and range, "true or false" or "none"; empty for other types."""
    if isinstance(kind, msgspec.inspect.NoneType):
        return "none"
    if isinstance(kind, msgspec.inspect.BoolType):
        return "true or false"
    if not isinstance(kind, msgspec.inspect.IntType | msgspec.inspect.FloatType):
        return ""
    name = "a whole number" if isinstance(kind, msgspec.inspect.IntType) else "a number"
    low = f" from {kind.ge:,}" if kind.ge is not None else f" above {kind.gt:,}" if kind.gt is not None else ""
    if kind.le is not None:
        return f"{name}{low}{' to' if kind.ge is not None else ' and at most'} {kind.le:,}"
    return f"{name}{low} and below {kind.lt:,}" if kind.lt is not None else name + low


def _at(values: Mapping[str, Any], key: str) -> Any:
    for part in key.split("."):
        values = values[part]
    return values


def _refuse_unknown(cls: Any, values: Mapping[str, Any], prefix: str) -> None:
    fields = {field.name: field for field in dataclasses.fields(cls)}
    types = _field_types(cls)
    for key, value in values.items():
        if key not in fields:
            now = current_key(f"{prefix}{key}")
            if now != f"{prefix}{key}":
                raise ConfigError(f"'{prefix}{key}' is now '{now}'.")
            near = nearest(key, fields)
            hint = f" Did you mean '{prefix}{near}'?" if near else ""
            raise ConfigError(f"no setting is called '{prefix}{key}'.{hint}")
        section = types[key]
        if isinstance(value, Mapping) and isinstance(section, msgspec.inspect.DataclassType):
            _refuse_unknown(section.cls, value, f"{prefix}{key}.")


def path_keys(cls: Any, prefix: str = "") -> Iterator[str]:
    """The dotted keys of the settings that name files and folders."""
    for name, kind in _field_types(cls).items():
        if isinstance(kind, msgspec.inspect.DataclassType):
            yield from path_keys(kind.cls, f"{prefix}{name}.")
        elif isinstance(kind, msgspec.inspect.Metadata) and (kind.extra or {}).get("path"):
            yield prefix + name


def absolute_paths(cls: Any, values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Nested settings, complete or not, whose files and folders are named from the root; those that weren't were named
    from `folder`. ~ is the user's home. Raises ConfigError."""
    found = {key: dict(held) if isinstance(held, Mapping) else held for key, held in values.items()}
    for key in path_keys(cls):
        *sections, last = key.split(".")
        held: Any = found
        for section in sections:
            held = held.get(section) if isinstance(held, dict) else None
        if isinstance(held, dict) and isinstance(text := held.get(last), str) and text:
            if "\0" in text:
                raise ConfigError(
                    f"'{shorten(repr(text), 60)}' is not valid for '{key}': no path holds a NUL character."
                )
            held[last] = absolute(text, folder)
    return found


def with_absolute_paths(config: C, folder: Path) -> C:
    """`config`, with its files and folders named from the root."""
    return from_values(type(config), absolute_paths(type(config), to_values(config), folder))


def absolute(text: str, folder: Path) -> str:
    """The path `text`, which may be named from `folder` or begin with ~, as named from the root."""
    joined = os.path.join(folder.absolute(), os.path.expanduser(text))
    plain = os.path.abspath(joined)
    # "link/.." is the folder above the one that the link leads to.
    return plain if os.path.realpath(plain) == os.path.realpath(joined) else os.path.realpath(joined)


def to_values(config: Any) -> dict[str, Any]:
    """Nested dicts of JSON values; `from_values` takes them back."""
    values: dict[str, Any] = msgspec.to_builtins(config)
    return values


def flat(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested settings as {dotted key: value}; a setting that is a table becomes one key for each of its entries."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            found |= {f"{key}.{name}": held for name, held in flat(value).items()}
        else:
            found[key] = list(value) if isinstance(value, tuple) else value
    return found


def shown(value: Any) -> str:
    """A value as a user writes it after "key="."""
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) or value is None else f"{value}"


@functools.cache
def _field_types(cls: Any) -> dict[str, msgspec.inspect.Type]:
    info = msgspec.inspect.type_info(cls)
    assert isinstance(info, msgspec.inspect.DataclassType)
    return {field.name: field.type for field in info.fields}


def describe(cls: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """(dotted key, the docstring under the field) of every leaf field, read from the class's source."""
    import ast
    import inspect
    import textwrap

    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0].body  # type: ignore[attr-defined]
    docs = {
        ast.unparse(node.target): str(text.value.value)
        for node, text in itertools.pairwise(body)
        if isinstance(node, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }
    types = _field_types(cls)
    for field in dataclasses.fields(cls):
        section = types[field.name]
        if isinstance(section, msgspec.inspect.DataclassType):
            yield from describe(section.cls, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, " ".join(docs.get(field.name, "").split())
