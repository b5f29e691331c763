"""A run whose data are files of the user's: gone on with from another folder, and after the data have moved."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import refused

from selfplay import config as configs
from selfplay.errors import FolderError
from selfplay.gan.agent import Gan
from selfplay.gan.config import DataConfig, GanConfig, GanNetworkConfig
from selfplay.learning.config import LearnerConfig, ReplayConfig
from selfplay.loop import folder as folders
from selfplay.loop import run as runs
from selfplay.loop.config import RunConfig
from selfplay.presets import choice, registry


def write(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    images = np.random.default_rng(seed).integers(0, 256, (60, 4, 4), dtype=np.uint8)
    path.write_bytes(struct.pack(">BBBB3I", 0, 0, 8, 3, *images.shape) + images.tobytes())
    return path


def config(path: str) -> GanConfig:
    return GanConfig(
        data=DataConfig(name="idx", path=path),
        network=GanNetworkConfig(width=4, depth=1, latent=2),
        replay=ReplayConfig(window_min=64, learn_after=32),
        learner=LearnerConfig(batch_size=32),
        run=RunConfig(generations=1, generation_rows=64, rollout_rows=64, evaluate_every=1000),
    )


class Unmeasured(Gan):
    def evaluate(self, *_: Any) -> dict[str, float]:
        return {"auc": 0.5}

    def pictures(self, *_: Any) -> dict[str, np.ndarray]:
        return {}


def train(path: Path, wanted: GanConfig) -> runs.Run:
    """Trains a generation, as a session does."""
    with folders.Folder(path) as folder:
        run = runs.Run(Unmeasured(wanted), folder, lambda status: None)
        folder.write_config("gan", configs.to_values(wanted))
        try:
            run.train(lambda: False)
        finally:
            run.close()
    return run


@pytest.mark.slow
def test_a_run_goes_on_from_any_folder_and_from_data_that_have_moved_but_not_from_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, selfplay: Any
) -> None:
    images, other = write(tmp_path / "data" / "x", 1), write(tmp_path / "data" / "other", 2)
    monkeypatch.chdir(tmp_path / "data")
    run = tmp_path / "run"
    train(run, choice.choose(config("x"), run, []).config)
    assert json.loads((run / "config.json").read_text())["data"]["path"] == str(images)

    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    saved = registry.read_saved(run)
    assert saved is not None and train(run, saved.config).status.generation == 1

    shutil.move(images, tmp_path / "moved")
    refused(selfplay("sample", run, "--count", 1), f"There is no '{images}', which data.path names: where it has moved")
    with pytest.raises(FolderError, match=f"whose data were others: '{other}' does not hold the same"):
        train(run, config(str(other)))
    assert train(run, config(str(tmp_path / "moved"))).status.generation == 1
    said = selfplay("sample", run, "--count", 1, "--out", tmp_path / "one.png")
    assert said.code == 0, said.err

    shutil.copy(other, tmp_path / "moved")  # other data in the place of the first
    with pytest.raises(FolderError, match="whose data were others"):
        train(run, config(str(tmp_path / "moved")))


def test_a_run_of_an_earlier_version_finds_its_data_and_takes_no_others(tmp_path: Path) -> None:
    same, moved = write(tmp_path / "x", 1), write(tmp_path / "y", 1)
    saved = {key: value for key, value in Gan(config(str(same))).identity().items() if key != "data_digest"}
    assert Gan(config(str(same))).unlike(saved) == ""
    assert "has no digest of its data" in Gan(config(str(moved))).unlike(saved)
    saved["data"] = saved["data"] | {"path": "x"}
    assert Gan(config(str(same))).unlike(saved), "it was named from another folder"
