"""Reactions to drift, in a family that the core knows nothing of: what each action does, that it is written down with
its reason, and that a run which is stopped around one goes on to the bit."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from rock_paper_scissors import actor, match
from test_run import contents, differences, lines_of

from selfplay.alphazero.agent import AlphaZero
from selfplay.cli import main
from selfplay.drift import events
from selfplay.drift.config import DriftConfig
from selfplay.drift.monitor import Reading, Stream
from selfplay.drift.plan import ORDER
from selfplay.errors import TrainingDiverged
from selfplay.league.config import PoolConfig
from selfplay.league.pool import Pool
from selfplay.learning.training import Training
from selfplay.loop import folder as folders
from selfplay.loop import plots
from selfplay.loop import run as runs
from selfplay.loop.reactions.learner_states import LearnerStates
from selfplay.presets import resume
from selfplay.storage import artifact
from selfplay.types import SampleBatch, Status, Weights
from selfplay.verify import runs as verify

STREAM = Stream("made up", "concept p(y|x)", "batch", "a limit", "It is.", "Look.", limit=1.0, actions=ORDER)
GENERATIONS = 6


class Told:
    """An observer that sees a change, since generation 3, at the end of generation 4."""

    streams = (STREAM,)

    def __init__(self, settings: DriftConfig) -> None:
        self.settings, self.generation = settings, 0
        self.begun = 0

    def begin(self, weights: Weights, raw: Weights) -> None:
        self.begun += 1

    def take(self, batch: SampleBatch, generation: int) -> None:
        pass

    def drawn(self, rows: np.ndarray, generation: int) -> None:
        pass

    def end_generation(self, weights: Weights, raw: Weights) -> tuple[dict[str, float], list[Reading]]:
        self.generation += 1
        return {}, [Reading(STREAM.name, 2.0 * (self.generation == 4), "it was seen", 1, since=3)]

    def evaluated(self, metrics: Mapping[str, float]) -> list[Reading]:
        return []

    def state(self) -> dict[str, Any]:
        return {"generation": self.generation}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.generation = state["generation"]


class Agent(match.Thrower):
    """Told by `drift` what to do about it, and by `wanted` which weights fit best."""

    drift = DriftConfig()
    wanted: dict[str, torch.Tensor] | None = None

    def observer(self) -> Any:
        return Told(self.drift)

    def pictures(self, weights: Weights) -> dict[str, np.ndarray]:
        return {}

    def fit(self, weights: Weights, rows: np.ndarray) -> float:
        if self.wanted is None:
            return 0.0
        return -sum(float((value - self.wanted[name]).abs().sum()) for name, value in weights[actor.ROLE].items())


def train(
    path: Path, *actions: str, until: int | None = None, drift: Mapping[str, Any] | None = None,
    pool: Mapping[str, Any] | None = None, agent: type[Agent] = Agent,
) -> Status:  # fmt: skip
    base = match.Config()
    wanted = replace(
        base,
        replay=replace(base.replay, window_min=256),
        learner=replace(base.learner, optimizer="adamw", learning_rate=0.05, final_learning_rate=0.005, ema_decay=0.5),
        run=replace(base.run, generations=GENERATIONS),
        pool=replace(base.pool, **(pool or {})),
    )
    made = agent(wanted)
    made.drift = DriftConfig(**{"actions": actions, "lasting": 1, **(drift or {})})
    with folders.Folder(path) as folder:
        run = runs.Run(made, folder, lambda status: None)
        try:
            run.train(lambda: until is not None and run.status.generation >= until)
        finally:
            run.close()
    return run.status


@pytest.fixture(autouse=True, scope="module")
def _no_waiting_for_the_disk() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        patch.setattr(plots, "curves", lambda *drawn: np.zeros((2, 2, 3), np.uint8))
        yield


def metrics(path: Path, name: str) -> list[float]:
    """Of generations 1, 2, …"""
    return [line[name] for line in lines_of(path) if line["step"] > 0]


def learner(path: Path, generation: int) -> dict[str, torch.Tensor]:
    """Averaged weights that a generation's checkpoint holds."""
    return Pool(path / "checkpoints").load(generation)[1][actor.ROLE]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(value, other[name]) for name, value in one.items())


def actions_of(path: Path) -> list[tuple[int, str]]:
    return [(line["step"], line["action"]) for line in events.read(path) if line.get("action")]


@pytest.fixture(scope="module")
def unreacting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "unreacting"
    train(path)
    return path


