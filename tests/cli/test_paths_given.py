"""Every argument that names a file or a folder, given what is none: found by walking the parser, so that new ones are
tried too."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import tiny
import walk

from selfplay.cli import main

PATHS = ("FILE", "DIR", "FOLDER", "RUN", "CHECKPOINT", "PLAYER")  # in the metavar of an argument that takes a path
BESIDES = {
    "match": "--game tic-tac-toe --games 2", "elo": "random --game tic-tac-toe --games 2", "play --load": "--plain",
    "match --out": "--sprt 0,10", "play": "--plain", "train": "--generations 1",
    "sweep": "--arm base --arm few:actor.num_simulations=8 --generations 1",
}  # fmt: skip
# Arguments that are written to, and what they expect.
WRITTEN = {"match --out": "folder", "elo --out": "folder", "train --run": "folder", "sweep --out": "folder",
           "sample --out": "file", "sample --npz": "file", "train --write-config": "file", "play --record": "file",
           "drift run --png": "file", "runs report --out": "file", "drift watch --png": "file",
           "bench --write": "file"}  # fmt: skip
SUFFIX = {"sample --out": ".png", "sample --npz": ".npz", "play --record": ".txt", "play --load": ".txt"}
INPUTS = (
    "folder", "text", "binary", "empty", "null", "zero", "fifo", "broken", "below", "missing", "dangling", "loop",
    "long",
)  # fmt: skip
OUTPUTS = {"folder": ("text", "null", "fifo", "below", "loop", "long"),
           "file": ("folder", "fifo", "below", "nowhere", "loop", "long")}  # fmt: skip
# A file may hold no games, and a folder no runs; games are read from what other programs print; sample makes folders.
FINE = {
    ("games read files", "empty"), ("games read files", "fifo"), ("runs list --root", "folder"),
    ("sample --out", "nowhere"), ("sample --npz", "nowhere"),
}  # fmt: skip


class Argument(NamedTuple):
    command: str
    name: str  # an option, or a positional argument's name
    words: list[str]  # the whole command, with {path} for what is tried


def arguments() -> Iterator[Argument]:
    for command, parser in walk.commands():
        positional = [action for action in parser._actions if not action.option_strings and action.nargs != "A..."]
        for action in parser._actions:
            if not any(word in str(action.metavar) for word in PATHS):
                continue
            name = action.option_strings[-1] if action.option_strings else action.dest
            alone = name == "--config" or (command == "train" and action in positional)
            words = [] if alone else ["{path}" if other is action else walk.NEEDED[other.dest] for other in positional]
            words += [name, "{path}"] if action.option_strings else []
            more = BESIDES.get(f"{command} {name}", "").split() + BESIDES.get(command, "").split()
            yield Argument(command, name, [*command.split(), *words, *more])


CASES = [
    (argument, given)
    for argument in arguments()
    for given in OUTPUTS.get(WRITTEN.get(f"{argument.command} {argument.name}", ""), INPUTS)
    if (f"{argument.command} {argument.name}", given) not in FINE
]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("places")
    found = {"null": os.devnull, "zero": "/dev/zero", "broken": "/proc/self/mem", "root": str(root)}
    found["run"] = str(tiny.weights_folder(root / "run", "tic-tac-toe"))
    found["sample"] = str(tiny.generator_folder(root / "gan", "gan-ring"))
    for suffix in ("", *set(SUFFIX.values())):
        (root / f"folder{suffix}").mkdir()
        (root / f"text{suffix}").write_text("hello\n")
        (root / f"binary{suffix}").write_bytes(bytes(range(256)))
        (root / f"empty{suffix}").touch()
        os.mkfifo(root / f"fifo{suffix}")
        (root / f"dangling{suffix}").symlink_to("nowhere")
        (root / f"loop{suffix}").symlink_to(f"loop{suffix}")
        for name in ("folder", "text", "binary", "empty", "fifo", "missing", "dangling", "loop"):
            found[name + suffix] = str(root / f"{name}{suffix}")
        for name, path in (("below", "text/x"), ("nowhere", "missing/x"), ("long", "x" * 300)):
            found[name + suffix] = str(root / path) + suffix
    return found


@pytest.fixture(autouse=True)
def devices_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where tests may do anything, a command that renames its file over a device would take it from the machine."""

    def guarded(real: Callable[..., None]) -> Callable[..., None]:
        def call(*paths: object, **more: object) -> None:
            assert not any(str(path).startswith("/dev/") for path in paths), paths
            real(*paths, **more)

        return call

    for name in ("rename", "replace", "remove", "unlink"):
        monkeypatch.setattr(os, name, guarded(getattr(os, name)))


def listing(root: str) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in Path(root).rglob("*")}


class Hung(BaseException):
    pass


def _hung(*_: object) -> None:
    raise Hung


def command(argument: Argument, given: str, places: dict[str, str]) -> list[str]:
    suffix = SUFFIX.get(f"{argument.command} {argument.name}", "")
    words = [word.replace("{run}", places["run"]).replace("{sample}", places["sample"]) for word in argument.words]
    return [word.replace("{path}", places.get(given + suffix, places.get(given, ""))) for word in words]


@pytest.mark.parametrize(
    ("argument", "given"), CASES, ids=[f"{argument.command} {argument.name} {given}" for argument, given in CASES]
)
def test_what_is_no_file_or_folder_of_the_kind_is_refused_in_a_sentence(
    argument: Argument, given: str, places: dict[str, str], monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(places["folder"])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    before, words = listing(places["root"]), command(argument, given, places)
    previous = signal.signal(signal.SIGALRM, _hung)
    signal.alarm(60)  # a machine may be busy, but a pipe is never written to
    try:
        code = main.main(words)
    except SystemExit as left:
        code = int(left.code or 0)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
    said = capsys.readouterr().err
    assert code == 2 and len(said.splitlines()) == 1 and said.startswith("selfplay: "), (words, code, said)
    assert listing(places["root"]) == before


def test_the_walk_finds_the_arguments_that_take_paths() -> None:
    found = {f"{argument.command} {argument.name}" for argument in arguments()}
    assert WRITTEN.keys() <= found and SUFFIX.keys() <= found and len(found) >= 20
