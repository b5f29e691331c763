"""Inference servers as processes: started by whoever needs one, replaced when they die or hang, and gone after all."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import tiny
import torch
from served import SHARED, leaves, local, same

import games
from selfplay.alphazero import actor as actors
from selfplay.alphazero.config import ActorConfig
from selfplay.errors import ActorPoolError
from selfplay.networks import policy_value
from selfplay.networks.shared import client, launcher, messages
from selfplay.search.config import SearchConfig

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).resolve().parents[3]
GAME = games.make("tic-tac-toe")


def listens(key: str) -> bool:
    """Whether a socket of a run's servers is there."""
    return key in Path("/proc/net/unix").read_text(errors="replace")


def ends(pid: int) -> bool:
    """Whether a process is gone within a minute; one that is dead and not yet reaped by its parent counts as gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process, deadline = psutil.Process(pid), time.monotonic() + 60
        while process.status() != psutil.STATUS_ZOMBIE:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
    return True


@pytest.fixture
def connection() -> Iterator[client.Client]:
    made = client.Client(GAME, launcher.Server(secrets.token_hex(8), 0, GAME, tiny.NETWORK, SHARED), 32, 3)
    yield made
    pid = made._pid
    made.close()
    assert ends(pid), "the server has not ended with its last client"


def evaluator(connection: client.Client, seed: int) -> client.SharedEvaluator:
    made = client.SharedEvaluator(connection, f"with seed {seed}")
    made.load(tiny.random_weights(GAME, seed))
    return made


@pytest.mark.chaos
def test_a_server_that_is_killed_or_hangs_is_replaced_and_answers_are_those_of_a_network_at_home(
    connection: client.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "HANG_TIMEOUT", 2.0)
    newest, opponent = evaluator(connection, 1), evaluator(connection, 2)
    few, more = leaves(GAME, 7), leaves(GAME, 20, seed=5)
    pids = []
    for number in (signal.SIGKILL, signal.SIGSTOP, None):
        answers = [newest.submit(few), opponent.submit(more), newest.submit(more)]
        pids.append(connection._pid)
        if number is not None:
            os.kill(connection._pid, number)
        wanted = [local(GAME, 1)(few), local(GAME, 2)(more), local(GAME, 1)(more)]
        assert all(same(answer(), right) for answer, right in zip(answers, wanted, strict=True))
        assert not connection._asked and sorted(connection._slots) == [0, 1, 2]
    assert len({*pids}) == 3 and connection.counts["lost"] >= 2
    assert all(ends(pid) for pid in pids[:2])
    assert connection.waiting > 0


@pytest.mark.chaos
def test_games_are_the_same_whatever_happens_to_the_server(connection: client.Client) -> None:
    config = ActorConfig(concurrent_games=9, num_simulations=8, random_opening_plies=3, opponent_share=0.2)

    def actor(server: launcher.Server | None) -> actors.SelfPlayActor:
        made = actors.SelfPlayActor(GAME, config, SearchConfig(), tiny.NETWORK, 3, 1, torch.device("cpu"), 2, server)
        newest, other = ({policy_value.PLAYER: tiny.random_weights(GAME, seed)} for seed in (1, 2))
        made.set_weights(newest, 1, other)
        return made

    shared, alone = actor(connection._server), actor(None)
    used = shared._client
    assert used is not None
    answer = used.answer

    def kill_now_and_then(number: int) -> tuple[np.ndarray, np.ndarray]:
        if number in (5, 90):
            os.kill(used._pid, signal.SIGKILL)
        return answer(number)

    used.answer = kill_now_and_then  # type: ignore[method-assign]
    (rows, sums), (wanted, _) = shared.generate(150), alone.generate(150)
    used.close()
    assert tiny.same_bits(rows, wanted) and sums["server_lost"] >= 2
    assert sums["server_requests"] >= 90


HANGS_ONCE = """
import os, sys, time
here = os.path.dirname(__file__)
try:
    os.mkdir(os.path.join(here, "hung"))
except FileExistsError:
    sys.path.remove(here)
    del sys.modules["torch"]
    import torch
else:
    time.sleep(600)
"""


@pytest.mark.chaos
def test_a_server_that_hangs_while_it_starts_is_killed_and_another_one_started(
    connection: client.Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "torch.py").write_text(HANGS_ONCE)  # which a server loads first of all
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(client, "START_TIMEOUT", 1.0)
    ended, end = [], connection._end_server

    def end_server(pid: int) -> None:
        monkeypatch.setattr(client, "START_TIMEOUT", 120.0)
        assert (tmp_path / "hung").exists()
        ended.append(pid)
        end(pid)

    monkeypatch.setattr(connection, "_end_server", end_server)
    monkeypatch.setattr(connection, "_end_start", lambda: end_start() if (tmp_path / "hung").exists() else None)
    end_start = client.Client._end_start.__get__(connection)
    assert same(evaluator(connection, 1)(leaves(GAME, 9)), local(GAME, 1)(leaves(GAME, 9)))
    assert len(ended) == 1 and ended[0] not in (os.getpid(), connection._pid) and ends(ended[0])
    assert connection.counts["lost"] == 1


def test_a_client_gives_up_on_servers_that_do_not_start_and_kills_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(client, "START_TIMEOUT", 0.1)
    monkeypatch.setattr(client, "LOOK_EVERY", 0.05)
    named = launcher.Server(secrets.token_hex(8), 0, GAME, tiny.NETWORK, SHARED)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:  # of this process, which is no server
        listening.bind(messages.address(named.key, 0))
        listening.listen(8)
        made = client.Client(GAME, named, 32, 1)
        with pytest.raises(ActorPoolError, match=r"has started within 0 s, 2 times in a row: inference\.mode=local"):
            evaluator(made, 1)(leaves(GAME, 2))
        made.close()


ASK = """
import sys
import tiny
from served import SHARED, leaves
from selfplay.networks.shared import client, launcher
import games
game = games.make("tic-tac-toe")
made = client.Client(game, launcher.Server(sys.argv[1], 0, game, tiny.NETWORK, SHARED), 32, 1)
evaluator = client.SharedEvaluator(made, "newest")
evaluator.load(tiny.random_weights(game, 1))
answer = evaluator.submit(leaves(game, 9))
answer()
print(made._pid, flush=True)
sys.stdin.readline()
"""


@pytest.mark.chaos
def test_clients_that_start_together_share_one_server_which_outlives_the_one_that_started_it() -> None:
    key = secrets.token_hex(8)
    paths = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    asking = [
        subprocess.Popen(
            [sys.executable, "-c", ASK, key], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=os.environ | {"PYTHONPATH": paths},
        )
        for _ in range(3)
    ]  # fmt: skip
    try:
        told = {int(process.stdout.readline()) for process in asking if process.stdout}
        (server,) = told
        assert listens(key)
        for process in asking[:2]:  # one of them may have started it
            process.kill()
            process.wait()
        made = client.Client(GAME, launcher.Server(key, 0, GAME, tiny.NETWORK, SHARED), 32, 1)
        assert same(evaluator(made, 1)(leaves(GAME, 9)), local(GAME, 1)(leaves(GAME, 9)))
        assert made._pid == server and made.counts["lost"] == 0
        made.close()
    finally:
        for process in asking:
            process.kill()
        for process in asking:
            process.communicate()
    deadline = time.monotonic() + 60
    while listens(key) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not listens(key)
