"""Folders of runs that were copied, moved or linked, locks that are no longer held, and clocks that jump."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
import tiny

from selfplay.errors import CheckpointError, FolderError
from selfplay.league.pool import Pool
from selfplay.loop import folder as folders
from selfplay.verify import runs as checks

CONFIG = tiny.config(run={"generations": 3, "generation_rows": 30, "rollout_rows": 30, "evaluate_every": 3})
LONGER = tiny.config(run={"generations": 4, "generation_rows": 30, "rollout_rows": 30, "evaluate_every": 4})


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "run"
    tiny.train(path, CONFIG)
    return path


def test_a_folder_copied_while_it_is_trained_goes_on_as_a_run_of_its_own(tmp_path: Path) -> None:
    with tiny.Session(tmp_path / "run", CONFIG) as run:
        report, copies = run.report, []

        def copy(status: object) -> None:
            report(status)  # type: ignore[arg-type]
            if run.status.phase == "saving" and run.status.generation in (1, 2):
                copies.append(shutil.copytree(tmp_path / "run", tmp_path / f"copy{len(copies)}"))

        run.report = copy
        run.train(lambda: False)
    assert len(copies) == 2
    for path in copies:
        assert not checks.check(path).report.damaged
        assert tiny.train(path, CONFIG).generation == 3
        assert Pool(path / "checkpoints").generations() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "holder",
    ["1", str(os.getpid()), "999999999", "", "another-host:12"],
    ids=["init", "this process", "none", "empty", "another host"],
)
def test_a_lock_that_nobody_holds_is_taken_whoever_it_names(whole: Path, tmp_path: Path, holder: str) -> None:
    path = Path(shutil.copytree(whole, tmp_path / "run"))
    (path / "lock").write_text(holder)
    (path / "lock.pid").write_text(holder)
    with folders.Folder(path):
        assert (path / "lock.pid").read_text() == str(os.getpid())


def test_a_second_trainer_is_refused_by_whatever_path_it_comes(whole: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(whole, tmp_path / "run"))
    (tmp_path / "link").symlink_to(path)
    with folders.Folder(path):
        for other in (tmp_path / "link", tmp_path / "." / "link" / ".." / "run"):
            with pytest.raises(FolderError, match=f"process {os.getpid()}"):
                folders.Folder(other)


def test_a_folder_that_was_renamed_or_is_reached_by_a_link_goes_on(whole: Path, tmp_path: Path) -> None:
    path = Path(shutil.copytree(whole, tmp_path / "run")).rename(tmp_path / "another name")
    (tmp_path / "link").symlink_to(path)
    status = tiny.train(tmp_path / "link", LONGER)
    assert status.generation == 4 and any("Resumed at generation 3" in note for note in status.notes)
    assert not checks.check(path).report.damaged


def test_a_folder_moved_while_it_is_trained_stops_the_run_in_a_sentence_and_loses_nothing_saved(tmp_path: Path) -> None:
    with tiny.Session(tmp_path / "run", CONFIG) as run:
        report = run.report

        def move(status: object) -> None:
            report(status)  # type: ignore[arg-type]
            if run.status.phase == "playing" and run.status.generation == 2 and (tmp_path / "run").exists():
                (tmp_path / "run").rename(tmp_path / "moved")

        run.report = move
        with pytest.raises(CheckpointError, match="No such file or directory") as caught:
            run.train(lambda: False)
    assert str(tmp_path / "run") in str(caught.value) and "\n" not in str(caught.value)
    assert not checks.check(tmp_path / "moved").report.damaged
    status = tiny.train(tmp_path / "moved", CONFIG)
    assert status.generation == 3 and any("Resumed at generation 2" in note for note in status.notes)


def test_a_clock_that_jumps_by_days_changes_neither_budget_nor_rates_nor_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, day = time.time, 86_400.0
    jumps = iter(range(10**9))
    for generations in (2, 4):  # forwards and backwards, within a session and between two
        monkeypatch.setattr(time, "time", lambda: real() + day * ((next(jumps) * 7) % 5 - 2))
        run = {"generations": generations, "generation_rows": 30, "rollout_rows": 30, "evaluate_every": 4}
        status = tiny.train(tmp_path, tiny.config(run={**run, "minutes": 60.0}))
        assert status.generation == generations
        assert 0 <= status.seconds < 600 and all(0 <= rate < 1e7 for rate in status.rates.values())
    assert Pool(tmp_path / "checkpoints").generations() == [0, 1, 2, 3, 4]
    assert checks.check(tmp_path).report.findings == []
    names = sorted((tmp_path / "tensorboard").iterdir())
    assert len(names) == 2
