"""Digests of single files when a kill comes at any instant of their first write, and afterwards."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from selfplay.storage import artifact, records


class Killed(BaseException):
    pass


def killed_before_the_file(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    real = artifact.replace_file

    def replace_file(at: Path, data: bytes) -> None:
        if at == path:
            raise Killed
        real(at, data)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(artifact, "replace_file", replace_file)
        records.replace(path, b"first")


def test_a_kill_before_a_file_is_there_for_the_first_time_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json"
    killed_before_the_file(monkeypatch, path)
    assert not path.exists() and records.check(tmp_path) == {}
    records.replace(path, b"second")
    assert records.check(tmp_path) == {}


def test_a_file_that_was_there_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced, appended = tmp_path / "run.json", tmp_path / "metrics.jsonl"
    killed_before_the_file(monkeypatch, replaced)
    records.replace(replaced, b"second")
    records.append(appended, b"line\n")
    for path in (replaced, appended):
        path.unlink()
        assert records.check(tmp_path) == {path.name: "missing"}
        path.write_bytes(b"other\n")
        assert records.check(tmp_path) == {path.name: "damaged"}
        records.accept(path)


@pytest.mark.parametrize("kept", range(6))
def test_the_first_line_of_a_file_cut_short_by_a_kill_is_torn(tmp_path: Path, kept: int) -> None:
    path, line = tmp_path / "metrics.jsonl", b"line\n"
    records._note(path, records.Record(len(line), hashlib.sha256(line).hexdigest()))
    path.write_bytes(line[:kept])
    assert records.check(tmp_path) == ({} if kept == len(line) else {path.name: "torn"})


def test_content_before_the_last_change_stays_accepted_until_the_next(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    for content in (b"1", b"2", b"3"):
        records.replace(path, content)
    path.write_bytes(b"2")
    assert records.check(tmp_path) == {}
    path.write_bytes(b"1")
    assert records.check(tmp_path) == {path.name: "damaged"}
