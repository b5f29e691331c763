"""A real Ray cluster: two nodes on this host, a token, and the training command that joins it; and the cluster files.

Nodes run in the foreground (`ray start --block`), each in a process group of its own, so that ending them ends their
processes and no others: `ray stop` would end every Ray process on the machine.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from selfplay.cli import main
from selfplay.league import pool

ROOT = Path(__file__).resolve().parents[2]
RAY = Path(sys.executable).parent / "ray"
SECONDS = 110  # for all of it, but for ending the nodes
STARTED = "Ray runtime started"


class Cluster:
    """A head and a second node with one CPU each, and the environment in which commands reach them."""

    def __init__(self, folder: Path) -> None:
        """Starts nothing yet: `start` does, so that `close` can end a cluster that came up half."""
        self.deadline = time.monotonic() + SECONDS
        self.folder = folder
        self.nodes: list[subprocess.Popen[bytes]] = []
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")} | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(32),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_worker_niceness": "0",
            "PYTHONPATH": str(ROOT),
        }

    def start(self) -> None:
        with socket.socket() as free:
            free.bind(("", 0))
            port = free.getsockname()[1]
        log = self._start("head", "--head", f"--port={port}", "--include-dashboard=false")
        address = re.search(r"--address='([^']+)'", log)
        assert address, log
        self.environment["RAY_ADDRESS"] = address[1]
        self._start("node", f"--address={address[1]}")

    def _start(self, name: str, *options: str) -> str:
        """Starts a node and waits until it is up; returns what it said."""
        path = self.folder / f"{name}.log"
        common = ["--block", "--num-cpus=1", f"--temp-dir={self.folder}", "--min-worker-port=0", "--max-worker-port=0"]
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


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # sockets live below: the path has to be short
    made = Cluster(folder)
    try:
        made.start()
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.timeout(170)
def test_training_joins_a_cluster_of_two_nodes(cluster: Cluster, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = cluster.run(
        "-m", "selfplay", "train", "tic-tac-toe", "--actors", "2", "--address", "auto", "--run", str(run), "--plain",
        "--generations", "2", "--set", "run.generation_rows=1000", "--set", "run.rollout_rows=200",
        "--set", "replay.learn_after=500", "--set", "evaluation.num_simulations=8",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert pool.Pool(run / "checkpoints").generations() == [0, 1, 2]
    assert all(node.poll() is None for node in cluster.nodes), "the run ended a node that it did not start"

    # Each node has one CPU, so the two actors must have been on both.
    asked = cluster.run("-c", "import ray; ray.init(logging_level='error'); print(len(ray.nodes()))")
    assert asked.stdout.strip() == "2", asked.stderr

    # A stranger without the token is kept out, in one sentence.
    cluster.environment["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    refused = cluster.run("-m", "selfplay", "train", "tic-tac-toe", "--actors", "1", "--address", "auto",
                          "--run", str(tmp_path / "refused"), "--plain")  # fmt: skip
    assert refused.returncode == 2 and "RAY_AUTH_TOKEN" in refused.stderr, refused.stderr
    assert "Traceback" not in refused.stderr


def test_the_cluster_file_says_what_a_launcher_needs() -> None:
    text = (ROOT / "scripts" / "cluster.yaml").read_text("utf-8")
    config = yaml.safe_load(text)
    assert config["provider"]["type"] == "local"
    assert len(config["provider"]["worker_ips"]) == config["min_workers"] == config["max_workers"]
    starts = [*config["head_start_ray_commands"], *config["worker_start_ray_commands"]]
    assert all("RAY_AUTH_MODE=token" in command for command in starts if " start " in command)
    assert "~/.ray/auth_token" in config["file_mounts"]


@pytest.mark.slow
def test_ray_accepts_the_cluster_file() -> None:
    check = (
        "import sys, yaml\nfrom ray.autoscaler._private import util\n"
        "util.validate_config(util.prepare_config(yaml.safe_load(open(sys.argv[1]))))"
    )
    command = [sys.executable, "-c", check, str(ROOT / "scripts" / "cluster.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("given", [[], ["tic-tac-toe"], ["tic-tac-toe", "3"], ["tic-tac-toe", "3", "--minutes", "9"]])
def test_the_submitted_command_is_one_that_selfplay_takes(given: list[str], tmp_path: Path) -> None:
    fake = tmp_path / "ray"
    fake.write_text('#!/bin/sh\nfor word in "$@"; do printf "%s\\n" "$word"; done\n')
    fake.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "RUN": "/somewhere/run"}
    done = subprocess.run(
        [str(ROOT / "scripts" / "submit.sh"), *given], env=environment, capture_output=True, text=True, check=True
    )
    *ray, command = done.stdout.splitlines()
    assert ray == ["job", "submit", "--", "bash", "-c"]
    program, *arguments = shlex.split(command)
    assert program == "$HOME/selfplay/.venv/bin/selfplay"
    parsed = main.parser().parse_args(arguments)
    assert parsed.preset == (given[0] if given else "connect-four")
    assert parsed.actors == (given[1] if len(given) > 1 else "8")
    assert (parsed.address, parsed.minutes) == ("auto", given[3] if len(given) > 2 else None)
