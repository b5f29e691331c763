"""`selfplay sweep` as a user runs it: refusals before anything is made, the plan, a whole sweep, kills and stops."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from command import refused

ROOT = Path(__file__).resolve().parents[2]
FILE = """
preset = "tic-tac-toe"
generations = GENERATIONS
seeds = 1
simulations = 2
[settings]
network.channels = 8
network.blocks = 1
"actor.num_simulations" = 4
"actor.concurrent_games" = 8
"run.generation_rows" = 120
"run.rollout_rows" = 30
"replay.learn_after" = 60
"learner.batch_size" = 32
"evaluation.num_simulations" = 1
"run.evaluate_every" = 1000
[arms.base]
[arms.few]
"actor.num_simulations" = 2
"""


def sweep_file(folder: Path, generations: int) -> Path:
    file = folder / "tiny.toml"
    file.write_text(FILE.replace("GENERATIONS", str(generations)))
    return file


def test_wrong_use_is_refused_in_a_sentence_and_makes_no_folder(
    selfplay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(selfplay("sweep", "tic-tac-toe"), "a sweep needs arms", "--arm base")
    refused(selfplay("sweep"), "expected a preset")
    refused(
        selfplay("sweep", "tic-tac-toe", "--arm", "a:actor.num_simulation=3"), "Did you mean 'actor.num_simulations'"
    )
    refused(selfplay("sweep", "nothing.toml"), "there is no file 'nothing.toml'")
    refused(selfplay("sweep", "tic-tac-toe", "--arm", "a", "--seeds", "0"), "--seeds 0")
    refused(selfplay("sweep", "tic-tac-toe", "--arm", "a", "--minutes", "0"), "a number above 0")
    refused(selfplay("sweep", "gan-ring", "--arm", "a", "--evaluations", "5"), "counts no evaluations")
    refused(selfplay("sweep", "tic-tac-toe", "--arm", "a:evaluation.opponents=nobody"), "arm 'a'", "nobody")
    refused(selfplay("sweep", "tic-tac-toe", "--arm", "a", "--cores", "60000"), "there is no core 60000")
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_shows_the_plan_and_its_time_and_makes_nothing(
    selfplay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = selfplay("sweep", "tic-tac-toe", "--arm", "base", "--arm", "few:actor.num_simulations=8", "--minutes", "2",
                    "--seeds", "2", "--set", "actor.concurrent_games=8", "--dry-run")  # fmt: skip
    assert said.code == 0 and said.err == ""
    for words in ("2 arms × 2 seeds = 4 trials of 2 minutes", "few: actor.num_simulations=8", "Training takes 8 min",
                  "all arms: actor.concurrent_games=8", "base-1 few-1 few-2 base-2", "by: exact"):  # fmt: skip
        assert words in said.out, said.out
    assert list(tmp_path.iterdir()) == []


class Sweep:
    """The command in a process of its own; killed at the end of its `with` block."""

    def __init__(self, file: Path, *options: str) -> None:
        self.path = file.parent / "sweep"
        command = [sys.executable, "-m", "selfplay", "sweep", str(file), "--out", str(self.path), *options]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    def __enter__(self) -> Sweep:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ended(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=400)
        return self.process.returncode, out, err

    def trainers(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if any(str(self.path / "trials") in word for word in process.cmdline()):
                    found.append(process)
        return found


def wait_for(holds: Callable[[], bool], seconds: float = 200.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def generations(run: Path) -> int:
    file = run / "metrics.jsonl"
    return len(file.read_text().splitlines()) if file.exists() else 0


@pytest.mark.chaos
@pytest.mark.timeout(1200)
def test_a_sweep_that_is_killed_and_stopped_goes_on_and_runs_no_trial_twice(tmp_path: Path) -> None:
    file = sweep_file(tmp_path, 16)
    core = min(os.sched_getaffinity(0))
    base, few = (tmp_path / "sweep" / "trials" / name for name in ("base-1", "few-1"))
    with Sweep(file, "--cores", str(core)) as sweep:
        wait_for(lambda: generations(base) > 3)
        (trainer,) = sweep.trainers()
        assert trainer.cpu_affinity() == [core] and trainer.environ()["OMP_NUM_THREADS"] == "1"
        sweep.process.kill()  # it cannot tell its trainer, which stops by itself
    with Sweep(file) as sweep:
        wait_for(lambda: (sweep.path / "trained.json").exists() and generations(few) > 3)
        sweep.process.send_signal(signal.SIGINT)
        code, _, err = sweep.ended()
    assert code == 130 and "The same command goes on" in err and "base-1: goes on." in err
    assert sweep.trainers() == [] and list(json.loads((sweep.path / "trained.json").read_text())) == ["base-1"]
    untouched = (base / "metrics.jsonl").stat().st_mtime_ns
    with Sweep(file, "--json") as sweep:
        code, out, err = sweep.ended()
    assert code == 0, err
    assert "few-1: goes on." in err and "base-1: goes" not in err
    assert (base / "metrics.jsonl").stat().st_mtime_ns == untouched
    assert "Resumed at generation" in (sweep.path / "trials" / "few-1.log").read_text()
    lines = [json.loads(line) for line in out.splitlines()]
    trials = [line["trial"] for line in lines if "trial" in line]
    assert [(trial["arm"], trial["generation"]) for trial in trials] == [("base", 16), ("few", 16)]
    assert all(0 <= trial["metrics"]["mistakes"] < 0.5 for trial in trials)
    assert {line["row"]["metric"] for line in lines if "row" in line} >= {"mistakes", "mistakes_policy"}
    for name in ("table.csv", "curve.csv", "curve.png", "results.jsonl"):
        assert (sweep.path / name).stat().st_size > 0
    config = json.loads((few / "config.json").read_text())
    assert (config["run"]["seed"], config["run"]["generations"], config["actor"]["num_simulations"]) == (1, 16, 2)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_agents_are_rated_by_games_against_those_of_the_other_arms(tmp_path: Path) -> None:
    file = sweep_file(tmp_path, 1)
    with Sweep(file, "--measure", "games", "--games", "4", "--json") as sweep:
        code, out, err = sweep.ended()
    assert code == 0, err
    first, second = (json.loads(line)["trial"]["metrics"] for line in out.splitlines()[:2])
    assert first["elo"] == pytest.approx(-second["elo"]) and first["score"] == pytest.approx(1 - second["score"])
    games = (sweep.path / "tournament" / "games.jsonl").read_text().splitlines()
    assert len(games) == 2  # pairs
