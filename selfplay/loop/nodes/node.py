"""A private Ray node: Ray on this machine for one process, which ends with it. Started by way of `keeper`.

Knows processes and Ray's environment variables, and does not import Ray.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from selfplay.errors import ActorPoolError
from selfplay.loop.nodes import keeper

START_TIMEOUT = 120.0  # seconds for Ray to start
END_TIMEOUT = 3.0  # seconds for it to end by itself
OWNER = "SELFPLAY_RUN"  # environment variable of Ray's processes: the folder of the run that they belong to


class Node:
    """Ray's processes, in a session of their own, from `__init__` to `close` or the end of this process."""

    def __init__(self, cpus: int, owner: Path | None, sees_gpus: bool = True) -> None:
        """owner: the folder of the run that it is for. sees_gpus: whether its processes see this machine's GPUs. Raises
        ActorPoolError."""
        os.environ["RAY_AUTH_MODE"] = "token"  # whoever reaches an open Ray port can run code here
        if not has_token():
            os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
        # Ray's default niceness starves actors beside a learner on the same cores.
        environment = os.environ | {"RAY_worker_niceness": "0"} | ({OWNER: str(owner.resolve())} if owner else {})
        if not sees_gpus:
            environment["CUDA_VISIBLE_DEVICES"] = ""  # Ray leaves them in sight of actors that ask for none
        self._folder = tempfile.mkdtemp(prefix="selfplay-ray-", dir=_short_folder())
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `close`)
        self._process = subprocess.Popen(
            [sys.executable, "-P", keeper.__file__, str(cpus), self._folder], env=environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said,
        )  # fmt: skip
        try:
            self.address = self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> str:
        """Ray's address, once it has started."""
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], START_TIMEOUT)
        if not ready:
            raise ActorPoolError(f"Ray did not start on this machine within {START_TIMEOUT:.0f} s.")
        if address := self._process.stdout.readline().decode().strip():
            return address
        self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines() or ["its process ended"]
        raise ActorPoolError(f"Ray cannot be started on this machine: {lines[-1]}")

    def close(self) -> None:
        """Ends Ray. Nothing is left running, also where the keeper does not do its part."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_TIMEOUT)
        except subprocess.TimeoutExpired:
            for pid in [*keeper.members(self._process.pid), self._process.pid]:
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            self._process.wait()
        self._process.stdout.close()
        self._said.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def has_token() -> bool:
    """Whether Ray finds a token of this user's."""
    return bool(os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")) or token_file().is_file()


def token_file() -> Path:
    return Path(os.path.expanduser("~")) / ".ray" / "auth_token"


def protect_token() -> None:
    """Makes the token file readable by its owner only: Ray leaves it to all, and who reads it can run code here."""
    with contextlib.suppress(OSError):
        found = token_file().stat()
        if found.st_uid == os.getuid() and found.st_mode & 0o077:
            token_file().chmod(0o600)


def end_leftovers(owner: Path) -> int:
    """Ends processes of Ray that an earlier session of the run in `owner` has left, and waits until they are gone;
    how many there were. The caller holds the run's lock, so none of them is in use."""
    mark, left = f"{OWNER}={owner.resolve()}".encode(), []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):  # another user's, or gone
            if mark in path.read_bytes().split(b"\0") and int(path.parent.name) != os.getpid():
                left.append(int(path.parent.name))
    for pid in left:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + END_TIMEOUT
    while any(_runs(pid) for pid in left) and time.monotonic() < deadline:
        time.sleep(0.02)
    return len(left)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _short_folder() -> str | None:
    """Where sockets can lie: their paths may have 107 characters."""
    return None if len(tempfile.gettempdir()) < 24 else "/tmp"
