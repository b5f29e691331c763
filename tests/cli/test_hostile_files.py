"""Files made to harm, through every command that opens them: refused in one sentence with exit code 2, at once, in
little memory, with nothing run and nothing of the user's changed."""

from __future__ import annotations

import bz2
import gzip
import json
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import hostile
import pytest
import tiny
import torch

from selfplay.storage import artifact

SPARSE = 2**31
SHA256_OF_SPARSE = "a7c744c13cc101ed66c29f672f92455547889cc586ce6d44fe76ae824958ea51"
SECONDS, MEGABYTES = 30, 500  # the machine of the tests may be busy: by hand it is less than 2 s


TRAIN = ("train", "tic-tac-toe", "--plain", "--actors", "0")


class Place(NamedTuple):
    """Where the tests work: files of the user's, and a run that was trained."""

    folder: Path
    run: Path

    @property
    def canary(self) -> Path:
        return self.folder / "canary"

    @property
    def secret(self) -> Path:
        return self.folder / "home" / "secret"


class Bomb:
    """A pickle that leaves a canary when it is loaded."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> Any:
        return (os.system, (f"touch {self.canary}",))


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(SPARSE)


def bodies(place: Place) -> dict[str, Callable[[Path], object]]:
    """Makers of what may lie in the place of any file."""
    torch.save(Bomb(place.canary), place.folder / "bomb.pt")
    texts = {
        "empty": b"", "null": b"null", "list": b"[]", "text": b"hello\n", "binary": bytes(range(256)) * 10,
        "pickle": pickle.dumps(Bomb(place.canary)), "archive of a pickle": (place.folder / "bomb.pt").read_bytes(),
        "deep": b'{"a":' * 10**6, "long": b'{"a": [' + b"1," * 5 * 10**7 + b"1]}", "infinite": b'{"step": 1e999}',
        "digits": b'{"step": ' + b"9" * 5000 + b"}", "twice": b'{"step": 1, "step": 2}',
    }  # fmt: skip
    makers: dict[str, Callable[[Path], object]] = {
        name: lambda path, text=text: path.write_bytes(text) for name, text in texts.items()
    }
    return makers | {
        "pipe": os.mkfifo,
        "sparse": sparse,
        "folder": Path.mkdir,
        "link": lambda path: path.symlink_to(place.secret),
        "device": lambda path: path.symlink_to("/dev/zero"),
    }


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "home").mkdir()
    (folder / "home" / "secret").write_bytes(b"secret")
    settings = [word for setting in tiny.SETTINGS for word in ("--set", setting)]
    outcome = hostile.run(*TRAIN, "--run", folder / "run", "--generations", "1", *settings, limit=100)
    assert outcome.code == 0, outcome.err
    return Place(folder, folder / "run")


@pytest.fixture
def copy(place: Place) -> Iterator[Path]:
    """A copy of the run, for a test to harm."""
    path = place.folder / "case"
    shutil.copytree(place.run, path)
    yield path
    shutil.rmtree(path)


def sign(folder: Path) -> None:
    """Makes an artifact's manifest agree with its files, as their maker would."""
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest.pop("sha256")
    for name in manifest["files"]:
        path = folder / name
        if path.is_file() and not path.is_symlink():
            whole = path.stat().st_size < SPARSE
            manifest["files"][name] = artifact.digest(path.read_bytes()) if whole else SHA256_OF_SPARSE
    (folder / "manifest.json").write_bytes(artifact._sealed(manifest))


def newest(folder: Path) -> Path:
    return sorted(path for path in folder.iterdir() if path.name.isdigit())[-1]


def check(place: Place, outcome: hostile.Outcome, codes: tuple[int, ...] = (2,)) -> str:
    """The one sentence of a refusal; fails where something was harmed."""
    said = f"{outcome.out[-300:]}\n{outcome.err[-600:]}\n{outcome.seconds:.1f} s, {outcome.megabytes:.0f} MB"
    assert outcome.code in codes, said
    assert "Traceback" not in outcome.err, said
    lines = outcome.err.splitlines()
    sentences = [line for line in lines if line.startswith("selfplay: ") and not line.startswith("selfplay: warning: ")]
    assert len(sentences) == (outcome.code == 2), said
    assert outcome.seconds < SECONDS and outcome.megabytes < MEGABYTES, said
    assert not place.canary.exists(), said
    assert hostile.tree(place.folder / "home") == {"secret": b"secret"}, said
    return sentences[0] if sentences else ""


def readers(path: Path) -> dict[str, tuple[tuple[object, ...], bytes]]:
    """Commands that open a checkpoint, and their standard input."""
    searched = ("--simulations", "1")
    return {
        "analyze": (("analyze", path, "--moves", "5", *searched), b""),
        "play": (("play", path, "--plain", *searched), b"5\nquit\n"),
        "match": (("match", path, "random", "--games", "2", "--plain", *searched), b""),
        "elo": (("elo", path, "random", "--games", "2", "--plain", *searched, "--out", path.parent / "elo"), b""),
        "uci": (("uci", path), b"uci\nisready\nposition startpos\ngo nodes 1\nquit\n"),
    }


MEMBERS = ("manifest.json", "net.safetensors")
BODIES = ("binary", "pickle", "archive of a pickle", "deep", "sparse", "pipe", "link", "device", "folder", "twice")


