"""Placement on real nodes of Ray with fake GPUs: what actors see of the machine, and where they are."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from ray_cluster import Cluster, own_token

from selfplay.loop import ray_pool
from selfplay.loop.nodes import processes
from selfplay.loop.ray_pool import RayActorPool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]


SEEN = np.dtype([("process", "i8"), ("gpu", "i8")])


class Looking(tiny.Agent):
    """Its actors send what they see of the machine, and play nothing."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.row_dtype = SEEN

    def make_actor(self, index: int, seed: int) -> Any:
        return _Looker()


class _Looker:
    """A row: its process, and the first GPU that it sees; −1: none, −2: whatever there is."""

    progress = 0

    def set_weights(self, *_: Any) -> None:
        pass

    def generate(self, min_rows: int) -> tuple[np.ndarray, dict[str, float]]:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        gpu = -2 if visible is None else -1 if not visible else int(visible.split(",")[0])
        time.sleep(0.05)
        return np.array([(os.getpid(), gpu)], SEEN), {"games": 0.0}


def looks(size: int, gpus: float | None, address: str | None) -> dict[int, tuple[int, int, str]]:
    """Actor → (GPU that it sees, niceness of its process, session of its node) of a pool, once all have told."""
    pool = RayActorPool(Looking(tiny.CONFIG), 1, size, 1, address, gpus)
    try:
        pool.publish({}, 0, None)
        seen: dict[int, tuple[int, int, str]] = {}
        while len(seen) < size:
            for batch in pool.collect(wait=True):
                pid, gpu = batch.rows[0].tolist()
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                seen[batch.source[0]] = (gpu, int(fields[16]), fields[3])
        return seen
    finally:
        pool.close()


@pytest.fixture(scope="module", autouse=True)
def tests_can_be_imported_by_actors() -> Iterator[None]:
    tests = Path(__file__).resolve().parents[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "START_TIMEOUT", 200.0)  # a busy machine is not what is tested
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (tests, tests / "loop", tests.parent))))
        own_token()
        yield


@pytest.fixture(scope="module")
def mixed() -> Iterator[str]:
    """The address of a cluster: a head with three CPUs and two GPUs, and a node with two CPUs."""
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    cluster = Cluster(folder, "--num-cpus=3 --num-gpus=2", "--num-cpus=2 --num-gpus=0")
    cluster.environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    with pytest.MonkeyPatch.context() as patch:
        try:
            cluster.start()
            patch.setenv("RAY_AUTH_MODE", "token")
            yield cluster.environment["RAY_ADDRESS"]
        finally:
            cluster.close()
            shutil.rmtree(folder, ignore_errors=True)


def test_actors_of_this_machine_run_at_normal_niceness_and_see_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.delenv("RAY_worker_niceness", raising=False)
    seen = looks(2, None, None)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert [(gpu, nice) for gpu, nice, _ in seen.values()] == [(-1, own)] * 2


def test_on_a_gpu_head_with_a_cpu_node_all_actors_start_and_each_sees_what_its_node_has(mixed: str) -> None:
    seen = looks(5, None, mixed)
    assert sorted(gpu for gpu, *_ in seen.values()) == [-1, -1, 0, 0, 1]
    nodes = {here: {node for gpu, _, node in seen.values() if (gpu < 0) == here} for here in (True, False)}
    assert len(nodes[True]) == len(nodes[False]) == 1 and nodes[True] != nodes[False]


def test_the_learner_has_the_first_of_two_gpus_and_the_actors_beside_it_the_second(
    mixed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ray_pool, "learns_on_gpu", lambda: True)
    assert sorted(gpu for gpu, *_ in looks(5, None, mixed).values()) == [-1, -1, 1, 1, 1]


def test_actors_that_ask_for_no_gpu_see_none_on_a_node_that_has_some(mixed: str) -> None:
    assert {gpu for gpu, *_ in looks(5, 0.0, mixed).values()} == {-1}
