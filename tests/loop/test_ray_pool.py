"""Actors on Ray: rows arrive, a killed actor is replaced, and nothing is left running. One Ray for the whole file."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tiny

import games
from selfplay.errors import ActorPoolError
from selfplay.loop import ray_pool
from selfplay.loop.nodes import processes
from selfplay.loop.ray_pool import RayActorPool, RayWorkerPool
from selfplay.players import match_worker, openings
from selfplay.ratings import tournament
from selfplay.types import Status

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CONFIG = tiny.config(run={"actors": 2, "generations": 3})


@pytest.fixture(scope="module", autouse=True)
def tests_can_be_imported_by_actors() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        tests = Path(__file__).resolve().parents[1]
        patch.setattr(processes, "START_TIMEOUT", 250.0)  # a busy machine is not what is tested
        patch.setenv("PYTHONPATH", os.pathsep.join(map(str, (tests, tests / "loop", tests.parent))))
        yield


def family() -> set[int]:
    """Processes below this one; zombies have ended."""
    alive = set()
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                alive.add(process.pid)
    return alive


def actor_pids() -> list[int]:
    return [pid for pid in family() if "ray::_RemoteActor" in " ".join(psutil.Process(pid).cmdline())]


def wait_until(holds: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.2)
    return holds()


@dataclass
class Trained:
    status: Status
    killed: list[int]
    restarts: int
    left: set[int]
    keys: list[int]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """A run of three generations in which one actor is killed in the second."""
    before = family()
    path = tmp_path_factory.mktemp("ray") / "run"
    killed: list[int] = []
    with tiny.Session(path, CONFIG) as run:

        def kill_once() -> bool:
            if run.status.generation == 1 and not killed:
                killed.append(actor_pids()[0])
                os.kill(killed[0], signal.SIGKILL)
            return False

        run.train(kill_once)
        restarts = run.actors.restarts
        rows = run.replay.rows(run.replay.inserted - len(run.replay), run.replay.inserted)
        assert set(rows["generation"].tolist()) <= {0, 1, 2, 3}
        keys = [hash(row.tobytes()) for row in rows]
    wait_until(lambda: family() <= before, 20)
    yield Trained(run.status, killed, restarts, family() - before, keys)


def test_rows_arrive_and_generations_advance(trained: Trained) -> None:
    assert trained.status.generation == 3 and trained.status.phase == "finished"
    assert trained.status.rows >= 3 * CONFIG.run.generation_rows
    assert trained.status.games > 20 and trained.status.steps > 0


def test_a_killed_actor_is_replaced_and_the_run_goes_on(trained: Trained) -> None:
    assert len(trained.killed) == 1 and trained.restarts == 1


def test_two_actors_play_different_games(trained: Trained) -> None:
    # Short games do repeat now and then; a stream played twice would repeat nearly all of them.
    assert len(set(trained.keys)) > 0.8 * len(trained.keys)


def test_nothing_is_left_running(trained: Trained) -> None:
    assert trained.left == set()


class Failing(tiny.Agent):
    """Its actors raise an error without a message."""

    def make_actor(self, index: int, seed: int) -> Any:
        actor = super().make_actor(index, seed)

        def fail(min_rows: int) -> Any:
            raise AssertionError

        actor.generate = fail  # type: ignore[method-assign]
        return actor


class Broken(tiny.Agent):
    """Its actors cannot be made."""

    def make_actor(self, index: int, seed: int) -> Any:
        raise ValueError("no actor today")


def test_actors_that_always_raise_are_started_again_some_times_and_then_stop_the_run_in_one_sentence(
    tmp_path: Path,
) -> None:
    before = family()
    with tiny.Session(tmp_path / "run", tiny.config(run={"actors": 1}), Failing) as run:
        with pytest.raises(
            ActorPoolError, match="actor 0 failed 5 times in a row; the last time, AssertionError"
        ) as caught:
            run.train(lambda: False)
        assert len(str(caught.value).splitlines()) == 1
    assert wait_until(lambda: family() <= before, 20)


def test_actors_that_cannot_be_made_are_one_sentence_and_leave_nothing_running() -> None:
    before = family()
    with pytest.raises(ActorPoolError) as caught:
        RayActorPool(Broken(tiny.CONFIG), 1, 1, 10)
    assert len(str(caught.value).splitlines()) == 1
    assert wait_until(lambda: family() <= before, 20)


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "[::1]:1", "127.0.0.1:99999999"])
def test_a_cluster_that_is_not_there_is_one_sentence_at_once(address: str) -> None:
    started = time.monotonic()
    with pytest.raises(ActorPoolError, match="cannot reach the Ray cluster at") as caught:
        RayActorPool(tiny.Agent(tiny.CONFIG), 1, 1, 10, address=address)
    assert address in str(caught.value) and len(str(caught.value).splitlines()) == 1
    assert time.monotonic() - started < 20  # importing Ray included


def test_batches_say_of_which_weights_they_are_and_a_pause_holds_all_actors() -> None:
    pool = RayActorPool(tiny.Agent(tiny.CONFIG), 1, 1, 30)
    try:
        weights = {"net": tiny.random_weights(tiny.Agent(tiny.CONFIG).game, 1)}
        pool.publish(weights, 5, None)
        batches = []
        while not batches:
            batches = pool.collect(wait=True)
        assert batches[0].generation == 5 and len(batches[0].rows) >= 30
        assert isinstance(batches[0].rows, np.ndarray)
        pool.pause(True)
        while pool.collect(wait=True):  # what was in flight
            pass
        assert pool.collect(wait=True) == []
        pool.pause(False)
        while not pool.collect(wait=True):
            pass
    finally:
        pool.close()


# Tournaments


def test_what_a_killed_actor_had_not_delivered_is_played_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_pool, "FEWEST", 8)
    game = games.make("checkers")
    starts = openings.customary(game, 60, np.random.default_rng(1))
    assert starts is not None
    players = ("uct:60", "random")
    plan = match_worker.MatchSpec(players, players, game.name, 1, tuple(starts), seed=1, together=4)
    tasks = [tournament.MatchTask(0, 1, number) for number in range(60)]
    before, killed, played = family(), [], []
    workers = RayWorkerPool(partial(match_worker.MatchWorker, plan), 2)
    try:
        for results, _ in workers.run(tasks):
            played += results
            if not killed:
                lines = {pid: " ".join(psutil.Process(pid).cmdline()) for pid in family()}
                killed = [pid for pid, line in lines.items() if "ray::_RemoteMatchWorker" in line][:1]
                os.kill(killed[0], signal.SIGKILL)
    finally:
        workers.close()
    assert sorted(result.task for result in played) == tasks, "each once"
    assert workers._processes.restarts == 1
    assert wait_until(lambda: family() <= before, 20)


def test_a_player_that_is_not_there_is_one_sentence_from_afar_too() -> None:
    game = games.make("tic-tac-toe")
    starts = openings.random(game, 2, 1, np.random.default_rng(1))
    plan = match_worker.MatchSpec(("random", "uci:nowhere"), ("a", "b"), game.name, 1, tuple(starts), seed=1)
    before = family()
    with pytest.raises(ActorPoolError) as refused:
        RayWorkerPool(partial(match_worker.MatchWorker, plan), 1)
    assert "no engine 'nowhere'" in str(refused.value) and "\n" not in str(refused.value)
    assert wait_until(lambda: family() <= before, 20)