def test_without_actions_an_alarm_changes_nothing_and_keeps_nothing(unreacting: Path) -> None:
    assert [line["stream"] for line in events.read(unreacting)] == ["rock", "made up"], "a rule's, and the stream's"
    assert not (unreacting / "learner").exists() and "drift/actions" not in lines_of(unreacting)[-1]


@pytest.mark.parametrize("action", ["evict-rows", "slow-reuse", "raise-learning-rate", "add-anchors",
                                    "restore-generation", "restore-snapshot"])  # fmt: skip
def test_until_the_alarm_nothing_is_different_and_an_action_is_written_with_its_reason(
    action: str, tmp_path: Path, unreacting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Agent, "wanted", learner(unreacting, 1), raising=False)
    status = train(tmp_path, action)
    assert actions_of(tmp_path) == [(4, action)], "once, though the run goes on"
    (line,) = (line for line in events.read(tmp_path) if line.get("action"))
    assert line["stream"] == "made up" and line["since"] == 3
    assert line["sentence"].startswith(f"{action}, because made up: it was seen. Now ")
    assert f"Generation 4: {line['sentence']}" in status.notes
    assert metrics(tmp_path, "drift/actions") == [0, 0, 0, 1, 1, 1]
    for generation in (1, 2, 3):
        assert same(learner(tmp_path, generation), learner(unreacting, generation))
    if action != "add-anchors":  # which may draw the same opponents by chance
        assert not same(learner(tmp_path, 6), learner(unreacting, 6))


@pytest.mark.parametrize("action", ["evict-rows", "slow-reuse", "raise-learning-rate", "restore-generation"])
@pytest.mark.parametrize("until", [pytest.param(3, marks=pytest.mark.slow), 4])
def test_a_run_that_is_stopped_around_an_action_goes_on_to_the_bit(action: str, until: int, tmp_path: Path) -> None:
    train(tmp_path / "whole", action)
    train(tmp_path / "parts", action, until=until)
    train(tmp_path / "parts", action)
    assert differences(tmp_path / "whole", tmp_path / "parts") == set()
    assert events.read(tmp_path / "whole") == events.read(tmp_path / "parts")


def test_evicting_leaves_the_rows_since_the_change(tmp_path: Path) -> None:
    train(tmp_path, "evict-rows", until=4)
    rest = contents(tmp_path)["rest"]
    assert metrics(tmp_path, "rows") == [64, 128, 192, 256]
    assert rest["window"] == 2 * 64 and rest["reactions"]["ends"][-1] == [4, 256]


def test_slow_reuse_halves_the_updates_of_as_many_generations_as_it_lasts(tmp_path: Path) -> None:
    train(tmp_path, "slow-reuse")
    assert np.diff(metrics(tmp_path, "steps")).tolist() == [20, 20, 20, 10, 20]


def test_a_raised_rate_begins_at_the_schedules_start_and_is_back_on_it(tmp_path: Path, unreacting: Path) -> None:
    train(tmp_path, "raise-learning-rate", drift={"lasting": 2, "rate_factor": 2.0})
    raised, usual = (metrics(path, "learning_rate") for path in (tmp_path, unreacting))
    assert raised[:3] == usual[:3] and raised[5] == usual[5]
    assert raised[3] == 0.1 and raised[4] == pytest.approx((usual[4] + 0.1) / 2)


def test_restoring_a_generation_gives_back_its_weights_and_moments_before_they_are_published(tmp_path: Path) -> None:
    train(tmp_path, "restore-generation", until=4)
    assert same(learner(tmp_path, 4), learner(tmp_path, 2)) and not same(learner(tmp_path, 3), learner(tmp_path, 2))
    now, then = contents(tmp_path)["learner.safetensors"], LearnerStates(tmp_path).load(2)
    assert artifact.digest(now) == artifact.digest(artifact.pack_tensors(then))
    assert metrics(tmp_path, "steps") == [20, 40, 60, 80], "updates count as made"
    assert verify.check(tmp_path).report.findings == []


def test_what_cannot_be_read_is_passed_over_for_an_earlier_generation(tmp_path: Path) -> None:
    train(tmp_path, "restore-generation", until=3)
    (tmp_path / "learner" / "000002" / "learner.safetensors").write_bytes(b"nonsense")
    assert [found.path for found in verify.check(tmp_path).report.findings] == ["learner/000002/learner.safetensors"]
    status = train(tmp_path, "restore-generation", until=4)
    assert same(learner(tmp_path, 4), learner(tmp_path, 1))
    assert any("Generation 2 cannot be gone back to" in note for note in status.notes)


