"""Where compiled kernels are kept when neither the package nor the user's home can be written to."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import games

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A path below a file, as package and as home: nobody can write there, root neither. Temporary files are in
    tmp_path."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(games, "__file__", str(tmp_path / "file" / "games" / "__init__.py"))
    monkeypatch.setenv("HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    monkeypatch.setattr(games.tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_temporary_folder_of_this_user_is_taken_and_named(nowhere: Path) -> None:
    with pytest.warns(UserWarning, match="NUMBA_CACHE_DIR") as caught:
        games._find_kernel_cache()
    folder = Path(os.environ["NUMBA_CACHE_DIR"])
    assert folder.parent == nowhere and stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert str(folder) in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        games._find_kernel_cache()  # as in a process started by this one: nothing is said again
    os.environ["NUMBA_CACHE_DIR"] = ""
    with pytest.warns(UserWarning):
        games._find_kernel_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder), "what was compiled once is found again"


@pytest.mark.parametrize("prepared", ["open to others", "a link", "a file"])
def test_a_temporary_folder_that_others_may_have_prepared_is_not_used(nowhere: Path, prepared: str) -> None:
    place = nowhere / f"selfplay-kernels-{os.getuid()}"
    if prepared == "open to others":
        place.mkdir()
        place.chmod(0o777)
    elif prepared == "a link":
        (nowhere / "elsewhere").mkdir(mode=0o700)
        place.symlink_to(nowhere / "elsewhere")
    else:
        place.write_text("")
    if prepared == "a file":
        with pytest.raises(ImportError, match="NUMBA_CACHE_DIR"):
            games._find_kernel_cache()
        return
    with pytest.warns(UserWarning):
        games._find_kernel_cache()
    folder = Path(os.environ["NUMBA_CACHE_DIR"])
    assert folder != place and folder.parent == nowhere and stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_was_named_is_used_or_said_to_be_of_no_use(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(nowhere / "new" / "kernels"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        games._find_kernel_cache()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(nowhere / "file" / "kernels"))
    with pytest.warns(UserWarning, match="file/kernels"):
        games._find_kernel_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == str(nowhere / f"selfplay-kernels-{os.getuid()}")


def test_the_users_cache_is_enough(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(nowhere))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        games._find_kernel_cache()
    assert os.environ["NUMBA_CACHE_DIR"] == ""


def test_a_command_says_so_in_one_sentence_and_plays_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    environment = os.environ | {
        "NUMBA_CACHE_DIR": str(tmp_path / "file" / "x"), "TMPDIR": str(tmp_path), "PYTHONPATH": str(ROOT)
    }  # fmt: skip
    command = [sys.executable, "-m", "selfplay", "games", "perft", "connect-four", "--depth", "3"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    assert "343 sequences" in done.stdout
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith(
        "selfplay: warning: compiled kernels are kept in"
    )
    assert list(tmp_path.rglob("*.nbi")), "and they are"
