"""`selfplay games endgames`: building, listing, counting, proving, and everything that is refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import refused

from games.endgames import store


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SELFPLAY_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "endgames" / "checkers"


def test_a_table_is_built_with_those_it_needs_listed_counted_and_proved(selfplay: Any, cache: Path) -> None:
    said = selfplay("games", "endgames", "build", "checkers", "2-Piece")
    assert said.code == 0 and "Building 1-piece, 2-piece of checkers: 0.0 MB of disk" in said.out
    listed = [json.loads(line) for line in selfplay("games", "endgames", "list", "checkers", "--json").out.splitlines()]
    assert [one["table"] for one in listed if one["built"]] == ["1-piece", "2-piece"]
    assert Path(listed[1]["path"]) == cache / "2-piece.table" and listed[1]["bytes"] == 6996
    counted = selfplay("games", "endgames", "counts", "checkers", "2-piece", "--json").out.splitlines()
    assert json.loads(counted[-1]) == {
        "game": "checkers", "table": "2-piece", "kind": "all", "positions": 6972, "wins": 2458, "draws": 2370,
        "losses": 2144, "longest_win": 13, "longest_loss": 12,
    }  # fmt: skip
    proved = selfplay("games", "endgames", "verify", "checkers")
    assert proved.code == 0 and "6,972 positions, whose results must follow from their moves: all do" in proved.out
    before = (cache / "2-piece.table").stat().st_mtime_ns
    assert selfplay("games", "endgames", "build", "checkers", "2-piece").out.startswith("All are built: 2-piece")
    assert (cache / "2-piece.table").stat().st_mtime_ns == before


def test_damage_is_refused_and_mended_by_building_again(selfplay: Any, cache: Path) -> None:
    assert selfplay("games", "endgames", "build", "checkers", "2-piece").code == 0
    path = cache / "2-piece.table"
    data = bytearray(path.read_bytes())
    data[5] ^= 8
    path.unlink()
    path.write_bytes(data)
    store._loaded.clear()
    refused(selfplay("games", "endgames", "verify", "checkers"), "is damaged", "build checkers 2-piece --again")
    assert selfplay("games", "endgames", "build", "checkers", "2-piece", "--again").code == 0
    assert selfplay("games", "endgames", "verify", "checkers").code == 0


def test_a_wrong_result_fails_the_proof(selfplay: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import games
    from games.endgames.tables import Endgames

    endgames = games.facet(games.make("checkers"), Endgames)
    assert selfplay("games", "endgames", "build", "checkers", "2-piece").code == 0
    wrong = store.load(endgames, "2-piece").copy()
    slot = int((wrong == 1 + 11).argmax())
    wrong[slot] = 0
    store.save(endgames, "2-piece", wrong)
    said = selfplay("games", "endgames", "verify", "checkers")
    assert said.code == 1 and f"slot {slot}: holds 0, expected 12" in said.out


def test_what_cannot_be_built_is_refused_in_one_sentence(
    selfplay: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused(selfplay("games", "endgames", "build", "checkers", "4-pieces"), "Did you mean '4-piece'?", "1-piece")
    refused(selfplay("games", "endgames", "build", "connect-four"), "connect-four has no endgame tables")
    refused(selfplay("games", "endgames", "list", "tic-tac-toe"), "tic-tac-toe has no endgame tables")
    refused(selfplay("games", "endgames", "build", "checker"), "Did you mean 'checkers'?")
    refused(selfplay("games", "endgames", "verify", "checkers"), "no table of these is built", "build checkers")
    cache.parent.mkdir(parents=True)
    cache.write_text("a file where the folder should be")
    refused(selfplay("games", "endgames", "build", "checkers", "2-piece"), "cannot write to", "SELFPLAY_CACHE_DIR")
    cache.unlink()
    monkeypatch.setattr(store, "free_space", lambda game: 1_000)
    refused(selfplay("games", "endgames", "build", "checkers", "2-piece"), "0.0 MB left", "SELFPLAY_CACHE_DIR")
    assert list(cache.glob("*-piece*")) == []


def test_ctrl_c_leaves_no_table_that_is_not_whole(selfplay: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from games.checkers.endgames.tables import CheckersEndgames

    build = CheckersEndgames.build

    def stopped(self: Any, name: str, tables: Any, watch: Any) -> Any:
        def interrupt(share: float) -> None:
            if name == "2-piece" and share > 0.3:
                raise KeyboardInterrupt

        return build(self, name, tables, interrupt)

    monkeypatch.setattr(CheckersEndgames, "build", stopped)
    said = selfplay("games", "endgames", "build", "checkers", "2-piece")
    assert said.code == 130 and said.err == "selfplay: stopped.\n"
    assert {path.name for path in cache.glob("*-piece*")} == {"1-piece.json", "1-piece.table"}


def test_help_shows_how_it_is_used(selfplay: Any) -> None:
    for words in ([], ["build"], ["list"], ["counts"], ["verify"]):
        said = selfplay("games", "endgames", *words, "--help")
        assert said.code == 0 and "selfplay games endgames build checkers 5-piece" in said.out
