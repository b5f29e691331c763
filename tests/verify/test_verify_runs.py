"""`selfplay verify` on runs: every flipped bit and every truncation is found, and what is kept twice comes back."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from command import refused

from selfplay import config as configs
from selfplay.drift import events
from selfplay.errors import UserError
from selfplay.gan import agent as gan_agent
from selfplay.gan import presets as gan_presets
from selfplay.loop import folder as folders
from selfplay.loop import session
from selfplay.presets import registry
from selfplay.storage import lock, records
from selfplay.verify import runs

LOCKS = ("lock", "lock.pid")  # say who trains, and nothing of the run
GAN = [
    "data.size=400", "generator.hidden=8", "critic.hidden=8", "generator.layers=1", "critic.layers=1",
    "learner.batch_size=16", "run.generation_rows=64", "run.rollout_rows=16", "replay.learn_after=16",
    "run.generations=3", "run.minutes=none",
]  # fmt: skip


def agent_of(family: str) -> Any:
    if family == "alphazero":
        return tiny.Agent(tiny.CONFIG)
    known = {key for key, _ in configs.keys(gan_presets.RING)}
    return gan_agent.Gan(configs.override(gan_presets.RING, [one for one in GAN if one.split("=")[0] in known]))


@pytest.fixture(scope="module", params=["alphazero", "gan"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A finished run, and its agent."""
    path, agent = tmp_path_factory.mktemp("runs") / request.param, agent_of(request.param)
    name = "tic-tac-toe" if request.param == "alphazero" else "gan-ring"
    session.train(name, path, agent, contextlib.nullcontext(lambda status: None))
    return path, agent


@pytest.fixture
def run(trained: tuple[Path, Any], tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained[0], tmp_path / "run"))


def files_of(run: Path) -> list[Path]:
    return sorted(path for path in run.rglob("*") if path.is_file() and path.name not in LOCKS)


def flip(path: Path, place: int, bit: int = 0) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1 << bit
    path.write_bytes(data)


