"""Matches against engines that lie, hang, flood or die: one sentence, what was played, and nothing left behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUGGY = ROOT / "tests" / "buggy_engine.py"
REASONS = {
    "illegal": "which is not legal in the position",
    "none": "which is not legal in the position",
    "huge": "did not answer within",  # a line of 10 MB is no answer
    "hang": "did not answer within",
    "flood": "did not answer within",
    "babble": "did not answer within",
    "closed": "closed its output",
    "killed": "SIGKILL",
    "stillborn": "no licence",
}
CODE = """
import contextlib, io, json, resource, sys
from selfplay.cli import main

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

told = {}
for name, words in json.loads(sys.argv[1]).items():
    before = peak()
    with contextlib.redirect_stderr(io.StringIO()) as err, contextlib.redirect_stdout(io.StringIO()) as out:
        code = main.main(words)
    told[name] = {"code": code, "err": err.getvalue(), "out": out.getvalue(), "megabytes": peak() - before}
print(json.dumps(told))
"""


def match(mode: str, mark: Path, *more: str) -> list[str]:
    """The words of a match against a faulty engine, whose command line holds `mark`."""
    engine = f"uci:\"'{sys.executable}' -S -E '{BUGGY}' '{mode}' '' '{mark}'\"?timeout=0.5"
    return ["match", engine, "random", "--game", "tic-tac-toe", "--actors", "0", "--plain", *more]


def left(mark: Path) -> list[str]:
    """Processes, besides the one that asks, whose command line holds `mark`."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if str(mark) in words:
            found.append(" ".join(words))
    return found


@pytest.mark.chaos
@pytest.mark.timeout(240)
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_faulty_engines_end_a_match_with_a_reason_and_leave_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    matches = {"good": match("good", tmp_path, "--games", "4")}
    matches |= {mode: match(mode, tmp_path, "--games", "12") for mode in REASONS}
    matches["liar"] = match("liar", tmp_path, "--sprt", "0,10", "--alpha", "0.001", "--out", str(out), "--json")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CODE, json.dumps(matches)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200)
    told = json.loads(done.stdout)
    assert told["good"]["code"] == 0, told["good"]["err"]
    for mode, why in REASONS.items():
        code, err = told[mode]["code"], told[mode]["err"]
        assert code == 2 and err.startswith("selfplay: ") and why in err, (mode, err)
        assert len(err.splitlines()) == 1 and len(err) < 500, (mode, err)
        assert told[mode]["megabytes"] < 100, (mode, told[mode])
    lied, kept = told["liar"], (out / "games.jsonl").read_text().splitlines()
    said = json.loads(lied["out"])
    assert lied["code"] == 2 and "this is what was played" in lied["err"] and "not legal" in lied["err"]
    assert said["games"] + said["not_counted"]["out_of_order"] == 2 * len(kept) > 0, "games before it are told"
    end = time.monotonic() + 5
    while left(tmp_path) and time.monotonic() < end:
        time.sleep(0.05)
    assert left(tmp_path) == []
