"""Settings in TOML files: written with their meaning, read back the same, and refused in one sentence."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from selfplay import config as configs
from selfplay.errors import ConfigError, FolderError
from selfplay.presets import files, registry


@pytest.mark.parametrize("name", registry.names())
def test_a_written_file_is_read_back_as_the_same_settings(name: str, tmp_path: Path) -> None:
    config = registry.get(name)
    files.write(tmp_path / "my.toml", name, config)
    assert files.read(tmp_path / "my.toml") == (name, configs.with_absolute_paths(config, Path.cwd()))


def test_every_setting_is_written_below_its_meaning(tmp_path: Path) -> None:
    config = registry.get("chess")
    files.write(tmp_path / "my.toml", "chess", config)
    text = (tmp_path / "my.toml").read_text()
    assert "# Exploration constant of PUCT.\nc_puct = 1.5\n" in text
    assert 'generations = "none"\n' in text and "[game_options]" in text
    written = tomllib.loads(text)
    for key, _ in configs.keys(config):
        *sections, name = key.split(".")
        table = written
        for section in sections:
            table = table[section]
        assert name in table


def test_text_of_any_kind_survives(tmp_path: Path) -> None:
    path = '/C:\\data "x"\n\t\x7f\x01é 🙂'
    config = configs.from_values(type(registry.get("gan-ring")), {"data": {"path": path}})
    files.write(tmp_path / "my.toml", "gan-ring", config)
    assert files.read(tmp_path / "my.toml")[1].data.path == path


def test_what_a_file_leaves_out_is_the_presets(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text('preset = "connect-four"\n[run]\nminutes = "none"\ngenerations = 3\n[network]\nchannels = 64\n')
    _, found = files.read(file)
    wanted = ["run.minutes=none", "run.generations=3", "network.channels=64"]
    assert found == configs.override(registry.get("connect-four"), wanted)


def test_a_file_is_read_over_the_settings_of_a_run(tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text('preset = "connect-four"\n[network]\nchannels = 64\n')
    saved = configs.override(registry.get("connect-four"), ["run.seed=5", "network.channels=16"])
    found = files.read(file, over=saved)[1]
    assert (found.run.seed, found.network.channels) == (5, 64)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not say which preset it changes: begin it with preset = \"NAME\""),
        ("preset = 3", "does not say which preset"),
        ('preset = "ches"', "Did you mean 'chess'?"),
        ('preset = "chess"\nserch = 1', "no setting is called 'serch'. Did you mean 'search'?"),
        ('preset = "chess"\n[search]\nc_putc = 1', "'search.c_putc'. Did you mean 'search.c_puct'?"),
        ('preset = "chess"\n[run]\nchunk_rows = 1', "'run.chunk_rows' is now 'run.rollout_rows'."),
        ('preset = "chess"\n[strength]\ngames = 4', "'strength' is now 'evaluation'."),
        ('preset = "chess"\nsearch = 3', "'search' is a section: write its settings below a line [search]."),
        ('preset = "chess"\n[search]\nc_puct = "much"', "'much' is not valid for 'search.c_puct'"),
        ('preset = "chess"\n[search]\nc_puct = -1', "'-1' is not valid for 'search.c_puct'"),
        ('preset = "chess"\n[search]\nc_puct = inf', "'inf' is not valid for 'search.c_puct'"),
        ('preset = "chess"\n[search]\nc_puct =', "is not valid TOML in line 3: invalid value."),
        ('preset = "chess"\n[search\n', "is not valid TOML in line 2: "),
        ('preset = "chess"\npreset = "chess"\n', "is not valid TOML in line 2: cannot overwrite a value."),
        ('preset = "chess', "is not valid TOML in line 1: "),
    ],
)  # fmt: skip
def test_a_wrong_file_is_refused_in_one_sentence(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "my.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        files.read(file)
    assert words in str(caught.value) and "my.toml" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_files_that_cannot_be_read_or_written_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no file .*--write-config"):
        files.read(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot read"):
        files.read(tmp_path)
    (tmp_path / "latin.toml").write_bytes(b'preset = "\xe9"')
    with pytest.raises(ConfigError, match="is not text in UTF-8"):
        files.read(tmp_path / "latin.toml")
    with pytest.raises(FolderError, match=r"latin\.toml' exists: choose another name"):
        files.write(tmp_path / "latin.toml", "chess", registry.get("chess"))
    with pytest.raises(FolderError, match="cannot write"):
        files.write(tmp_path / "nowhere" / "my.toml", "chess", registry.get("chess"))
