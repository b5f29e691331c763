"""A run with shared inference on Ray of which a server and an actor are killed: it goes on, and no row counts twice."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import tiny

from selfplay.loop.nodes import processes
from selfplay.networks.config import InferenceConfig

pytestmark = [pytest.mark.slow, pytest.mark.chaos, pytest.mark.timeout(600)]

MARK = "SELFPLAY_TEST"
CONFIG = replace(
    tiny.config(run={"actors": 3, "generations": 6, "generation_rows": 150}, actor={"random_opening_plies": 5}),
    inference=InferenceConfig(mode="shared", device="cpu", servers=1),
)


def servers() -> list[int]:
    """Inference servers of this test, which are nobody's children."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if "networks.shared.process" in " ".join(process.cmdline()) and process.environ().get(MARK) == own():
                found.append(process.pid)
    return found


def own() -> str:
    return str(os.getpid())


def actors() -> list[int]:
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            found += [process.pid] * ("ray::_RemoteActor" in " ".join(process.cmdline()))
    return found


def test_a_run_survives_the_death_of_its_server_and_of_an_actor_and_counts_no_row_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tests = Path(__file__).resolve().parents[1]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (tests, tests / "loop", tests.parent))))
    monkeypatch.setenv(MARK, own())
    monkeypatch.setattr(processes, "START_TIMEOUT", 250.0)  # a busy machine is not what is tested
    victims: dict[int, Callable[[], list[int]]] = {1: servers, 3: actors}
    killed: dict[int, int] = {}
    with tiny.Session(tmp_path / "run", CONFIG) as run:

        def kill() -> bool:
            generation = run.status.generation
            if generation in victims and generation not in killed and (pids := victims[generation]()):
                killed[generation] = pids[0]
                os.kill(pids[0], signal.SIGKILL)
            return False

        run.train(kill)
        rows = run.replay.rows(run.replay.inserted - len(run.replay), run.replay.inserted)
        restarts = run.actors.restarts
        last = servers()
    assert sorted(killed) == [1, 3] and restarts == 1
    assert len(last) == 1 and last[0] != killed[1]
    assert run.status.generation == 6 and run.status.rows >= 6 * 150
    # Short games do repeat; a delivery that counted twice would repeat all of its rows, one after another.
    keys = [row.tobytes() for row in rows]
    assert max(Counter(tuple(keys[at : at + 12]) for at in range(len(keys) - 12)).values()) == 1
    assert '"rate/server_batch"' in (tmp_path / "run" / "metrics.jsonl").read_text()
    deadline = time.monotonic() + 30
    while servers() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert servers() == []
