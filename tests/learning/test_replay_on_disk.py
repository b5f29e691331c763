"""Rows of the replay on disk: when they are, what a full disk says, what is left behind; and rows read in pieces."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from selfplay import device as devices
from selfplay.errors import ConfigError, FolderError
from selfplay.learning import rows as storage
from selfplay.learning.config import ReplayConfig
from selfplay.learning.replay import Replay

ROW = np.dtype([("number", "i8"), ("twice", "f4")], align=True)  # with four bytes that belong to no field


def rows(first: int, last: int) -> np.ndarray:
    made = np.zeros(last - first, dtype=ROW)
    made["number"] = np.arange(first, last)
    made["twice"] = 2 * made["number"]
    return made


def test_rows_on_disk_are_those_in_memory_bit_by_bit_as_the_window_grows_wraps_and_is_cut(tmp_path: Path) -> None:
    made = []
    for kept in ("memory", "disk"):
        config = ReplayConfig(window_min=500, window_fraction=0.5, capacity=3_000, storage=kept)  # type: ignore[arg-type]
        replay, rng = Replay(ROW, config, folder=tmp_path), np.random.default_rng(1)
        found = b""
        for step in range(90):
            replay.insert(rows(replay.inserted, replay.inserted + 137))
            found += replay.sample(64, rng).tobytes()
            if step == 60:
                replay.evict(replay.inserted - 400)
        held = replay.rows(replay.inserted - len(replay), replay.inserted)
        made.append((found, held.tobytes(), len(replay)))
        assert replay._ring.folder == (tmp_path if kept == "disk" else None)
    assert made[0] == made[1]


def test_a_replay_on_disk_leaves_no_file_and_takes_its_room_at_once(tmp_path: Path) -> None:
    replay = Replay(ROW, ReplayConfig(window_min=100_000, storage="disk"), folder=tmp_path)
    assert not list(tmp_path.iterdir())
    (found,) = [os.stat(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd") if _is_of(name, tmp_path)]
    assert found.st_size == 200_000 * ROW.itemsize <= 512 * found.st_blocks
    del replay
    assert not any(_is_of(name, tmp_path) for name in os.listdir("/proc/self/fd"))


def _is_of(name: str, folder: Path) -> bool:
    try:
        return os.readlink(f"/proc/self/fd/{name}").startswith(str(folder))
    except OSError:
        return False


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file of this process may be larger than a megabyte."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_without_room_is_told_before_anything_is_written_and_rows_stay_as_they_were(
    tmp_path: Path, small_files: None
) -> None:
    config = ReplayConfig(window_min=100, window_fraction=1.0, storage="disk")
    with pytest.raises(FolderError, match=r"the replay needs 0\.15 GiB in '.*replay\.window_min"):
        Replay(ROW, ReplayConfig(window_min=5_000_000, capacity=10_000_000, storage="disk"), folder=tmp_path)
    replay = Replay(ROW, config, folder=tmp_path)
    replay.insert(rows(0, 40_000))
    with pytest.raises(FolderError, match="make room"):
        replay.insert(rows(40_000, 80_000))
    assert replay.rows(0, 40_000).tobytes() == rows(0, 40_000).tobytes() and not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match=r"cannot keep the replay in .*nowhere"):
        Replay(ROW, ReplayConfig(storage="disk"), folder=tmp_path / "nowhere")


def test_rows_are_kept_on_disk_where_they_may_need_much_of_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "memory", lambda: 1_000 * ROW.itemsize)
    few, many = ReplayConfig(window_min=10, capacity=250), ReplayConfig(window_min=10, capacity=251)
    assert not storage.on_disk(ROW, few) and storage.on_disk(ROW, many)
    assert not storage.on_disk(ROW, ReplayConfig(capacity=251, storage="memory"))
    assert storage.on_disk(ROW, ReplayConfig(capacity=1, storage="disk"))
    large = ReplayConfig(window_min=1_001, capacity=2_000)
    Replay.check(ROW, large)  # on disk
    with pytest.raises(ConfigError, match=r"or replay\.storage=disk"):
        Replay.check(ROW, ReplayConfig(window_min=1_001, capacity=2_000, storage="memory"))


@pytest.mark.parametrize("count", [0, 1, 5, 11, 12])
@pytest.mark.parametrize("capacity", [4, 100])
def test_a_replay_restored_from_pieces_is_that_of_all_rows_at_once(count: int, capacity: int, tmp_path: Path) -> None:
    sizes, first, read = [5, 0, 4, 3], [88, 93, 93, 97], []

    def reader(at: int) -> np.ndarray:
        read.append(at)
        return rows(first[at], first[at] + sizes[at])

    pieces = storage.Pieces(count, sizes, [lambda at=at: reader(at) for at in range(4)])  # type: ignore[misc]
    assert len(pieces) == count
    for kept in ("memory", "disk"):
        config = ReplayConfig(window_min=50, capacity=capacity, storage=kept)  # type: ignore[arg-type]
        restored, twin = Replay(ROW, config, folder=tmp_path), Replay(ROW, config)
        restored.restore(pieces, 100)
        twin.restore(rows(100 - count, 100), 100)
        assert restored.inserted == 100 and len(restored) == len(twin) == min(count, capacity)
        held = [one.rows(100 - len(one), 100).tolist() for one in (restored, twin)]
        assert held[0] == held[1] == rows(100 - len(twin), 100).tolist()
        for one in (restored, twin):
            one.insert(rows(100, 103))
        assert restored.rows(100, 103).tolist() == twin.rows(100, 103).tolist()
    assert count > 3 or 0 not in read
