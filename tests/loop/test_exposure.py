"""What a training with actors on Ray lets others reach: sockets, the token, its file; and 10 kills of the trainer."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import trainers

from selfplay.loop.nodes import node

LOOPBACK = ("127.", "::1")
CLIENT = "import ray; ray.init(address={!r}, logging_level='error'); print('LET IN')"


def listening(pids: set[int]) -> dict[str, set[str]]:
    """Program → addresses other than the loopback's that it listens on."""
    found: dict[str, set[str]] = {}
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            for socket in process.net_connections("tcp"):
                if socket.status == psutil.CONN_LISTEN and not socket.laddr.ip.startswith(LOOPBACK):
                    found.setdefault(" ".join(process.cmdline())[:200], set()).add(socket.laddr.ip)
    return found


def ask(address: str, home: Path, **environment: str) -> str:
    """What a stranger's client says that tries to join Ray."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    given |= {"HOME": str(home), "RAY_NUM_REDIS_GET_RETRIES": "2", **environment}
    done = subprocess.run(
        [sys.executable, "-c", CLIENT.format(address)],
        env=given,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.chaos
@pytest.mark.timeout(250)
def test_only_ray_listens_to_other_machines_and_it_asks_for_a_token_that_others_cannot_read(tmp_path: Path) -> None:
    run, home, stranger = tmp_path / "run", tmp_path / "home", tmp_path / "stranger"
    token = home / ".ray" / "auth_token"
    token.parent.mkdir(parents=True)
    stranger.mkdir()
    token.write_text(secrets.token_hex(32))
    token.chmod(0o644)
    with trainers.Trainer(run, "--generations", "100000", "--actors", "1", environment={"HOME": str(home)}) as trainer:
        assert trainers.wait_until(lambda: trainer.state()["generation"] > 0, 100), trainer.said
        assert token.stat().st_mode & 0o777 == 0o600
        programs = listening(trainers.of_run(run))
        others = [
            program
            for program in programs
            if not re.search(r"ray::|raylet|gcs_server|/ray/|keeper\.py|selfplay train", program)
        ]
        assert others == [], programs
        raylet = next(pid for pid in trainers.of_run(run) if "raylet" in psutil.Process(pid).name())
        assert psutil.Process(raylet).environ()["RAY_AUTH_MODE"] == "token"
        nice = psutil.Process(trainer.process.pid).nice()
        assert {psutil.Process(pid).nice() for pid in trainer.actors()} == {nice}
        address = re.search(r"--gcs-address=(\S+)", " ".join(psutil.Process(raylet).cmdline()))
        assert address is not None
        mode, right, wrong = {"RAY_AUTH_MODE": "token"}, token.read_text(), secrets.token_hex(32)
        assert "LET IN" in ask(address[1], stranger, **mode, RAY_AUTH_TOKEN=right)  # else it failed for another reason
        refused = ask(address[1], stranger, **mode, RAY_AUTH_TOKEN=wrong)
        assert "LET IN" not in refused and "AuthenticationError" in refused, refused
        assert "LET IN" not in ask(address[1], stranger)
        assert trainer.process.poll() is None, trainer.said
        trainer.signal(signal.SIGTERM)
        assert trainer.ended() == 143


@pytest.mark.chaos
@pytest.mark.timeout(500)
def test_a_trainer_with_actors_that_is_killed_ten_times_always_goes_on(tmp_path: Path) -> None:
    run, rng = tmp_path / "run", np.random.default_rng(3)
    reached = trainers.newest_state(run)
    for _ in range(10):
        with trainers.Trainer(run, "--generations", "100000", "--actors", "1") as trainer:
            before = reached["inserted"]
            assert trainers.wait_until(lambda before=before: trainer.state()["inserted"] > before, 100), trainer.said
            time.sleep(rng.uniform(0, 0.5))
            trainer.signal(signal.SIGKILL)
            trainer.ended()
            assert "Traceback" not in trainer.said
            reached = trainer.state()
            assert reached["inserted"] > before
    assert trainers.wait_until(lambda: not trainers.of_run(run), 15), trainers.of_run(run)


def test_only_what_a_session_of_this_run_has_left_is_ended(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "mine-too"
    sleepers = [
        subprocess.Popen(["sleep", "60"], env=os.environ | {node.OWNER: str(owner)})
        for owner in (mine, other, tmp_path)
    ]
    try:
        assert trainers.wait_until(lambda: len(trainers.of_run(mine)) == 1, 5)
        assert node.end_leftovers(mine) == 1
        assert sleepers[0].wait(5) == -signal.SIGKILL
        assert [sleeper.poll() for sleeper in sleepers[1:]] == [None, None]
        assert node.end_leftovers(mine) == 0
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()


def test_a_token_file_that_others_can_read_is_made_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    node.protect_token()  # there is none
    token = node.token_file()
    token.parent.mkdir()
    token.write_text("secret")
    token.chmod(0o644)
    node.protect_token()
    assert token.stat().st_mode & 0o777 == 0o600
