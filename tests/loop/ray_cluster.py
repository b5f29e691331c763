"""A real Ray cluster of nodes on this host, with fake resources, and a token.

Nodes run in the foreground (`ray start --block`), each in a process group of its own, so that ending them ends their
processes and no others: `ray stop` would end every Ray process on the machine.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from selfplay.loop.nodes.node import token_file

ROOT = Path(__file__).resolve().parents[2]
RAY = Path(sys.executable).parent / "ray"
SECONDS = 300  # for all of it, but for ending the nodes; most of it is for a busy machine
STARTED = "Ray runtime started"


def own_token() -> str:
    """The token of this process, which it has from now on: Ray reads a process's token once and keeps it, so that none
    of a single test's may be forgotten again, and one that Ray found in the user's file is kept."""
    if "RAY_AUTH_TOKEN" not in os.environ and token_file().is_file():
        return token_file().read_text().strip()
    return os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


class Cluster:
    """A head and other nodes, and the environment in which commands reach them."""

    def __init__(self, folder: Path, *nodes: str) -> None:
        """Starts nothing yet: `start` does, so that `close` can end a cluster that came up half. nodes: options of
        `ray start` that give the resources of each, the head first."""
        self.resources = nodes or ("--num-cpus=1", "--num-cpus=1")
        self.deadline = time.monotonic() + SECONDS
        self.folder = folder
        self.nodes: list[subprocess.Popen[bytes]] = []
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": own_token(),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",
            "PYTHONPATH": str(ROOT),
        }

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("", 0))
            port = free.getsockname()[1]
        head, *others = self.resources
        log = self._start("head", "--head", f"--port={port}", "--include-dashboard=false", *head.split())
        address = re.search(r"--address='([^']+)'", log)
        assert address, log
        self.environment["RAY_ADDRESS"] = address[1]
        for resources in others:
            self.add(resources)

    def add(self, resources: str) -> subprocess.Popen[bytes]:
        """Starts another node, and waits until it is up."""
        address = self.environment["RAY_ADDRESS"]
        self._start(f"node-{len(self.nodes)}", f"--address={address}", *resources.split())
        return self.nodes[-1]

    def kill(self, node: subprocess.Popen[bytes]) -> None:
        """Kills every process of a node at once, as a machine that loses power does."""
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()
        self.nodes.remove(node)

    def _start(self, name: str, *options: str) -> str:
        """Starts a node and waits until it is up; returns what it said."""
        path = self.folder / f"{name}.log"
        common = ["--block", f"--temp-dir={self.folder}", "--min-worker-port=0", "--max-worker-port=0"]
        with path.open("wb") as log:
            node = subprocess.Popen(
                [sys.executable, str(RAY), "start", *common, *options], env=self.environment, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.nodes.append(node)
        while STARTED not in (said := path.read_text(errors="replace")):
            assert node.poll() is None, said
            assert time.monotonic() < self.deadline, f"the {name} did not start in time:\n{said}"
            time.sleep(0.5)
        return said

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs a Python command within the time that is left."""
        return subprocess.run(
            [sys.executable, *arguments], env=self.environment, cwd=self.folder, check=False, text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=max(1.0, self.deadline - time.monotonic()),
        )  # fmt: skip

    def close(self) -> None:
        for node in reversed(self.nodes):
            node.terminate()
        for node in self.nodes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                node.wait(timeout=15)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(node.pid, signal.SIGKILL)  # what the node has left behind
            node.wait()
