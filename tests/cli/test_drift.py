"""`selfplay drift watch`: files of a user's own, as a table, as JSON lines and as a picture."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from command import refused

ROOT = Path(__file__).resolve().parents[2]


def lines(count: int, shift: int = 0) -> str:
    """Rows of a table that differ from one another only by their order."""
    header = "day,age,plan,paid,guess,p\n"
    return header + "".join(
        f"2026-03-{1 + n // 100:02d},{20 + (n * 7) % 50 + shift},{'free' if n % 3 else 'pro'},{n % 2},"
        f"{n % 2 if n % 5 else 1 - n % 2},"
        f"{(0.7 if n % 2 else 0.3) + n % 10 / 50:.2f}\n"
        for n in range(count)
    )  # fmt: skip


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("ref.csv").write_text(lines(1000))
    Path("same.csv").write_text(lines(700))
    Path("other.csv").write_text(lines(600) + lines(400, shift=20).partition("\n")[2])
    return tmp_path


MODEL = ("--label", "paid", "--prediction", "guess", "--score", "p")


def test_no_drift_is_exit_code_0(files: Path, selfplay: Any) -> None:
    said = selfplay("drift", "watch", "same.csv", "--reference", "ref.csv", "--window", 100)
    assert (said.code, said.err) == (0, "")
    assert "same.csv: no drift; 700 rows against 1,000." in said.out and "named in at most 0.01 of reports" in said.out


def test_drift_is_exit_code_1_and_says_what_when_and_by_which_test(files: Path, selfplay: Any) -> None:
    said = selfplay("drift", "watch", "other.csv", "--reference", "ref.csv", "--window", 100, *MODEL, "--png", "d.png")
    assert (said.code, said.err) == (1, "")
    (row,) = (line.split() for line in said.out.splitlines() if "Kolmogorov–Smirnov" in line)
    assert row[:4] == ["age", "values", "7–10", "601–1,000"]
    assert "drift in 4 of 10 windows" in said.out and "Recall and F1 are of class '1'." in said.out
    assert Path("d.png").read_bytes().startswith(b"\x89PNG") and Path("d.png").stat().st_size > 5000


def test_json_is_a_line_a_window_and_one_of_the_whole(files: Path, selfplay: Any) -> None:
    said = selfplay("drift", "watch", "other.csv", "--reference", "ref.csv", "--window", 100, "--json", *MODEL)
    *windows, summary = map(json.loads, said.out.splitlines())
    assert said.code == 1 and len(windows) == 10
    assert [window["drift"] for window in windows] == [[]] * 6 + [["age"]] * 4
    seventh = windows[6]
    assert (seventh["rows"], seventh["performance"]["accuracy"]) == ([601, 700], 0.8)
    assert {"column", "test", "statistic", "threshold", "p", "drift", "psi"} <= set(seventh["tests"][0])
    assert seventh["columns"]["age"]["missing"] == 0 and seventh["columns"]["age"]["median"] == 64.5
    assert summary["drifted"] == 4 and summary["columns"]["age"]["first"] == 7
    assert summary["types"] == {"day": "time", "age": "numeric", "plan": "categorical", "paid": "numeric",
                                "guess": "numeric", "p": "numeric"}  # fmt: skip
    pairs = [pair[:2] for pair in summary["file"]["correlations"]]
    assert ["paid", "guess"] in pairs and summary["reference"]["rows"] == 1000


def test_a_file_too_small_to_be_tested_is_not_said_to_be_without_drift(files: Path, selfplay: Any) -> None:
    Path("tiny.csv").write_text(lines(10))
    said = selfplay("drift", "watch", "tiny.csv", "--reference", "ref.csv")
    assert said.code == 2 and "nothing tested" in said.out
    assert (
        said.err == "selfplay: 'tiny.csv': none of its windows has the 20 rows that a test needs: make them larger.\n"
    )


@pytest.mark.parametrize("kind", ["gz", "bz2", "a pipe", "a packed pipe"])
def test_packed_files_and_pipes_are_read(
    files: Path, selfplay: Any, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:  # fmt: skip
    data = Path("other.csv").read_bytes()
    packed = {"gz": gzip.compress, "bz2": bz2.compress, "a packed pipe": gzip.compress}.get(kind, bytes)(data)
    Path("other.data").write_bytes(packed)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(packed)))
    name = "-" if "pipe" in kind else "other.data"
    said = selfplay("drift", "watch", name, "--reference", "ref.csv", "--window", 100)
    assert said.code == 1 and "drift in 4 of 10 windows" in said.out


def test_windows_of_a_pipe_are_told_as_soon_as_they_are_read(files: Path) -> None:
    command = [sys.executable, "-m", "selfplay", "drift", "watch", "-", "--reference", "ref.csv", "--json"]
    command += ["--window", "100"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=files, env=environment
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(lines(250).encode())
        process.stdin.flush()
        first = json.loads(process.stdout.readline())  # while the pipe is still open
        assert first["rows"] == [1, 100]
        process.stdin.close()
        rest = process.stdout.read().splitlines()
        assert len(rest) == 3 and process.wait(60) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ("'bad.csv' is empty: expected a header line and rows.",)),
        ("day,age,plan,paid,guess,p\n", ("has a header and no rows",)),
        (lines(50) + "1,2\n", ("line 52: 2 fields where the header names 6 (from 'plan' on none)",)),
        (lines(50).replace("age", "Age", 1), ("no column 'age', which the reference has. Did you mean 'Age'?",)),
        (lines(50).replace("plan", "age", 1), ("columns 2 and 3 are both called 'age'",)),
        (lines(50).encode() + b"2026-03-01,2,\xe9,1,1,1\n", ("line 52: byte 0xe9 is not UTF-8", "--encoding")),
        (lines(50).encode("utf-16"), ("begins as UTF-16 does: --encoding utf-16 reads it",)),
        (lines(50) + '1,"2,3\n4', ("a quote is left open to the end of the file",)),
        (gzip.compress(lines(5000).encode())[:-200], ("cannot be read to its end",)),
        (b"PK\x03\x04....", ("ZIP archive, as Excel's files are: save the sheet as CSV",)),
        (b"PAR1....PAR1", ("cannot be read as Parquet",)),
    ],
    ids=["empty", "header only", "ragged", "a missing column", "a name twice", "another encoding", "UTF-16", "open",
         "cut short", "Excel", "no Parquet"],
)  # fmt: skip
def test_a_file_that_cannot_be_watched_is_refused_in_a_sentence(
    files: Path, selfplay: Any, text: str | bytes, words: tuple[str, ...]
) -> None:
    Path("bad.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    refused(selfplay("drift", "watch", "bad.csv", "--reference", "ref.csv"), *words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nothing.csv", "--reference", "ref.csv"), ("'nothing.csv' does not exist",)),
        (("sam.csv", "--reference", "ref.csv"), ("'sam.csv' does not exist. Did you mean 'same.csv'?",)),
        ((".", "--reference", "ref.csv"), ("is a folder",)),
        (("-", "--reference", "-"), ("both standard input",)),
        (("same.csv", "--reference", "ref.csv", "--type", "age"), ("expected COLUMN=TYPE",)),
        (("same.csv", "--reference", "ref.csv", "--type", "age=numerical"), ("Did you mean 'numeric'?",)),
        (("same.csv", "--reference", "ref.csv", "--type", "agee=numeric"), ("no column 'agee'", "Did you mean 'age'?")),
        (("same.csv", "--reference", "ref.csv", "--ignore", "plann"), ("Did you mean 'plan'?",)),
        (("same.csv", "--reference", "ref.csv", "--label", "pay", "--prediction", "guess"), ("no column 'pay'",)),
        (("same.csv", "--reference", "ref.csv", "--label", "paid"), ("without a prediction column",)),
        (("same.csv", "--reference", "ref.csv", "--group", "game"), ("no column 'game', which was named as group",)),
        (("same.csv", "--reference", "ref.csv", "--every", "1y"), ("'1y' is no duration",)),
        (("same.csv", "--reference", "ref.csv", "--delimiter", "ab"), ("expected one character",)),
        (("same.csv", "--reference", "ref.csv", "--png", "no/where.png"), ("the folder of 'no/where.png'",)),
        (("same.csv", "--reference", "ref.csv", "--columns", "age", "--ignore", "age"), ("no column of",)),
        (("same.csv", "--reference", "ref.csv", *MODEL, "--positive", "x"), ("no label or prediction is 'x'",)),
        (("same.csv",), ("missing: --reference",)),
    ],
    ids=lambda value: " ".join(value[:1] + value[3:]) if isinstance(value, tuple) and len(value) > 1 else "",
)  # fmt: skip
def test_a_slip_is_refused_in_a_sentence(
    files: Path, selfplay: Any, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    refused(selfplay("drift", "watch", *arguments), *words)


def test_a_column_of_names_that_markup_would_read_is_shown(files: Path, selfplay: Any) -> None:
    for name in ("ref.csv", "same.csv"):
        Path(name).write_text(Path(name).read_text().replace("plan", "[/red] $x_1$", 1))
    said = selfplay("drift", "watch", "same.csv", "--reference", "ref.csv", "--png", "d.png")
    assert said.code == 0 and "[/red] $x_1$" in said.out


def test_the_help_lists_the_command_and_its_exit_codes(selfplay: Any) -> None:
    assert "drift" in selfplay("--help").out
    assert "exit codes: 0 no drift, 1 drift was found, 2 refused" in selfplay("drift", "watch", "--help").out
