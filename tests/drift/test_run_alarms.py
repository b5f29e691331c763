"""`selfplay drift run`: alarms as a table, JSON lines and a picture, and refusals in a sentence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from selfplay.cli import main
from selfplay.drift.monitor import Event

EVENT = Event(2, "labels", "actor 1", "label p(y)", "a test", 1e6, 1e3, "game", 40, "labels (actor 1): they are wrong.")


def watched(path: Path, *events: Event) -> Path:
    path.mkdir()
    (path / "config.json").write_text('{"preset": "tic-tac-toe"}')
    lines = [{"step": step, "drift/labels": float(step), "drift/age": 1.5, "loss/x": 1.0} for step in (1, 2, 3)]
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (path / "drift.jsonl").write_text("".join(json.dumps(event.as_json()) + "\n" for event in events))
    return path


def test_alarms_are_shown_with_their_generation_statistic_and_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["drift", "run", str(watched(tmp_path / "run", EVENT))]) == 1
    out = capsys.readouterr().out
    assert "labels" in out and "actor 1" in out and "1e+06" in out and EVENT.sentence in out and "1 alarm in 3" in out


def test_a_run_without_alarms_shows_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["drift", "run", str(watched(tmp_path / "run"))]) == 0
    out = capsys.readouterr().out
    assert "no alarm" in out and "age" in out and "1.5" in out and "loss" not in out


def test_alarms_are_json_lines_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["drift", "run", str(watched(tmp_path / "run", EVENT)), "--json"]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == EVENT.as_json()


def test_a_timeline_is_drawn(tmp_path: Path) -> None:
    run = watched(tmp_path / "run", EVENT, EVENT._replace(stream="vanished", statistic=None, threshold=None))
    assert main.main(["drift", "run", str(run), "--png", str(tmp_path / "drift.png")]) == 1
    assert (tmp_path / "drift.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_what_is_no_run_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main.main(["drift", "run", str(tmp_path / name)]) == 2
    assert "holds no run" in capsys.readouterr().err
