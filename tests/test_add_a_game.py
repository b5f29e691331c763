"""The package of docs/add-a-game.md, built and installed as a user does it: checked, trained, played and rated."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import document_package
import pytest

ROOT = Path(__file__).resolve().parent.parent
TINY = (
    "--generations", "1", "--set", "run.generation_rows=300", "--set", "run.rollout_rows=100",
    "--set", "replay.learn_after=200", "--set", "evaluation.games=2", "--set", "evaluation.num_simulations=2",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_package_of_ones_own_is_installed_trained_played_and_rated(tmp_path: Path) -> None:
    files = document_package.files_of((ROOT / "docs" / "add-a-game.md").read_text("utf-8"))
    project = document_package.write(files, tmp_path)
    document_package.install(project, tmp_path / "site")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(tmp_path / "site"), str(ROOT)))}

    def selfplay(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "selfplay", *words], cwd=tmp_path, env=environment, capture_output=True, text=True,
            timeout=100,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        return done.stdout

    assert "hex " in selfplay("games", "list")
    assert "0 failed" in selfplay("games", "check", "hex")
    assert {"hex", "hex-quick"} <= set(selfplay("train", "--list").split())

    said = selfplay("train", "hex", "--plain", *TINY)
    assert "against random" in said and "against greedy" in said and "against the first generation" in said
    assert f"To go on: selfplay train hex --run {Path('runs/hex')} --generations 2" in said
    selfplay("train", "hex-quick", "--plain", *TINY)
    listed = selfplay("runs", "list").splitlines()
    assert [line.split()[:3] for line in listed[1:]] == [
        ["runs/hex", "hex", "hex"], ["runs/hex-quick", "hex-quick", "hex"]
    ]  # fmt: skip

    assert "4 games" in selfplay("match", "runs/hex", "random", "--games", "4", "--simulations", "4")
    rated = selfplay("elo", "runs/hex", "random", "--games", "4", "--simulations", "4", "--plain")
    assert "hex: " in rated and "random" in rated
