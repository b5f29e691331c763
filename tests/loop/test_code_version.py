"""The commit that a run records: ours where the package runs from its own repository, and nobody else's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from selfplay import __version__
from selfplay.loop import folder


def repository(root: Path) -> Path:
    """A git repository with one commit in it."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "readme").write_text("theirs")
    commit(root)
    return root


def commit(root: Path) -> None:
    git = ["git", "-C", str(root), "-c", "user.name=n", "-c", "user.email=e"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], env=environment, check=True, capture_output=True)


def installed(root: Path) -> Path:
    """A file of the package, as if it lay below `root`."""
    source = root / "selfplay" / "loop" / "folder.py"
    source.parent.mkdir(parents=True)
    source.write_text("")
    return source


def test_a_package_inside_a_repository_of_others_records_its_version(tmp_path: Path) -> None:
    site = tmp_path / "project" / ".venv" / "lib"
    repository(tmp_path / "project")
    source = installed(site)
    assert folder._code_version(source) == __version__
    commit(tmp_path / "project")  # an environment that is tracked by mistake
    assert folder._code_version(source) == __version__
    (site / "pyproject.toml").write_text('[project]\nname = "selfplay"\n')  # or a copy of ours in a folder of theirs
    assert folder._code_version(source) == __version__


def test_our_own_repository_is_recorded_by_its_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "selfplay"\n')
    source = installed(tmp_path)
    assert folder._code_version(source) == __version__, "no repository yet"
    commit(tmp_path)
    clean = folder._code_version(source)
    assert len(clean) == 12 and int(clean, 16) > 0
    monkeypatch.setenv("GIT_DIR", str(repository(tmp_path.parent / "other") / ".git"))  # as in a hook of theirs
    assert folder._code_version(source) == clean
    source.write_text("edited")
    assert folder._code_version(source) == f"{clean}-dirty"


def test_a_repository_that_does_not_track_the_package_is_not_its_own(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("selfplay/\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "selfplay"\n')
    source = installed(tmp_path)
    commit(tmp_path)
    assert folder._code_version(source) == __version__
