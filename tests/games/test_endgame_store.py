"""Endgame tables on disk: whole or absent whatever happens to the build, and refused when they are not as written."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from faults import Faults, Killed

import games
from games.checkers.endgames.tables import CheckersEndgames
from games.checkers.rules import Checkers
from games.endgames import store, verify
from games.endgames.tables import Endgames

CHECKERS = games.make("checkers")
ENDGAMES = games.facet(CHECKERS, Endgames)
TABLES: dict[str, np.ndarray] = {}
for _name in ENDGAMES.default[:2]:
    TABLES[_name] = ENDGAMES.build(_name, TABLES, lambda share: None)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SELFPLAY_CACHE_DIR", str(tmp_path))
    return tmp_path / "endgames" / "checkers"


def test_a_table_is_read_as_it_was_saved() -> None:
    store.save(ENDGAMES, "2-piece", TABLES["2-piece"])
    assert (store.load(ENDGAMES, "2-piece") == TABLES["2-piece"]).all()
    assert list(store.available(ENDGAMES)) == ["2-piece"]


def test_equal_tables_are_equal_files(cache: Path) -> None:
    first = store.save(ENDGAMES, "2-piece", TABLES["2-piece"]), (cache / "2-piece.json").read_bytes()
    again = store.save(ENDGAMES, "2-piece", TABLES["2-piece"].copy()), (cache / "2-piece.json").read_bytes()
    assert first == again and sorted(path.name for path in cache.iterdir()) == ["2-piece.json", "2-piece.table"]


@pytest.mark.parametrize("kind", ["full", "broken", "interrupted", "killed"])
@pytest.mark.parametrize("replacing", [False, True])
def test_after_any_fault_of_the_disk_a_table_is_whole_or_absent(cache: Path, kind: str, replacing: bool) -> None:
    def save(at: int) -> int:
        for path in cache.glob("*"):
            path.unlink()
        if replacing:
            store.save(ENDGAMES, "2-piece", TABLES["2-piece"])
        with Faults(cache, kind, at) as faults, contextlib.suppress(store.TableError, KeyboardInterrupt, Killed):
            store.save(ENDGAMES, "2-piece", TABLES["2-piece"])
        store._loaded.clear()
        found = store.available(ENDGAMES)
        assert not found or (found["2-piece"] == TABLES["2-piece"]).all()
        if kind != "killed":
            assert not list(cache.glob(".*.partial"))
        with store.building(ENDGAMES):  # the next build clears up, and is not kept from building
            pass
        assert not list(cache.glob(".*.partial"))
        return len(faults.calls)

    calls = save(0)
    assert calls >= 8
    for at in range(1, calls + 1):
        save(at)


@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "no JSON", "JSON of something else", "other digest"])
def test_damage_is_named_with_what_to_do(cache: Path, damage: str) -> None:
    store.save(ENDGAMES, "2-piece", TABLES["2-piece"])
    table, said = cache / "2-piece.table", cache / "2-piece.json"
    data = bytearray(table.read_bytes())
    if damage == "flipped":
        data[1000] ^= 1
        table.write_bytes(data)
    elif damage == "cut":
        table.write_bytes(data[:-1])
    elif damage == "gone":
        table.unlink()
    elif damage == "no JSON":
        said.write_text("{")
    elif damage == "JSON of something else":
        said.write_text("[1]")
    else:
        said.write_text(said.read_text().replace('"sha256": "', '"sha256": "0'))
    with pytest.raises(store.TableError, match=r"build it again with `selfplay games endgames build checkers 2-piece"):
        store.load(ENDGAMES, "2-piece")
    with pytest.warns(store.TableWarning, match="2-piece"):
        assert store.available(ENDGAMES) == {}
    assert store.available(ENDGAMES) == {}  # said once


def test_a_table_of_other_rules_is_not_used() -> None:
    class Later(Checkers):
        version = Checkers.version + 1

    store.save(ENDGAMES, "2-piece", TABLES["2-piece"])
    with pytest.raises(store.TableError, match="of other rules"):
        store._read(CheckersEndgames(Later()), "2-piece", *store.files(ENDGAMES, "2-piece"))


def test_two_builds_at_once_are_refused() -> None:
    with store.building(ENDGAMES), pytest.raises(store.TableError, match="another process"), store.building(ENDGAMES):
        pass


def test_the_folder_follows_the_rules_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("SELFPLAY_CACHE_DIR")
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert store.folder("chess") == Path("/caches/selfplay/endgames/chess")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, says the specification
    assert store.folder("chess") == Path("/home/me/.cache/selfplay/endgames/chess")
    monkeypatch.setattr("sys.platform", "darwin")
    assert store.folder("chess") == Path("/home/me/Library/Caches/selfplay/endgames/chess")


def test_a_proof_names_the_slot_that_was_changed() -> None:
    wrong = TABLES["2-piece"].copy()
    slot = int(np.flatnonzero(wrong == 2)[5])
    wrong[slot] = 4
    found = list(verify.faults(ENDGAMES, "2-piece", {**TABLES, "2-piece": wrong}, lambda share: None))
    assert verify.Fault(slot, 4, 2) in found
