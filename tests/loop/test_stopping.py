"""Signals to a trainer, in every phase of a run: acknowledged, saved, the exit code, and nothing left running."""

from __future__ import annotations

import json
import os
import pty
import signal
import time
from pathlib import Path

import pytest
import trainers

HELD = str(Path(__file__).with_name("held_trainer.py"))
SECONDS = 60.0  # that a trainer stays in the phase in which it is stopped: far longer than it may take to stop
ACKNOWLEDGED = "Stopping: saving first"
GO_ON = ("compiling kernels", "starting", "learning")  # phases after a stop in which the run is taken up again

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(170)]


def held(
    run: Path, phase: str, *options: str, times: int = 1, seconds: float = SECONDS, generations: int = 10_000
) -> trainers.Trainer:
    """A trainer that will stay in a phase."""
    script = (HELD, phase, str(times), str(seconds), str(run.with_suffix(".there")))
    return trainers.Trainer(run, "--generations", str(generations), *options, script=script)


def arrive(trainer: trainers.Trainer) -> None:
    file = trainer.run.with_suffix(".there")
    assert trainers.wait_until(file.exists, 100), trainer.said
    time.sleep(0.1)


@pytest.mark.parametrize(
    ("phase", "times", "number", "actors", "group"),
    [
        ("compiling kernels", 1, signal.SIGTERM, 0, False),
        ("evaluating", 2, signal.SIGINT, 0, True),
        ("playing", 3, signal.SIGHUP, 0, False),
        ("learning", 3, signal.SIGTERM, 0, True),
        ("saving", 2, signal.SIGINT, 0, False),
        ("starting", 1, signal.SIGTERM, 2, True),
        ("playing", 3, signal.SIGINT, 2, True),
        ("evaluating", 2, signal.SIGTERM, 2, True),
        ("saving", 2, signal.SIGHUP, 2, False),
    ],
    ids=lambda value: value.name if isinstance(value, signal.Signals) else str(value).replace(" ", "-"),
)
def test_a_signal_in_any_phase_is_acknowledged_saves_and_leaves_nothing_running(
    phase: str, times: int, number: signal.Signals, actors: int, group: bool, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    seconds = 1.0 if phase == "saving" else SECONDS
    options = ("--actors", str(actors), "--set", "run.evaluate_every=1")
    with held(run, phase, *options, times=times, seconds=seconds) as trainer:
        arrive(trainer)
        reached = json.loads(run.with_suffix(".there").read_text())
        sent = trainer.signal(number, group)
        assert trainer.seconds_until(ACKNOWLEDGED, sent) < 5  # a second on a machine with nothing else to do
        assert trainer.ended() == (130 if number == signal.SIGINT else 143), trainer.said
        assert "Stopped and saved" in trainer.said and "Traceback" not in trainer.said
        assert "SIGTERM received" not in trainer.said  # Ray's words before it aborts
        assert trainer.state()["inserted"] >= reached["rows"]
        assert trainers.wait_until(lambda: not trainers.of_run(run), 15), trainers.of_run(run)
    if phase in GO_ON:
        goal = trainers.newest_state(run)["generation"] + 1
        with trainers.Trainer(run, "--generations", str(goal), "--actors", "0") as again:
            assert again.ended(100) == 0, again.said


@pytest.mark.parametrize("actors", [0, 2])
def test_a_second_signal_ends_a_trainer_that_is_stuck_below_python(actors: int, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with held(run, "svd", "--actors", str(actors), times=2) as trainer:
        arrive(trainer)
        sent = trainer.signal(signal.SIGINT)
        assert trainer.seconds_until(ACKNOWLEDGED, sent) < 5
        assert trainer.process.poll() is None
        sent = trainer.signal(signal.SIGINT)
        assert trainer.ended() == 130 and time.monotonic() - sent < 15  # 1.5 s after it, whatever it was doing
        assert trainers.wait_until(lambda: not trainers.of_run(run), 15), trainers.of_run(run)
    with trainers.Trainer(run, "--generations", "2") as again:
        assert again.ended(100) == 0, again.said


def test_a_suspended_trainer_goes_on_and_takes_no_actor_for_hung(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with held(run, "playing", "--actors", "2", times=2, seconds=0, generations=25) as trainer:
        arrive(trainer)
        trainer.signal(signal.SIGSTOP, group=True)
        time.sleep(6)  # the actors would be given up after 3
        trainer.signal(signal.SIGCONT, group=True)
        assert trainer.ended(120) == 0, trainer.said
        assert "started again" not in trainer.said
        assert trainer.state()["generation"] == 25


def test_signals_ignored_from_the_start_ctrl_c_is_heeded_and_a_hangup_is_not(tmp_path: Path) -> None:
    run = tmp_path / "run"
    ignoring = (signal.SIGINT, signal.SIGHUP)  # what a script's & and nohup do
    with trainers.Trainer(run, "--generations", "10000", ignoring=ignoring) as trainer:
        assert trainers.wait_until(lambda: trainer.state()["generation"] > 0, 60), trainer.said
        trainer.signal(signal.SIGHUP)
        before = trainer.state()["generation"]
        assert trainers.wait_until(lambda: trainer.state()["generation"] > before, 60), trainer.said
        assert ACKNOWLEDGED not in trainer.said
        trainer.signal(signal.SIGINT)
        assert trainer.ended() == 130 and ACKNOWLEDGED in trainer.said, trainer.said


def test_a_trainer_whose_terminal_is_closed_saves(tmp_path: Path) -> None:
    run = tmp_path / "run"
    ours, theirs = pty.openpty()
    with trainers.Trainer(run, "--generations", "10000", output=theirs) as trainer:
        os.close(theirs)
        assert trainers.wait_until(lambda: trainer.state()["generation"] > 0, 60)
        os.close(ours)
        assert trainer.ended() == 143
        assert trainer.state()["inserted"] > 0


def test_a_trainer_whose_reader_is_gone_saves(tmp_path: Path) -> None:
    run = tmp_path / "run"
    reading, writing = os.pipe()
    with trainers.Trainer(run, "--generations", "10000", output=writing) as trainer:
        os.close(writing)
        assert trainers.wait_until(lambda: trainer.state()["generation"] > 0, 60)
        os.close(reading)
        assert trainer.ended() == 143
        assert trainer.state()["inserted"] > 0
