"""Clients of the doors that flood, do not read, or go away: bounded memory, and an end in seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
from program import WAIT, Program

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.chaos, pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")]
DOORS = {"uci": ("chess", b"go perft 2\nd\n"), "hub": ("checkers", b"hub\n"), "analyze": ("tic-tac-toe", b"{}\n")}


def megabytes(pid: int) -> int:
    """The most memory that a process has had."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


@pytest.mark.timeout(150)
@pytest.mark.parametrize(
    ("door", "ping", "pong"),
    [("uci", "isready", "readyok"), ("hub", "init", "ready"), ("analyze", '{"action": "query_version"}', '{"action"')],
    ids=list(DOORS),
)
def test_a_line_of_forty_megabytes_is_left_out_in_bounded_memory(
    door: str, ping: str, pong: str, tmp_path: Path
) -> None:
    with Program(door, tiny.weights_folder(tmp_path, DOORS[door][0])) as program:
        program.ask(ping, until=pong)
        before = megabytes(program.process.pid)
        assert program.process.stdin is not None
        for _ in range(40):
            program.process.stdin.write(b"x" * 1_000_000)
        program.ask("", ping, until=pong)
        assert megabytes(program.process.pid) < before + 60
        assert program.close() == 0


@pytest.mark.timeout(150)
@pytest.mark.parametrize("door", DOORS)
def test_a_client_that_never_reads_and_goes_away_leaves_no_process(door: str, tmp_path: Path) -> None:
    game, line = DOORS[door]
    words = [sys.executable, "-m", "selfplay", door, str(tiny.weights_folder(tmp_path, game))]
    process = subprocess.Popen(
        words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
    )
    assert process.stdin and process.stdout and process.stderr
    process.stdin.write(line)
    assert process.stdout.read(1), "it is loaded"
    os.set_blocking(process.stdin.fileno(), False)
    for _ in range(200):
        if process.stdin.write(line * 200) is None:  # its input is full, as it waits for us to read
            break
    process.stdout.close()
    process.stdin.close()
    assert process.wait(WAIT) in (0, 1)
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
