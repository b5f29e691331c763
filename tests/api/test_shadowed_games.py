"""A package of one's own called `games` hides ours: one sentence says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "games").mkdir()
    (tmp_path / "games" / "__init__.py").write_text("raise RuntimeError('it was imported')")
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_importing_selfplay_beside_another_games_package_says_what_hides_what(folder: Path) -> None:
    done = run(folder, "-c", "import selfplay")
    said = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert said.startswith("ImportError: selfplay needs its own package 'games'")
    assert str(folder / "games" / "__init__.py") in said and str(ROOT / "games") in said and "rename" in said
    assert "it was imported" not in done.stderr


def test_the_command_says_it_without_a_traceback(folder: Path) -> None:
    done = run(folder, "-m", "selfplay", "games", "list")
    assert done.returncode == 2 and "selfplay needs its own package 'games'" in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1
    script = folder / "selfplay"
    script.write_text("import sys\nfrom selfplay.cli.main import main\nsys.exit(main())\n")
    done = run(folder, str(script), "games", "list")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_a_folder_of_games_without_code_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "games").mkdir()
    assert run(tmp_path, "-c", "import selfplay, games; games.available()").returncode == 0


def test_a_package_installed_over_ours_is_found_out(tmp_path: Path) -> None:
    (tmp_path / "selfplay").mkdir()
    (tmp_path / "selfplay" / "__init__.py").write_text((ROOT / "selfplay" / "__init__.py").read_text("utf-8"), "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", "import selfplay"]
    for theirs in (None, "board = []"):
        if theirs is not None:
            (tmp_path / "games").mkdir()
            (tmp_path / "games" / "__init__.py").write_text(theirs)
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and "install selfplay anew" in done.stderr.splitlines()[-1], done.stderr


def test_a_module_made_by_hand_is_no_package_of_ours() -> None:
    made = "import sys, types; sys.modules['games'] = types.ModuleType('games'); import selfplay"
    done = run(ROOT, "-c", made)
    assert "ImportError: selfplay needs its own package 'games'" in done.stderr.splitlines()[-1]