def damage(path: Path) -> None:
    flip(path, path.stat().st_size // 2, 2)


def found(run: Path) -> dict[str, str]:
    return {finding.path: finding.state for finding in runs.check(run).report.findings}


def named(run: Path, path: Path) -> bool:
    """Whether a check names the file, or the artifact that it is in."""
    inside = path.relative_to(run).as_posix()
    return any(inside == name or inside.startswith(f"{name}/") for name in found(run))


def loaded(run: Path, agent: Any) -> tuple[Any, list[str]]:
    """(generation and bytes, warnings) of what a session would go on from."""
    with folders.Folder(run) as folder:
        state = folder.load_state(agent)
        assert state is not None
        tensors = {name: value.numpy().tobytes() for name, value in state.tensors.items()}
        return (state.rest["generation"], tensors, b"".join(piece.tobytes() for piece in state.rows)), state.warnings


def test_a_run_that_is_whole_is_found_whole(trained: tuple[Path, Any]) -> None:
    checked = runs.check(trained[0])
    assert checked.report.findings == [] and checked.report.unlisted == []
    assert checked.report.files == len(files_of(trained[0])) - 1  # digests.json vouches for the others
    assert "goes on from generation" in checked.report.summary


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_two_hundred_flipped_bits_and_fifty_truncations_are_all_found_and_never_loaded(
    run: Path, trained: tuple[Path, Any]
) -> None:
    rng, files = np.random.default_rng(14), files_of(run)
    good = loaded(run, trained[1])[0]
    for trial in range(250):
        path = files[trial % len(files)] if trial < len(files) else files[rng.integers(len(files))]
        whole = path.read_bytes()
        if trial % 5 == 4:
            path.write_bytes(whole[: rng.integers(len(whole))])
        else:
            flip(path, int(rng.integers(len(whole))), int(rng.integers(8)))
        # An event file that was cut between two records is whole as far as it goes: nothing wrong is shown of it.
        between = trial % 5 == 4 and path.parent.name == "tensorboard"
        assert named(run, path) or between, (trial, path)
        try:
            got, warnings = loaded(run, trained[1])
            assert got == good or warnings, path  # what is loaded is as it was written, or is said to be older
            assert got[0] <= good[0]
        except UserError as error:
            assert len(str(error).splitlines()) == 1 and str(run) in str(error)
        path.write_bytes(whole)
    assert found(run) == {}


@pytest.mark.parametrize("name", ["config.json", "run.json", "evaluation.csv", "metrics.jsonl"])
def test_a_single_file_that_was_damaged_comes_back(run: Path, name: str) -> None:
    whole = (run / name).read_bytes()
    place = whole.rindex(b"0.0") + 2 if name != "run.json" else len(whole) // 2
    flip(run / name, place)  # another digit: still a file that can be read
    damaged = (run / name).read_bytes()
    assert found(run) == {name: "damaged"}
    assert repaired(run) == {}
    assert (run / "damaged" / name).read_bytes() == damaged
    if name == "metrics.jsonl":  # which figure is wrong cannot be told
        assert (run / name).read_bytes() == damaged
    else:
        assert (run / name).read_bytes() == whole


def test_a_damaged_file_of_alarms_keeps_its_alarms(run: Path) -> None:
    lines = [json.dumps({"step": step, "stream": "age"}) + "\n" for step in (1, 2)]
    records.append(run / events.FILE, "".join(lines).encode())
    (run / events.FILE).write_text(f"{lines[0]}x\n{lines[1]}")
    assert found(run) == {events.FILE: "damaged"}
    assert repaired(run) == {}
    assert (run / events.FILE).read_text() == "".join(lines)


def repaired(run: Path) -> dict[str, str]:
    from selfplay.cli import verify

    return {finding.path: finding.state for finding in verify._repair(run).findings}


def test_settings_that_were_damaged_are_not_gone_on_with(run: Path) -> None:
    path = run / "config.json"
    path.write_text(path.read_text().replace('"batch_size": ', '"batch_size": 1'))
    with pytest.raises(UserError, match=r"damaged or was edited.*--repair") as caught:
        registry.read_saved(run)
    assert len(str(caught.value).splitlines()) == 1


def test_figures_that_were_damaged_are_told_when_the_run_goes_on(run: Path, trained: tuple[Path, Any]) -> None:
    flip(run / "metrics.jsonl", 30)
    assert any("metrics.jsonl" in warning for warning in loaded(run, trained[1])[1])


@pytest.mark.parametrize("kind", ["state", "checkpoints"])
def test_a_damaged_newest_state_or_generation_moves_aside_and_the_one_before_is_gone_on_from(
    tmp_path: Path, kind: str
) -> None:
    run, agent = tmp_path / "run", tiny.Agent(tiny.CONFIG)
    tiny.train(run, until=3)
    newest = max((run / kind).iterdir())
    damage(next(path for path in newest.iterdir() if path.suffix == ".safetensors"))
    before = loaded(shutil.copytree(run, tmp_path / "copy"), agent) if kind == "state" else None
    assert runs.check(run).report.damaged
    assert not any(state in ("damaged", "missing") for state in repaired(run).values())
    assert (run / "damaged" / kind / newest.name).is_dir() and not newest.exists()
    if before is not None:
        assert loaded(run, agent) == (before[0], [])


def test_a_damaged_shard_costs_its_rows_and_those_before_and_nothing_else(tmp_path: Path) -> None:
    run, agent = tmp_path / "run", tiny.Agent(tiny.CONFIG)
    tiny.train(run)
    state = json.loads((max((run / "state").iterdir()) / "state.json").read_text())
    assert len(state["shards"]) > 1
    damage(run / "replay" / state["shards"][0]["file"])
    with pytest.raises(UserError, match="no training state"):
        loaded(run, agent)
    assert repaired(run) == {}
    (generation, _, rows), warnings = loaded(run, agent)
    left = sum(shard["last"] - shard["first"] for shard in state["shards"][1:])
    assert generation == 4 and len(rows) == left * agent.row_dtype.itemsize and warnings == []
    assert tiny.train(run, tiny.config(run={"generations": 5})).generation == 5


def test_nothing_of_anyone_elses_is_touched_and_leftovers_are_told(run: Path) -> None:
    theirs = [run / "notes.txt", run / "replay" / "games.pgn", run / "checkpoints" / "best" / "x", run / "state" / "y"]
    for path in theirs:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    (run / "state" / ".000009.partial").mkdir()
    (run / ".config.json.partial").write_text("{")
    states = found(run)
    assert sorted(states.values()) == ["left over"] * 2 + ["not ours"] * 4
    assert sorted(repaired(run).values()) == ["not ours"] * 4
    assert all(path.read_text() == "mine" for path in theirs)


def test_damaged_digests_are_told_and_written_anew(run: Path) -> None:
    damage(run / records.FILE)
    assert "digests.json" in found(run)
    assert repaired(run) == {}
    assert {"config.json", "metrics.jsonl"} <= set(records.load(run))


def test_the_command_answers_with_a_table_or_json_and_an_exit_code(run: Path, selfplay: Callable[..., Any]) -> None:
    said = selfplay("verify", run)
    assert said.code == 0 and "all is well" in said.out
    victim = max((run / "replay").iterdir(), key=lambda path: int(path.name.split("-")[0]))
    damage(victim)
    said = selfplay("verify", run, "--json")
    told = json.loads(said.out)
    assert said.code == 1 and told["ok"] is False
    assert [(one["path"], one["state"]) for one in told["findings"]] == [(f"replay/{victim.name}", "damaged")]
    said = selfplay("verify", run)
    assert said.code == 1 and victim.name in said.out and "rows of the replay" in said.out


def test_a_run_that_is_being_trained_is_read_and_not_repaired(run: Path, selfplay: Callable[..., Any]) -> None:
    held = lock.Lock(run / "lock")
    try:
        said = selfplay("verify", run)
        assert said.code == 0 and f"process {os.getpid()} is writing" in said.out
        refused(selfplay("verify", run, "--repair"), f"process {os.getpid()}", "repair it once that has ended")
    finally:
        held.release()
    assert selfplay("verify", run, "--repair").code == 0


def test_wrong_use_is_one_sentence(tmp_path: Path, selfplay: Callable[..., Any]) -> None:
    (tmp_path / "file").write_text("")
    refused(selfplay("verify", tmp_path / "nowhere"), "does not exist")
    refused(selfplay("verify", tmp_path / "file"), "is a file")
    refused(selfplay("verify", tmp_path), "holds no run")
    generation = tiny.weights_folder(tmp_path / "run") / "checkpoints" / "000007"
    assert selfplay("verify", generation).code == 0
    refused(selfplay("verify", generation, "--repair"), "single generation")
