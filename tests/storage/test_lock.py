"""Locks of folders: one holder at a time, named to whoever asks meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from selfplay.storage import lock


def test_a_second_holder_is_refused_and_the_first_is_named_as_often_as_it_is_asked(tmp_path: Path) -> None:
    held = lock.Lock(tmp_path / "lock")
    for _ in range(2):
        with pytest.raises(lock.Held, match=str(os.getpid())):
            lock.Lock(tmp_path / "lock")
    held.release()
    lock.Lock(tmp_path / "lock").release()


def test_a_holder_that_left_no_name_is_unknown(tmp_path: Path) -> None:
    held = lock.Lock(tmp_path / "lock")
    (tmp_path / "lock.pid").unlink()
    with pytest.raises(lock.Held, match="unknown"):
        lock.Lock(tmp_path / "lock")
    held.release()
    held.release()


def test_a_lock_where_nothing_can_be_written_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="null"):
        lock.Lock(Path("/dev/null/lock"))
