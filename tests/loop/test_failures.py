"""Actors on Ray that die, hang, or deliver what cannot be right; a trainer that is killed; a small object store."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tiny
import trainers

from selfplay.errors import ActorPoolError
from selfplay.loop.nodes import processes
from selfplay.types import SampleBatch, Status

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(250)]

ROOT = Path(__file__).resolve().parents[2]
ORDERS = "SELFPLAY_TEST_ORDERS"  # a folder: an actor that finds a file with one of these names does as it says
NAN, ILLEGAL, LOOP = "nan", "illegal", "loop"


@pytest.fixture(scope="module", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(processes, "START_TIMEOUT", 200.0)  # a busy machine is not what is tested
        patch.setattr(processes, "HANG_TIMEOUT", 5.0)
        patch.setattr(processes, "BEAT_EVERY", 0.5)
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (ROOT / "tests", ROOT / "tests" / "loop", ROOT))))
        patch.setenv(ORDERS, str(tmp_path_factory.mktemp("orders")))
        yield


def taken(order: str) -> bool:
    """Whether the order was there; it is obeyed once."""
    try:
        (Path(os.environ[ORDERS]) / order).unlink()
    except FileNotFoundError:
        return False
    return True


def give(order: str) -> None:
    (Path(os.environ[ORDERS]) / order).touch()


class Obedient(tiny.Agent):
    """Its actors go wrong when they are told to."""

    def make_actor(self, index: int, seed: int) -> Any:
        actor = super().make_actor(index, seed)
        generate = actor.generate

        def going_wrong(min_rows: int) -> Any:
            rows, stats = generate(min_rows)
            if taken(NAN):
                rows["policy"][: len(rows) // 2] = np.nan
            if taken(ILLEGAL):
                rows["actions"], rows["policy"] = -1, np.eye(rows["policy"].shape[1], dtype=np.float32)[0]
            while taken(LOOP) or os.environ.get("LOOPING"):
                os.environ["LOOPING"] = "yes"
            return rows, stats

        actor.generate = going_wrong  # type: ignore[method-assign]
        return actor


@dataclass
class Trained:
    status: Status
    metrics: dict[str, float]
    restarts: list[int] = field(default_factory=list)  # after each trouble
    recovered: list[float] = field(default_factory=list)  # seconds from a trouble until all actors had delivered again
    batches: list[SampleBatch] = field(default_factory=list)
    inserted: int = 0


def kill(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


TROUBLES: list[Callable[[list[int]], None]] = [
    lambda pids: kill(pids[:1]),
    lambda pids: kill(pids[-1:]),
    kill,
    lambda pids: os.kill(pids[0], signal.SIGSTOP),
    lambda pids: give(LOOP),
    lambda pids: give(NAN),
    lambda pids: give(ILLEGAL),
]
EXPECTED = [1, 2, 4, 5, 6, 7, 8]  # actors started again, after each of them


def actor_pids() -> list[int]:
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "ray::_RemoteActor" in " ".join(process.cmdline()):
                found.append(process.pid)
    return sorted(found)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A run with two actors and all troubles, one after the other."""
    path = tmp_path_factory.mktemp("failures") / "run"
    wanted = tiny.config(run={"actors": 2, "generations": 100_000, "generation_rows": 2000, "evaluate_every": 10**6})
    found = Trained(Status(), {})
    with tiny.Session(path, wanted, Obedient) as run:
        collect, since, began = run.actors.collect, set[int](), [0.0]

        def collecting(wait: bool) -> list[SampleBatch]:
            batches = collect(wait)
            found.batches.extend(
                batch._replace(rows=batch.rows[:0], stats={"rows": len(batch.rows)}) for batch in batches
            )
            since.update(batch.source[1] for batch in batches if np.isfinite(batch.rows["policy"]).all())
            return batches

        def direct() -> bool:
            """Whether all troubles are over; makes the next one when both actors have delivered since the last."""
            if len(found.restarts) == len(TROUBLES):
                return True
            alive = {run.actors._processes.incarnation(index) for index in range(2)}  # type: ignore[attr-defined]
            made = len(found.recovered)
            if not alive <= since or (made and run.actors.restarts < EXPECTED[made - 1]):
                return False
            if made:
                found.restarts.append(run.actors.restarts)
                found.recovered[-1] = time.monotonic() - began[0]
            if made == len(TROUBLES):
                return True
            found.recovered.append(0.0)
            began[0] = time.monotonic()
            since.clear()
            TROUBLES[made](actor_pids())
            return False

        run.actors.collect = collecting  # type: ignore[method-assign]
        run.train(direct)
        found.status, found.inserted = run.status, run.replay.inserted
        found.metrics = run._intake.metrics()
    return found


def test_actors_that_are_killed_hang_or_deliver_nonsense_are_each_replaced_once(trained: Trained) -> None:
    assert trained.restarts == EXPECTED
    print("seconds to recover:", [round(seconds, 1) for seconds in trained.recovered])
    notes = "\n".join(trained.status.notes)
    assert notes.count("it died") >= 1 and notes.count("it has not moved for") >= 1
    assert "numbers that are not finite" in notes and "what its game does not allow" in notes


