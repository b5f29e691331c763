"""A real Ray cluster: two nodes here, a token, and the training command that joins it; and the cluster files."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from ray_cluster import ROOT, Cluster

from selfplay.cli import main
from selfplay.league import pool


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
@pytest.mark.timeout(400)
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
