"""Runs that an earlier version left (commit f251a40, two generations each): they are shown, rated and gone on with.

Their settings, metrics and state have names of that time; tests/fixtures/runs holds them as they were written, but for
the older of two states, pictures and TensorBoard events.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from selfplay import device
from selfplay.league.pool import Pool, load_weights
from selfplay.loop import metrics
from selfplay.storage import artifact

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "runs"
RUNS = ("tic-tac-toe", "gan-ring")
RESUMED: dict[str, Any] = json.loads((FIXTURES / "RESUMED.json").read_text())


def copy_of(name: str, where: Path) -> Path:
    return Path(shutil.copytree(FIXTURES / name, where / name))


def digest(tensors: dict[str, torch.Tensor]) -> str:
    ordered = (tensors[key].contiguous().view(-1).view(torch.uint8) for key in sorted(tensors))
    return hashlib.sha256(b"".join(part.numpy().tobytes() for part in ordered)).hexdigest()


def weights_of(run: Path) -> dict[str, dict[str, str]]:
    """Digests by generation and network."""
    pool = Pool(run / "checkpoints")
    return {
        f"{generation:06d}": {name: digest(tensors) for name, tensors in pool.load(generation)[1].items()}
        for generation in pool.generations()
    }


def as_the_fixture_was_made() -> bool:
    """Whether this processor computes as the one that RESUMED.json is from: others round elsewhere."""
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    return "AuthenticAMD" in text and device.compute_dtype("cpu") is torch.bfloat16 and not torch.cuda.is_available()


@pytest.mark.parametrize("name", RUNS)
def test_an_earlier_run_goes_on_the_same_way_each_time(tmp_path: Path, selfplay: Any, name: str) -> None:
    runs = [copy_of(name, tmp_path / part) for part in ("one", "other")]
    for run in runs:
        said = selfplay("train", name, "--run", run, "--plain", "--generations", 3)
        assert said.code == 0, said.err
        assert "Resumed at generation 2" in said.out and "random streams, with the games in progress" in said.out
    one, other = map(weights_of, runs)
    wanted = RESUMED["runs"][name]
    assert one == other and one.keys() == wanted["weights"].keys()
    state = json.loads((max((runs[0] / "state").iterdir()) / "state.json").read_text())
    assert state["generation"] == 3 and state["inserted"] == wanted["rows"] and "mining" in state
    if as_the_fixture_was_made():
        assert one == wanted["weights"]
    # New names on disk; those of the old lines are read as the new ones.
    assert [line["step"] for line in metrics.read(runs[0])] == [1, 2, 3]
    assert "strength/" not in (runs[0] / "metrics.jsonl").read_text() and not (runs[0] / "strength.csv").exists()
    lines = (runs[0] / "evaluation.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["generation", "0", "1", "2", "3"]
    _, weights = load_weights(runs[0] / "checkpoints" / "000003")
    before = load_weights(runs[0] / "checkpoints" / "000002")[1]
    for network, tensors in weights.items():
        assert {key: value.shape for key, value in tensors.items()} == {
            key: value.shape for key, value in before[network].items()
        }


@pytest.mark.parametrize(
    ("name", "words"), [("tic-tac-toe", "against exact play"), ("gan-ring", "high quality")], ids=RUNS
)
def test_earlier_runs_are_listed_and_shown_with_their_evaluations(
    tmp_path: Path, selfplay: Any, name: str, words: str
) -> None:
    run = copy_of(name, tmp_path)
    listed, shown = selfplay("runs", "list", "--root", tmp_path), selfplay("runs", "show", run)
    assert listed.code == 0 and name in listed.out and not listed.out.rstrip().endswith("–")
    assert shown.code == 0 and "evaluation by generation:" in shown.out
    evaluated = [line for line in shown.out.splitlines() if "min  generation" in line]
    assert len(evaluated) == 2 and all(words in line for line in evaluated)


@pytest.mark.parametrize(
    ("name", "more", "players"),
    [
        ("tic-tac-toe", ["random", "--games", 4, "--simulations", 8, "--actors", 0], 4),
        ("gan-ring", ["--games", 2, "--samples", 200], 6),
    ],
    ids=RUNS,
)
def test_earlier_runs_are_rated(tmp_path: Path, selfplay: Any, name: str, more: list[Any], players: int) -> None:
    run = copy_of(name, tmp_path)
    said = selfplay("elo", run, *more, "--generations", "all", "--plain", "--out", tmp_path / "ratings")
    assert said.code == 0, said.err
    ratings = json.loads((tmp_path / "ratings" / "ratings.json").read_text())
    assert len(ratings["players"]) == players
    assert all(np.isfinite(player["elo"]) for player in ratings["players"])


def test_a_state_of_an_earlier_run_is_read_by_the_names_of_today() -> None:
    (state,) = (FIXTURES / "tic-tac-toe" / "state").iterdir()
    written = json.loads(artifact.read(state)[1]["state.json"])
    assert "rounds" in written and "mining" not in written, "the fixture is one of an earlier version"