@pytest.mark.chaos
@pytest.mark.parametrize("member", MEMBERS)
def test_every_command_refuses_a_checkpoint_that_was_made_to_harm(place: Place, copy: Path, member: str) -> None:
    folder = newest(copy / "checkpoints")
    makers = bodies(place)
    for name in BODIES:
        makers[name](hostile.replace(folder / member))
        if member != "manifest.json":
            sign(folder)
        before = hostile.tree(copy)
        for words, stdin in readers(copy).values():
            outcome = hostile.run(*words, stdin=stdin, limit=SECONDS)
            check(place, outcome)
            assert hostile.tree(copy) == before
        check(place, hostile.run("verify", copy, limit=SECONDS), (0, 1))
        check(place, hostile.run("sample", copy, limit=SECONDS))


@pytest.mark.chaos
def test_every_command_survives_a_run_whose_single_files_were_made_to_harm(place: Place, copy: Path) -> None:
    makers = bodies(place)
    for file in ("config.json", "metrics.jsonl", "digests.json"):
        whole = (copy / file).read_bytes()
        for name in ("long", "digits", "deep", "sparse", "pipe", "device", "folder"):
            makers[name](hostile.replace(copy / file))
            before = hostile.tree(copy)
            for words in (("show", copy), ("list", "--root", place.folder)):
                check(place, hostile.run("runs", *words, limit=SECONDS), (0, 2))
            check(place, hostile.run("verify", copy, limit=SECONDS), (0, 1))
            assert hostile.tree(copy) == before
        hostile.replace(copy / file).write_bytes(whole)


@pytest.mark.chaos
@pytest.mark.parametrize("member", ["state.json", "learner.safetensors", "group0.states.npy", "replay"])
def test_training_does_not_go_on_from_a_state_that_was_made_to_harm(place: Place, copy: Path, member: str) -> None:
    shard = sorted((copy / "replay").iterdir())[0]
    makers = bodies(place)
    for name in ("pickle", "archive of a pickle", "deep" if member == "state.json" else "sparse", "pipe"):
        if member == "replay":
            makers[name](hostile.replace(shard))
            for state in (copy / "state").iterdir():
                text = json.loads((state / "state.json").read_bytes())
                for told in text["shards"]:
                    if told["file"] == shard.name and name not in ("sparse", "pipe"):
                        told["sha256"] = artifact.digest(shard.read_bytes())
                (state / "state.json").write_text(json.dumps(text))
                sign(state)
        else:
            for state in (copy / "state").iterdir():
                makers[name](hostile.replace(state / member))
                sign(state)
        said = check(place, hostile.run(*TRAIN, "--run", copy, "--generations", "2", limit=SECONDS))
        assert "state" in said or "replay" in said


@pytest.mark.chaos
def test_files_that_a_user_names_are_read_within_limits(place: Place) -> None:
    folder = place.folder / "named"
    folder.mkdir()
    zeros = bytes(2**24)
    with gzip.open(folder / "line.pgn.gz", "wb") as file, bz2.open(folder / "line.pgn.bz2", "wb") as other:
        for number in range(60):  # a gigabyte in one line
            file.write(zeros)
            if number < 6:
                other.write(zeros)
    whole = (folder / "line.pgn.gz").read_bytes()
    (folder / "torn.pgn.gz").write_bytes(whole[:5000] + bytes(100) + whole[5100:9000])
    (folder / "binary.pgn").write_bytes(os.urandom(10**6))
    (folder / "deep.pgn").write_text('[Event "x"]\n\n1. e4 ' + "(" * 10**6)
    (folder / "deep.toml").write_text("a = " + "[" * 10**5)
    sparse(folder / "sparse.pgn")
    for name in ("line.pgn.gz", "line.pgn.bz2", "torn.pgn.gz", "binary.pgn", "deep.pgn", "sparse.pgn"):
        check(place, hostile.run("games", "read", "chess", folder / name, limit=SECONDS), (0, 2))
    for name in ("binary.pgn", "deep.pgn", "sparse.pgn", "line.pgn.gz"):
        match = ("match", "random", "greedy", "--game", "chess", "--games", "2", "--book", folder / name)
        check(place, hostile.run(*match, limit=SECONDS))
        play = ("play", "chess", "--against", "random", "--plain", "--load", folder / name)
        check(place, hostile.run(*play, stdin=b"quit\n", limit=SECONDS))
    check(place, hostile.run("match", "random", "greedy", "--game", "chess", "--book", "/dev/zero", limit=SECONDS))
    for name in ("deep.toml", "sparse.pgn", "binary.pgn"):
        check(place, hostile.run("train", "--config", folder / name, "--run", place.folder / "new", limit=SECONDS))
    images = folder / "images.gz"
    with gzip.open(images, "wb") as file:
        file.write(b"\0\0\x08\x03" + (2**20).to_bytes(4) + (32).to_bytes(4) * 2)
        file.write(zeros)  # of a gigabyte
    words = (
        "train",
        "gan-digits",
        "--set",
        "data.name=idx",
        "--set",
        f"data.path={images}",
        "--actors",
        "0",
        "--plain",
    )
    check(place, hostile.run(*words, "--run", place.folder / "new", limit=SECONDS))
    assert not (place.folder / "new").exists()
    lines = [b"[" * 10**6, b'{"a":' * 10**5, b'{"moves": "5", "moves": "1"}', b'{"simulations": 1e999}', b"9" * 10**6]
    outcome = hostile.run("analyze", place.run, "--simulations", "1", stdin=b"\n".join(lines), limit=SECONDS)
    check(place, outcome, (0,))
    assert all("error" in json.loads(line) or "best" in json.loads(line) for line in outcome.out.splitlines())
