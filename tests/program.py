"""An engine of ours as a process, driven line by line through its pipes."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WAIT = 60.0  # seconds for what takes a moment, on a machine that has other things to do


class Program:
    """See the module docstring. Used in a `with`, at whose end it is killed if it still runs."""

    def __init__(self, command: str, run: Path) -> None:
        arguments = [sys.executable, "-m", "selfplay", command, str(run)]
        self.process = subprocess.Popen(
            arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.lines: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.process.kill()
        self.process.wait()
        self._reader.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.decode().rstrip("\n"))
        self.lines.put(None)

    def send(self, *lines: str | bytes) -> None:
        assert self.process.stdin is not None
        for line in lines:
            self.process.stdin.write((line.encode() if isinstance(line, str) else line) + b"\n")
        self.process.stdin.flush()

    def until(self, start: str, seconds: float = WAIT) -> list[str]:
        """What was said up to a line that starts so."""
        said: list[str] = []
        end = time.monotonic() + seconds
        while not said or not said[-1].startswith(start):
            line = self.lines.get(timeout=max(end - time.monotonic(), 0.001))
            assert line is not None, f"ended before {start}: {said[-5:]}, {self.errors()}"
            said.append(line)
        return said

    def ask(self, *lines: str | bytes, until: str = "bestmove") -> list[str]:
        self.send(*lines)
        return self.until(until)

    def errors(self) -> str:
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def close(self) -> int:
        """Ends the input, as an interface that has gone; the exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(WAIT)
