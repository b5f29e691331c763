"""Artifacts: whole or absent at any instant, every flipped bit noticed, strangers' files refused in one sentence."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch

import games
from selfplay.errors import CheckpointError, UserError
from selfplay.league import pool
from selfplay.players import network_player
from selfplay.storage import artifact

OLD = {"a.safetensors": b"old weights" * 50, "b.json": b"{}"}
NEW = {"a.safetensors": b"new weights!" * 50, "b.json": b"[1]", "c.npy": b"more"}


def refused(call: Callable[..., Any], *arguments: Any) -> str:
    with pytest.raises(UserError) as caught:
        call(*arguments)
    assert len(str(caught.value).splitlines()) == 1, str(caught.value)
    return str(caught.value)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    artifact.write(tmp_path / "deep" / "000001", OLD, {"kind": "test", "steps": 3})
    assert artifact.read(tmp_path / "deep" / "000001") == ({"kind": "test", "steps": 3}, OLD)
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["000001"]


def test_writing_again_replaces_all(tmp_path: Path) -> None:
    for files, meta in ((NEW, {"n": 1}), (OLD, {"n": 2})):
        artifact.write(tmp_path / "x", files, meta)
    assert artifact.read(tmp_path / "x") == ({"n": 2}, OLD)
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


# Faults while writing: the n-th call that touches the disk fails, or the process dies there.


class Killed(BaseException):
    """Stands for SIGKILL: nothing that the code does afterwards may matter."""


class Faults:
    """Counts calls that change the disk and lets the one numbered `at` fail."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int, error: Callable[[], BaseException]) -> None:
        self.calls, self.at, self.error = 0, at, error
        for owner, name in ((os, "fsync"), (Path, "rename"), (Path, "open"), (Path, "mkdir"), (shutil, "rmtree")):
            self._wrap(monkeypatch, owner, name)

    def _wrap(self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if name == "rmtree" and kwargs.get("ignore_errors") and not isinstance(self.error(), Killed):
                return real(*args, **kwargs)
            if name == "open" and (args[1:] or ("r",))[0][:1] == "r":
                return real(*args, **kwargs)
            self.calls += 1
            if self.calls == self.at:
                raise self.error()
            if self.calls > self.at and isinstance(self.error(), Killed):
                raise self.error()  # the dead do nothing more
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)


@pytest.mark.parametrize("error", [lambda: OSError(28, "No space left on device"), Killed])
@pytest.mark.parametrize("before", [None, OLD])
def test_a_fault_at_any_instant_leaves_the_old_or_the_new_and_never_a_mixture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: dict[str, bytes] | None, error: Any
) -> None:
    seen = set()
    for at in range(1, 100):
        home = tmp_path / str(at)
        folder = home / "000007"
        if before is not None:
            artifact.write(folder, before, {"n": "old"})
        else:
            home.mkdir()
        with monkeypatch.context() as patch:
            faults = Faults(patch, at, error)
            try:
                artifact.write(folder, NEW, {"n": "new"})
                failed = False
            except CheckpointError as caught:
                assert str(folder) in str(caught) and "MB" in str(caught)
                assert len(str(caught).splitlines()) == 1
                failed = True
            except Killed:
                failed = True
        if faults.calls < at:
            assert not failed
            break

        def content() -> str:
            try:
                meta, files = artifact.read(folder)  # noqa: B023
            except CheckpointError as caught:
                assert "is not a checkpoint" in str(caught)
                return "nothing"
            assert files == {"old": before, "new": NEW}[meta["n"]]
            return str(meta["n"])

        first = content()
        assert first in ("new", "nothing" if before is None else "old")
        artifact.recover(home)  # as the next session does
        assert content() == first
        assert [path.name for path in home.iterdir() if path.name.endswith(".aside")] == []
        if first != "nothing":
            assert pool.Pool(home).generations() == [7]
        artifact.write(folder, NEW, {"n": "new"})  # and the next save works
        assert content() == "new" and [path.name for path in home.iterdir()] == ["000007"]
        seen.add(first)
    else:
        pytest.fail("more than a hundred calls for one artifact")
    assert seen == {"new", "nothing" if before is None else "old"}


@pytest.mark.parametrize("error", [lambda: OSError(28, "No space left on device"), Killed])
def test_a_fault_while_a_file_is_replaced_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    path = tmp_path / "config.json"
    for at in range(1, 20):
        path.write_bytes(b"old")
        with monkeypatch.context() as patch:
            faults = Faults(patch, at, error)
            with contextlib.suppress(OSError, Killed):
                artifact.replace_file(path, b"new")
        assert path.read_bytes() in (b"old", b"new")
        if faults.calls < at:
            return
    pytest.fail("replace_file never got through")


