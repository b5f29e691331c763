"""A fault at every call to the system while results are kept: the others stay, and the same command goes on."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from faults import KINDS, Faults, Killed

from selfplay.errors import FolderError
from selfplay.ratings import tournament
from selfplay.ratings.tournament_folder import TournamentFolder
from selfplay.verify import tournaments

PLAYERS = [tournament.Participant(name, f"digest of {name}") for name in ("red", "green")]


def opened(folder: Path) -> TournamentFolder:
    return TournamentFolder(folder, PLAYERS, {"game": "x"}, "txt")


def keep(one: TournamentFolder, number: int) -> None:
    text = f"record of pair {number}, which is as long as a few moves are\n"
    one.add(tournament.TaskResult(tournament.MatchTask(0, 1, number), (1.0, 0.5), (9, 8), ("x", "y"), 0, text))


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("lock"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def whole(folder: Path) -> dict[str, bytes]:
    with opened(folder) as one:
        for number in range(4):
            keep(one, number)
    return files(folder)


def fail(folder: Path, kind: str, at: int) -> tuple[bool, int]:
    """Two results, and two more with a fault; (whether there were so many calls, how many of the two are kept)."""
    with opened(folder) as one:
        keep(one, 0)
        keep(one, 1)
    kept, one = 0, None
    faults = Faults(folder, kind, at)
    try:
        with faults, contextlib.ExitStack() as closing:
            one = opened(folder)
            if kind != "killed":
                closing.callback(one.close)
            for number in (2, 3):
                keep(one, number)
                kept += 1
    except FolderError as error:
        told = {"full": "No space left", "broken": "Input/output error"}[kind]
        unread = f"{folder / 'arena.json'} is damaged"  # what cannot be read counts as that
        assert told in str(error) or unread in str(error)
        assert str(folder) in str(error) and "\n" not in str(error)
    except (KeyboardInterrupt, Killed):
        assert kind in ("interrupted", "killed")
    if kind == "killed" and one is not None:
        one._lines.close()
        one._lock.release()
    return faults.reached, kept


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_at_any_call_costs_the_result_in_hand_and_nothing_else(tmp_path: Path, kind: str) -> None:
    wanted = whole(tmp_path / "whole")
    for at in range(1, 80):
        folder = tmp_path / str(at)
        reached, kept = fail(folder, kind, at)
        if not reached:
            assert kept == 2
            break
        assert not tournaments.check(folder).damaged
        with opened(folder) as one:
            there = [number for number in range(4) if (0, 1, number) not in one.results.missing([(0, 1)], 4)]
            assert there == list(range(len(there))) and len(there) >= 2 + kept, at
            for number in range(len(there), 4):
                keep(one, number)
        assert files(folder) == wanted, at
        assert tournaments.check(folder).findings == []
    else:
        pytest.fail("more than eighty calls for two results")
    assert at > 10
