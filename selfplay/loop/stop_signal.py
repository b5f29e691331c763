"""The stop signal: turns Ctrl-C and SIGTERM into a request to stop once everything is saved.

Knows the process's signals, and no run.
"""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any


class StopSignal:
    """In its `with` block the first Ctrl-C (or SIGTERM) is a request to stop, and the second raises KeyboardInterrupt.

    Handlers are set explicitly: a shell that starts us in the background makes us ignore SIGINT otherwise. Only the
    main thread may set any; in another one, nothing is ever asked."""

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[int, Any] = {}

    def asked(self) -> bool:
        """Whether a stop was requested."""
        return self._asked

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True
        # Not print: that may be what was interrupted.
        os.write(2, b"\nStopping: saving first. Ctrl-C again stops at once.\n")

    def __enter__(self) -> StopSignal:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
