"""A trainer as a process of its own, started by a test, watched, signalled, and ended with all that it started."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import tiny

ROOT = Path(__file__).resolve().parents[2]


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return holds()


def of_run(run: Path) -> set[int]:
    """Living processes that work for the run in this folder: its trainer, and all of Ray that was started for it."""
    found = set()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = process.cmdline()
            of = process.environ().get("SELFPLAY_RUN")
            if (of == str(run) or str(run) in words) and process.status() != psutil.STATUS_ZOMBIE:
                found.add(process.pid)
    return found - {os.getpid()}


class Trainer:
    """`selfplay train tic-tac-toe` with tiny settings. Used in a `with`, at whose end nothing of it runs any more."""

    def __init__(
        self, run: Path, *options: str, script: tuple[str, ...] = ("-m", "selfplay"), output: int | None = None,
        ignoring: tuple[signal.Signals, ...] = (), environment: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        """output: a descriptor that it writes to, which becomes its terminal where it is one; ignoring: signals that it
        is started to ignore."""
        settings = [argument for setting in tiny.SETTINGS for argument in ("--set", setting)]
        command = [*script, "train", "tic-tac-toe", "--run", str(run), "--plain", *settings, *options]
        tests = os.pathsep.join(str(path) for path in (ROOT, ROOT / "tests", ROOT / "tests" / "loop"))

        def prepare() -> None:
            for number in ignoring:
                signal.signal(number, signal.SIG_IGN)
            if output is not None and os.isatty(output):
                fcntl.ioctl(output, termios.TIOCSCTTY, 0)

        # A person's command has no token of another's Ray, as tests in this process may have.
        inherited = {name: value for name, value in os.environ.items() if name != "RAY_AUTH_TOKEN"}
        self.run = run
        self.lines: list[tuple[float, str]] = []
        self.process = subprocess.Popen(
            [sys.executable, *command], env=inherited | {"PYTHONPATH": tests} | (environment or {}), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if output is None else output,
            stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=prepare,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append((time.monotonic(), line.rstrip("\n")))

    @property
    def said(self) -> str:
        return "\n".join(line for _, line in self.lines)

    def seconds_until(self, text: str, since: float) -> float:
        """Seconds from `since` until a line with this text came; waits for it."""
        assert wait_until(lambda: text in self.said, 30), self.said
        return next(when for when, line in self.lines if text in line) - since

    def signal(self, number: signal.Signals, group: bool = False) -> float:
        """Sends it to the process, or to all of its process group, as a terminal does; returns when."""
        now = time.monotonic()
        if group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        return now

    def actors(self) -> list[int]:
        """Processes of its Ray actors, on this machine."""
        found = []
        for pid in of_run(self.run):
            with contextlib.suppress(psutil.Error):
                if psutil.Process(pid).cmdline()[:1] and "ray::_RemoteActor" in psutil.Process(pid).cmdline()[0]:
                    found.append(pid)
        return found

    def ended(self, seconds: float = 60) -> int:
        """The exit code."""
        code = self.process.wait(seconds)
        self._reader.join(5)
        return code

    def state(self) -> dict[str, Any]:
        """The newest training state that is whole, as far as its manifest says; zeros before there is one."""
        return newest_state(self.run)

    def __enter__(self) -> Trainer:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in of_run(self.run):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()
        self._reader.join(5)
        if self.process.stdout:
            self.process.stdout.close()


def newest_state(run: Path) -> dict[str, Any]:
    states = sorted(path for path in (run / "state").glob("[0-9]*") if (path / "manifest.json").exists())
    return json.loads((states[-1] / "state.json").read_text()) if states else {"generation": 0, "inserted": 0}
