"""How many actors, and which share of a GPU, this machine can hold: refused before anything is made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from command import refused

from selfplay import device
from selfplay.errors import ActorPoolError
from selfplay.loop import ray_pool


@pytest.mark.parametrize("change", [("--set", "run.actor_gpus=0.5", "--actors", "2"), ("--actors", "4000")])
def test_what_this_machine_has_not_got_is_refused_at_once_and_nothing_is_written(
    selfplay: Any, change: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "gpus", lambda: 0)
    run = tmp_path / "run"
    refused(selfplay("train", "tic-tac-toe", "--plain", "--run", run, *change), "actors")
    assert not run.exists()


@pytest.mark.parametrize(("gpus", "size", "found", "fits"), [(0.5, 2, 1, True), (0.5, 3, 1, False), (1, 2, 2, True)])
def test_shares_of_gpus_are_added_up(
    gpus: float, size: int, found: int, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device, "gpus", lambda: found)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    if fits:
        ray_pool.check(size, gpus)
    else:
        with pytest.raises(ActorPoolError, match=r"set run\.actor_gpus=0"):
            ray_pool.check(size, gpus)


def test_actors_beyond_the_cores_are_told_what_that_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3})
    notes: list[str] = []
    ray_pool.check(4, 0.0, notes.append)
    assert notes == []
    ray_pool.check(5, 0.0, notes.append)
    assert len(notes) == 1 and "share 4 cores" in notes[0] and "--actors 3" in notes[0]


def test_an_actor_without_a_share_of_a_gpu_sees_none(monkeypatch: pytest.MonkeyPatch) -> None:
    class Agent:
        def make_actor(self, index: int, seed: int) -> None:
            seen.append(os.environ.get("CUDA_VISIBLE_DEVICES"))

    seen: list[str | None] = []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    ray_pool._RemoteActor(Agent(), 0, 1, 1, 0.5)  # type: ignore[arg-type]
    ray_pool._RemoteActor(Agent(), 0, 1, 1, 0.0)  # type: ignore[arg-type]
    assert seen == ["0", ""]