def test_a_pipe_or_device_in_the_place_of_a_file_stays(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a file that could be replaced"):
        artifact.replace_file(tmp_path / "pipe", b"new")
    assert (tmp_path / "pipe").is_fifo() and [path.name for path in tmp_path.iterdir()] == ["pipe"]


# Damage


def weights_folder(path: Path, seed: int = 1, **changes: Any) -> Path:
    """A generation of a tiny tic-tac-toe network; `changes` go into its meta."""
    game = games.make("tic-tac-toe")
    size = tiny.NETWORK
    meta = {
        "kind": "weights", "family": "alphazero", "game": game.name, "game_version": game.version, "generation": 7,
        "network": {"channels": size.channels, "blocks": size.blocks, "head_channels": size.head_channels,
                    "value_hidden": size.value_hidden},
    }  # fmt: skip
    tensors = tiny.random_weights(game, seed)
    artifact.write(path, {"net.safetensors": artifact.pack_tensors(tensors)}, meta | changes)
    return path


def rewrite(folder: Path, name: str, data: bytes) -> None:
    """Puts a file into an artifact and signs it as its maker would."""
    meta, files = artifact.read(folder)
    artifact.write(folder, files | {name: data}, meta)


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path / "000007")
    rng = np.random.default_rng(0)
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for _ in range(60):
            data = bytearray(whole)
            data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
            path.write_bytes(data)
            refused(network_player.load, folder)
        path.write_bytes(whole)
    network_player.load(folder)


def test_every_bit_of_the_manifest_counts(tmp_path: Path) -> None:
    artifact.write(tmp_path / "x", {"a": b"1"}, {"generation": 12, "note": "é"})
    path = tmp_path / "x" / "manifest.json"
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in range(8):
            data = bytearray(whole)
            data[place] ^= 1 << bit
            path.write_bytes(data)
            with pytest.raises(CheckpointError):
                artifact.read(tmp_path / "x")


def test_every_truncation_and_every_missing_file_is_noticed(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path / "000007")
    rng = np.random.default_rng(0)
    for path in sorted(folder.iterdir()):
        whole = path.read_bytes()
        for length in [0, 1, len(whole) - 1, *rng.integers(0, len(whole), 15).tolist()]:
            path.write_bytes(whole[:length])
            refused(network_player.load, folder)
        path.write_bytes(whole + b" ")
        refused(network_player.load, folder)
        path.unlink()
        refused(network_player.load, folder)
        path.write_bytes(whole)
    network_player.load(folder)


# Hostile artifacts: everything is signed correctly, and the content is not what it should be.


