"""Every setting of every family, given what is none of its values, by --set and in TOML files: one sentence, or a
config that is what it says. Settings are found by walking the dataclasses, so that new ones are tried too."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from selfplay import config as configs
from selfplay.alphazero.agent import AlphaZero
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.errors import ConfigError
from selfplay.gan.config import GanConfig
from selfplay.presets import files, registry
from selfplay.supervised.config import SupervisedConfig

FAMILIES = {"alphazero": AlphaZeroConfig(), "gan": GanConfig(), "supervised": SupervisedConfig()}
HUGE = "1" + "0" * 30
TEXTS = (
    "", " ", "abc", "nan", "-nan", "inf", "-inf", "-1", "0", "-0.0", "0.5", "1e30", "1e400", HUGE, "-" + HUGE,
    "9" * 5000,
    "none", "null", "true", "yes", "1,2", "[1]", "{}", "{'a': 1}", "0x10", "1_000", "½", "ünï", "\u0661", "a=b", "1 2",
    "\n", "$HOME", "%s", "true,false", ",", "x" * 10_000,
)  # fmt: skip
VALUES = (
    "nan", "inf", "-inf", "-1", "0", "0.5", HUGE, "1e300", "true", '""', '"abc"', '"none"', '"ünï"', "[]", "[1]",
    '["x"]',
    "[[1]]", "{}", "{a = 1}", "[{a = 1}]", "1979-05-27", "07:32:00", '"\\u0000"', "0xff",
)  # fmt: skip


def leaves(cls: Any, prefix: str = "") -> Iterator[tuple[str, msgspec.inspect.Type]]:
    for name, kind in configs._field_types(cls).items():
        if isinstance(kind, msgspec.inspect.DataclassType):
            yield from leaves(kind.cls, f"{prefix}{name}.")
        else:
            yield prefix + name, kind


def numbers(kind: msgspec.inspect.Type) -> list[msgspec.inspect.IntType | msgspec.inspect.FloatType]:
    kinds = kind.types if isinstance(kind, msgspec.inspect.UnionType) else (kind,)
    return [member for member in kinds if isinstance(member, msgspec.inspect.IntType | msgspec.inspect.FloatType)]


def check(key: str, config: Any) -> None:
    """A config that was taken: finite, and the same after a way through JSON."""
    assert configs.from_values(type(config), json.loads(json.dumps(configs.to_values(config)))) == config
    value = dict(configs.keys(config)).get(key)
    assert not isinstance(value, float) or math.isfinite(value)


def refused(error: ConfigError, key: str, given: str) -> None:
    said = str(error)
    assert len(said.splitlines()) == 1 and key in said and len(said) < 600, (key, given, said)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_that_a_setting_does_not_take_is_refused_by_its_name(family: str) -> None:
    start = FAMILIES[family]
    for key, _ in leaves(type(start)):
        for text in TEXTS:
            try:
                found = configs.override(start, [f"{key}={text}"])
            except ConfigError as error:
                refused(error, key, text)
            else:
                check(key, found)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_value_of_toml_that_a_setting_does_not_take_is_refused_by_its_name(family: str, tmp_path: Path) -> None:
    start, file = FAMILIES[family], tmp_path / "my.toml"
    for key, _ in leaves(type(start)):
        section, _, name = key.rpartition(".")
        for value in VALUES:
            head = f"[{section}]\n" if section else ""
            file.write_text(f'preset = "x"\n{head}{name} = {value}\n')
            try:
                found = files.read(file, over=start)[1]
            except ConfigError as error:
                refused(error, key, value)
                assert str(error).startswith(f"'{file}'")
            else:
                check(key, found)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_number_has_a_largest_value_so_that_a_huge_one_is_refused(family: str) -> None:
    start = FAMILIES[family]
    for key, kind in leaves(type(start)):
        for number in numbers(kind):
            assert number.le is not None or number.lt is not None, f"{key} has no upper bound"
        for huge in (HUGE, "1e30") if numbers(kind) else ():
            with pytest.raises(ConfigError, match=rf"'{huge}' is not valid for '{key}': expected a .*(whole )?number"):
                configs.override(start, [f"{key}={huge}"])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_letter_too_few_is_answered_with_the_name_that_was_meant(family: str) -> None:
    start = FAMILIES[family]
    for key, _ in leaves(type(start)):
        section, dot, name = key.rpartition(".")
        slip = name[:2] + name[3:]
        if len(name) < 6 or f"{section}{dot}{slip}" in dict(configs.keys(start)):
            continue
        with pytest.raises(ConfigError, match=rf"'{section}{dot}{slip}'.* Did you mean '"):
            configs.override(start, [f"{section}{dot}{slip}=1"])


@pytest.mark.parametrize(
    "text",
    ["=", "==", "=1", "run", "run=1", "run.=1", ".seed=1", "run.seed.x=1", "run..seed=1", "game_options=1", "", " = ",
     "network.channels", "RUN.SEED=1", "run.seed", "__class__=1", "run.__class__=1", "ünï=1", "\0=1"],
)  # fmt: skip
def test_what_is_no_assignment_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configs.override(FAMILIES["alphazero"], [text])
    assert len(str(caught.value).splitlines()) == 1


def test_what_is_more_than_the_machine_has_is_refused_before_a_run_begins() -> None:
    start = registry.get("chess")
    for settings in (
        ["actor.num_simulations=100000", "actor.concurrent_games=65536"],
        ["actor.cache_entries=1073741824"],
        ["replay.window_min=1000000000", "replay.capacity=1000000000", "replay.storage=memory"],
        ["evaluation.num_simulations=100000", "search.edges_per_node=1000000"],
    ):
        with pytest.raises(ConfigError, match=settings[0].partition("=")[0]):
            AlphaZero(configs.override(start, settings))
