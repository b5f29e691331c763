"""The stop signal: turns Ctrl-C, SIGTERM and SIGHUP into a request to stop once everything is saved.

Knows the process's signals, and no run.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
PATIENCE = 1.5  # seconds after the second signal until a command ends, whatever it is doing
SAID = "Stopping: saving first. Ctrl-C again stops at once."


class Stopped(BaseException):
    """Raised by the first signal where waiting was allowed to be cut short; no error."""


class StopSignal:
    """In its `with` block the first Ctrl-C, SIGTERM or SIGHUP is a request to stop, and the second raises
    KeyboardInterrupt. Both are noticed by a thread, so that a request is acknowledged at once even while the main
    thread computes.

    Handlers are set explicitly: a shell that starts us in the background makes us ignore SIGINT otherwise. A SIGHUP
    that we were started to ignore (`nohup`) stays ignored. Only the main thread may set handlers; in another one,
    nothing is ever asked."""

    def __init__(self, patience: float | None = None) -> None:
        """patience: seconds after the second signal until this process is ended for good; None: it is left alone."""
        self.number = 0  # of the first signal; 0: none came
        self.say: Callable[[str], None] | None = None  # writes a line where a panel is drawn on the terminal
        self._patience = patience
        self._cutting = False  # whether the first signal may raise Stopped
        self._before: dict[int, Any] = {}
        self._wakeup: tuple[socket.socket, socket.socket] | None = None
        self._wakeup_before = -1
        self._over = threading.Event()

    def asked(self) -> bool:
        """Whether a stop was requested."""
        return self.number != 0

    @property
    def exit_code(self) -> int:
        """What a command that was stopped returns: 130 after Ctrl-C, 143 after SIGTERM or SIGHUP."""
        return 130 if self.number in (0, signal.SIGINT) else 143

    def ask(self, number: int) -> None:
        """Requests a stop as signal `number` would."""
        self.number = self.number or number

    @contextlib.contextmanager
    def cuts(self) -> Iterator[None]:
        """A block that a stop may cut short, by Stopped: what changes nothing before its end, or all at once."""
        if self.asked():
            raise Stopped
        self._cutting = True
        try:
            yield
        finally:
            self._cutting = False

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked():
            raise KeyboardInterrupt
        self.number = number
        if self._cutting:
            self._cutting = False
            raise Stopped

    def _watch(self, woken: socket.socket) -> None:
        """Runs in a thread: each byte is a signal that has come, and the end is that of the `with` block."""
        seen = 0
        with woken:
            while numbers := woken.recv(1):
                if numbers[0] not in self._before:
                    continue
                seen += 1
                if seen == 1:
                    self._acknowledge()
                elif self._patience is not None and not self._over.wait(self._patience):
                    if os.isatty(1):
                        _write(1, b"\x1b[?25h\n")  # a panel hides the cursor
                    os._exit(self.exit_code)

    def _acknowledge(self) -> None:
        """Above a panel, so that neither overwrites the other; else on standard error."""
        if self.say is not None and os.isatty(2):
            with contextlib.suppress(OSError):  # a terminal that is gone
                self.say(SAID)
            return
        _write(2, f"\n{SAID}\n".encode())  # not print: that may be what was interrupted

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is not threading.main_thread():
            return self
        woken, wakes = self._wakeup = socket.socketpair()
        wakes.setblocking(False)
        for number in SIGNALS:
            before = signal.getsignal(number)
            if number == signal.SIGINT or before is not signal.SIG_IGN:
                self._before[number] = before
        threading.Thread(target=self._watch, args=(woken,), name="stop signal", daemon=True).start()
        self._wakeup_before = signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        for number in self._before:
            signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for number, handler in self._before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        if self._wakeup is not None:
            signal.set_wakeup_fd(self._wakeup_before)
            self._wakeup[1].close()


def _write(descriptor: int, text: bytes) -> None:
    with contextlib.suppress(OSError):  # a terminal that is gone
        os.write(descriptor, text)
