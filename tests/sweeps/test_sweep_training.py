"""The training of a sweep's trials, with a stand-in for `selfplay train` that takes milliseconds: order, lanes,
failures, stops, and what goes on later."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from selfplay.sweeps import folder as folders
from selfplay.sweeps import plan, process, training
from selfplay.sweeps.plan import Budget, Measure, Trial

STAND_IN = """
import json, os, pathlib, signal, sys, time
run = pathlib.Path(sys.argv[sys.argv.index("--run") + 1]); run.mkdir(parents=True, exist_ok=True)
def note(what):
    with open(run.parent.parent / "events", "a") as file:
        file.write(json.dumps([run.name, what, time.monotonic(), sorted(os.sched_getaffinity(0))]) + "\\n")
def stop(number, frame):
    note("stopped"); sys.exit(143)
signal.signal(signal.SIGTERM, stop)
note("begins")
(run / "config.json").write_text("{}")
how = os.environ.get("HOW_" + run.name.replace("-", "_"), "")
if how == "fail": sys.exit("selfplay: the loss is not finite.")
time.sleep(float(how or 0.05))
(run / "metrics.jsonl").write_text(json.dumps({"step": 2, "seconds": 1.0, "evaluations": 7}) + "\\n")
note("ends")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> folders.SweepFolder:
    def command(arguments: Sequence[str], cores: Sequence[int] | None) -> list[str]:
        return [sys.executable, "-c", STAND_IN, *arguments]

    monkeypatch.setattr(process, "command", command)
    monkeypatch.setattr(training, "POLL", 0.01)
    arms = [("base", ()), ("few", ("actor.num_simulations=8",))]
    made = plan.make("tic-tac-toe", None, [], arms, (1, 2), Budget("generations", 2.0), Measure())
    return folders.SweepFolder(tmp_path / "sweep", made)


def events(folder: folders.SweepFolder) -> list[tuple[str, str]]:
    lines = (folder.path / "events").read_text().splitlines() if (folder.path / "events").exists() else []
    return [(name, what) for name, what, *_ in map(json.loads, lines)]


def test_trials_run_one_after_another_and_are_not_run_again(folder: folders.SweepFolder) -> None:
    said: list[str] = []
    seen: list[training.Progress] = []

    def tell(progress: training.Progress, sentence: str) -> None:
        seen.append(progress)
        said.extend([sentence] if sentence else [])

    assert training.train(folder, [None], lambda: False, tell) == []
    order = ["base-1", "few-1", "few-2", "base-2"]
    assert events(folder) == [(name, what) for name in order for what in ("begins", "ends")]
    assert set(folder.trained) == set(order) and said[0] == "base-1: begins."
    assert seen[-1].done == seen[-1].total == 4 and max(len(one.running) for one in seen) == 1
    assert training.train(folder, [None], lambda: False, tell) == [] and len(events(folder)) == 8
    folder.__exit__()
    with folders.SweepFolder(folder.path, folder.plan) as later:  # another process
        training.train(later, [None], lambda: False, tell)
    assert len(events(folder)) == 8


def test_a_trial_that_fails_does_not_stop_the_others_and_is_tried_again(
    folder: folders.SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOW_few_1", "fail")
    (failure,) = training.train(folder, [None], lambda: False, lambda *_: None)
    assert failure.trial == Trial("few", 1) and failure.why.startswith("the loss is not finite. (exit code 1")
    assert set(folder.trained) == {"base-1", "few-2", "base-2"}
    monkeypatch.delenv("HOW_few_1")
    assert training.train(folder, [None], lambda: False, lambda *_: None) == []
    assert [name for name, what in events(folder) if what == "begins"][-1] == "few-1" and len(folder.trained) == 4


def test_a_stop_asks_what_runs_to_save_and_begins_nothing_more(
    folder: folders.SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOW_few_1", "60")
    asked = False

    def tell(progress: training.Progress, sentence: str) -> None:
        nonlocal asked
        asked = asked or ("few-1", "begins") in events(folder)

    assert training.train(folder, [None], lambda: asked, tell) == []
    assert events(folder)[-1] == ("few-1", "stopped") and list(folder.trained) == ["base-1"]


def test_an_error_of_ours_leaves_no_process_behind(
    folder: folders.SweepFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOW_base_1", "60")
    began = time.monotonic()

    def tell(progress: training.Progress, sentence: str) -> None:
        if ("base-1", "begins") in events(folder):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        training.train(folder, [None], lambda: False, tell)
    assert time.monotonic() - began < 50


def test_lanes_run_side_by_side(folder: folders.SweepFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("base_1", "few_1"):
        monkeypatch.setenv(f"HOW_{name}", "0.5")
    most = 0

    def tell(progress: training.Progress, sentence: str) -> None:
        nonlocal most
        most = max(most, len(progress.running))

    training.train(folder, [None, None], lambda: False, tell)
    assert most == 2 and len(folder.trained) == 4
    assert [what for _, what in events(folder)[:2]] == ["begins", "begins"]


def test_time_left_is_what_is_waiting_by_what_trials_took(folder: folders.SweepFolder) -> None:
    trials = folder.plan.trials()
    assert training.time_left(folder, [], trials, 1) is None  # generations take as long as they take
    running = [training.Running(trials[0], 0.5, 30.0)]
    assert training.time_left(folder, running, trials[1:], 1) == pytest.approx(30 + 3 * 60)
    folder.trained = {"base-1": 100.0}
    assert training.time_left(folder, [], trials[1:], 2) == pytest.approx(150)
    assert training.time_left(folder, [training.Running(trials[1], 0.1, 10.0)], [], 2) == pytest.approx(90)


def test_the_share_used_is_that_of_the_budget(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 3, "seconds": 30.0, "evaluations": 400}\n')
    assert training.used(tmp_path, Budget("minutes", 2.0)) == 0.25
    assert training.used(tmp_path, Budget("generations", 2.0)) == 1.0
    assert training.used(tmp_path, Budget("evaluations", 1000.0)) == 0.4
    assert training.used(tmp_path / "none", Budget("minutes", 2.0)) == 0.0


def test_the_process_of_a_trial_is_bound_to_its_cores_with_one_thread_and_ends_with_its_parent(tmp_path: Path) -> None:
    core = min(os.sched_getaffinity(0))
    command = process.command(["--version"], [core])
    assert command[1:] == ["-m", "selfplay.sweeps.process", str(os.getpid()), str(core), "--", "--version"]
    assert {process.environment()[name] for name in process.THREADS} == {"1"}
    script = tmp_path / "parent.py"
    script.write_text(
        "import json, os, subprocess, sys\n"
        "from selfplay.sweeps import process\n"
        "def became(path, arguments):\n"
        "    print(json.dumps([sorted(os.sched_getaffinity(0)), arguments[1:]]), flush=True)\n"
        "    import signal; signal.pause()\n"
        "if sys.argv[1:] == ['child']:\n"
        "    os.execv = became\n"
        f"    process.main(os.getppid(), '{core}', ['train'])\n"
        "subprocess.Popen([sys.executable, __file__, 'child'])\n"
        "import time; time.sleep(60)\n"
    )
    read, write = os.pipe()
    pid = os.posix_spawn(
        sys.executable, [sys.executable, str(script)], {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)],
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        assert json.loads(pipe.readline()) == [[core], ["-m", "selfplay", "train"]]
        os.kill(pid, signal.SIGKILL)  # what the parent cannot notice
        os.waitpid(pid, 0)
        assert pipe.read() == b""  # until the child has ended too
