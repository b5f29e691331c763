"""The examples run: scripts as they are, the notebook cell by cell, loggers against stand-ins for their libraries."""

from __future__ import annotations

import json
import runpy
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from api.test_training import TINY

import selfplay

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TRAIN = selfplay.train


def quick(preset: Any, **keywords: Any) -> selfplay.TrainingRun:
    """`selfplay.train` with a budget for tests."""
    return TRAIN(preset, **{**keywords, "minutes": None, "generations": 1, "settings": TINY, "progress": False})


@pytest.fixture(autouse=True)
def _in_a_folder_and_quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(selfplay, "train", quick)


def run(name: str, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("train_and_play.py", (), "the game is over"),
        ("analyze_position.py", ("--simulations", "50"), "search changes the network's first choice in"),
        ("tournament.py", ("--games", "2"), "center"),
    ],
)
def test_an_example_runs(
    name: str, arguments: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    run(name, *arguments, monkeypatch=monkeypatch)
    assert said in capsys.readouterr().out


def test_every_script_is_among_them() -> None:
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    assert scripts == {"train_and_play.py", "analyze_position.py", "tournament.py", "loggers.py"}


def test_the_notebook_runs_from_the_first_cell_to_the_last(capsys: pytest.CaptureFixture[str]) -> None:
    notebook = json.loads((EXAMPLES / "first_agent.ipynb").read_text("utf-8"))
    names: dict[str, Any] = {}
    for cell in notebook["cells"]:
        assert cell["source"] and not cell.get("outputs"), "it is kept without outputs"
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), cell["id"], "exec"), names)
    assert "generation   1" in capsys.readouterr().out and names["run"].path == Path("runs/notebook")


class Recorder(types.ModuleType):
    """Stands in for a library: every function notes its name and arguments, and returns the recorder."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.calls: list[tuple[str, tuple, dict]] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def note(*arguments: Any, **keywords: Any) -> Recorder:
            self.calls.append((name, arguments, keywords))
            return self

        return note


def test_weights_and_biases_is_given_settings_and_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = Recorder("wandb")
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    run("loggers.py", "--to", "wandb", monkeypatch=monkeypatch)
    assert [name for name, _, _ in wandb.calls] == ["init", "log", "finish"]
    assert wandb.calls[0][2]["config"]["network.channels"] == 8 and wandb.calls[0][2]["id"] == "logged"
    assert wandb.calls[1][1][0]["games"] > 0 and wandb.calls[1][2] == {"step": 1}


def test_mlflow_is_given_parameters_metrics_and_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = Recorder("mlflow")
    monkeypatch.setitem(sys.modules, "mlflow", mlflow)
    run("loggers.py", "--to", "mlflow", monkeypatch=monkeypatch)
    names = [name for name, _, _ in mlflow.calls]
    assert names == ["set_experiment", "start_run", "log_params", "log_metrics", "log_artifacts", "end_run"]
    assert not any(":" in name for name in mlflow.calls[3][1][0]) and mlflow.calls[3][2] == {"step": 1}
    assert mlflow.calls[4][1] == (str(Path("runs/logged/checkpoints/000001")),)
