"""How many actors, and which share of a GPU, this machine can hold: refused before anything is made."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from command import refused

from selfplay import cores, device
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


def test_auto_is_all_cores_but_the_learners_and_says_so(selfplay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "granted", lambda: 6)
    assert ray_pool.as_many_as_fit(None)[0] == 5
    done = selfplay("train", "tic-tac-toe", "--actors", "auto", "--settings")
    assert done.code == 0 and done.out.startswith("--actors auto: one for each of this machine's"), done.err
    chosen = re.search(r", is (\d+)", done.out)
    assert chosen and f"run.actors = {chosen[1]}\n" in done.out
