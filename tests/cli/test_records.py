"""`games read`: files of game records as JSON lines, and written back."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

PDN = '[Event "Müller"]\n[Black "Ann"]\n[Result "1-0"]\n1. 11-15 {good} 22-18 2. 15x22 25x18 1-0\n'
SECOND = '[FEN "B:W14,22,32:B9"] 9x25 32-28 *\n'


def games_of(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_every_game_is_one_json_object_on_a_line(selfplay: Any, tmp_path: Path) -> None:
    (tmp_path / "a.pdn").write_text(PDN + SECOND, "utf-8")
    answer = selfplay("games", "read", "checkers", tmp_path / "a.pdn")
    first, second = games_of(answer.out)
    assert answer.code == 0 and list(first) == [
        "game", "tags", "start", "moves", "plies", "result", "comments", "warnings",
    ]  # fmt: skip
    assert first == {
        "game": 1, "tags": {"Event": "Müller", "Black": "Ann", "Result": "1-0"}, "start": None,
        "moves": ["11-15", "22-18", "15x22", "25x18"], "plies": 4, "result": "1-0", "comments": 1, "warnings": [],
    }  # fmt: skip
    assert second["game"] == 2 and second["start"] == "B:W14,22,32:B9" and second["moves"] == ["9x25", "32-28"]


@pytest.mark.parametrize("kind", ["latin-1", "gz", "bz2", "stdin", "CRLF with a mark"])
def test_files_of_any_kind(selfplay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    data = PDN.encode("latin-1" if kind == "latin-1" else "utf-8")
    data = b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n") if kind.startswith("CRLF") else data
    data = {"gz": gzip.compress, "bz2": bz2.compress}.get(kind, bytes)(data)
    path = tmp_path / f"a.pdn.{kind}" if kind in ("gz", "bz2") else tmp_path / "a.pdn"
    path.write_bytes(data)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    answer = selfplay("games", "read", "checkers", "-" if kind == "stdin" else path)
    (game,) = games_of(answer.out)
    assert game["tags"]["Event"] == "Müller" and game["plies"] == 4
    assert game["warnings"] == (["line 1 is not UTF-8; it is read as Latin-1"] if kind == "latin-1" else [])


def test_several_files_are_told_apart(selfplay: Any, tmp_path: Path) -> None:
    for name, text in (("a.pdn", PDN), ("b.pdn", SECOND)):
        (tmp_path / name).write_text(text, "utf-8")
    found = games_of(selfplay("games", "read", "checkers", tmp_path / "a.pdn", tmp_path / "b.pdn").out)
    assert [Path(game["file"]).name for game in found] == ["a.pdn", "b.pdn"] and [g["game"] for g in found] == [1, 1]


def test_the_games_before_a_wrong_one_are_printed(selfplay: Any, tmp_path: Path) -> None:
    (tmp_path / "a.pdn").write_text(PDN + "\n1. 11-15 22-17 3-7 *\n", "utf-8")
    answer = selfplay("games", "read", "checkers", tmp_path / "a.pdn")
    assert answer.code == 2 and len(games_of(answer.out)) == 1
    assert f"'{tmp_path / 'a.pdn'}', game 2, line 6, column 16: move 3: '3-7' is not a legal move" in answer.err
    assert answer.err.count("\n") == 1


@pytest.mark.parametrize(
    ("game", "name", "text"),
    [
        ("checkers", "a.pdn", PDN + SECOND),
        ("connect-four", "a.txt", '[First "a"]\n44{x}5 *\n[Second "\\"b\\""] 1212121 1-0\n'),
        ("tic-tac-toe", "a.txt", "14253 1-0"),
        ("chess", "a.pgn", '[White "a \\"b\\""]\n[Result "0-1"]\n\n1. e4 {x} e5 2. Nf3 0-1\n'),
    ],
    ids=["checkers", "connect-four", "tic-tac-toe", "chess"],
)
def test_what_is_written_back_reads_the_same(selfplay: Any, tmp_path: Path, game: str, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    before = games_of(selfplay("games", "read", game, tmp_path / name).out)
    for form in {Path(name).suffix[1:], "txt"}:
        written = selfplay("games", "read", game, tmp_path / name, "--to", form)
        (tmp_path / f"b.{form}").write_text(written.out, "utf-8")
        after = games_of(selfplay("games", "read", game, tmp_path / f"b.{form}").out)
        keys = ("start", "moves", "plies", "result", "comments", "warnings")
        assert [[each[key] for key in keys] for each in after] == [[each[key] for key in keys] for each in before]
        own = {"Result", "GameType", "SetUp", "FEN", "Event", "Site", "Date", "Round", "White", "Black"}
        for one, other in zip(after, before, strict=True):
            assert {k: v for k, v in other["tags"].items() if k not in own} == {
                k: v for k, v in one["tags"].items() if k not in own
            }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("checkers", "missing.pdn"), "'missing.pdn' cannot be read (No such file or directory)"),
        (("checkers", "."), "'.' is a folder; name the files in it"),
        (("checkers", "a.pdn", "--to", "pgn"), "checkers has no pgn; its records are pdn, txt or json"),
        (("draughts", "a.pdn"), "draughts"),
    ],
    ids=["missing", "a folder", "another format", "another game"],
)
def test_mistakes_are_one_sentence(selfplay: Any, arguments: tuple[str, ...], words: str) -> None:
    answer = selfplay("games", "read", *arguments)
    assert answer.code == 2 and words in answer.err and answer.err.count("\n") == 1
