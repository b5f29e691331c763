"""This process's connection to Ray, on a private node or on a cluster: made, explained where it fails, and ended."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from selfplay.errors import ActorPoolError
from selfplay.loop import stop_signal
from selfplay.loop.nodes import node

CONNECT_TIMEOUT = 5.0  # seconds for a cluster's address to answer at all
ATTEMPTS = "3"  # of Ray to connect to an address that answers, a second apart; its own default is 20


class Connection:
    """`ray`, the module, connected from `__init__` to `close`."""

    def __init__(self, size: int, address: str | None, owner: Path | None = None, sees_gpus: bool = True) -> None:
        """size: processes that will be started. address: an existing cluster's ("auto", or host:port), or None to start
        Ray on this machine; owner: the folder of the run it is for; sees_gpus: whether processes of a Ray that is
        started here see its GPUs. Raises ActorPoolError."""
        self.address, self._node = address, None
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        node.protect_token()
        if address is None:
            # The driver learns while actors play, so on a small machine they share cores: Ray is told of enough.
            self._node = node.Node(max(size, os.cpu_count() or 1), owner, sees_gpus)
        else:
            if not answers(address):
                raise ActorPoolError(
                    f"cannot reach the Ray cluster at '{address}': nothing answers there. Is the address right?"
                )
            os.environ.setdefault("RAY_NUM_REDIS_GET_RETRIES", ATTEMPTS)
            if "RAY_AUTH_MODE" not in os.environ and node.has_token():
                os.environ["RAY_AUTH_MODE"] = "token"
        try:
            self.ray = _connect(self._node.address if self._node else str(address))
        except BaseException as error:
            if self._node:
                self._node.close()
            if isinstance(error, Exception):
                raise _refusal(address, error) from error
            raise
        node.protect_token()

    def close(self) -> None:
        self.ray.shutdown()
        if self._node:
            self._node.close()


def _connect(address: str) -> Any:
    """Ray, connected in a thread, so that Ctrl-C is heeded all the while."""
    modes = os.environ.get("RAY_AUTH_MODE"), _mode_seen()
    import ray

    if modes[0] != modes[1]:
        with contextlib.suppress(ImportError, AttributeError):
            sys.modules["ray._raylet"].Config.initialize("")  # Ray reads its environment once, when it is imported
    failed: list[BaseException] = []

    def connect() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, stop_signal.SIGNALS)
        try:
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, configure_logging=True)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=connect, name="connecting to Ray", daemon=True)
    try:
        with _sigterm_kept():
            thread.start()
            while thread.is_alive() and signal.SIGTERM not in signal.sigpending():
                thread.join(0.05)
        thread.join()
    except BaseException:
        thread.join(node.END_TIMEOUT)
        if not thread.is_alive():
            ray.shutdown()
        raise
    if failed:
        raise failed[0]
    # Ray would print on top of our display what we say in a sentence; no setting turns that off.
    vars(sys.modules["ray._private.worker"])["print_to_stdstream"] = lambda *_, **__: None
    return ray


def _mode_seen() -> str | None:
    """The mode of authentication that Ray works by; that of the environment, where it is still to be imported."""
    raylet = sys.modules.get("ray._raylet")
    if raylet is None:
        return os.environ.get("RAY_AUTH_MODE")
    return "token" if raylet.get_authentication_mode() == raylet.AuthenticationMode.TOKEN else None


@contextlib.contextmanager
def _sigterm_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself while it connects, below Python, and would abort the process at one. So it is held
    back in this block, after which all signals are handled as before."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handlers = {number: signal.getsignal(number) for number in stop_signal.SIGNALS}
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if handler is not None:
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


def answers(address: str) -> bool:
    """Whether anything listens at host:port (Ray itself tries for minutes); True for what is no such address."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdigit():
        return True
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_TIMEOUT).close()
    except (OSError, OverflowError):
        return False
    return True


def _refusal(address: str | None, error: Exception) -> ActorPoolError:
    """What a failed connection means, as a sentence."""
    if address is None:
        return ActorPoolError(f"cannot reach Ray on this machine: {sentence(error)}")
    said = str(error)
    if "could not find any running" in said.lower():
        return ActorPoolError(f"no Ray cluster was found for '{address}': start one, or give its HOST:PORT.")
    if "Failed to connect" in said or "oken" in said:
        held = "the one of this command is another" if node.has_token() else "this command has none"
        return ActorPoolError(
            f"the Ray cluster at '{address}' does not let us in: most likely it asks for a token, and {held}. Copy the "
            f"cluster's to {node.token_file()} or to RAY_AUTH_TOKEN (RAY_AUTH_MODE is "
            f"'{os.environ.get('RAY_AUTH_MODE', 'unset')}')."
        )
    return ActorPoolError(f"cannot reach the Ray cluster at '{address}': {sentence(error)}")


def sentence(error: BaseException) -> str:
    """What a person can use of an error's message: Ray puts the cause last, below traces, and colours some of it."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in plain.splitlines() if line.strip()]
    causes = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Exit|Interrupt)\b.*:", line)]
    return (causes or lines[:1] or [type(error).__name__])[-1]
