"""Which settings a resumed run may change: every one has its rule."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from selfplay import config as configs
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.errors import ConfigError
from selfplay.gan.config import GanConfig
from selfplay.presets import choice, registry, resume
from selfplay.supervised.config import SupervisedConfig


def test_every_setting_of_every_preset_has_a_rule() -> None:
    for name in registry.names():
        for key, _ in configs.keys(registry.get(name)):
            resume.rule(key)  # KeyError: add the setting to the table


def test_the_table_names_no_setting_that_is_not_there() -> None:
    known = {key for kind in (AlphaZeroConfig, GanConfig, SupervisedConfig) for key, _ in configs.keys(kind())}
    assert {f"{section}.{name}" for section, names in resume.MAY_CHANGE.items() for name in names.split()} <= known
    assert resume.FIXED_KEYS.keys() <= known
    assert resume.FIXED_SECTIONS.keys() <= {key.partition(".")[0] for key in known}


def saved_run(path: Path, preset: str) -> Path:
    (path / "state" / "000000").mkdir(parents=True)
    (path / "config.json").write_text(json.dumps({"preset": preset, **configs.to_values(registry.get(preset))}))
    return path


@pytest.mark.parametrize(
    ("preset", "setting"),
    [
        ("tic-tac-toe", "run.seed=9"), ("tic-tac-toe", "learner.optimizer=sgd"), ("connect-four", "network.blocks=3"),
        ("gan-ring", "data.modes=9"), ("gan-ring", "model=info"),
    ],
)  # fmt: skip
def test_what_a_run_cannot_change_is_refused_in_one_sentence_with_both_values(
    tmp_path: Path, preset: str, setting: str
) -> None:
    path = saved_run(tmp_path / "run", preset)
    key, _, value = setting.partition("=")
    with pytest.raises(ConfigError, match=rf"'{key}' cannot change from .* to {value} in the run .*start a new run"):
        choice.choose(preset, path, [setting])


def test_the_same_value_said_again_and_settings_that_may_change_are_taken(tmp_path: Path) -> None:
    path = saved_run(tmp_path / "run", "tic-tac-toe")
    taken = choice.choose("tic-tac-toe", path, ["run.seed=1", "learner.batch_size=96", "run.generations=500"])
    assert (taken.config.learner.batch_size, taken.config.run.generations) == (96, 500)


def test_before_the_first_save_everything_may_change(tmp_path: Path) -> None:
    path = saved_run(tmp_path / "run", "tic-tac-toe")
    (path / "state" / "000000").rmdir()
    assert choice.choose("tic-tac-toe", path, ["run.seed=9"]).config == replace(
        registry.get("tic-tac-toe"), run=replace(registry.get("tic-tac-toe").run, seed=9)
    )


def test_settings_that_a_run_cannot_go_on_with_can_still_be_looked_at(tmp_path: Path) -> None:
    run, changed = saved_run(tmp_path / "run", "tic-tac-toe"), ["network.blocks=3"]
    with pytest.raises(ConfigError, match=r"network\.blocks"):
        choice.choose("tic-tac-toe", run, changed)
    assert choice.choose("tic-tac-toe", run, changed, to_train=False).config.network.blocks == 3
