"""Folders made to harm, read by the parts that commands share: refused in one sentence, in little memory, and nothing
outside of them is changed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny
from test_artifact import manifest, refused, weights_folder

from games.text import decoding
from games.text.records import RecordError
from selfplay import config as configs
from selfplay.datasets import files as data_files
from selfplay.errors import FolderError
from selfplay.gan import agent as gan_agent
from selfplay.gan import load as gan_load
from selfplay.gan import presets
from selfplay.loop import folder as folders
from selfplay.loop import metrics
from selfplay.players import network_player, pretrained, registry
from selfplay.presets import files as preset_files
from selfplay.ratings.tournament_folder import TournamentFolder
from selfplay.storage import artifact, bounded, json_text, records

READERS: dict[str, Callable[[Path], object]] = {
    "player": network_player.load,
    "generator": gan_load.load,
    "first look": pretrained.peek,
    "identity": lambda folder: registry.digest(str(folder), None, 8),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["long", "pipe", "device", "sparse", "deep"])
def test_a_manifest_that_is_no_short_plain_file_is_refused(tmp_path: Path, reader: str, kind: str) -> None:
    folder = weights_folder(tmp_path / "000007")
    path = folder / "manifest.json"
    if kind == "long":
        manifest(folder, meta={"note": "x" * bounded.MAX_JSON})
    elif kind == "deep":
        path.write_bytes(b'{"meta":' * 10**5)
    else:
        path.unlink()
        if kind == "pipe":
            os.mkfifo(path)
        elif kind == "device":
            path.symlink_to("/dev/zero")
        else:
            with path.open("wb") as file:
                file.truncate(2**40)
    if (reader, kind) == ("identity", "deep"):
        READERS[reader](folder)  # by its bytes alone
    else:
        assert "manifest.json" in refused(READERS[reader], folder)


def test_a_sparse_file_that_a_manifest_signs_is_refused_unread(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path / "000007")
    with (folder / "net.safetensors").open("r+b") as file:
        file.truncate(2**42)  # to hash as much would take an hour
    assert "mostly empty" in refused(network_player.load, folder)
    assert artifact.check(folder)[1] == {"net.safetensors": "damaged"}


def test_a_network_larger_than_its_weights_is_never_built(tmp_path: Path) -> None:
    largest = {"channels": 1024, "blocks": 80, "head_channels": 256, "value_hidden": 2048}  # 6 GB, and allowed
    folder = weights_folder(tmp_path / "000007", network=largest)
    assert "do not fit the network" in refused(network_player.load, folder)


def test_a_generator_larger_than_its_weights_is_never_built(tmp_path: Path) -> None:
    small = configs.override(presets.RING, ["network.width=8", "network.depth=1"])
    agent = gan_agent.Gan(small)
    weights = {name: module.state_dict() for name, module in agent.networks().items()}
    files = {f"{name}.safetensors": artifact.pack_tensors(tensors) for name, tensors in weights.items()}
    meta = {"kind": "weights", "generation": 1, **agent.identity(), **agent.details()}
    artifact.write(tmp_path / "000001", files, meta)
    assert gan_load.load(tmp_path / "000001").generator is not None
    network = {**meta["network"], "width": 4096, "depth": 16, "latent": 1024}
    artifact.write(tmp_path / "000001", files, meta | {"network": network})
    assert "do not fit the network" in refused(gan_load.load, tmp_path / "000001")


def test_weights_in_another_number_format_are_refused(tmp_path: Path) -> None:
    folder = weights_folder(tmp_path / "000007")
    meta, files = artifact.read(folder)
    tensors = artifact.unpack_tensors(files["net.safetensors"], "net")
    tensors["value.bias"] = tensors["value.bias"].double()
    artifact.write(folder, {"net.safetensors": artifact.pack_tensors(tensors)}, meta)
    assert "do not fit the network" in refused(network_player.load, folder)


# Links in the folder of a run or a tournament: whatever lies elsewhere stays as it is.


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile") / "run"
    tiny.train(path, until=1)
    return path


@pytest.mark.parametrize(
    "name",
    ["metrics.jsonl", "config.json", ".config.json.partial", ".digests.json.partial", "lock", "lock.pid", "replay",
     "evaluation.png", "state/000009", "checkpoints/000000", "tensorboard", "replay/0-9.npy"],
)  # fmt: skip
@pytest.mark.parametrize("to", ["file", "folder", "pipe"])
def test_a_run_that_would_write_through_a_link_is_refused(tmp_path: Path, trained: Path, name: str, to: str) -> None:
    run, home = tmp_path / "run", tmp_path / "home"
    shutil.copytree(trained, run)
    home.mkdir()
    (home / "letter.txt").write_text("dear")
    place = run / name
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    if to == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to(home if to == "folder" else home / "letter.txt")
    assert name in refused(folders.Folder, run)
    assert {path.name: path.read_text() for path in home.iterdir()} == {"letter.txt": "dear"}


def test_the_folder_of_a_run_may_itself_be_a_link(tmp_path: Path, trained: Path) -> None:
    shutil.copytree(trained, tmp_path / "there")
    (tmp_path / "here").symlink_to(tmp_path / "there")
    tiny.train(tmp_path / "here", until=2)


def test_files_are_written_in_the_place_of_links_and_never_through_them(tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("dear")
    (tmp_path / "run").mkdir()
    for name in ("x.json", ".x.json.partial", ".digests.json.partial"):
        (tmp_path / "run" / name).symlink_to(letter)
    records.replace(tmp_path / "run" / "x.json", b"{}")
    assert (tmp_path / "run" / "x.json").read_bytes() == b"{}" and letter.read_text() == "dear"
    (tmp_path / "run" / "lines").symlink_to(letter)
    with pytest.raises(OSError, match="symbolic links"):
        records.append(tmp_path / "run" / "lines", b"more")
    assert letter.read_text() == "dear"


def test_a_tournament_that_would_write_through_a_link_is_refused(tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("dear")
    for name in ("games.jsonl", "arena.json", "games/a - b.txt", "lock.pid"):
        folder = tmp_path / name.replace("/", "-")
        (folder / "games").mkdir(parents=True)
        (folder / name).symlink_to(letter)
        with pytest.raises(FolderError, match="link"):
            TournamentFolder(folder, [], {"game": "x"}, "txt")
    assert letter.read_text() == "dear"


# What is signed, and is not what it should be.


@pytest.mark.parametrize(
    "change",
    [
        {"generation": "one"}, {"generation": 10**400}, {"window": -5}, {"window": 10**9}, {"inserted": None},
        {"shards": 3}, {"shards": [{"file": "x"}]}, {"shards": [{"file": "../../secret", "sha256": "0"}]},
        {"identity": []}, {"rng": [1]}, {"rng": None}, {"steps": "many"}, {"sessions": {}}, {"league": [1], "rng": {}},
        {"actors": {"groups": [{}]}}, {"actors": []}, {"generation_start": "x"}, {"history": 5}, {"seconds": "long"},
    ],
    ids=lambda change: json.dumps(change)[:40],
)  # fmt: skip
def test_a_state_that_says_something_else_is_refused_in_a_sentence(
    tmp_path: Path, trained: Path, change: dict[str, Any]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    for state in (run / "state").iterdir():
        meta, files = artifact.read(state)
        rest = json.loads(files["state.json"]) | change
        artifact.write(state, files | {"state.json": json_text.dumps(rest).encode()}, meta)
    said = refused(tiny.train, run, tiny.CONFIG, 2)
    assert "state" in said


def test_lines_of_metrics_that_are_none_are_passed_over(tmp_path: Path) -> None:
    lines = [b'{"step": 1, "a": 2}', b"[" * 10**5, b'{"step": "x"}', b'{"step": 2, "a": "text"}', b"\xff", b"[1]",
             b'{"step": 3, "a": null}', b'{"step": ' + b"9" * 5000 + b"}"]  # fmt: skip
    (tmp_path / "metrics.jsonl").write_bytes(b"\n".join(lines))
    assert [line["step"] for line in metrics.read(tmp_path)] == [1, 3]
    (tmp_path / "metrics.jsonl").unlink()
    os.mkfifo(tmp_path / "metrics.jsonl")
    with pytest.raises(OSError, match="no plain file"):
        metrics.read(tmp_path)


# Texts and images.


class Endless:
    """A stream of one line, of which no end is seen; what it has given."""

    given = 0

    def read(self, size: int, /) -> bytes:
        self.given += size
        return b"{" + b" " * (size - 1)


def test_a_line_without_end_is_refused() -> None:
    stream = Endless()
    with pytest.raises(RecordError, match="line 1"):
        list(decoding.Lines(stream))
    assert stream.given < 2 * decoding.MAX_LINE


@pytest.mark.parametrize("text", ["a = " + "[" * 10**5, "x" * (bounded.MAX_JSON + 1)], ids=["deep", "long"])
def test_settings_that_no_one_wrote_by_hand_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "my.toml").write_text(text)
    assert "my.toml" in refused(preset_files.read, tmp_path / "my.toml")


def test_images_that_unpack_to_far_more_than_images_do_are_refused(tmp_path: Path) -> None:
    import gzip
    import struct

    size = 2**27
    with gzip.open(tmp_path / "images.gz", "wb", compresslevel=9) as file:
        file.write(struct.pack(">BBBBIII", 0, 0, 8, 3, size // 1024, 32, 32) + bytes(2**20))
    assert "damaged" in refused(data_files.read_idx, tmp_path / "images.gz")
