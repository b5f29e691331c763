"""Processes that work side by side, each asked through a pipe and answering through it. Knows nothing of the work."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from selfplay import device
from selfplay.errors import UserError

PATIENCE = 10.0  # seconds that a process has to end by itself


class Processes:
    """Processes that run `serve(answer)` each; a context, at whose end they end. Ctrl-C is left to this process."""

    def __init__(self, size: int, make: Callable[..., Callable[[Any], Any]], *arguments: Any) -> None:
        """make: called in each process with its number and `arguments`, returns what answers a question. All of it
        must be picklable."""
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        self._processes: list[Any] = []
        with _unheard():
            for index in range(size):
                here, there = context.Pipe()
                started = context.Process(target=_serve, args=(there, make, index, arguments), daemon=True)
                started.start()
                there.close()
                self._pipes.append(here)
                self._processes.append(started)

    def ask(self, question: Any, size: int | None = None) -> list[Any]:
        """Answers of the first `size` processes, all of them by default, that work at the same time. Raises UserError
        where one has died."""
        asked = self._pipes[:size]
        try:
            for pipe in asked:
                pipe.send(question)
            return [pipe.recv() for pipe in asked]
        except (EOFError, OSError):
            raise UserError(
                "a process that was measured has ended before it answered (out of memory, or killed): free some memory "
                "and try again."
            ) from None

    def __enter__(self) -> Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:
            pipe.close()  # which ends the process
        for process in self._processes:
            process.join(PATIENCE)
            process.kill()


def _serve(pipe: Connection, make: Callable[..., Callable[[Any], Any]], index: int, arguments: tuple[Any, ...]) -> None:
    """The body of a process."""
    device.tune_process()
    answer = make(index, *arguments)
    with contextlib.suppress(EOFError, OSError):  # whoever asked has gone
        while True:
            pipe.send(answer(pipe.recv()))


@contextlib.contextmanager
def _unheard() -> Iterator[None]:
    """Processes started here ignore Ctrl-C, from their first instruction on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
