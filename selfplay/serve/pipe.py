"""A program at the other end of a pipe: lines in, lines out, and an engine that works while lines are read.

The reading thread never waits for the engine. What takes time is done by a second thread, in order; the engine is
loaded there, from the moment the first line is answered on, so that this answer waits for nothing. Whatever else is
written to standard output goes to standard error, as the program at the other end would take it for an answer.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from io import FileIO
from typing import TYPE_CHECKING, BinaryIO, NoReturn

from selfplay.errors import UserError

if TYPE_CHECKING:
    from selfplay.serve.engine_session import EngineSession
    from selfplay.serve.search_request import SearchRequest

MAX_LINE = 1 << 18  # bytes; the longest sensible line, a game of 5,000 moves, has a tenth of it
PATIENCE = 0.25  # seconds to wait for the first line before the engine is loaded anyway
_GOODBYE = 1.0  # seconds that the engine has to end before it is left behind

Job = Callable[["EngineSession"], None]


class Conversation:
    """What the protocols share. Each of them says what a line means, `obey`, and how a mistake is told, `complain`."""

    def __init__(self, load: Callable[[], EngineSession], source: BinaryIO, sink: BinaryIO | FileIO) -> None:
        """load makes the engine; UserError where it cannot be made."""
        self._load, self._source, self._sink = load, source, sink
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._waiting: list[Callable[[], None]] = []  # to be called once the engine is loaded
        self._loading = threading.Lock()
        self._begin = threading.Event()
        self._writing = threading.Lock()
        self._worker = threading.Thread(target=self._work, daemon=True)
        self.loaded = False
        self.task: SearchRequest | None = None  # the one that is waiting or worked on

    def obey(self, line: str) -> bool:
        """Does what a line says; False where it says to quit."""
        raise NotImplementedError

    def complain(self, message: str) -> None:
        """Tells of a mistake."""
        raise NotImplementedError

    def run(self) -> int:
        """Talks until told to quit or the input ends; the exit code."""
        self._worker.start()
        try:
            for line in self._lines():
                if not self.obey(line):
                    break
                self._begin.set()
        finally:
            self._jobs.put(None)
            if self.task is not None:
                self.task.stop()
        self._worker.join(_GOODBYE if self.loaded else 0)
        return 0

    def say(self, *lines: str) -> None:
        """Writes lines, together."""
        data = "".join(f"{line}\n" for line in lines).encode(errors="replace")
        with self._writing, contextlib.suppress(OSError):  # nobody listens any more: the end of the input will come
            while data:
                data = data[self._sink.write(data) :]

    def do(self, job: Job) -> None:
        """Has the engine do something, after what it was asked to do before."""
        self._jobs.put(job)

    def when_loaded(self, call: Callable[[], None]) -> None:
        """Calls it now, or as soon as the engine is loaded, whatever that was asked to do."""
        with self._loading:
            if not self.loaded:
                self._waiting.append(call)
                return
        call()

    def _lines(self) -> Iterator[str]:
        """Lines that are not empty. What is too long is left out."""
        too_long = False
        while chunk := self._source.readline(MAX_LINE):
            whole = chunk.endswith(b"\n")
            if not whole and len(chunk) >= MAX_LINE:
                if not too_long:
                    self.complain(f"a line of more than {MAX_LINE} bytes was left out.")
                too_long = True
            elif too_long:  # its end
                too_long = False
            elif text := chunk.decode(errors="replace").strip():
                yield text

    def _work(self) -> None:
        self._begin.wait(PATIENCE)
        try:
            engine = self._load()
            with self._loading:
                self.loaded = True
            for call in self._waiting:
                call()
            while (job := self._jobs.get()) is not None:
                try:
                    job(engine)
                except (ValueError, UserError, MemoryError, ImportError) as error:
                    self.complain(str(error) or type(error).__name__)
        except UserError as error:
            self.complain(str(error))
            sys.stderr.write(f"selfplay: {error}\n")
            leave(2)
        except BaseException:
            traceback.print_exc()
            leave(1)


def serve(conversation: Conversation) -> NoReturn:
    """Talks to the end, and ends the process."""
    try:
        leave(conversation.run())
    except KeyboardInterrupt:
        leave(130)


def leave(code: int) -> NoReturn:
    """Ends the process, at once and from any thread: another may wait for a line that never comes, or be in the middle
    of loading, and an interpreter that has loaded torch takes a second to clear up what nobody misses."""
    sys.stderr.flush()
    os._exit(code)


def standard_streams() -> tuple[BinaryIO, FileIO]:
    """Standard input and output as bytes; from now on, what others print goes to standard error."""
    sys.stdout.flush()
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return sys.stdin.buffer, sink