def test_learners_are_kept_while_they_may_be_gone_back_to(tmp_path: Path) -> None:
    states = LearnerStates(tmp_path)
    for generation in range(40):
        states.save(generation, {"x": torch.full((2,), float(generation))})
        states.retain(generation)
    kept = states.generations()
    assert {36, 37, 38, 39} <= {*kept} and len(kept) < 12 and kept[0] == 0
    assert float(states.load(38)["x"][0]) == 38


def test_the_snapshot_that_fits_the_newest_rows_best_is_taken_and_none_if_none_fits_better(
    tmp_path: Path, unreacting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = train(tmp_path / "alike", "restore-snapshot")  # all fit alike
    assert any("no earlier generation fits" in note for note in status.notes) and actions_of(tmp_path / "alike") == []
    assert same(learner(tmp_path / "alike", 6), learner(unreacting, 6))
    monkeypatch.setattr(Agent, "wanted", learner(unreacting, 1), raising=False)
    train(tmp_path / "first", "restore-snapshot", until=4)
    assert same(learner(tmp_path / "first", 4), learner(unreacting, 1))


def test_of_snapshots_that_fit_alike_the_latest_is_taken_and_the_rate_is_not_raised_on_top(tmp_path: Path) -> None:
    class Later(Agent):
        """Fits well from generation 1 on, but for the present weights, of generation 4."""

        def fit(self, weights: Weights, rows: np.ndarray) -> float:
            return float(any(same(weights[actor.ROLE], learner(tmp_path, generation)) for generation in (1, 2, 3)))

    status = train(tmp_path, "restore-snapshot", "raise-learning-rate", until=4, agent=Later)
    assert actions_of(tmp_path) == [(4, "restore-snapshot")]
    assert same(learner(tmp_path, 4), learner(tmp_path, 3)) and not same(learner(tmp_path, 3), learner(tmp_path, 2))
    assert any("raise-learning-rate was not taken: the weights were just replaced" in said for said in status.notes)


def test_anchors_are_kept_and_are_half_of_the_opponents(tmp_path: Path) -> None:
    train(tmp_path, "add-anchors", pool={"keep_newest": 2, "keep_log_spaced": 0, "opponents": "latest"})
    assert contents(tmp_path)["rest"]["reactions"]["anchors"] == [2]  # of those before generation 3, the one kept
    pool = Pool(tmp_path / "checkpoints", PoolConfig(keep_newest=2, keep_log_spaced=0, opponents="latest"))
    assert 2 in pool.generations() and 3 not in pool.generations()
    pool.anchors = [2]
    names, shares = pool.opponents(actor.ROLE, 6)
    assert dict(zip(names, shares.tolist(), strict=True)) == {"0": 0.0, "2": 0.5, "5": 0.5}


def test_what_does_nothing_in_a_run_is_said_at_its_beginning(tmp_path: Path) -> None:
    class Alone(Agent):
        def without_opponents(self) -> str:
            return "nobody plays"

    status = train(tmp_path, "add-anchors", agent=Alone)
    assert "drift.actions=add-anchors does nothing in this run, since nobody plays." in status.notes
    assert "Generation 4: add-anchors was not taken: nobody plays." in status.notes and actions_of(tmp_path) == []


def test_an_output_layer_is_fitted_as_long_as_that_lasts_and_is_better_on_rows_held_out(tmp_path: Path) -> None:
    class Refitting(Agent):
        """Has an output layer that is better at the ends of generations 4 and 5, and no better at that of 6."""

        def fit(self, weights: Weights, rows: np.ndarray) -> float:
            return 0.5

        def refit(self, weights: Weights, rows: np.ndarray) -> tuple[Weights, float]:
            asked.append(len(rows))
            moved = {name: value + 1 for name, value in weights[actor.ROLE].items()}
            return {actor.ROLE: moved}, 0.5 if len(asked) == 3 else 0.9

    asked: list[int] = []
    status = train(tmp_path, "refit-outputs", agent=Refitting, drift={"lasting": 9})
    assert asked == [128, 192, 256], "the rows since generation 3"
    assert actions_of(tmp_path) == [(4, "refit-outputs")]
    assert any("128 newest rows (0.9 on rows held out, where the one before has 0.5)" in said for said in status.notes)
    moved = [float(next(iter(learner(tmp_path, each).values())).double().mean()) for each in range(3, 7)]
    steps = np.diff(moved)
    assert steps[0] > 0.5 and steps[1] > 0.5 and abs(steps[2]) < 0.5


def test_a_family_without_an_output_layer_says_so(tmp_path: Path) -> None:
    status = train(tmp_path, "refit-outputs", until=4)
    said = "Generation 4: refit-outputs was not taken: no output layer is fitted to the 128 newest rows."
    assert said in status.notes and actions_of(tmp_path) == []
    alone = tiny.config(actor={"opponent_share": 0.0})
    assert tiny.Agent(alone).without_opponents() == "actor.opponent_share is 0"
    assert tiny.Agent(tiny.CONFIG).without_opponents() == ""


def test_reacting_in_every_generation_and_never(tmp_path: Path, unreacting: Path) -> None:
    train(tmp_path / "always", "slow-reuse", drift={"react": "every-generation"})
    assert actions_of(tmp_path / "always") == [(generation, "slow-reuse") for generation in range(1, GENERATIONS + 1)]
    train(tmp_path / "never", "slow-reuse", "restore-generation", drift={"react": "never"})
    assert actions_of(tmp_path / "never") == [] and not (tmp_path / "never" / "learner").exists()
    assert same(learner(tmp_path / "never", 6), learner(unreacting, 6))


def test_stop_ends_the_session_with_a_sentence_and_the_run_goes_on_when_asked(tmp_path: Path, unreacting: Path) -> None:
    status = train(tmp_path, "stop")
    assert (status.phase, status.generation) == (runs.ALARMED, 4)
    assert status.notes[-1] == "Stopped at generation 4 by drift.actions=stop, because made up: it was seen."
    assert train(tmp_path, "stop").phase == "finished"
    assert same(learner(tmp_path, 6), learner(unreacting, 6))


class Once:
    """Learning that diverges in some updates, told by their number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *calls: int) -> None:
        self.calls, plain = 0, Training.step

        def step(training: Training, *arguments: Any) -> Any:
            self.calls += 1
            if self.calls in calls:
                raise TrainingDiverged("the net loss gave gradients that are not finite at step 40.")
            return plain(training, *arguments)

        monkeypatch.setattr(Training, "step", step)


def test_learning_that_diverges_goes_back_if_it_may_and_fails_if_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        Once(patch, 50)
        with pytest.raises(TrainingDiverged):
            train(tmp_path / "may not")
    Once(monkeypatch, 50, 51)
    status = train(tmp_path / "may", "restore-generation")
    assert status.generation == GENERATIONS and status.phase == "finished"
    lines = [line for line in events.read(tmp_path / "may") if line["stream"] == "diverged"]
    assert [line["action"] for line in lines] == ["restore-generation"] * 2
    assert "generation 2 again" in lines[0]["sentence"] and "generation 1 again" in lines[1]["sentence"]


def test_learning_that_always_diverges_ends_in_the_sentence_that_it_ended_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Once(monkeypatch, *range(20, 100))
    with pytest.raises(TrainingDiverged, match="not finite"):
        train(tmp_path, "restore-generation")


@pytest.mark.slow
def test_the_command_says_why_it_stopped_and_tells_by_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AlphaZero, "observer", lambda agent: Told(agent.config.drift))
    sets = [word for text in [*tiny.SETTINGS, "drift.actions=stop"] for word in ("--set", text)]
    run = ["train", "tic-tac-toe", "--generations", "5", "--run", str(tmp_path / "run"), "--plain", *sets]
    assert main.main(run) == 3
    assert "because made up: it was seen. Saved in" in capsys.readouterr().out
    assert main.main(["drift", "run", str(tmp_path / "run"), "--json"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["action"] for line in lines if line["kind"] == "action"] == ["stop"]


def test_a_wrong_action_is_refused_with_the_nearest_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    run = ["train", "tic-tac-toe", "--run", str(tmp_path / "run"), "--set", "drift.actions=stop,evict-row"]
    assert main.main(run) == 2
    assert "'evict-row' is none of them (did you mean 'evict-rows'?)" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_actions_may_change_on_resume(tmp_path: Path) -> None:
    train(tmp_path, until=2)
    train(tmp_path, "evict-rows", drift={"cool_down": 1})
    assert actions_of(tmp_path) == [(4, "evict-rows")]
    assert resume.rule("drift.actions") is None and resume.rule("drift.react") is None
