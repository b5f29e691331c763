"""Starts inference servers: whichever client of a node first finds none that listens starts one, and all connect to it.

The client takes the socket's name, which only one process can have, and hands the listening socket to the new process:
clients that come while it starts wait in line, and when a server dies its name is free at once.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from games.base import Game
from selfplay import cores
from selfplay.errors import ActorPoolError
from selfplay.networks.config import InferenceConfig, NetworkConfig
from selfplay.networks.shared import messages

_MODULE = "selfplay.networks.shared.process"
_PAUSE = 0.002  # seconds, while another client is about to listen


@dataclass(frozen=True)
class Server:
    """Which server a client wants: one of those of a run on this node."""

    key: str  # of the run: letters and digits, the same for all of its clients
    number: int
    game: Game
    network: NetworkConfig
    config: InferenceConfig

    def connect(self) -> socket.socket:
        """A connection, to a server that may be starting. Raises ActorPoolError."""
        address = messages.address(self.key, self.number)
        while True:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            try:
                connection.connect(address)
                if not messages.is_own(connection):
                    raise ActorPoolError(f"the inference server's address {address[1:]} belongs to another user.")
                return connection
            except ConnectionRefusedError:
                connection.close()
                if not self._start(address):
                    time.sleep(_PAUSE)
            except BaseException:
                connection.close()
                raise

    def _start(self, address: str) -> bool:
        """Starts a server, unless another client is doing so."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
            try:
                listening.bind(address)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                return False
            listening.listen(messages.BACKLOG)
            given = pickle.dumps((self.number, self.game, self.network, self.config))
            process = subprocess.Popen(
                [sys.executable, "-m", _MODULE, str(listening.fileno())],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=self._environment(),
                pass_fds=[listening.fileno()],
            )  # fmt: skip
            with contextlib.suppress(BrokenPipeError):  # it has ended, and all who wait for it see so
                process.communicate(given)  # its second half, which goes on, is no child of ours
            process.wait()
        return True

    def _environment(self) -> dict[str, str]:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        if self.config.device != "cpu":
            environment.pop("CUDA_VISIBLE_DEVICES", None)  # actors see no GPU: their server does
        return environment


def is_server(pid: int) -> bool:
    """Whether a process is an inference server, started or not; the client that starts it is none."""
    try:
        return _MODULE.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def servers_here(config: InferenceConfig) -> int:
    """Inference servers of this node: as the settings say, else one a GPU, or one a core where there is none."""
    if config.servers is not None:
        return config.servers
    gpus = len(list(Path("/dev").glob("nvidia[0-9]*"))) if config.device != "cpu" else 0
    return gpus or cores.granted()
