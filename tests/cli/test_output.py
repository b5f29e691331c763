"""Output on streams that cannot encode everything, and on terminals that cannot move their cursor."""

from __future__ import annotations

import ast
import io
import os
import pty
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny

from selfplay.cli import main
from selfplay.cli.console import output

ROOT = Path(__file__).resolve().parents[2]


def test_every_character_that_the_program_writes_has_a_nearest_one_in_ascii() -> None:
    texts = [
        node.value
        for package in ("selfplay", "games")
        for path in (ROOT / package).rglob("*.py")
        if not path.is_relative_to(ROOT / "games" / "chess" / "pgn") and path.name != "glyphs.py"  # what files hold
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    unknown = {one for text in texts for one in text if "?" in output.nearest(one)}
    assert all(one in "?�\ufeff" or "\ud800" <= one <= "\udfff" for one in unknown), unknown


@pytest.mark.parametrize(
    ("text", "ascii_only"),
    [
        ("2×3 − ½ … 8 → ≥ ±", "2x3 - .5 ... 8 -> >= +-"),
        ("Fréchet, Guðmundur", "Frechet, Gu?mundur"),
        ("╭──┬─╮ │ ┃", "+--+-+ | |"),
        ("▁▂▃▄▅▆▇█", "_.-=+*%#"),
        ("漢字 🙂", "?? ?"),
        ("name\udcff", "name?"),
    ],
    ids=["signs", "letters", "boxes", "bars", "far", "undecodable"],
)  # fmt: skip
def test_what_ascii_lacks_is_replaced(text: str, ascii_only: str) -> None:
    assert output.nearest(text) == ascii_only


@pytest.mark.parametrize(
    ("encoding", "written"),
    [("ascii", b"2x3 <- e"), ("latin-1", b"2\xd73 <- \xe9"), ("utf-8", "2×3 ← é".encode()),
     ("cp1252", b"2\xd73 <- \xe9")],
)  # fmt: skip
def test_a_stream_keeps_what_its_encoding_has(monkeypatch: pytest.MonkeyPatch, encoding: str, written: bytes) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding))
    output.prepare()
    print("2×3 ← é", end="\udc80\ud800", flush=True)
    assert raw.getvalue() == written + b"\x80?", "bytes of file names stay, other halves of characters go"


def test_a_stream_of_another_kind_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    output.prepare()


def test_help_and_lists_are_printed_where_there_is_only_ascii() -> None:
    code = """
import sys
from selfplay.cli import main
for words in ([], *([name] for name in main.COMMANDS)):
    try:
        main.main([*words, "--help"])
    except SystemExit as left:
        assert left.code == 0, words
for words in (["games", "list"], ["train", "connect-four", "--settings"], ["train", "gan-digits", "--settings"]):
    assert main.main(words) == 0
"""
    surroundings = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=surroundings, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b"2x6x7" in done.stdout and b"Exploration constant" in done.stdout and done.stdout.isascii()


@pytest.mark.parametrize(
    ("environment", "terminal", "redrawn"),
    [("xterm-256color", True, True), ("", True, True), ("dumb", True, False), ("unknown", True, False),
     ("xterm", False, False)],
    ids=["xterm", "unset", "dumb", "unknown", "pipe"],
)  # fmt: skip
def test_a_panel_needs_a_terminal_that_moves_its_cursor(
    monkeypatch: pytest.MonkeyPatch, environment: str, terminal: bool, redrawn: bool
) -> None:
    monkeypatch.setenv("TERM", environment)
    monkeypatch.setenv("FORCE_COLOR", "1")
    stream = io.StringIO()
    stream.isatty = lambda: terminal  # type: ignore[method-assign]
    assert output.can_redraw(stream) == redrawn


def on_a_terminal(words: list[str], **environment: str) -> bytes:
    """What a command writes to a terminal of 80×24."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "selfplay", *words], cwd=ROOT, env=os.environ | environment, stdin=theirs, stdout=theirs,
        stderr=theirs,
    ) as process:  # fmt: skip
        os.close(theirs)
        said, end = b"", time.monotonic() + 100
        while time.monotonic() < end:
            try:
                more = os.read(ours, 65536)
            except OSError:  # Linux: the other side is closed
                break
            if not more:
                break
            said += more
        process.kill()
    os.close(ours)
    return said


@pytest.mark.slow
@pytest.mark.parametrize("terminal", ["dumb", "xterm"])
def test_training_is_shown_by_lines_on_a_dumb_terminal_and_by_a_panel_on_another(tmp_path: Path, terminal: str) -> None:
    words = ["train", "tic-tac-toe", "--run", str(tmp_path / "run"), "--generations", "1",
             *(word for setting in tiny.SETTINGS for word in ("--set", setting))]  # fmt: skip
    said = on_a_terminal(words, TERM=terminal, LC_ALL="C", PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert (b"\x1b[" in said) == (terminal == "xterm"), said
    assert said.isascii() and b"Traceback" not in said and b"To go on: selfplay train" in said, said
    assert (b"Run folder: " in said) == (terminal == "dumb")


def test_the_nearest_words_do_not_change_what_argparse_says(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["train", "--help"])
    assert "gan-digits, …" in capsys.readouterr().out
