"""Settings: what is refused, in which words, and that nothing is lost on the way to JSON and back."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from selfplay import config as configs
from selfplay.alphazero.agent import AlphaZero
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.alphazero.presets import PRESETS
from selfplay.errors import ConfigError

TIC_TAC_TOE = PRESETS["tic-tac-toe"]
LEAVES = sorted(dict(configs.keys(TIC_TAC_TOE)))


def refusal(*assignments: str) -> str:
    with pytest.raises(ConfigError) as caught:
        configs.override(TIC_TAC_TOE, assignments)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message


def value_of(config: Any, key: str) -> Any:
    return dict(configs.keys(config))[key]


def test_a_setting_is_changed_by_its_dotted_key_and_nothing_else_changes() -> None:
    changed = configs.override(TIC_TAC_TOE, ["actor.num_simulations=64", " search.c_puct = 2.5 "])
    before, after = dict(configs.keys(TIC_TAC_TOE)), dict(configs.keys(changed))
    assert {key for key in before if before[key] != after[key]} == {"actor.num_simulations", "search.c_puct"}
    assert (after["actor.num_simulations"], after["search.c_puct"]) == (64, 2.5)


def test_the_last_of_two_assignments_wins() -> None:
    assert value_of(configs.override(TIC_TAC_TOE, ["run.seed=3", "run.seed=4"]), "run.seed") == 4


def test_a_misspelt_key_brings_the_nearest_one() -> None:
    assert "Did you mean 'actor.num_simulations'?" in refusal("actor.num_simulation=64")


def test_a_field_without_its_section_brings_the_whole_key() -> None:
    assert "Did you mean 'search.c_puct'?" in refusal("c_puct=2")
    assert "Did you mean 'run.seed'?" in refusal("seed=2")


def test_a_section_is_not_a_setting() -> None:
    assert "no setting is called 'network'" in refusal("network=3")


def test_an_assignment_without_equals_is_explained() -> None:
    assert "key=value" in refusal("actor.num_simulations")


SEED = f"expected a whole number from 0 to {2**62:,}."


def test_a_refusal_shows_the_value_the_key_and_what_is_allowed() -> None:
    assert refusal("run.seed=abc") == "'abc' is not valid for 'run.seed': " + SEED
    assert refusal("run.seed=-1") == "'-1' is not valid for 'run.seed': " + SEED
    assert refusal("learner.ema_decay=1").endswith("expected a number from 0 and below 1.")
    assert refusal("run.minutes=0").endswith("expected a number above 0 and at most 10,000,000, or none.")
    assert refusal("search.solve=perhaps").endswith("expected true or false.")


def test_a_very_long_or_unprintable_value_is_shortened() -> None:
    message = refusal("run.seed=" + "9x\n" * 10_000)
    assert len(message) < 200


def test_none_stands_for_no_limit_only_where_that_is_allowed() -> None:
    assert value_of(configs.override(TIC_TAC_TOE, ["run.minutes=none"]), "run.minutes") is None
    assert value_of(configs.override(TIC_TAC_TOE, ["run.minutes=NULL"]), "run.minutes") is None
    assert "'run.seed'" in refusal("run.seed=none")


def test_truth_is_spelt_true_or_false() -> None:
    assert value_of(configs.override(TIC_TAC_TOE, ["search.solve=false"]), "search.solve") is False
    assert "'search.solve'" in refusal("search.solve=maybe")


def test_a_choice_outside_the_list_is_refused() -> None:
    assert "'search.policy'" in refusal("search.policy=alphabeta")


WRONG = ["abc", "-1", "-0.5", "nan", "-nan", "inf", "-inf", "", "[]", "{}", "1e999", "0x10", "1,5", "-1e400", "½"]


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("key", LEAVES)
def test_a_wrong_value_is_refused_by_name_or_has_the_right_type(preset: str, key: str) -> None:
    base = PRESETS[preset]
    for text in WRONG:
        try:
            changed = configs.override(base, [f"{key}={text}"])
        except ConfigError as error:
            assert f"'{key}'" in str(error) and len(str(error).splitlines()) == 1, str(error)
            continue
        value = value_of(changed, key)
        old = value_of(base, key)
        if old is not None:
            assert type(value) is type(old), f"{key}={text!r} gave {value!r}"
        if isinstance(value, int | float):
            assert abs(value) < 1e300, f"{key}={text!r} gave {value!r}"


@pytest.mark.parametrize("key", LEAVES)
def test_no_number_may_be_negative(key: str) -> None:
    if isinstance(value_of(TIC_TAC_TOE, key), int | float) and not isinstance(value_of(TIC_TAC_TOE, key), bool):
        assert f"'{key}'" in refusal(f"{key}=-1")


def test_numbers_that_are_not_finite_are_refused_from_json_too() -> None:
    for number in (float("nan"), float("inf")):
        with pytest.raises(ConfigError, match=r"'search\.c_puct'"):
            configs.from_values(AlphaZeroConfig, {"search": {"c_puct": number}})


def test_json_and_back_gives_the_same_settings() -> None:
    for preset in PRESETS.values():
        text = json.dumps(configs.to_values(preset))
        assert configs.from_values(AlphaZeroConfig, json.loads(text)) == preset


def test_missing_sections_take_their_defaults() -> None:
    assert configs.from_values(AlphaZeroConfig, {}) == AlphaZeroConfig()


def test_an_unknown_key_in_json_is_refused_with_its_section() -> None:
    with pytest.raises(ConfigError, match=r"'search\.c_put'.*Did you mean 'search\.c_puct'"):
        configs.from_values(AlphaZeroConfig, {"search": {"c_put": 1.0}})
    with pytest.raises(ConfigError, match=r"'serch'.*Did you mean 'search'"):
        configs.from_values(AlphaZeroConfig, {"serch": {}})


@pytest.mark.parametrize("wrong", [5, None, [], "x"])
def test_a_section_that_is_not_an_object_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigError):
        configs.from_values(AlphaZeroConfig, {"search": wrong})


def test_every_setting_says_what_it_means() -> None:
    meanings = dict(configs.describe(AlphaZeroConfig))
    assert sorted(meanings) == LEAVES
    assert {key for key, meaning in meanings.items() if len(meaning) < 10} == set()


def test_settings_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TIC_TAC_TOE.search.c_puct = 3.0  # type: ignore[misc]


def test_presets_keep_their_own_limits() -> None:
    for preset in PRESETS.values():
        assert msgspec.convert(configs.to_values(preset), AlphaZeroConfig) == preset


def test_a_game_that_does_not_exist_is_a_mistake_of_the_settings() -> None:
    wanted = configs.override(TIC_TAC_TOE, ["game=connect-for"])
    with pytest.raises(ConfigError, match="Did you mean 'connect-four'"):
        AlphaZero(wanted)


def test_entries_of_a_table_are_set_one_by_one_and_lists_whole() -> None:
    given = AlphaZeroConfig(game="chess")
    wanted = [
        "game_options.history_length=4",
        "game_options.max_game_length=200",
        "evaluation.opponents=random, uct:10",
    ]
    found = configs.override(given, wanted)
    assert found.game_options == {"history_length": 4, "max_game_length": 200} and given.game_options == {}
    assert found.evaluation.opponents == ("random", "uct:10")
    assert configs.override(found, ["evaluation.opponents=none"]).evaluation.opponents == ()
    assert configs.from_values(AlphaZeroConfig, configs.to_values(found)) == found


def test_a_word_that_is_none_of_those_there_are_is_answered_with_all_of_them() -> None:
    with pytest.raises(ConfigError, match=r"expected one of geometric, linear \(did you mean 'geometric'\?\)"):
        configs.override(PRESETS["chess"], ["learner.schedule=geometrical"])


@pytest.mark.parametrize("old", configs.OLD_KEYS)
def test_a_setting_that_was_renamed_is_refused_with_its_new_name(old: str) -> None:
    key = {"strength": "strength.num_simulations", "rounds": "rounds.enabled"}.get(old, old)
    now = configs.current_key(key)
    assert now in LEAVES and key not in LEAVES
    assert refusal(f"{key}=1") == f"'{key}' is now '{now}'."
    values: dict[str, Any] = {}
    for part in reversed(key.split(".")):
        values = {part: values or 1}
    with pytest.raises(ConfigError, match="is now 'evaluation|is now 'mining|is now '" + now):
        configs.from_values(AlphaZeroConfig, values)


def test_settings_saved_by_an_earlier_version_are_read_by_their_new_names() -> None:
    saved = configs.to_values(configs.override(TIC_TAC_TOE, ["evaluation.match_games=12", "mining.floor=0.25"]))
    for old, now in reversed(configs.OLD_KEYS.items()):
        if "." in old:
            (section, name), (_, today) = old.split("."), now.split(".")
            section = configs.current_key(section)
            saved[section][name] = saved[section].pop(today)
    saved["strength"], saved["rounds"] = saved.pop("evaluation"), saved.pop("mining")
    found = configs.from_values(AlphaZeroConfig, configs.with_current_keys(saved))
    assert (found.evaluation.match_games, found.mining.floor) == (12, 0.25)
    assert found == configs.override(TIC_TAC_TOE, ["evaluation.match_games=12", "mining.floor=0.25"])


def test_settings_and_presets_load_nothing_heavy() -> None:
    """In a fresh interpreter, as an engine's handshake and `--help` read them."""
    modules = ["selfplay.alphazero.config", "selfplay.alphazero.presets", "selfplay.gan.config", "selfplay.gan.presets"]
    heavy = ("torch", "numba", "ray", "numpy", "scipy", "matplotlib", "chess")
    report = f"import {', '.join(modules)}, sys; print(*(set({heavy}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == []
