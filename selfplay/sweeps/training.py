"""The training of a sweep's trials: each a process of `selfplay train` in its own run folder, one after another or side
by side. Goes on with what is half done, and keeps what is done. Knows processes and run folders; measures nothing.
"""

from __future__ import annotations

import collections
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from selfplay.errors import ConfigError
from selfplay.loop import metrics
from selfplay.storage import bounded, lock
from selfplay.sweeps import process
from selfplay.sweeps.folder import SweepFolder
from selfplay.sweeps.plan import Budget, Trial

Lane = tuple[int, ...] | None
"""Cores of the trials that run one after another in a lane; None: all."""

POLL = 0.2  # seconds between two looks at the processes
LOOK = 2.0  # seconds between two looks at how far a trial is
STOPPED = (130, 143, -signal.SIGINT, -signal.SIGTERM, -signal.SIGHUP)  # exit codes of a trainer that was stopped
TAIL = 2**12  # bytes at the end of a log that say why a trial failed


class Failure(NamedTuple):
    """A trial whose training ended with an error."""

    trial: Trial
    why: str


class Running(NamedTuple):
    """A trial that is being trained."""

    trial: Trial
    share: float  # of its budget that is used, in [0, 1]; as of its last generation
    seconds: float  # since its process was started


class Progress(NamedTuple):
    """How far a sweep's training is."""

    done: int
    total: int
    running: list[Running]
    left: float | None  # seconds until all are trained; None while nothing is known


Tell = Callable[[Progress, str], None]
"""Takes the progress, and a sentence about what has just happened, or ""."""


class _Process:
    """A trial's process."""

    def __init__(self, folder: SweepFolder, trial: Trial, lane: int, cores: Lane) -> None:
        self.trial, self.lane, self.folder = trial, lane, folder
        self.began = time.monotonic()
        self._looked, self._share, self._stopped = -LOOK, 0.0, False
        arguments = ["train", "--config", str(folder.path / "arms" / f"{trial.arm}.toml"), "--run",
                     str(folder.run(trial)), "--seed", str(trial.seed), "--plain"]  # fmt: skip
        with folder.log(trial).open("ab") as log:
            # A session of its own: Ctrl-C on the terminal is for the sweep, which stops its trials in turn.
            self.handle = subprocess.Popen(
                process.command(arguments, cores), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=process.environment(), start_new_session=True,
            )  # fmt: skip

    def stop(self) -> None:
        """Asks it to save and stop. Once: the second signal would end it without saving."""
        if not self._stopped:
            self._stopped = True
            self.handle.terminate()

    def running(self) -> Running:
        now = time.monotonic()
        if now - self._looked >= LOOK:
            self._looked, self._share = now, used(self.folder.run(self.trial), self.folder.plan.budget)
        seconds = now - self.began
        share = self._share
        if self.folder.plan.budget.kind == "minutes" and not share:  # before the first generation has ended
            share = min(0.99, seconds / (60 * self.folder.plan.budget.amount))
        return Running(self.trial, share, seconds)


def used(run: Path, budget: Budget) -> float:
    """Share of its budget that the run in a folder has used when its newest generation ended, in [0, 1]."""
    try:
        last = collections.deque(metrics.iterate(run), maxlen=1)
    except OSError:
        return 0.0
    if not last:
        return 0.0
    amount = {"minutes": last[0].get("seconds", 0) / 60, "generations": last[0]["step"],
              "evaluations": last[0].get("evaluations", 0)}[budget.kind]  # fmt: skip
    return float(min(1.0, amount / budget.amount))


def check_lanes(lanes: Sequence[Lane]) -> None:
    """Raises ConfigError for cores that this machine has not, or that two lanes share."""
    usable = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    seen: set[int] = set()
    for cores in lanes:
        for core in cores or ():
            if core not in usable:
                raise ConfigError(f"there is no core {core} to run on: usable are {', '.join(map(str, usable))}.")
            if core in seen:
                raise ConfigError(f"core {core} is given twice: trials side by side need cores of their own.")
            seen.add(core)


def train(folder: SweepFolder, lanes: Sequence[Lane], should_stop: Callable[[], bool], tell: Tell) -> list[Failure]:
    """Trains every trial that is not trained yet, as many at once as there are lanes; those that failed. When it is to
    stop, its trials save and stop, and it returns early. An exception kills them: then what they saved last stands."""
    waiting = collections.deque(trial for trial in folder.plan.trials() if trial.name not in folder.trained)
    active: list[_Process] = []
    failures: list[Failure] = []

    def show(sentence: str = "") -> None:
        running = [one.running() for one in active]
        left = time_left(folder, running, list(waiting), len(lanes))
        total = len(folder.plan.trials())
        tell(Progress(total - len(waiting) - len(active) - len(failures), total, running, left), sentence)

    try:
        while active or (waiting and not should_stop()):
            free = [lane for lane in range(len(lanes)) if lane not in [one.lane for one in active]]
            while waiting and free and not should_stop():
                trial, lane = waiting.popleft(), free.pop(0)
                if not _wait_for_lock(folder.run(trial), should_stop, lambda said: show(said)):
                    waiting.appendleft(trial)
                    break
                goes_on = (folder.run(trial) / "config.json").exists()
                active.append(_Process(folder, trial, lane, lanes[lane]))
                show(f"{trial.name}: {'goes on' if goes_on else 'begins'}.")
            time.sleep(POLL)
            if should_stop():
                for one in active:
                    one.stop()
            for one in [one for one in active if one.handle.poll() is not None]:
                active.remove(one)
                seconds = time.monotonic() - one.began
                if one.handle.returncode == 0:
                    folder.add_trained(one.trial, seconds)
                    show(f"{one.trial.name}: trained in {seconds:,.0f} s.")
                elif not (should_stop() and one.handle.returncode in STOPPED):
                    failures.append(Failure(one.trial, _why(folder.log(one.trial), one.handle.returncode)))
                    show(f"{one.trial.name}: failed. {failures[-1].why}")
            show()
    finally:
        for one in active:
            one.handle.kill()
            one.handle.wait()
    return failures


def time_left(folder: SweepFolder, running: Sequence[Running], waiting: Sequence[Trial], lanes: int) -> float | None:
    """Seconds until all trials are trained, by how long those took that are trained, else by those that run; None while
    nothing is known. Of what a trial had used before this session, its file of metrics tells."""
    budget = folder.plan.budget
    known = list(folder.trained.values())
    if known:
        each = sum(known) / len(known)
    elif budget.kind == "minutes":
        each = 60.0 * budget.amount
    else:
        speeds = [one.seconds / one.share for one in running if one.share > 0.02]
        if not speeds:
            return None
        each = sum(speeds) / len(speeds)
    rest = sum(each * (1 - used(folder.run(trial), budget)) for trial in waiting)
    longest = max((each * (1 - one.share) for one in running), default=0.0)
    return max(longest, (rest + sum(each * (1 - one.share) for one in running)) / lanes)


def _wait_for_lock(run: Path, should_stop: Callable[[], bool], tell: Callable[[str], None]) -> bool:
    """Waits until nobody trains the run: a trial of a sweep that was killed is saving then. False: it is to stop."""
    told = False
    while (holder := lock.Lock.holder(run / "lock")) is not None and not should_stop():
        if not told:
            told = True
            tell(f"{run.name}: process {holder} still trains it; waiting until that has saved.")
        time.sleep(POLL)
    return not should_stop()


def _why(log: Path, code: int) -> str:
    """Why a training ended: the last line of its log, else its exit code."""
    try:
        lines = bounded.read(log)[-TAIL:].decode("utf-8", "replace").split("\n")
    except OSError:
        lines = []
    said = [line.strip() for line in lines if line.strip()]
    last = said[-1].removeprefix("selfplay: ") if said else ""
    return f"{last or 'It said nothing.'} (exit code {code}; all it said: {log})"
