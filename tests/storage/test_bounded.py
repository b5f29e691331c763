"""Files of others: read where they are plain, no longer than they may be and not mostly holes; JSON without tricks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from selfplay.storage import bounded


def test_a_plain_file_up_to_its_limit_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert bounded.read(path) == bounded.read(path, 5) == b"12345"
    with pytest.raises(bounded.Refused, match="more than the 4"):
        bounded.read(path, 4)
    with pytest.raises(FileNotFoundError):
        bounded.read(tmp_path / "y")


def test_what_would_make_a_reader_wait_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "zeros", "folder"):
        with pytest.raises(OSError, match=r"no plain file|directory"):
            bounded.read(tmp_path / name)


def test_a_file_whose_length_is_not_told_is_cut_at_the_limit() -> None:
    with pytest.raises(bounded.Refused):
        bounded.read(Path("/proc/self/smaps"), 100)  # claims to have no byte


def test_a_file_of_holes_is_refused_and_one_with_some_is_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.write(b"head" * 5000)
        file.truncate(2**40)
    with pytest.raises(bounded.Refused, match="mostly empty"):
        bounded.opened(path)
    with path.open("wb") as file:
        file.write(b"\1" * 2**23)
        file.truncate(2**26 + 2**20)
    with bounded.opened(path) as opened:
        assert opened.read(3) == b"\1\1\1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"[" * 10**6, "nested too deeply"),
        (b'{"a":' * 10**6, "nested too deeply"),
        (b'{"a": 1, "a": 2}', "gives a name twice"),
        (b'[{"b": {"a": 1, "a": 1}}]', "gives a name twice"),
        (b"[1e999]", "1e999 is too large"),
        (b"-1e400", "too large"),
        (b"9" * 5000, "Exceeds the limit"),
        (b'{"a": 1} x', "Extra data"),
        (b"\xff\xfe\xff", "codec"),
    ],
    ids=["brackets", "braces", "twice", "twice inside", "infinite", "minus infinite", "digits", "more", "no text"],
)
def test_json_that_no_writer_of_ours_makes_is_refused(text: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        bounded.parse_json(text)


def test_a_pipe_that_a_user_names_is_read_up_to_the_limit(tmp_path: Path) -> None:
    for limit, whole in ((10, True), (9, False)):
        reader, writer = os.pipe()
        os.write(writer, b"0123456789")
        os.close(writer)
        with bounded.named(Path(f"/dev/fd/{reader}"), limit) as file:
            if whole:
                assert file.read(4) + file.read(100) + file.read(100) == b"0123456789"
            else:
                with pytest.raises(bounded.Refused):
                    file.read(100)
        os.close(reader)
