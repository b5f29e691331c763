"""`benchmarks/peers`: ours is measured where no peer is installed, peers that answer are put beside it, and results of
several runs are joined and drawn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "benchmarks/peers"
PEER = """#!/bin/sh
exec {python} -c "
import sys; sys.path.insert(0, '.')
import protocol, time
def prepare(simulations):
    def play():
        end = time.process_time() + 0.01
        while time.process_time() < end: pass
        return 1.0, float(simulations)
    return play
print('a library prints')
protocol.serve({{'batch': 1, 'versions': {{'made up': '1'}}}}, prepare)
"
"""


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / "run.py"), *words]
    environment = os.environ | {"SELFPLAY_PEERS": str(folder)}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


def row(peer: str, simulations: int, rate: float) -> dict[str, Any]:
    return {
        "peer": peer, "simulations": simulations, "positions_per_second": rate,
        "pieces": [0.9 * rate, rate, 1.1 * rate], "evaluations_per_position": 64.0,
        "ours_over_it": 100 / rate, "ours_cached_over_it": 200 / rate,
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(620)
def test_a_peer_is_measured_in_turns_with_ours_and_missing_ones_are_named(tmp_path: Path) -> None:
    python = tmp_path / "openspiel/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(PEER.format(python=sys.executable))
    python.chmod(0o755)
    done = run(tmp_path, "--simulations", "4", "--seconds", "0.05", "--repeats", "2")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["missing"] == ["pgx-mctx", "alpha-zero-general"]
    assert [one["peer"] for one in found["results"]] == ["selfplay, no cache", "selfplay", "openspiel"]
    peer = found["results"][2]
    assert 10 < peer["positions_per_second"] <= 100 and peer["evaluations_per_position"] == 4
    assert peer["ours_over_it"] > 0 and found["ratio"] == peer["ours_over_it"]
    assert found["results"][0]["ours_over_it"] == 1 and len(peer["pieces"]) == 2


def test_results_of_several_runs_are_joined_and_drawn(tmp_path: Path) -> None:
    for number, simulations in enumerate((400, 64)):
        rows = [row("selfplay, no cache", simulations, 100.0), row("selfplay", simulations, 200.0),
                row("pgx-mctx", simulations, 25.0 + number)]  # fmt: skip
        (tmp_path / f"{number}.json").write_text(json.dumps({"results": rows, "missing": ["openspiel"] * number}))
    done = run(tmp_path, "--join", "0.json", "1.json", "--png", "peers.png")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["simulations"] for one in found["results"]] == [64] * 3 + [400] * 3
    assert found["missing"] == ["openspiel"] and found["ratio_of"] == {"peer": "pgx-mctx", "simulations": 64}
    assert "| 64 | pgx-mctx | 26 (23.4, 26, 28.6) | 64 | 3.85 | 7.69 |" in done.stderr
    assert (tmp_path / "peers.png").read_bytes().startswith(b"\x89PNG")


def test_setup_refuses_a_peer_that_it_does_not_know(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", str(FOLDER / "setup.sh"), "leela"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "name a peer" in done.stderr and list(tmp_path.iterdir()) == []