class Bomb:
    """A pickle that leaves a canary when it is loaded."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return (os.system, (f"touch {self.canary}",))


def test_pickles_named_safetensors_are_refused_and_not_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    raw = pickle.dumps(Bomb(canary))
    torch.save(Bomb(canary), tmp_path / "bomb.pt")
    for data in (raw, (tmp_path / "bomb.pt").read_bytes(), b"", b"PK\x03\x04"):
        folder = weights_folder(tmp_path / "000007")
        rewrite(folder, "net.safetensors", data)
        assert "not a safetensors file" in refused(network_player.load, folder)
    assert not canary.exists()


def header(text: bytes | str, data: bytes = b"") -> bytes:
    text = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(text)) + text + data


@pytest.mark.parametrize(
    "data",
    [
        struct.pack("<Q", 1 << 62),
        struct.pack("<Q", 200_000_000) + b"{}",
        header("[" * 100_000),
        header("null"),
        header('{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,99]}}', b"12345678"),
        header('{"a":{"dtype":"F32","shape":[4611686018427387905],"data_offsets":[0,4]}}', b"1234"),
        header('{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', b"1234"),
        header('{"a":{"dtype":"X9","shape":[1],"data_offsets":[0,4]}}', b"1234"),
        header('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"1234junk"),
        header('{"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}}', b"\x7f\x7f\x7f\x7f"),
        header('{"a":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}}', struct.pack("<ff", float("nan"), 1)),
    ],
    ids=range(11),
)
def test_headers_that_lie_are_refused(tmp_path: Path, data: bytes) -> None:
    folder = weights_folder(tmp_path / "000007")
    rewrite(folder, "net.safetensors", data)
    refused(network_player.load, folder)


def test_arrays_of_objects_and_archives_are_refused_and_not_run(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    np.save(tmp_path / "objects.npy", np.array([Bomb(canary)], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "archive.npz", a=np.zeros(3))
    good = artifact.pack_array(np.arange(5))
    lying = good.replace(b"(5,)", b"(5555555555555555555,)").replace(b" " * 18 + b"\n", b"\n")
    for data in (
        (tmp_path / "objects.npy").read_bytes(), (tmp_path / "archive.npz").read_bytes(), pickle.dumps(Bomb(canary)),
        b"", good[:-1], good[:20], lying, good.replace(b"'<i8'", b"'|O8'"),
    ):  # fmt: skip
        message = refused(artifact.unpack_array, data, "rows.npy")
        assert message.startswith("rows.npy is not a plain .npy file")
    assert not canary.exists()
    assert artifact.unpack_array(good, "rows.npy").tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, number: float) -> None:
    folder = weights_folder(tmp_path / "000007")
    tensors = tiny.random_weights(games.make("tic-tac-toe"), 1)
    tensors["value.bias"][1] = number
    rewrite(folder, "net.safetensors", artifact.pack_tensors(tensors))
    message = refused(network_player.load, folder)
    assert "not finite" in message and "value.bias" in message


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path / "000007")
    tensors = tiny.random_weights(games.make("tic-tac-toe"), 1)
    for change in ({"value.bias": torch.zeros(4)}, {"stranger": torch.zeros(1)}):
        rewrite(folder, "net.safetensors", artifact.pack_tensors(tensors | change))
        assert "do not fit the network" in refused(network_player.load, folder)
    del tensors["value.bias"]
    rewrite(folder, "net.safetensors", artifact.pack_tensors(tensors))
    assert "do not fit the network" in refused(network_player.load, folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"game": "connect-four"}, "do not fit"),
        ({"game": "tic-tac-to"}, "Did you mean 'tic-tac-toe'"),
        ({"game": ["x"]}, "not installed"),
        ({"game_version": 99}, "version 99"),
        ({"family": "gan"}, "does not hold an AlphaZero agent"),
        ({"kind": "training state"}, "holds training state"),
        ({"network": {"channels": 10**9}}, "channels"),
        ({"network": {"chanels": 8}}, "Did you mean 'channels'"),
        ({"network": 3}, "does not say"),
        ({"search": {"c_puct": "x"}}, "c_puct"),
        ({"search": []}, "does not say"),
    ],
)
def test_a_checkpoint_of_something_else_says_so(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    folder = weights_folder(tmp_path / "000007", **changes)
    assert words in refused(network_player.load, folder)


def manifest(folder: Path, **changes: Any) -> None:
    """Writes a manifest that is signed, whatever it says."""
    found = json.loads((folder / "manifest.json").read_bytes())
    found.pop("sha256")
    (folder / "manifest.json").write_bytes(artifact._sealed(found | changes))


def test_a_newer_format_says_so(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path / "000007")
    manifest(folder, format=2)
    assert "has format 2" in refused(artifact.read, folder)


@pytest.mark.parametrize(
    "name",
    ["../secret", "/etc/hostname", "..", ".", "", "a/b", "sub/../net.safetensors", "\x00", "\ud800", "a" * 5000],
    ids=range(10),
)  # fmt: skip
def test_names_that_lead_out_of_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    folder = weights_folder(tmp_path / "000007")
    manifest(folder, files={name: artifact.digest(b"secret")})
    message = refused(artifact.read, folder)
    assert len(message) < 6000


def test_links_and_pipes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"secret")
    folder = weights_folder(tmp_path / "000007")
    for make in (
        lambda: (folder / "extra").symlink_to(tmp_path / "secret"),
        lambda: os.mkfifo(folder / "extra"),
        lambda: (folder / "extra").mkdir(),
    ):
        make()
        manifest(folder, files={"extra": artifact.digest(b"secret")})
        refused(artifact.read, folder)
        if (folder / "extra").is_dir() and not (folder / "extra").is_symlink():
            (folder / "extra").rmdir()
        else:
            (folder / "extra").unlink()


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"null", b"[]", b"7", b'"x"', b"\xff\xfe", b"[" * 200_000, b'{"format": 1}',
        b'{"format": 1, "meta": {}, "files": ["a"]}', b'{"format": 1, "meta": [], "files": {}}',
        b'{"format": 1, "meta": {}, "files": {"net.safetensors": 5}}', b'{"format": [], "meta": {}, "files": {}}',
        b'{"format": null, "meta": null, "files": null}',
    ],
    ids=range(14),
)  # fmt: skip
def test_a_manifest_of_nonsense_is_refused(tmp_path: Path, text: bytes) -> None:
    folder = weights_folder(tmp_path / "000007")
    (folder / "manifest.json").write_bytes(text)
    assert "manifest.json" in refused(artifact.read, folder)


def test_a_folder_without_a_manifest_or_that_is_not_there_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "is not a checkpoint" in refused(artifact.read, tmp_path / "empty")
    assert "does not exist" in refused(network_player.load, tmp_path / "nowhere")
    assert "holds no checkpoint" in refused(network_player.load, tmp_path / "empty")


def test_the_newest_generation_is_the_one_with_the_highest_number(tmp_path: Path) -> None:
    for number in (3, 12, 7):  # written in this order: times of files say nothing
        weights_folder(tmp_path / "checkpoints" / f"{number:06d}", generation=number)
    for path in (tmp_path, tmp_path / "checkpoints"):
        assert pool.newest(path).name == "000012"
    assert "generation 12" in network_player.load(tmp_path).description
    assert "generation 3" in network_player.load(tmp_path / "checkpoints" / "000003").description
