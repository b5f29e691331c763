"""`selfplay verify` on tournaments: a damaged line costs its result and no other, and nobody's files are cut off."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from selfplay.errors import FolderError
from selfplay.ratings import tournament
from selfplay.ratings.tournament_folder import TournamentFolder
from selfplay.verify import tournaments

PLAYERS = [tournament.Participant(name, f"digest of {name}") for name in ("red", "green", "blue")]


def opened(folder: Path) -> TournamentFolder:
    return TournamentFolder(folder, PLAYERS, {"game": "x"}, "txt")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six results with their records."""
    with opened(tmp_path / "arena") as one:
        for first, second in ((0, 1), (0, 2), (1, 2)):
            for opening in range(2):
                text = f"record of {first} and {second}, {opening}\n"
                task = tournament.MatchTask(first, second, opening)
                one.add(tournament.TaskResult(task, (1.0, 0.5), (9, 8), ("x", "y"), 0, text))
    return tmp_path / "arena"


def results(folder: Path) -> int:
    with opened(folder) as one:
        return 6 - len(one.results.missing([(0, 1), (0, 2), (1, 2)], 2))


def flip(path: Path, place: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)


def test_every_flipped_bit_and_every_cut_is_found(folder: Path) -> None:
    assert tournaments.check(folder).findings == []
    rng = np.random.default_rng(3)
    files = [path for path in folder.rglob("*") if path.is_file() and "lock" not in path.name]
    assert len(files) == 6  # terms, results, digests and three files of records
    for path in files:
        whole = path.read_bytes()
        for trial in range(12):
            if trial % 3 == 2:
                path.write_bytes(whole[: rng.integers(1, len(whole) - 1)])
            else:
                flip(path, int(rng.integers(len(whole))), int(rng.integers(8)))
            names = {finding.path for finding in tournaments.check(folder).findings}
            assert path.relative_to(folder).as_posix() in names, (path, trial)
            path.write_bytes(whole)


def test_a_damaged_line_in_the_middle_is_refused_and_taken_out_on_request(
    folder: Path, selfplay: Callable[..., Any]
) -> None:
    path = folder / "games.jsonl"
    flip(path, path.read_bytes().index(b"0.5"))  # a score of another size, still JSON
    damaged = path.read_bytes()
    with pytest.raises(FolderError, match=r"damaged in line 1.*--repair"):
        opened(folder)
    assert path.read_bytes() == damaged  # five good results follow
    assert selfplay("verify", folder).code == 1
    assert selfplay("verify", folder, "--repair").code == 0
    assert (folder / "damaged" / "games.jsonl").read_bytes() == damaged
    assert results(folder) == 5


def test_damaged_records_leave_the_result(folder: Path, selfplay: Callable[..., Any]) -> None:
    flip(folder / "games" / "red - blue.txt", 3)
    said = selfplay("verify", folder, "--json")
    assert said.code == 1 and [one["path"] for one in json.loads(said.out)["findings"]] == ["games/red - blue.txt"]
    assert selfplay("verify", folder, "--repair").code == 0 and results(folder) == 6


def test_files_of_others_beside_the_records_are_left_alone(folder: Path) -> None:
    (folder / "games" / "notes.txt").write_text("mine")
    with (folder / "games" / "red - blue.txt").open("a") as records:
        records.write("cut short by a kill")
    assert results(folder) == 6
    assert (folder / "games" / "notes.txt").read_text() == "mine"
    assert "cut short" not in (folder / "games" / "red - blue.txt").read_text()
