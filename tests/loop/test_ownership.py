"""A run's folder and the files of others in it: none is mixed in, overwritten or deleted."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import selfplay
from selfplay.errors import FolderError, UserError
from selfplay.loop import folder as folders
from selfplay.ratings.tournament_folder import TournamentFolder
from selfplay.storage import artifact
from tests import tiny


def everything(path: Path) -> dict[str, bytes]:
    return {str(each.relative_to(path)): each.read_bytes() for each in sorted(path.rglob("*")) if each.is_file()}


def foreign_files(path: Path) -> dict[str, bytes]:
    """Files of a user's in every place where a run deletes, by names that come close to a run's own."""
    files = {
        "replay/notes.txt": b"mine", "replay/2024.pgn": b"[Event]", "replay/7-9.npy": b"mine too", "notes.md": b"x",
        "state/2024/games.pgn": b"y", "state/000000/mine.txt": b"z", "checkpoints/best/net.pt": b"w",
        "checkpoints/2024/net.pt": b"w", "state/.old.aside/kept.txt": b"v", "checkpoints/.000000.dropped/x.txt": b"u",
        "state/.000001.aside/mine.txt": b"t",
    }  # fmt: skip
    for name, data in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return files


def test_a_run_deletes_its_own_files_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "run"
    config = tiny.config()
    tiny.train(path, config, until=1)
    files = foreign_files(path)
    tiny.train(path, config)
    found = everything(path)
    assert {name: found.get(name) for name in files} == files
    state = json.loads((sorted((path / "state").glob("0*"))[-1] / "state.json").read_text())
    ours = {shard["file"] for shard in state["shards"]}
    shards = {each.name for each in (path / "replay").glob("*-*.npy")} - {"7-9.npy"}
    assert ours <= shards  # those of the second state too
    states = [each for each in (path / "state").iterdir() if artifact.is_one(each)]
    assert len(states) == folders.KEPT_STATES


@pytest.mark.parametrize(
    "name", ["thesis.tex", "replay/2024.pgn", "state/notes", "checkpoints/model.pt", "config.json", "tensorboard/x.log"]
)
def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text('{"name": "an app of theirs"}')
    before = everything(tmp_path)
    with pytest.raises(FolderError, match="no part of a run") as caught:
        folders.Folder(tmp_path)
    assert name in str(caught.value) and everything(tmp_path) == before
    assert sorted(each.name for each in tmp_path.iterdir()) == [Path(name).parts[0]]


def test_an_empty_folder_and_what_a_killed_start_leaves_are_taken(tmp_path: Path) -> None:
    (tmp_path / ".gitkeep").touch()
    with folders.Folder(tmp_path):
        pass
    (tmp_path / "state" / ".000000.partial").mkdir()
    (tmp_path / "replay" / ".0-20.npy.partial").touch()
    with folders.Folder(tmp_path):
        pass


def test_a_run_without_its_config_is_still_a_run(tmp_path: Path) -> None:
    path = tmp_path / "run"
    tiny.train(path, until=1)
    (path / "mine.txt").touch()
    assert not (path / "config.json").exists()
    with folders.Folder(path):
        pass


def test_a_folder_that_cannot_be_put_right_is_not_left_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> None:
        raise OSError(5, "Input/output error", "state")

    with monkeypatch.context() as patch:
        patch.setattr(artifact, "recover", refuse)
        with pytest.raises(FolderError, match="Input/output error"):
            folders.Folder(tmp_path)
    with folders.Folder(tmp_path):
        pass


@pytest.mark.parametrize("text", ["", "  "], ids=["nothing", "blanks"])
def test_an_empty_name_of_a_run_is_refused(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="run is empty"):
        selfplay.train("tic-tac-toe", run=text, generations=1)
    done = subprocess.run(
        [sys.executable, "-m", "selfplay", "train", "tic-tac-toe", "--run", text], cwd=tmp_path, text=True,
        capture_output=True, env={"PYTHONPATH": str(Path(__file__).resolve().parents[2])}, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "--run: is empty" in done.stderr and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["games.jsonl", "ratings.csv", "games/my best.pgn"])
def test_a_tournament_does_not_take_files_of_others_for_its_own(tmp_path: Path, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("not a line of ours\n")
    with pytest.raises(FolderError, match=r"no arena\.json"):
        TournamentFolder(tmp_path, [], {}, "txt")
    assert everything(tmp_path) == {name: b"not a line of ours\n"}


def test_a_tournament_cuts_no_record_that_it_did_not_write(tmp_path: Path) -> None:
    TournamentFolder(tmp_path, [], {}, "txt").close()
    (tmp_path / "games" / "annotated by me.txt").write_text("mine")
    TournamentFolder(tmp_path, [], {}, "txt").close()
    assert (tmp_path / "games" / "annotated by me.txt").read_text() == "mine"


def test_removing_an_artifact_spares_what_its_manifest_does_not_name(tmp_path: Path) -> None:
    artifact.write(tmp_path / "one", {"a": b"1"}, {})
    (tmp_path / "one" / "mine").write_text("x")
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    artifact.write(tmp_path / "one", {"a": b"2"}, {})
    assert artifact.read(tmp_path / "one")[1] == {"a": b"2"}
    assert [each.read_text() for each in tmp_path.rglob("mine")] == ["x", "x"]
    (tmp_path / "other" / artifact.MANIFEST).write_text("{}")
    artifact.remove(tmp_path / "other")
    assert (tmp_path / "other" / "a").exists()
