"""Choosing what to train: whose settings hold, what the run is called and where it lies."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from selfplay import config as configs
from selfplay.errors import ConfigError, FolderError
from selfplay.presets import choice, registry

PRESET = registry.get("connect-four")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of a run of connect four with settings of its own."""
    config = configs.override(PRESET, ["run.seed=5", "network.channels=16"])
    (tmp_path / "config.json").write_text(json.dumps({"preset": "connect-four", **configs.to_values(config)}))
    return tmp_path


def file_with(text: str, folder: Path) -> Path:
    file = folder / "my.toml"
    file.write_text(f'preset = "connect-four"\n{text}')
    return file


def test_a_new_run_is_called_after_its_preset_file_game_or_family(tmp_path: Path) -> None:
    gan = registry.get("gan-ring")
    for source, name, folder, preset in (
        ("connect-four", "connect-four", "connect-four", "connect-four"),
        (file_with("", tmp_path), "my.toml", "my", "connect-four"),
        (PRESET, "connect-four", "connect-four", "connect-four"),
        (gan, "gan", "gan", None),
    ):
        found = choice.choose(source, None, [])
        assert found == (name, Path("runs") / folder, preset, gan if source is gan else PRESET)


def test_a_runs_settings_hold_before_the_presets_and_assignments_before_both(run: Path) -> None:
    found = choice.choose("connect-four", run, ["network.channels=24"]).config
    assert (found.run.seed, found.network.channels) == (5, 24)
    assert found.network.blocks == PRESET.network.blocks


def test_a_files_settings_hold_before_the_runs(run: Path) -> None:
    (run / "config.json").write_text((run / "config.json").read_text().replace('"connect-four"', '"my.toml"', 1))
    found = choice.choose(file_with("[network]\nchannels = 64\n", run), run, ["run.actors=2"]).config
    assert (found.run.seed, found.network.channels, found.run.actors) == (5, 64, 2)


def test_a_config_is_taken_whole(run: Path) -> None:
    own = replace(PRESET, network=replace(PRESET.network, blocks=1))
    assert choice.choose(own, run, []).config == own


def test_a_budget_that_is_given_takes_the_place_of_the_presets() -> None:
    assert choice.assignments(["a=1"], minutes=3) == [
        "a=1", "run.minutes=3", "run.generations=none", "run.evaluations=none"
    ]  # fmt: skip
    assert choice.assignments([], generations="7") == [
        "run.minutes=none", "run.generations=7", "run.evaluations=none"
    ]  # fmt: skip
    assert choice.assignments([], actors=0, seed=2) == ["run.actors=0", "run.seed=2"]
    assert choice.assignments([]) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "none"), (True, "true"), (0.5, "0.5"), ("x", "x"), (("random", "uct:10"), "random,uct:10"), ([], "none")],
)
def test_a_value_of_python_is_written_as_the_command_line_takes_it(value: object, text: str) -> None:
    assert choice.assignment("key", value) == f"key={text}"


def test_a_folder_that_cannot_hold_the_run_is_refused_in_words_for_the_command_and_python(run: Path) -> None:
    for source, path, said in (
        ("chess", run, "holds a run of 'connect-four', not 'chess': choose another run folder."),
        ("chess", run / "config.json", "is a file, and a run needs a folder: choose another run folder."),
    ):
        with pytest.raises(FolderError) as caught:
            choice.choose(source, path, [])
        assert str(caught.value).endswith(said)


def test_a_setting_that_is_not_known_is_answered_with_the_command_that_lists_them() -> None:
    with pytest.raises(ConfigError, match="`selfplay train connect-four --settings` lists them all"):
        choice.choose("connect-four", None, ["network.chanels=3"])
    with pytest.raises(ConfigError, match="`selfplay train PRESET --settings` lists them all"):
        choice.choose(registry.get("gan-ring"), None, ["network.chanels=3"])
    with pytest.raises(ConfigError, match="belongs to no family"):
        choice.choose(choice.Choice("x", Path(), None, None), None, [])
