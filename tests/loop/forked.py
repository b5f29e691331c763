"""`selfplay` as a process of its own that starts at once: forked from the tests' process, which has imported it all."""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
import warnings
from pathlib import Path

from selfplay.cli import main


class Command:
    """A command that runs; `said` is what it has written."""

    def __init__(self, output: Path, *arguments: str, longest_file: int | None = None) -> None:
        """longest_file: bytes, beyond which the system refuses to write, as on a full disk."""
        self._output, self._code = output, None
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer Pythons warn of threads, of which none is needed by the child
            self.pid = os.fork()
        if self.pid == 0:
            self._run(arguments, longest_file)

    def _run(self, arguments: tuple[str, ...], longest_file: int | None) -> None:
        code = 99
        try:
            os.setsid()
            handle = os.open(self._output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, 1)
            os.dup2(handle, 2)
            sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
            if longest_file is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (longest_file, longest_file))
            code = main.main(list(arguments))
        except BaseException:
            sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    @property
    def said(self) -> str:
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    def poll(self) -> int | None:
        """The exit code; negative for a signal, None while it runs."""
        if self._code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code

    def ended(self, seconds: float) -> int:
        deadline = time.monotonic() + seconds
        while (code := self.poll()) is None:
            assert time.monotonic() < deadline, self.said
            time.sleep(0.01)
        return code

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
            self.ended(30)