def test_no_batch_is_counted_twice_and_bad_rows_are_not_counted_at_all(trained: Trained) -> None:
    sources = [batch.source for batch in trained.batches]
    assert len(set(sources)) == len(sources)
    arrived = sum(batch.stats["rows"] for batch in trained.batches)
    assert trained.metrics["quarantined"] > 0 and trained.metrics["repeated"] == 0
    assert trained.inserted == arrived - trained.metrics["quarantined"]
    assert trained.status.rows == trained.inserted


class Crashing(tiny.Agent):
    """Its actors end their process at the first move."""

    def make_actor(self, index: int, seed: int) -> Any:
        actor = super().make_actor(index, seed)
        actor.generate = lambda min_rows: os._exit(1)  # type: ignore[method-assign]
        return actor


def test_actors_that_always_crash_stop_the_run_in_a_sentence_and_leave_nothing_running(tmp_path: Path) -> None:
    run_folder = tmp_path / "run"
    with tiny.Session(run_folder, tiny.config(run={"actors": 1}), Crashing) as run:
        with pytest.raises(ActorPoolError, match="actor 0 failed 5 times in a row") as stopped:
            run.train(lambda: False)
        assert len(str(stopped.value).splitlines()) == 1
    assert trainers.wait_until(lambda: not trainers.of_run(run_folder), 10)


def test_inline_actors_that_always_deliver_nonsense_stop_the_run_in_a_sentence(tmp_path: Path) -> None:
    class Nonsense(tiny.Agent):
        def sound(self, rows: np.ndarray) -> np.ndarray:
            return np.zeros(len(rows), bool)

    with tiny.Session(tmp_path / "run", tiny.CONFIG, Nonsense) as run:
        with pytest.raises(ActorPoolError, match="of 5 batches in a row"):
            run.train(lambda: False)
        assert run.replay.inserted == 0 and run._intake.quarantined >= 150


@pytest.mark.parametrize("keeper", ["lives", "is killed too"])
def test_after_a_trainer_was_killed_the_next_start_works_and_nothing_of_the_first_is_left(
    keeper: str, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    with trainers.Trainer(run, "--generations", "100000", "--actors", "2") as trainer:
        assert trainers.wait_until(lambda: trainer.state()["generation"] > 1, 100), trainer.said
        first = trainers.of_run(run)
        assert len(first) > 5
        if keeper == "is killed too":
            for process in psutil.Process(trainer.process.pid).children():
                process.kill()
        trainer.signal(signal.SIGKILL)
        trainer.ended()
        if keeper == "lives":
            assert trainers.wait_until(lambda: not trainers.of_run(run), 15), trainers.of_run(run)
        reached = trainer.state()["generation"]
        with trainers.Trainer(run, "--generations", str(reached + 2), "--actors", "2") as again:
            assert again.ended(120) == 0, again.said
            assert "Resumed at generation" in again.said
        assert trainers.wait_until(lambda: not trainers.of_run(run), 15), trainers.of_run(run)


class Plentiful(tiny.Agent):
    """Its actors deliver some MB a call."""

    def make_actor(self, index: int, seed: int) -> Any:
        actor = super().make_actor(index, seed)
        rows, stats = None, None

        def generate(min_rows: int) -> Any:
            nonlocal rows, stats
            if rows is None:
                actor_rows, stats = type(actor).generate(actor, 500)
                rows = np.tile(actor_rows[:500], 100)
            return rows, stats

        actor.generate = generate  # type: ignore[method-assign]
        return actor


@pytest.mark.timeout(320)
def test_a_small_object_store_and_a_slow_learner_keep_memory_flat_and_spill_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_DEFAULT_OBJECT_STORE_MAX_MEMORY_BYTES", str(80 * 2**20))
    wanted = tiny.config(
        run={"actors": 2, "generations": 100_000, "generation_rows": 200_000, "rollout_rows": 50_000},
        replay={"window_min": 50_000, "capacity": 100_000, "samples_per_insert": 0.01},
    )
    with tiny.Session(tmp_path / "run", wanted, Plentiful) as run:
        pool: Any = run.actors
        store = pool._processes.ray.cluster_resources()["object_store_memory"]
        step, used = run.learner.step, list[int]()

        def slowly(batch: Any, progress: float) -> Any:
            time.sleep(0.05)
            return step(batch, progress)

        run.learner.step = slowly  # type: ignore[method-assign]
        end = time.monotonic() + 180  # for a busy machine: it is over when enough has passed through

        def over() -> bool:
            assert len(pool._calls._flying) <= 2, "one call in flight for each actor"
            members = psutil.Process().children(recursive=True)
            with contextlib.suppress(psutil.Error):
                used.append(sum(process.memory_info().rss for process in members))
            passed = run.replay.inserted * run.agent.row_dtype.itemsize
            return passed > 4 * store or time.monotonic() > end

        run.train(over)
        folder = Path(pool._processes._connection._node._folder)
        spilled = [path for path in folder.rglob("*") if "spill" in path.name and path.is_dir() and any(path.iterdir())]
        delivered = run.replay.inserted * run.agent.row_dtype.itemsize
    assert store <= 81 * 2**20
    assert delivered > 3 * store, "far more than the store holds has passed through it"
    assert spilled == []
    half = len(used) // 2
    assert np.mean(used[half:]) < np.mean(used[half // 2 : half]) * 1.15 + 30 * 2**20
