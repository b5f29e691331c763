"""Training from Python: runs that every command sees, callbacks, loggers, stops; and each mistake in one sentence."""

from __future__ import annotations

import _thread
import dataclasses
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import selfplay
from selfplay.errors import UserError

# As little as makes a generation in a second.
TINY: dict[str, object] = {
    "run.generation_rows": 100, "run.rollout_rows": 50, "replay.learn_after": 50, "replay.samples_per_insert": 1,
    "learner.batch_size": 32, "actor.num_simulations": 2, "actor.concurrent_games": 8, "evaluation.num_simulations": 1,
    "network.channels": 8, "network.blocks": 1,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def train(generations: int, **more: Any) -> selfplay.TrainingRun:
    return selfplay.train("tic-tac-toe", generations=generations, settings=TINY, progress=False, **more)


def test_a_run_is_trained_told_and_gone_on_with_by_everyone(selfplay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import selfplay as api

    ends: list[api.GenerationEnd] = []
    run = train(2, on_generation=ends.append)
    assert run.path == Path("runs/tic-tac-toe") and run.preset == "tic-tac-toe"
    assert [line["step"] for line in run.metrics()] == [0, 1, 2] == [0, *(end.generation for end in ends)]
    assert ends[-1].metrics == {name: value for name, value in run.metrics()[-1].items() if name != "step"}
    assert ends[-1].checkpoint == run.generations()[-1]
    agent = run.agent()
    assert agent.generation == 2 and run.agent(0).generation == 0
    assert agent.analyze("5", simulations=4).best in "12346789"
    # The commands see it, and go on with it; what was set stays set.
    listed = selfplay("runs", "list")
    assert "runs/tic-tac-toe" in listed.out and listed.code == 0
    assert selfplay("train", "tic-tac-toe", "--generations", 3, "--plain").code == 0
    assert run.config.network.channels == 8 and len(run.metrics()) == 4
    # And a call goes on with what a command has trained.
    assert len(api.train("tic-tac-toe", generations=4, progress=False).metrics()) == 5
    pandas = pytest.importorskip("pandas")
    frame = api.TrainingRun("runs/tic-tac-toe").to_frame()
    assert isinstance(frame, pandas.DataFrame) and frame["step"].tolist() == [0, 1, 2, 3, 4]


def test_an_error_of_a_callback_ends_the_run_after_it_is_saved() -> None:
    def fail(end: selfplay.GenerationEnd) -> None:
        raise RuntimeError(f"no more after {end.generation}")

    with pytest.raises(RuntimeError, match="no more after 1") as caught:
        train(3, on_generation=fail)
    assert caught.traceback[-1].name == "fail"  # the user's own line, and nothing around it
    run = selfplay.TrainingRun("runs/tic-tac-toe")
    assert len(run.metrics()) == 2 and run.agent().generation == 1
    assert len(train(2).metrics()) == 3  # the folder is free, and nothing was lost


class Remembers:
    """A logger that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def start(self, run: Path, settings: dict[str, Any]) -> None:
        self.told.append(f"start {run} {settings['network.channels']}")

    def log(self, end: selfplay.GenerationEnd) -> None:
        self.told.append(f"log {end.generation} {'games' in end.metrics}")

    def finish(self) -> None:
        self.told.append("finish")


def test_loggers_are_told_of_start_generations_and_end_also_after_an_error() -> None:
    logger, other = Remembers(), Remembers()

    def fail(end: selfplay.GenerationEnd) -> None:
        if end.generation == 2:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        train(3, loggers=[logger, other], on_generation=fail)
    assert logger.told == ["start runs/tic-tac-toe 8", "log 1 True", "log 2 True", "finish"] == other.told


def test_ctrl_c_saves_before_it_is_raised() -> None:
    def press(end: selfplay.GenerationEnd) -> None:
        _thread.interrupt_main()

    with pytest.raises(KeyboardInterrupt, match="stopped and saved"):
        train(50, on_generation=press)
    run = selfplay.TrainingRun("runs/tic-tac-toe")
    before = run.metrics()[-1]["step"]
    assert before < 5
    assert len(train(before + 1).metrics()) == before + 2


def test_progress_is_a_function_or_lines_or_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    phases: list[str] = []
    selfplay.train("tic-tac-toe", generations=1, settings=TINY, progress=lambda status: phases.append(status.phase))
    assert "playing" in phases and phases[-1] == "finished"
    assert capsys.readouterr().out == ""
    selfplay.train("tic-tac-toe", generations=2)
    assert "generation 2" in capsys.readouterr().out


def test_a_config_of_ones_own_is_trained_and_named_by_its_game(selfplay: Any) -> None:
    import selfplay as api

    config = api.preset("tic-tac-toe")
    config = dataclasses.replace(config, network=dataclasses.replace(config.network, channels=12))
    run = api.train(config, run="runs/own", generations=1, settings={**TINY, "network.channels": 12}, progress=False)
    assert run.config.network.channels == 12 and run.preset == "tic-tac-toe"
    assert selfplay("train", "tic-tac-toe", "--run", "runs/own", "--generations", 2, "--plain").code == 0
    assert run.config.network.channels == 12 and len(run.metrics()) == 3


def test_a_toml_file_is_trained_under_its_own_name() -> None:
    settings = "".join(f"{key} = {value}\n" for key, value in TINY.items())
    Path("mine.toml").write_text(f'preset = "tic-tac-toe"\n{settings}')
    run = selfplay.train("mine.toml", generations=1, progress=False)
    assert run.path == Path("runs/mine") and run.config.network.channels == 8


def test_a_generator_is_trained_and_sampled() -> None:
    settings = {"run.generation_rows": 64, "run.rollout_rows": 64, "replay.learn_after": 64, "learner.batch_size": 32}
    run = selfplay.train("gan-ring", generations=1, settings=settings, progress=False)
    x, labels = selfplay.sample(run.path, 10, seed=1)
    assert x.shape == (10, 2) and labels is None
    assert (x == selfplay.sample(run.path, 10, seed=1).x).all()
    refused(lambda: run.agent(), "holds no player of a board game")
    refused(lambda: selfplay.match(run.path, "random"), "holds no player of a board game")
    refused(lambda: selfplay.sample(run.path, 0), "n is 0, and must be a whole number from 1")
    refused(lambda: selfplay.sample(run.path, 1, label=3), "was trained without classes")
    refused(lambda: selfplay.sample("runs/nothing", 1), "'runs/nothing' does not exist")


def refused(call: Callable[[], object], said: str) -> None:
    with pytest.raises(UserError) as caught:
        call()
    assert said in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("preset", "keywords", "said"),
    [
        ("tic-tac-to", {}, "Did you mean 'tic-tac-toe'?"),
        (4, {}, "what to train is a preset's name, a TOML file or a config"),
        (selfplay.UserError, {}, "what to train is a preset's name, a TOML file or a config"),
        ("nothing.toml", {}, "there is no file 'nothing.toml'"),
        ("tic-tac-toe", {"settings": {"network.chanels": 3}}, "Did you mean 'network.channels'?"),
        ("tic-tac-toe", {"settings": ["network.channels=3"]}, "settings must be a dict"),
        ("tic-tac-toe", {"minutes": -1}, "'run.minutes'"),
        ("tic-tac-toe", {"generations": 0}, "'run.generations'"),
        ("tic-tac-toe", {"seed": -4}, "'run.seed'"),
        ("tic-tac-toe", {"address": "auto"}, "address is where actors run, and this run has none"),
        ("tic-tac-toe", {"progress": 3}, "progress must be True, False or a function, not 3"),
        ("tic-tac-toe", {"on_generation": 3}, "on_generation must be a function, not 3"),
        ("tic-tac-toe", {"loggers": [3]}, "3 is no logger: it has no method start"),
        ("tic-tac-toe", {"run": 3}, "run must be a path or a text, not 3"),
        ("tic-tac-toe", {"run": "a-file"}, "'a-file' is a file, and a run needs a folder"),
    ],
)
def test_a_mistake_is_answered_by_one_sentence(preset: Any, keywords: dict[str, Any], said: str) -> None:
    Path("a-file").write_text("")
    refused(lambda: selfplay.train(preset, **keywords), said)
    assert not Path("runs").exists()


def test_a_folder_that_holds_no_run_or_another_is_refused() -> None:
    refused(lambda: selfplay.TrainingRun("runs/tic-tac-to"), "'runs/tic-tac-to' holds no run (no config.json).")
    run = train(1)
    refused(lambda: selfplay.TrainingRun("runs/tic-tac-to"), "Did you mean 'runs/tic-tac-toe'?")
    refused(lambda: selfplay.train("connect-four", run=run.path), "holds a run of 'tic-tac-toe', not 'connect-four'")
    refused(lambda: run.agent(77), "generation 77 of 'runs/tic-tac-toe' is not kept; these are: 0, 1.")


def test_settings_take_the_values_of_python() -> None:
    run = train(1)
    changed = {"run.stop_when_solved": False, "evaluation.opponents": ["random", "uct:10"], "run.actor_gpus": None}
    selfplay.train("tic-tac-toe", generations=1, settings=changed, progress=False)
    assert run.config.run.stop_when_solved is False and run.config.run.actor_gpus is None
    assert run.config.evaluation.opponents == ("random", "uct:10")


def test_presets_are_listed_and_nearest_names_suggested() -> None:
    assert {"tic-tac-toe", "chess", "gan-ring"} <= set(selfplay.preset_names())
    refused(lambda: selfplay.preset("chss"), "Did you mean 'chess'?")
    refused(lambda: selfplay.preset(3), "a preset is a name such as 'connect-four', not 3")  # type: ignore[arg-type]


def test_a_run_can_be_trained_in_another_thread() -> None:
    """Where signals cannot be caught."""
    found: list[selfplay.TrainingRun] = []
    thread = threading.Thread(target=lambda: found.append(train(1)))
    thread.start()
    thread.join()
    assert found[0].agent().generation == 1
