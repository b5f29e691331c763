"""`games read`: files of game records as JSON lines, and written back."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from selfplay.cli.console import progress

ROOT = Path(__file__).resolve().parents[2]
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
        ("connect-four", "a.txt", '[First "a"]\n44{x}5$3 *\n[Second "\\"b\\""] 1212121 1-0\n'),
        ("tic-tac-toe", "a.txt", "14253 1-0"),
        ("chess", "a.pgn", '[White "a \\"b\\""]\n[Result "0-1"]\n\n1. e4! {x} e5 $14 (1... c5?) 2. Nf3 0-1\n'),
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
        keys = ("start", "moves", "plies", "result", "comments", "glyphs")
        assert [[one.get(key) for key in keys] for one in after] == [[one.get(key) for key in keys] for one in before]
        told = [[line for line in game["warnings"] if "variations were" not in line] for game in before]
        assert [game["warnings"] for game in after] == told
        own = {"Result", "GameType", "SetUp", "FEN", "Event", "Site", "Date", "Round", "White", "Black"}
        for one, other in zip(after, before, strict=True):
            assert {k: v for k, v in other["tags"].items() if k not in own} == {
                k: v for k, v in one["tags"].items() if k not in own
            }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("checkers", "missing.pdn"), "'missing.pdn' cannot be read (No such file or directory)"),
        (("checkers", "."), "'.' is a folder: expected a file"),
        (("checkers", "a.pdn", "--to", "pgn"), "checkers has no pgn; its records are pdn, txt or json"),
        (("draughts", "a.pdn"), "draughts"),
    ],
    ids=["missing", "a folder", "another format", "another game"],
)
def test_mistakes_are_one_sentence(selfplay: Any, arguments: tuple[str, ...], words: str) -> None:
    answer = selfplay("games", "read", *arguments)
    assert answer.code == 2 and words in answer.err and answer.err.count("\n") == 1


THREE = '[Event "a"]\n1. 11-15 *\n\n[Event "b"]\n[Round "2"]\n1. 11-15 22-17 3-7 *\n\n[Event "c"]\n1. 9-14 22-17 1-0\n'


def test_the_games_around_a_wrong_one_are_read_on_request(selfplay: Any, tmp_path: Path) -> None:
    (tmp_path / "a.pdn").write_text(THREE, "utf-8")
    answer = selfplay("games", "read", "checkers", tmp_path / "a.pdn", "--keep-going")
    first, wrong, last = games_of(answer.out)
    assert answer.code == 2 and answer.err == ""
    assert (first["game"], first["tags"]["Event"], last["game"], last["tags"]["Event"]) == (1, "a", 3, "c")
    assert (wrong["game"], wrong["line"], wrong["column"]) == (2, 6, 16) and "'3-7' is not a legal" in wrong["error"]
    written = selfplay("games", "read", "checkers", tmp_path / "a.pdn", "--keep-going", "--to", "pdn")
    assert written.code == 2 and written.out.count("[Event") == 2 and "game 2, line 6" in written.err


def test_games_are_counted_by_file(selfplay: Any, tmp_path: Path) -> None:
    (tmp_path / "a.pdn").write_text(THREE, "utf-8")
    (tmp_path / "b.pdn").write_text('1. 11-15 22-18 2. 15x22 25x18 0-0\n[FEN "B:W6:B1"] 1x10 *', "utf-8")
    answer = selfplay("games", "read", "checkers", "--count", tmp_path / "b.pdn", tmp_path / "a.pdn")
    whole, broken = games_of(answer.out)
    assert whole == {
        "file": str(tmp_path / "b.pdn"), "games": 2, "plies": 5,
        "results": {"1-0": 0, "0-1": 0, "1/2-1/2": 0, "*": 2}, "warnings": 1, "errors": 0,
    }  # fmt: skip
    assert broken["games"] == 1 and answer.code == 2 and answer.err.count("\n") == 1, "up to the game that is wrong"
    answer = selfplay("games", "read", "checkers", "--count", "--keep-going", tmp_path / "a.pdn")
    (counted,) = games_of(answer.out)
    assert (counted["games"], counted["plies"], counted["errors"], answer.code) == (2, 3, 1, 2)


@pytest.mark.parametrize(
    ("limit", "games"), [(1, [("a", 1)]), (4, [("a", 1), ("a", 2), ("a", 3), ("b", 1)]), (9, None)]
)
def test_reading_stops_after_so_many_games(selfplay: Any, tmp_path: Path, limit: int, games: Any) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text("44 *\n45 *\n46 *\n", "utf-8")
    answer = selfplay(
        "games", "read", "connect-four", tmp_path / "a.txt", tmp_path / "b.txt", "--limit", limit
    )  # fmt: skip
    found = [(Path(game["file"]).stem, game["game"]) for game in games_of(answer.out)]
    assert answer.code == 0 and found == (games or [(name, n) for name in "ab" for n in (1, 2, 3)])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--limit", "0"), "--limit: expected a whole number from 1"),
        (("--count", "--to", "txt"), "give one of the two"),
    ],
    ids=["no games", "count and write"],
)
def test_options_that_make_no_sense_are_refused(selfplay: Any, arguments: tuple[str, ...], words: str) -> None:
    answer = selfplay("games", "read", "chess", "none.pgn", *arguments)
    assert answer.code == 2 and words in answer.err and answer.err.count("\n") == 1


def test_a_compressed_file_that_is_damaged_is_refused(selfplay: Any, tmp_path: Path) -> None:
    data = bytearray(gzip.compress(b"44 *\n" * 5000))
    data[12:20] = b"\xff" * 8
    (tmp_path / "a.txt.gz").write_bytes(data)
    answer = selfplay("games", "read", "connect-four", tmp_path / "a.txt.gz")
    assert answer.code == 2 and "cannot be read" in answer.err and answer.err.count("\n") == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("slow", [True, False], ids=["slow", "quick"])
def test_progress_is_shown_on_a_terminal_when_reading_takes_long(
    selfplay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: bool
) -> None:
    seconds = iter(range(1000))
    (tmp_path / "a.txt").write_text("44 *\n" * 3, "utf-8")
    monkeypatch.setattr(progress.time, "monotonic", (lambda: next(seconds)) if slow else (lambda: 0.0))
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    selfplay("games", "read", "connect-four", tmp_path / "a.txt", "--count")
    shown = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert (f"{tmp_path / 'a.txt'}: 0.0 of 0.0 MB, 3 games" in shown) == slow and (shown != "") == slow
    assert shown.endswith("\r\x1b[K") or not slow


def run_on_endless_games(tmp_path: Path, **pipes: Any) -> subprocess.Popen:
    """`games read` on a named pipe into which games flow until it is closed."""
    os.mkfifo(tmp_path / "games.txt")
    command = [sys.executable, "-m", "selfplay", "games", "read", "tic-tac-toe", str(tmp_path / "games.txt")]
    reading = subprocess.Popen(command, stderr=subprocess.PIPE, cwd=ROOT, **pipes)
    writing = subprocess.Popen(["sh", "-c", f"yes '14253 1-0' > '{tmp_path / 'games.txt'}'"], stderr=subprocess.DEVNULL)
    reading.writer = writing  # type: ignore[attr-defined]
    return reading


@pytest.mark.parametrize("way", ["closed pipe", "Ctrl-C"])
def test_the_command_ends_quietly_when_it_is_stopped(tmp_path: Path, way: str) -> None:
    reading = run_on_endless_games(tmp_path, stdout=subprocess.PIPE)
    try:
        assert reading.stdout is not None and json.loads(reading.stdout.readline())["plies"] == 5
        if way == "Ctrl-C":
            reading.send_signal(signal.SIGINT)
        else:
            reading.stdout.close()
            reading.stdout = None
        _, complaint = reading.communicate(timeout=60)
    finally:
        reading.kill()
        reading.writer.kill()  # type: ignore[attr-defined]
        reading.writer.wait()  # type: ignore[attr-defined]
    expected = (130, b"selfplay: stopped.\n") if way == "Ctrl-C" else (0, b"")
    assert (reading.returncode, complaint) == expected
