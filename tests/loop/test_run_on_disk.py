"""A run whose replay lies on disk is that with one in memory, bit by bit, also when it was stopped and goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
import tiny

from selfplay.errors import FolderError
from selfplay.learning import rows


def weights(path: Path) -> dict[str, bytes]:
    return {found.parent.name: found.read_bytes() for found in path.glob("checkpoints/*/*.safetensors")}


def test_a_run_on_disk_makes_the_weights_of_one_in_memory_whether_stopped_or_not(tmp_path: Path) -> None:
    tiny.train(tmp_path / "memory", tiny.config(replay={"storage": "memory"}))
    on_disk = tiny.config(replay={"storage": "disk"})
    tiny.train(tmp_path / "stopped", on_disk, until=2)
    with tiny.Session(tmp_path / "stopped", on_disk) as run:  # from shards, read piece by piece
        assert run.replay._ring.folder == tmp_path / "stopped" / "replay"
        assert len(run.replay) > 100
    tiny.train(tmp_path / "stopped", on_disk)
    found = weights(tmp_path / "memory")
    assert len(found) == 5 and found == weights(tmp_path / "stopped")
    kept = {path.suffix for path in (tmp_path / "stopped" / "replay").iterdir()}
    assert kept == {".npy"}  # shards, and nothing of the file that held the rows


def test_a_run_whose_replay_finds_no_room_ends_in_a_sentence_and_goes_on_once_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_disk = tiny.config(replay={"storage": "disk", "window_min": 60, "window_fraction": 1.0})
    tiny.train(tmp_path / "whole", on_disk)
    made = rows._mapped

    def full(size: int, folder: Path) -> object:
        if size > 200 * 8 * 20:
            raise FolderError("the replay needs more room.")
        return made(size, folder)

    with monkeypatch.context() as patch:
        patch.setattr(rows, "_mapped", full)
        with pytest.raises(FolderError, match="more room"):
            tiny.train(tmp_path / "cut", on_disk)
    tiny.train(tmp_path / "cut", on_disk)
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
