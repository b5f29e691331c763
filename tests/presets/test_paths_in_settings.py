"""Settings that name files and folders: named from where they were written, kept as named from the root."""

from __future__ import annotations

import os
from pathlib import Path
from typing import get_type_hints

import pytest

from selfplay import config as configs
from selfplay.alphazero.config import AlphaZeroConfig
from selfplay.errors import ConfigError
from selfplay.gan import config as gan_config
from selfplay.gan.config import GanConfig
from selfplay.presets import choice, files, registry


def test_paths_are_known_by_their_type() -> None:
    assert list(configs.path_keys(GanConfig)) == [f"data.{name}" for name in gan_config.PLACES]
    assert list(configs.path_keys(AlphaZeroConfig)) == []
    assert get_type_hints(gan_config.DataConfig)["path"] is str


def test_a_files_paths_are_named_from_its_folder_and_assignments_from_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("settings", "here"):
        (tmp_path / name).mkdir()
    file = tmp_path / "settings" / "my.toml"
    file.write_text('preset = "gan-digits"\n[data]\nname = "idx"\npath = "../images"\n')
    monkeypatch.chdir(tmp_path / "here")
    found = choice.choose(Path("../settings/my.toml"), None, ["data.labels=../labels"], False).config.data
    assert found.path == f"{tmp_path}/images" and found.labels == f"{tmp_path}/labels" and found.inception == ""


def test_presets_and_configs_of_python_are_named_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = next(name for name in registry.names() if getattr(registry.get(name), "data", None) and
                registry.get(name).data.path == "runs/connect-four")  # fmt: skip
    for source in (name, registry.get(name)):
        assert choice.choose(source, None, [], False).config.data.path == f"{tmp_path}/runs/connect-four"


def test_a_file_that_is_written_names_data_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    config = configs.override(registry.get("gan-digits"), ["data.path=x.idx"])
    files.write(tmp_path / "below" / "my.toml", "gan-digits", config)
    assert files.read(tmp_path / "below" / "my.toml")[1].data.path == f"{tmp_path}/x.idx"


def test_a_link_a_home_and_a_path_from_the_root_are_what_the_system_takes_them_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "far" / "off").mkdir(parents=True)
    (tmp_path / "link").symlink_to("far/off")
    monkeypatch.setenv("HOME", "/home/me")
    assert configs.absolute("link/../x", tmp_path) == os.path.realpath(tmp_path / "far" / "x")
    assert configs.absolute("link/x", tmp_path) == f"{tmp_path}/link/x"
    assert configs.absolute("~/x", tmp_path) == "/home/me/x"
    assert configs.absolute("/x", tmp_path) == "/x"
    with pytest.raises(ConfigError, match=r"'data\.path': no path holds a NUL character"):
        configs.absolute_paths(GanConfig, {"data": {"path": "a\0b"}}, tmp_path)
