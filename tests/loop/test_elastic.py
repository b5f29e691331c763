"""Nodes of a real cluster that come and go in mid-run: one is killed with all its processes, and later one is added."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tiny
from ray_cluster import Cluster, own_token

from selfplay.loop import folder as folders
from selfplay.loop import run as runs
from selfplay.loop.nodes import processes
from selfplay.loop.ray_pool import RayActorPool
from selfplay.types import SampleBatch

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

CONFIG = tiny.config(run={"actors": 4, "generations": None, "minutes": 60.0, "generation_rows": 2_000,
                          "evaluate_every": 1000})  # fmt: skip


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A head and a node with two CPUs each."""
    tests = Path(__file__).resolve().parents[1]
    monkeypatch.setattr(processes, "START_TIMEOUT", 200.0)  # a busy machine is not what is tested
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, (tests, tests / "loop", tests.parent))))
    own_token()
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
    made = Cluster(folder, "--num-cpus=2", "--num-cpus=2")
    made.environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    try:
        made.start()
        yield made
    finally:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)


class Story:
    """What happens to the cluster while a run goes on, told by its actors' deliveries."""

    def __init__(self, cluster: Cluster, pool: RayActorPool) -> None:
        self.cluster, self.pool = cluster, pool
        self.first: set[str] = set()  # nodes at the beginning
        self.sources: list[tuple[int, int, int]] = []
        self.rows = self.after_the_kill = 0
        self.killed = self.added = self.used = 0.0
        self._collect = pool.collect
        pool.collect = self.collect  # type: ignore[method-assign]

    def collect(self, wait: bool) -> list[SampleBatch]:
        batches = self._collect(wait)
        nodes = {member.incarnation: member.node for member in self.pool._processes.started()}
        for batch in batches:
            self.sources.append(batch.source)
            self.rows += len(batch.rows)
            self.after_the_kill += bool(self.killed and not self.added)
            if self.added and nodes.get(batch.source[1], "") not in {"", *self.first}:
                self.used = self.used or time.monotonic()
        return batches

    def goes_on(self) -> bool:
        """The next chapter, where the one before is over; False at the end."""
        if not self.killed and len({actor for actor, *_ in self.sources}) == 4:
            self.first = {member.node for member in self.pool._processes.started()}
            self.cluster.kill(self.cluster.nodes[1])
            self.killed = time.monotonic()
        elif self.killed and not self.added and self.after_the_kill > 20 and self.pool.restarts >= 2:
            self.cluster.add("--num-cpus=2")
            self.added = time.monotonic()
        return not self.used


def test_a_node_may_be_lost_and_another_join_in_mid_run(cluster: Cluster, tmp_path: Path) -> None:
    notes: list[str] = []
    with folders.Folder(tmp_path / "run") as folder:
        run = runs.Run(tiny.Agent(CONFIG), folder, lambda status: None, cluster.environment["RAY_ADDRESS"])
        try:
            assert isinstance(run.actors, RayActorPool)
            story = Story(cluster, run.actors)
            run.train(lambda: not story.goes_on())
            notes, inserted, repeated = run.status.notes, run.replay.inserted, run._intake.repeated
            restarts = run.actors.restarts
        finally:
            run.close()
    assert len(story.first) == 2 and story.used, notes
    assert len(set(story.sources)) == len(story.sources) and repeated == 0
    assert inserted == story.rows, "every row that arrived is counted once"
    assert restarts >= 2 and any("was started again" in note for note in notes)
    print(f"used {story.used - story.added:.1f} s after it was up")
