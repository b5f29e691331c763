"""The server loop that UCI and Hub share: reads lines while an engine works, and writes its answers.

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
from collections.abc import Callable, Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NoReturn

from selfplay.errors import UserError
from selfplay.serve import lines

if TYPE_CHECKING:
    from games.base import Game
    from selfplay.players.strength import Calibration
    from selfplay.serve.engine_session import EngineSession
    from selfplay.serve.notations import ProtocolNotation
    from selfplay.serve.search_request import SearchRequest

PATIENCE = 0.25  # seconds to wait for the first line before the engine is loaded anyway
_GOODBYE = 1.0  # seconds that the engine has to end before it is left behind
_LOADING = 30.0  # seconds that it has where it was asked for something while it was loaded, as by commands from a file

Job = Callable[["EngineSession"], None]


class Server:
    """The base of both servers. A protocol implements `obey`, the meaning of a line, and `complain`, the report of an
    error."""

    default_game: str  # whose packaged agent plays where no checkpoint is named
    position_word: str  # the command that tells a position

    @staticmethod
    def check(meta: Mapping[str, Any]) -> None:
        """Raises ConfigError where the protocol cannot play the game that a checkpoint's `meta` names."""
        raise NotImplementedError

    @staticmethod
    def notation(game: Game) -> ProtocolNotation:
        """How the protocol writes the game. Raises ConfigError where it does not."""
        raise NotImplementedError

    def __init__(
        self, load: Callable[[], EngineSession], meta: Mapping[str, Any], source: BinaryIO, sink: BinaryIO | FileIO
    ) -> None:
        """load: makes the engine; UserError where it cannot be made. meta: what the checkpoint says of itself."""
        self._load, self._source, self._sink = load, source, sink
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._waiting: list[Callable[[], None]] = []  # to be called once the engine is loaded
        self._loading = threading.Lock()
        self._begin = threading.Event()
        self._writing = threading.Lock()
        self._worker = threading.Thread(target=self._work, daemon=True)
        self.loaded = False
        self.request: SearchRequest | None = None  # the one that is waiting or worked on

    def offer(self, scale: Calibration) -> None:
        """Lets the other side ask for a strength in Elo, where the protocol has a word for it."""

    def obey(self, line: str) -> bool:
        """Does what a line says; False where it says to quit."""
        raise NotImplementedError

    def complain(self, message: str) -> None:
        """Reports an error to the other side."""
        raise NotImplementedError

    def run(self) -> int:
        """Serves until told to quit or the input ends; returns the exit code."""
        self._worker.start()
        try:
            for line in self._lines():
                if not self.obey(line):
                    break
                self._begin.set()
        finally:
            asked = bool(self._waiting) or not self._jobs.empty()
            self._jobs.put(None)
            self.stop()
        self._worker.join(_GOODBYE if self.loaded else _LOADING * asked)
        return 0

    def stop(self) -> None:
        """Ends the search that is waiting or running, if there is one."""
        if self.request is not None:
            self.request.stop()

    def ponder_hit(self) -> None:
        """The move that is pondered on was played."""
        if self.request is not None:
            self.request.hit()

    def ask(self, request: SearchRequest, search: Callable[[EngineSession, SearchRequest], None]) -> None:
        """Stops the search that runs and has the engine make another; see `do`."""
        self.stop()
        self.request = request

        def job(engine: EngineSession) -> None:
            try:
                search(engine, request)
            finally:
                self.finish(request)

        self.do(job)

    def finish(self, request: SearchRequest) -> None:
        """Marks the search as over: a later `stop` or `ponder_hit` does nothing."""
        if self.request is request:
            self.request = None

    def say(self, *lines: str) -> None:
        """Writes lines, together."""
        data = "".join(f"{line}\n" for line in lines).encode(errors="replace")
        with self._writing, contextlib.suppress(OSError):  # the other side has gone: the end of the input will come
            while data:
                data = data[self._sink.write(data) :]

    def do(self, job: Job) -> None:
        """Queues work for the engine's thread, which does it in order."""
        self._jobs.put(job)

    def when_loaded(self, call: Callable[[], None]) -> None:
        """Calls it now, or as soon as the engine is loaded, before the work that is queued."""
        with self._loading:
            if not self.loaded:
                self._waiting.append(call)
                return
        call()

    def _lines(self) -> Iterator[str]:
        """Lines that are not empty. What is too long is left out."""
        for line, whole in lines.read(self._source):
            text = line.decode(errors="replace").strip()
            if not whole:
                self._leave_out(text)
            elif text:
                yield text

    def _leave_out(self, beginning: str) -> None:
        why = f"a line of more than {lines.MAX_LINE} bytes was left out."
        self.complain(why)
        if self.position_word in beginning[:100].split():
            self.do(lambda engine: engine.refuse(why))

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


def serve_agent(protocol: type[Server], checkpoint: Path | None) -> NoReturn:
    """Serves the agent of a run's or generation's folder, or the packaged one of the protocol's usual game, on standard
    input and output to the end, and ends the process. Raises UserError where there is no such agent."""
    from selfplay.players import pretrained, strength

    folder = checkpoint or pretrained.path(protocol.default_game)
    meta = pretrained.peek(folder)
    protocol.check(meta)

    def load() -> EngineSession:
        from selfplay.serve import engine_session

        return engine_session.load(folder, protocol.notation)

    server = protocol(load, meta, *standard_streams())
    if (scale := strength.of_agent(folder)) is not None:
        server.offer(scale)
    try:
        leave(server.run())
    except KeyboardInterrupt:
        leave(130)


def leave(code: int) -> NoReturn:
    """Ends the process, at once and from any thread: another may wait for a line that never comes, or be in the middle
    of loading, and an interpreter that has loaded torch takes a second to clear up."""
    sys.stderr.flush()
    os._exit(code)


def standard_streams() -> tuple[BinaryIO, FileIO]:
    """Standard input and output as bytes; from now on, what others print goes to standard error."""
    sys.stdout.flush()
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return sys.stdin.buffer, sink
