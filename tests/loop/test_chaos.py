"""A trainer killed at any instant, or on a full disk: what it had saved is there, and the same command goes on."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
import tiny
from forked import Command, Server
from trainers import newest_state

from selfplay.loop import metrics
from selfplay.verify import runs as checks

SETTINGS = [word for setting in tiny.SETTINGS for word in ("--set", setting)]


class Train(Protocol):
    def __call__(self, run: Path, *options: str, longest_file: int | None = None) -> Command: ...


@pytest.fixture(scope="module")
def train() -> Iterator[Train]:
    """Starts `selfplay train tic-tac-toe` with tiny settings."""
    with Server() as server:

        def start(run: Path, *options: str, longest_file: int | None = None) -> Command:
            command = ["train", "tic-tac-toe", "--run", str(run), "--plain", *options, *SETTINGS]
            return server.start(run.with_name("output"), *command, longest_file=longest_file)

        yield start


def check_whole(run: Path) -> None:
    """What a kill may leave is harmless: nothing is damaged, no generation has two lines."""
    report = checks.check(run).report
    assert not report.damaged, report.findings
    steps = [line["step"] for line in metrics.read(run)]
    assert steps == sorted(set(steps)) and metrics.damaged(run) == []


@pytest.mark.chaos
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("kills", "actors"), [(25, 0), (10, 1)], ids=["25 kills", "10 kills with Ray"])
def test_a_trainer_killed_at_random_instants_always_goes_on(
    train: Train, tmp_path: Path, kills: int, actors: int
) -> None:
    run, rng, options = tmp_path / "run", np.random.default_rng(actors), ("--actors", str(actors))
    reached: dict[str, Any] = {"generation": 0, "inserted": 0, "games": 0, "steps": 0}
    began, saves, generations = time.monotonic(), 0, 4 * kills
    for kill in range(kills):
        trainer = train(run, "--generations", str(generations), *options)
        deadline = time.monotonic() + 120
        # Every fourth one is killed at any instant, also before it has saved anything; the others get on.
        while kill % 4 and newest_state(run)["inserted"] <= reached["inserted"] and trainer.poll() is None:
            assert time.monotonic() < deadline, trainer.said
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.4))
        trainer.kill()
        assert "Traceback" not in trainer.said, trainer.said
        if not run.exists():
            continue
        now = newest_state(run)
        assert all(now[key] >= reached[key] for key in reached if key in now), (now, reached)
        saves += now["inserted"] > reached["inserted"]
        reached |= {key: now[key] for key in reached if key in now}
        check_whole(run)
    goal = str(reached["generation"] + 2)
    last = train(run, "--generations", goal, *options)
    assert last.ended(120) == 0 and "Resumed at generation" in last.said, last.said
    check_whole(run)
    report = checks.check(run).report
    left = [each for each in report.findings if not each.path.startswith("tensorboard")]  # a torn record of each kill
    assert left == [], left
    assert [line["step"] for line in metrics.read(run)][-1] == int(goal)
    state = newest_state(run)
    assert state["generation"] == int(goal) and state["inserted"] >= reached["inserted"]
    print(
        f"{kills} kills, {actors} actors: {time.monotonic() - began:.0f} s, {saves} of them after a save, "
        f"{reached['generation']} generations, {reached['inserted']} rows, {reached['steps']} updates"
    )


@contextlib.contextmanager
def small_disk(path: Path, kilobytes: int) -> Iterator[bool]:
    """A file system of this size at `path`; False where this process may not mount one."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(path)]
    mounted = os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(path)], check=False)


def refused(command: Command, run: Path, cause: str) -> None:
    """It ended with exit code 2 and one sentence."""
    assert command.ended(120) == 2, command.said
    sentence = command.said.splitlines()[-1]
    assert sentence.startswith("selfplay: cannot write") and str(run) in sentence and cause in sentence, command.said
    assert "MB" in sentence and "Traceback" not in command.said


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_a_disk_that_fills_up_stops_training_in_a_sentence_and_it_goes_on_once_there_is_space(
    train: Train, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", 400) as mounted:
        if not mounted:
            pytest.skip("no file system can be mounted here; files of limited length are tried in the next test")
        run = tmp_path / "disk" / "run"
        refused(train(run, "--generations", "40"), run, "No space left on device")
        check_whole(run)
        before = json.loads(json.dumps(newest_state(run)))
        assert before["generation"] >= 1
        subprocess.run(["mount", "-o", "remount,size=20000k", str(tmp_path / "disk")], check=True)
        last = train(run, "--generations", str(before["generation"] + 3))
        assert last.ended(120) == 0 and f"Resumed at generation {before['generation']}" in last.said, last.said
        check_whole(run)
        assert [line["step"] for line in metrics.read(run)] == list(range(before["generation"] + 4))


@pytest.mark.chaos
@pytest.mark.timeout(300)
def test_files_that_may_not_grow_stop_training_in_a_sentence(train: Train, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train(run, "--generations", "2").ended(120) == 0
    before = newest_state(run)
    refused(train(run, "--generations", "4", longest_file=12_000), run, "File too large")
    check_whole(run)
    assert newest_state(run)["inserted"] == before["inserted"]
    last = train(run, "--generations", "4")
    assert last.ended(120) == 0 and "Resumed at generation 2" in last.said, last.said
    check_whole(run)
