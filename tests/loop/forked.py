"""`selfplay` as a process of its own that starts at once: forked by a server, which has imported and compiled it all.

The server is a process with one thread. A fork of the tests' own process, in which other tests have left threads of
torch and Ray, may wait for ever for a lock that one of them held.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Server:
    """Used in a `with`, at whose end no command of it runs any more."""

    def __init__(self) -> None:
        paths = os.pathsep.join(str(path) for path in (ROOT, ROOT / "tests", ROOT / "tests" / "loop"))
        environment = os.environ | {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )
        self._pids: set[int] = set()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.communicate(timeout=60)

    def ask(self, question: dict[str, Any]) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        print(json.dumps(question), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def start(self, output: Path, *arguments: str, longest_file: int | None = None) -> Command:
        """longest_file: bytes, beyond which the system refuses to write, as on a full disk."""
        pid = self.ask({"output": str(output), "arguments": arguments, "longest_file": longest_file})
        self._pids.add(pid)
        return Command(self, pid, output)


class Command:
    """A command that runs; `said` is what it has written."""

    def __init__(self, server: Server, pid: int, output: Path) -> None:
        self._server, self.pid, self._output = server, pid, output
        self._code: int | None = None

    @property
    def said(self) -> str:
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    def poll(self) -> int | None:
        """The exit code; negative for a signal, None while it runs."""
        if self._code is None:
            self._code = self._server.ask({"poll": self.pid})
            if self._code is not None:
                self._server._pids.discard(self.pid)
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


# -- in the server ---------------------------------------------------------------------------------------------


def serve() -> None:
    """Answers questions, a line of JSON each, until there are no more."""
    import tiny

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what training prints is no answer
    with tempfile.TemporaryDirectory() as folder:
        tiny.train(Path(folder) / "run", tiny.config(run={"generations": 1}))
    for line in sys.stdin:
        question = json.loads(line)
        if "poll" in question:
            pid, status = os.waitpid(question["poll"], os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if answer == 0:
                run(**question)
        print(json.dumps(answer), file=answers, flush=True)


def run(output: str, arguments: list[str], longest_file: int | None) -> None:
    """The forked process."""
    from selfplay.cli import main

    code = 99
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        if longest_file is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (longest_file, longest_file))
        code = main.main(arguments)
    except BaseException:
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve()
