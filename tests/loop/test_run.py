"""Runs: exact resumption, damage, locks, budgets, and a log that holds every generation once."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch

from selfplay.errors import ActorPoolError, CheckpointError, FolderError, TrainingDiverged
from selfplay.league.pool import Pool
from selfplay.loop import folder as folders
from selfplay.loop import metrics as run_metrics
from selfplay.loop.run import Run
from selfplay.storage import artifact

TIMED = ("seconds", "rate/", "evaluation/seconds")


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


def untimed(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in line.items() if not key.startswith(TIMED)} for line in lines]


def newest_state(path: Path) -> Path:
    return max((path / "state").iterdir())


def contents(path: Path) -> dict[str, Any]:
    """Everything that a run is, but for times and how often it was stopped."""
    _, files = artifact.read(newest_state(path))
    rest = json.loads(files.pop("state.json"))
    for key in ("seconds", "sessions", "shards", "sums"):
        rest.pop(key)
    for _, figures in rest["history"]:
        figures.pop("seconds")
    state = json.loads((newest_state(path) / "state.json").read_text())
    shards = [np.load(path / "replay" / shard["file"]) for shard in state["shards"]]
    found: dict[str, Any] = {"rest": rest, "rows": np.concatenate(shards)[-state["window"] :].tobytes(), **files}
    for generation in Pool(path / "checkpoints").generations():
        found[f"generation {generation}"] = artifact.read(path / "checkpoints" / f"{generation:06d}")[1]
    found["metrics"] = untimed(lines_of(path))
    return found


def differences(a: Path, b: Path) -> set[str]:
    one, other = contents(a), contents(b)
    return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four generations without a stop."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    tiny.train(path)
    return path


def copy_of(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copy"))


def test_a_run_leaves_what_it_promises(whole_run: Path) -> None:
    assert {path.name for path in whole_run.iterdir()} == {
        "checkpoints", "state", "replay", "metrics.jsonl", "tensorboard", "evaluation.csv", "evaluation.png", "lock",
        "lock.pid", "digests.json", "streams.json",
    }  # fmt: skip
    assert Pool(whole_run / "checkpoints").generations() == [0, 1, 2, 3, 4]
    assert [line["step"] for line in lines_of(whole_run)] == [0, 1, 2, 3, 4]
    assert all("evaluation/accuracy" in line and "loss/net/policy_loss" in line for line in lines_of(whole_run)[1:])
    assert (whole_run / "evaluation.csv").read_text().splitlines()[-1].startswith("4,")
    assert len(list((whole_run / "state").iterdir())) == folders.KEPT_STATES
    state = json.loads((newest_state(whole_run) / "state.json").read_text())
    assert state["steps"] == state["inserted"] * 4 // 32
    assert state["inserted"] >= 4 * 120 and len(json.dumps(state["rng"])) > 50


def test_a_run_stopped_after_two_generations_goes_on_to_the_same_bits(whole_run: Path, tmp_path: Path) -> None:
    tiny.train(tmp_path / "halves", until=2)
    assert Pool(tmp_path / "halves" / "checkpoints").generations() == [0, 1, 2]
    status = tiny.train(tmp_path / "halves")
    assert differences(whole_run, tmp_path / "halves") == set()
    assert any(note.startswith("Resumed at generation 2") and "games in progress" in note for note in status.notes)


def test_a_run_stopped_after_every_generation_goes_on_to_the_same_bits(whole_run: Path, tmp_path: Path) -> None:
    for generation in (1, 2, 3, 4):
        tiny.train(tmp_path / "steps", until=generation)
    assert differences(whole_run, tmp_path / "steps") == set()


def test_a_run_killed_after_it_wrote_a_generation_and_before_its_state_goes_on_to_the_same_bits(
    whole_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.train(tmp_path / "killed", until=2)

    class Killed(BaseException):
        pass

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(folders.Folder, "save_state", die)
        with pytest.raises(Killed):
            tiny.train(tmp_path / "killed")
    assert Pool(tmp_path / "killed" / "checkpoints").generations() == [0, 1, 2, 3]
    tiny.train(tmp_path / "killed")
    assert differences(whole_run, tmp_path / "killed") == set()


def test_the_same_seed_gives_the_same_run_and_another_seed_does_not(whole_run: Path, tmp_path: Path) -> None:
    tiny.train(tmp_path / "again")
    assert differences(whole_run, tmp_path / "again") == set()
    tiny.train(tmp_path / "other", tiny.config(run={"seed": 2}))
    assert {"rows", "learner.safetensors", "generation 0", "generation 4"} <= differences(whole_run, tmp_path / "other")


def test_a_run_stopped_in_mid_generation_keeps_its_rows_and_updates(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with tiny.Session(path) as run:
        run.train(lambda: run.status.generation == 1 and run.status.rows >= 190)
        stopped = run.status
    assert stopped.phase == "stopped"
    assert stopped.generation == 1 and 190 <= stopped.rows < 240
    with tiny.Session(path) as run:
        status = run.status
        assert (status.generation, status.rows, status.steps, status.games) == (
            1, stopped.rows, stopped.steps, stopped.games,
        )  # fmt: skip
        run.train(lambda: False)
        assert (status.generation, status.phase) == (4, "finished")
    assert [line["step"] for line in lines_of(path)] == [0, 1, 2, 3, 4]


def test_a_run_stopped_before_its_first_row_can_go_on(tmp_path: Path) -> None:
    assert tiny.train(tmp_path / "run", until=0).phase == "stopped"
    assert tiny.train(tmp_path / "run").generation == 4


def test_leftovers_of_a_run_that_was_killed_before_its_first_state_are_not_adopted(tmp_path: Path) -> None:
    other = tiny.config(network={"channels": 12}, run={"generations": 1})
    tiny.train(tmp_path / "run", other)
    shutil.rmtree(tmp_path / "run" / "state")
    status = tiny.train(tmp_path / "run", tiny.config(run={"generations": 2}))
    assert [line["step"] for line in lines_of(tmp_path / "run")] == [0, 1, 2]
    assert status.generation == 2 and status.notes[:-1] == []


# Damage


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("victim", ["state.json", "learner.safetensors", "manifest.json", "group0.moves.npy"])
def test_a_damaged_state_is_passed_over_for_the_one_before_and_said_so(
    whole_run: Path, tmp_path: Path, victim: str
) -> None:
    path = copy_of(whole_run, tmp_path)
    states = sorted((path / "state").iterdir())
    damage(states[-1] / victim)
    with tiny.Session(path, tiny.config(run={"generations": 5})) as run:
        assert any("Passed over a damaged state" in note and victim in note for note in run.status.notes)
        assert run.status.generation == 4  # saved twice: at the end of the generation and of the run
        run.train(lambda: False)
        assert run.status.generation == 5
    kept = sorted((path / "state").iterdir())
    assert states[-1] not in kept or artifact.read(states[-1])
    with tiny.Session(path) as run:
        assert run.status.generation == 5 and len(run.status.notes) == 1


def test_a_lost_generation_is_played_again_and_logged_once(whole_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "run"
    tiny.train(path, until=3)
    shutil.copytree(path, tmp_path / "kept")
    tiny.train(path)
    for state in (path / "state").iterdir():
        damage(state / "learner.safetensors")
    shutil.copytree(newest_state(tmp_path / "kept"), path / "state" / "000000")
    for shard in (tmp_path / "kept" / "replay").iterdir():
        shutil.copy(shard, path / "replay")
    status = tiny.train(path)
    assert sum("Passed over" in note for note in status.notes) == 2
    assert differences(whole_run, path) == set()
    for state in (path / "state").iterdir():
        artifact.read(state)  # the damaged ones are gone


def test_a_damaged_shard_or_generation_counts_as_damage_to_the_state(whole_run: Path, tmp_path: Path) -> None:
    path = copy_of(whole_run, tmp_path)
    for victim in (max((path / "replay").iterdir(), key=lambda p: int(p.name.split("-")[0])),
                   path / "checkpoints" / "000004" / "net.safetensors"):  # fmt: skip
        whole = victim.read_bytes()
        damage(victim)
        with pytest.raises(CheckpointError, match=r"no training state .* can be used") as caught:
            tiny.Session(path)
        assert victim.name in str(caught.value) and len(str(caught.value).splitlines()) == 1
        victim.write_bytes(whole)
    tiny.train(path)


def test_a_run_whose_states_are_all_damaged_does_not_start_over(whole_run: Path, tmp_path: Path) -> None:
    path = copy_of(whole_run, tmp_path)
    for state in (path / "state").iterdir():
        damage(state / "state.json")
    before = lines_of(path)
    with pytest.raises(CheckpointError, match="no training state"):
        tiny.Session(path)
    assert lines_of(path) == before and len(Pool(path / "checkpoints").generations()) == 5


def test_a_damaged_past_self_is_left_out_and_the_run_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "run"
    tiny.train(path, until=2)
    for generation in (0, 1):
        damage(path / "checkpoints" / f"{generation:06d}" / "net.safetensors")
    status = tiny.train(path)
    assert status.generation == 4
    assert any("No earlier generation to play against" in note for note in status.notes)
    assert sum("against a later generation than 0" in note for note in status.notes) == 1


@pytest.mark.parametrize("kind", ["weights", None])
def test_something_else_in_the_place_of_a_state_is_damage(whole_run: Path, tmp_path: Path, kind: str | None) -> None:
    path = copy_of(whole_run, tmp_path)
    artifact.write(path / "state" / "000099", {"x": b""}, {"kind": kind} if kind else {})
    with tiny.Session(path) as run:
        assert any("not a training state" in note for note in run.status.notes)


# What a folder refuses


def test_a_second_trainer_on_the_same_folder_is_refused_and_names_the_first(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sys; from pathlib import Path; from selfplay.loop import folder\n"
         "with folder.Folder(Path(sys.argv[1])): print('locked', flush=True); sys.stdin.read()", tmp_path / "run"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(FolderError, match=f"process {holder.pid}"):
            tiny.Session(tmp_path / "run")
        holder.kill()
    with tiny.Session(tmp_path / "run"):  # the lock went with its holder
        pass
    assert int((tmp_path / "run" / "lock.pid").read_text()) == os.getpid()


@pytest.mark.parametrize("where", ["file/run", "/proc/selfplay-run", "/dev/null"])
def test_a_folder_that_cannot_be_written_is_refused_in_one_sentence(tmp_path: Path, where: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="cannot write to the run folder") as caught:
        tiny.Session(tmp_path / where)
    assert len(str(caught.value).splitlines()) == 1 and "--" not in str(caught.value)  # Python has no options


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"network": {"channels": 12}}, r"network is .*8.*not .*12"), ({"network": {"blocks": 2}}, "network is")],
)
def test_another_network_on_the_same_folder_is_refused(
    whole_run: Path, tmp_path: Path, changes: Any, words: str
) -> None:
    path = copy_of(whole_run, tmp_path)
    with pytest.raises(FolderError, match=words) as caught:
        tiny.Session(path, tiny.config(**changes))
    assert len(str(caught.value).splitlines()) == 1
    tiny.train(path)  # and nothing was harmed


def test_settings_that_fit_may_change_on_the_way(whole_run: Path, tmp_path: Path) -> None:
    path = copy_of(whole_run, tmp_path)
    wanted = tiny.config(
        run={"generations": 6, "generation_rows": 60}, actor={"concurrent_games": 3, "num_simulations": 9},
        replay={"window_min": 400, "capacity": 900}, learner={"batch_size": 64, "learning_rate": 1e-3},
    )  # fmt: skip
    status = tiny.train(path, wanted)
    assert status.generation == 6
    assert any("with new games" in note for note in status.notes)
    smaller = tiny.config(run={"generations": 7}, replay={"window_min": 20, "capacity": 50})
    assert tiny.train(path, smaller).window == 50


def test_a_disk_that_is_full_stops_the_run_and_keeps_the_last_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run"
    tiny.train(path, until=2)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(artifact, "write_file", full)
        with pytest.raises(CheckpointError, match=r"No space left on device.*MB"):
            tiny.train(path)
    assert tiny.train(path).generation == 4


def test_figures_that_cannot_be_written_do_not_stop_a_run(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with folders.Folder(path) as folder:
        folder.write_config("tiny", {})
    for name in ("evaluation.csv", "evaluation.png", "metrics.jsonl"):
        (path / name).mkdir()
    status = tiny.train(path, tiny.config(run={"generations": 2}))
    assert status.generation == 2
    for name in ("evaluation.csv was", "evaluation.png was", "metrics are"):
        assert sum(note.startswith(f"{name} not") for note in status.notes) == 1, status.notes


# Budgets


def test_a_run_whose_budget_is_used_up_returns_at_once_and_says_so(whole_run: Path, tmp_path: Path) -> None:
    path = copy_of(whole_run, tmp_path)
    status = tiny.train(path)
    assert "The budget of 4 generations is used up." in status.notes
    assert status.generation == 4 and status.rows == contents(whole_run)["rest"]["generation_start"]
    assert differences(whole_run, path) == set()


def test_a_budget_in_minutes_ends_a_run_with_a_generation_of_what_was_learned(tmp_path: Path) -> None:
    wanted = tiny.config(run={"generations": None, "minutes": 0.1, "evaluate_every": 1000})
    status = tiny.train(tmp_path / "run", wanted)
    assert status.progress == 1.0 and "The budget of 0.1 minutes is used up." in status.notes
    lines = lines_of(tmp_path / "run")
    assert [line["step"] for line in lines] == list(range(status.generation + 1))
    if lines:
        assert "evaluation/accuracy" in lines[-1], "the last generation is always measured"


def test_a_run_that_has_nothing_left_to_learn_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiny.Agent, "is_solved", lambda self, figures: True)
    wanted = tiny.config(run={"stop_when_solved": True})
    status = tiny.train(tmp_path / "run", wanted)
    # One measurement may be luck, two in a row end the run.
    assert status.generation == 2 and any("Nothing is left to learn" in note for note in status.notes)
    assert tiny.train(tmp_path / "run", wanted).generation == 2


def test_rows_and_updates_keep_their_ratio(whole_run: Path) -> None:
    for line in lines_of(whole_run):
        assert abs(line["steps"] * 32 - line["rows"] * 4) <= 32


def test_learning_waits_for_its_first_rows_even_where_a_generation_is_shorter(tmp_path: Path) -> None:
    wanted = tiny.config(run={"generations": 1, "generation_rows": 40}, replay={"learn_after": 200})
    assert tiny.train(tmp_path / "run", wanted).rows >= 200


def test_a_run_without_past_selves_works(tmp_path: Path) -> None:
    wanted = tiny.config(actor={"opponent_share": 0.0}, run={"generations": 2})
    tiny.train(tmp_path / "run", wanted, until=1)
    assert tiny.train(tmp_path / "run", wanted).generation == 2


@pytest.mark.parametrize("policy", ["latest", "pfsp", "nash", "ema"])  # history is what all other tests here have
def test_whoever_the_opponents_are_a_stopped_run_goes_on_to_the_same_bits(tmp_path: Path, policy: str) -> None:
    wanted = tiny.config(
        pool={"opponents": policy}, run={"generations": 2}, evaluation={"match_games": 4, "match_simulations": 2}
    )
    tiny.train(tmp_path / "whole", wanted)
    tiny.train(tmp_path / "parts", wanted, until=1)
    tiny.train(tmp_path / "parts", wanted)
    assert differences(tmp_path / "whole", tmp_path / "parts") == set()
    if policy in ("pfsp", "nash"):
        told = json.loads((tmp_path / "parts" / "payoffs.json").read_text())
        assert [(entry["row"], entry["column"], entry["games"]) for entry in told["results"]] == [
            ("1", "0", 4), ("2", "0", 4), ("2", "1", 4),
        ]  # fmt: skip
        assert {"league/exploitability", "league/cyclicity"} <= lines_of(tmp_path / "parts")[-1].keys()


# Errors in mid-run


def test_a_run_that_diverges_keeps_its_last_good_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run"
    tiny.train(path, until=2)
    before = contents(path)
    poisoned = tiny.Agent.make_batch

    def poison(*args: Any) -> Any:
        batch = poisoned(*args)
        batch["planes"][0] = float("nan")
        return batch

    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(tiny.Agent, "make_batch", poison)
            with pytest.raises(TrainingDiverged):
                tiny.train(path)
        assert contents(path) == before
    assert tiny.train(path).generation == 4


def test_a_run_whose_actors_fail_saves_what_it_learned(tmp_path: Path) -> None:
    path = tmp_path / "run"
    with tiny.Session(path) as run:
        collect = run.actors.collect

        def fail(wait: bool) -> Any:
            if run.status.rows > 150:
                raise ActorPoolError("an actor failed.")
            return collect(wait)

        run.actors.collect = fail  # type: ignore[method-assign]
        with pytest.raises(ActorPoolError):
            run.train(lambda: False)
        rows = run.status.rows
    with tiny.Session(path) as run:
        assert run.status.rows == rows > 150


# Metrics


def test_a_torn_last_line_survives_and_the_log_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "run"
    tiny.train(path, until=2)
    with (path / "metrics.jsonl").open("ab") as file:
        file.write(b'{"step": 3, "secon\xff')
    tiny.train(path)
    assert [line["step"] for line in lines_of(path)] == [0, 1, 2, 3, 4]


def test_metrics_cut_to_an_earlier_step_take_back_what_came_after(tmp_path: Path) -> None:
    writer = run_metrics.MetricsWriter(tmp_path)
    for step in (1, 2, 3):
        writer.write(step, {"x": step / 2})
    assert [line["x"] for line in run_metrics.read(tmp_path)] == [0.5, 1.0, 1.5]
    writer.cut(before=3)
    assert [line["step"] for line in lines_of(tmp_path)] == [1, 2]
    writer.close()


def test_metrics_of_earlier_versions_are_read_by_their_names_of_today(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 4, "games": 2, "strength/accuracy": 0.5, "rounds/worst": 1.0}\n')
    assert run_metrics.read(tmp_path) == [{"step": 4, "games": 2, "evaluation/accuracy": 0.5, "mining/worst": 1.0}]


def test_every_phase_is_reported(tmp_path: Path) -> None:
    session = tiny.Session(tmp_path / "run", tiny.config(run={"generations": 1}))
    with session as run:
        assert isinstance(run, Run)
        run.train(lambda: False)
    assert set(session.phases) >= {"compiling kernels", "playing", "learning", "saving", "evaluating", "finished"}


def test_torch_keeps_its_own_random_stream(tmp_path: Path) -> None:
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    tiny.Agent(tiny.CONFIG).updates()
    assert torch.equal(before, torch.random.get_rng_state())
