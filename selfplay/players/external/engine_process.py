"""The process of an external engine: started, spoken to line by line with a time limit for every answer, and ended.

Knows no game. Failures of the program are told in one sentence, as EngineError.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import tempfile
import time
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from typing import IO, NamedTuple

from selfplay.errors import EngineError, shorten
from selfplay.players.external.protocols import EngineOption, Language, Limits, Question

HELLO_SECONDS = 10.0  # for an engine to say what it is
READY_SECONDS = 120.0  # and to load what it needs
FAREWELL_SECONDS = 1.0  # and to end when told to
_MAX_LINE = 1 << 20  # bytes; what is longer is noise
_MAX_COMPLAINTS = 1 << 20  # bytes of standard error that are kept
_LAST_WORDS = 4096  # bytes of it that are read


class Died(EngineError):
    """The process ended or did not answer in time; a restart may help."""


class Answer(NamedTuple):
    """What an engine plays."""

    move: str
    value: float | None  # in [-1, 1] for the mover, if it said so


class Client:
    """One running engine. Not for use by several threads."""

    def __init__(self, command: Sequence[str], language: Language) -> None:
        """Starts it and asks what it is. Raises EngineError."""
        self.language = language
        self.name = shorten(" ".join(command), 60)
        self._complaints = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - closed with the process
        try:
            # A session of its own, so that Ctrl-C is ours to handle and all its children can be ended.
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, bufsize=0,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            self._complaints.close()
            raise EngineError(f"the engine '{self.name}' cannot be started: {error.strerror}.") from None
        self._end = weakref.finalize(self, _end, self._process, self._complaints)  # at the interpreter's exit, too
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        os.set_blocking(self._in.fileno(), False)  # the pipe has room for more than is ever said at once
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        self._lines: deque[str] = deque()
        self._unfinished = b""  # the beginning of a line
        self._give(0.0)
        self._value: float | None = None
        try:
            self.options = self._hello()
        except BaseException:
            self.kill()
            raise

    def _hello(self) -> list[EngineOption]:
        word, end = self.language.hello
        try:
            return self._exchange(word, end, HELLO_SECONDS)
        except Died as error:
            raise EngineError(f"{error} It was asked if it speaks {self.language.name}.{self.language.hint}") from None

    def configure(self, settings: Mapping[str, str]) -> None:
        """Sets options by name, and waits until the engine is ready. Raises Died."""
        for name, value in settings.items():
            self._send(self.language.setting(name, value))
        self._exchange(*self.language.ready, READY_SECONDS)

    def forget(self) -> None:
        """Tells the engine that a new game begins. Raises Died."""
        self._send(self.language.new_game)
        self._exchange(*self.language.ping, READY_SECONDS)

    def begin(self, question: Question, limits: Limits, seconds: float) -> None:
        """Starts a search, whose answer is due within `seconds`. Raises Died."""
        if os.fstat(self._complaints.fileno()).st_size > _MAX_COMPLAINTS:
            self._complaints.truncate(0)
        self._give(seconds)
        while self._line(wait=False) is not None:
            pass  # what was said unasked, such as a second answer, is no answer
        self._value = None
        for line in self.language.ask(question, limits):
            self._send(line)

    def answer(self) -> Answer | None:
        """The answer to the search that was begun; None where there is none yet: see `wait_for_any`. Raises Died."""
        while (line := self._line(wait=False)) is not None:
            move = self.language.move(line)
            if move is not None:
                return Answer(move, self._value)
            value = self.language.value(line)
            self._value = self._value if value is None else value
        return None

    @property
    def pid(self) -> int:
        return self._process.pid

    def fileno(self) -> int:
        """Readable when there is something for `answer`."""
        return self._out.fileno()

    def close(self) -> None:
        """Ends the process; may be called again."""
        self._end()

    def kill(self) -> None:
        """Ends the process at once, without asking it to quit."""
        _kill(self._process)
        self._end()

    def _exchange(self, word: str, end: str, seconds: float) -> list[EngineOption]:
        """Sends `word` and reads up to the answer `end`; returns the options announced before it."""
        self._give(seconds)
        self._send(word)
        announced = []
        while (line := self._line(wait=True)) is not None and line.split()[:1] != [end]:
            if (option := self.language.option(line)) is not None:
                announced.append(option)
        return announced

    def _give(self, seconds: float) -> None:
        self.deadline, self._seconds = time.monotonic() + seconds, seconds

    def _send(self, line: str) -> None:
        data = f"{line}\n".encode()
        try:
            if self._in.write(data) != len(data):
                raise Died(f"the engine '{self.name}' does not read what it is told.")
        except OSError:
            raise self._ended() from None

    def _line(self, wait: bool) -> str | None:
        """The next line, without blanks around it; None where there is none now and `wait` is false. Raises Died."""
        while not self._lines:
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise Died(f"the engine '{self.name}' did not answer within {self._seconds:g} s.")
            if not self._poll.poll(1000 * left if wait else 0):
                if wait:
                    continue
                return None
            data = os.read(self._out.fileno(), 1 << 16)
            if not data:
                raise self._ended()
            *lines, self._unfinished = (self._unfinished + data).split(b"\n")
            self._unfinished = self._unfinished[-_MAX_LINE:]
            self._lines.extend(line.decode("utf-8", "replace").strip() for line in lines)
        return self._lines.popleft()

    def _ended(self) -> Died:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(FAREWELL_SECONDS)
        code = self._process.poll()
        how = "closed its output" if code is None else f"ended, exit code {code}" if code >= 0 else _signal(-code)
        self._complaints.seek(max(0, os.fstat(self._complaints.fileno()).st_size - _LAST_WORDS))
        said = self._complaints.read(_LAST_WORDS).decode("utf-8", "replace").strip().splitlines()
        last = f" Its last words: '{shorten(said[-1].strip(), 200)}'." if said else ""
        return Died(f"the engine '{self.name}' {how}.{last}")


def wait_for_any(clients: Sequence[Client]) -> None:
    """Waits until one of them has output, or its time is up."""
    if clients:
        poll = select.poll()
        for client in clients:
            poll.register(client.fileno(), select.POLLIN)
        poll.poll(1000 * max(0.0, min(client.deadline for client in clients) - time.monotonic()))


def _signal(number: int) -> str:
    try:
        return f"crashed, {signal.Signals(number).name}"
    except ValueError:
        return f"crashed, signal {number}"


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and its children."""
    if process.poll() is None:  # else the number may be another's by now
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _end(process: subprocess.Popen[bytes], complaints: IO[bytes]) -> None:
    """Asks the process to end, ends it if it does not, and leaves neither it nor open files behind."""
    with contextlib.suppress(OSError):
        if process.stdin is not None:
            process.stdin.write(b"quit\n")
            process.stdin.close()
    try:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(FAREWELL_SECONDS)
    finally:  # also when Ctrl-C cuts the farewell short
        _kill(process)
        process.wait()
        for file in (process.stdin, process.stdout, complaints):
            with contextlib.suppress(OSError):
                if file is not None:
                    file.close()
