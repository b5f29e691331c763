"""`selfplay drift run`: streams with their limits, alarms and actions as tables, JSON lines, a picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import refused

from selfplay.drift.config import DriftConfig
from selfplay.drift.monitor import Event, Reading, Stream
from selfplay.drift.watching import Watching
from selfplay.storage import lock
from selfplay.types import SampleBatch, Weights

LABELS = Stream(
    "labels", "label p(y)", "game", "outcomes against a sure search (e-process)", "They are wrong.", "Look."
)
AGE = Stream(
    "age",
    "covariate p(x)",
    "batch",
    "age of rows",
    "Rows are old.",
    "Wait.",
    limit=2.0,
    times=2,
    measure="× even draws",
)
ACTED = {"step": 3, "stream": "labels", "part": "actor 1", "action": "restore-generation",
         "sentence": "labels (actor 1): the learner is that of generation 1 again."}  # fmt: skip


class Observer:
    """Outcomes of one of two actors that go wrong from generation 3 on."""

    streams = (LABELS, AGE)

    def __init__(self) -> None:
        self.settings, self.generation = DriftConfig(), 0

    def begin(self, weights: Weights, raw: Weights) -> None: ...

    def take(self, batch: SampleBatch, generation: int) -> None: ...

    def drawn(self, rows: np.ndarray, generation: int) -> None: ...

    def end_generation(self, weights: Weights, raw: Weights) -> tuple[dict[str, float], list[Reading]]:
        self.generation += 1
        wrong = 30.0 if self.generation > 2 else -0.2
        readings = [
            Reading("labels", -0.1, "none was wrong", 40, "actor 0", 2),
            Reading("labels", wrong, "17 of 41 were wrong", 41, "actor 1", 2),
            Reading("age", 1.5, "they were 3 generations old", 64),
        ]
        return {"length": 12.5, "swing": 0.25}, readings

    def evaluated(self, metrics: Mapping[str, float]) -> list[Reading]:
        return []

    def state(self) -> dict[str, Any]:
        return {}

    def load_state(self, state: Mapping[str, Any]) -> None: ...


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that was watched for four generations."""
    path = tmp_path / "run"
    path.mkdir()
    (path / "config.json").write_text('{"preset": "tic-tac-toe", "game": "tic-tac-toe", "actor": {}}')
    (path / "run.json").write_text("{}")
    watched = Watching(Observer(), path)
    with (path / "metrics.jsonl").open("w") as file:
        for generation in (1, 2, 3, 4):
            metrics, _ = watched.end_generation(generation, {}, {})
            print(json.dumps({"step": generation, "loss/x": 1.0, "rate/draws": 0.25, **metrics}), file=file)
    return path


def line_of(text: str, *words: str) -> list[str]:
    """The words of the one line of a table that has all of these."""
    (line,) = (line.split() for line in text.splitlines() if all(word in line for word in words) and "──" not in line)
    return line


def test_what_is_watched_is_shown_with_its_test_unit_value_and_limit(run: Path, selfplay: Callable[..., Any]) -> None:
    said = selfplay("drift", "run", run)
    assert (said.code, said.err) == (1, "")
    age = " ".join(line_of(said.out, "age", "covariate p(x)"))
    assert "age of rows 64 batches 1.5 above 2 × even draws, 2 times" in age
    labels = " ".join(line_of(said.out, "labels (actor 1)", "label p(y)"))
    assert "outcomes against a sure search (e-process) 41 games" in labels and "200 (e-value)" in labels
    assert labels.endswith("3") and "generations 1–4" in said.out


def test_alarms_are_shown_by_generation_with_test_statistic_threshold_and_action(
    run: Path, selfplay: Callable[..., Any]
) -> None:
    with (run / "drift.jsonl").open("a") as file:
        print(json.dumps(ACTED), file=file)
    said = selfplay("drift", "run", run)
    rows = [line for line in said.out.splitlines() if line.strip().startswith("3  labels (actor 1)")]
    assert (
        len(rows) == 2 and "outcomes against a sure search" in rows[0] and " 200 " in rows[0] and "41 games" in rows[0]
    )
    assert rows[1].split()[-1] == "restore-generation"
    assert "Generation 3: labels (actor 1): 17 of 41 were wrong. They are wrong. Look." in said.out
    assert "Generation 3: labels (actor 1): the learner is that of generation 1 again." in said.out
    assert "1 alarm and 1 action in 4 generations" in said.out and "at most 0.01 have a false alarm" in said.out


def test_figures_are_shown_by_their_names_in_words_with_units(run: Path, selfplay: Callable[..., Any]) -> None:
    out = selfplay("drift", "run", run).out
    assert "length of games" in out and "12.5 plies" in out and "drawn" in out and "25.00%" in out
    assert "drift/" not in out and "loss" not in out


def test_json_lines_are_what_the_documentation_promises(run: Path, selfplay: Callable[..., Any]) -> None:
    with (run / "drift.jsonl").open("a") as file:
        print(json.dumps(ACTED), file=file)
    said = selfplay("drift", "run", run, "--json")
    labels, age, alarm, action, whole = map(json.loads, said.out.splitlines())
    assert said.code == 1
    assert list(labels) == ["kind", "stream", "detects", "unit", "test", "measure", "threshold", "below", "times",
                            "alarms", "parts"]  # fmt: skip
    assert (labels["kind"], labels["stream"], labels["threshold"], labels["alarms"]) == ("stream", "labels", 200, [3])
    assert list(labels["parts"][1]) == ["part", "generation", "statistic", "threshold", "counted", "seen"]
    assert (age["measure"], age["threshold"], age["parts"][0]["statistic"]) == ("× even draws", 2.0, 1.5)
    assert list(alarm) == ["kind", "generation", "stream", "part", "detects", "test", "statistic", "threshold", "unit",
                           "counted", "sentence"]  # fmt: skip
    assert (alarm["kind"], alarm["generation"], alarm["part"], alarm["counted"]) == ("alarm", 3, "actor 1", 41)
    assert action == {"kind": "action", "generation": 3} | {k: v for k, v in ACTED.items() if k != "step"}
    assert whole == {"kind": "run", "run": str(run), "watched": True, "generations": 4, "alarms": 1, "actions": 1,
                     "alpha": 0.01, "trained_by": None, "warnings": []}  # fmt: skip


def test_a_picture_has_a_panel_for_each_stream_and_figure(
    run: Path, tmp_path: Path, selfplay: Callable[..., Any]
) -> None:
    from matplotlib import image

    assert selfplay("drift", "run", run, "--png", tmp_path / "drift.png").code == 1
    assert image.imread(tmp_path / "drift.png").shape[:2] == (440, 1280)  # two rows of four


def test_a_run_in_progress_is_said_to_be(run: Path, selfplay: Callable[..., Any]) -> None:
    held = lock.Lock(run / "lock")
    try:
        said = selfplay("drift", "run", run)
    finally:
        held.release()
    assert said.code == 1 and "It is being trained, by process " in said.out
    assert "being trained" not in selfplay("drift", "run", run).out


def test_a_run_that_was_not_watched_is_said_not_to_be(run: Path, selfplay: Callable[..., Any]) -> None:
    for name in ("drift.jsonl", "streams.json"):
        (run / name).unlink()
    (run / "metrics.jsonl").write_text('{"step": 1, "loss/x": 1.0}\n')
    said = selfplay("drift", "run", run)
    assert (said.code, said.err) == (0, "") and "was not watched" in said.out


def test_a_run_of_an_earlier_version_is_shown_without_limits_and_says_so(
    run: Path, selfplay: Callable[..., Any]
) -> None:
    (run / "streams.json").unlink()
    said = selfplay("drift", "run", run)
    assert said.code == 1 and "an earlier version, which kept no streams.json" in said.err
    assert "200 (e-value)" in said.out  # of the alarm
    assert " 1.5 " in said.out and "above 2" not in said.out


def test_a_damaged_file_is_named_and_the_rest_is_shown(run: Path, selfplay: Callable[..., Any]) -> None:
    with (run / "drift.jsonl").open("a") as file:
        file.write('{"step": [], "stream": 3}\n')
    said = selfplay("drift", "run", run)
    assert said.code == 1 and "drift.jsonl is damaged in line 2, so that alarms may be missing" in said.err
    assert json.loads(selfplay("drift", "run", run, "--json").out.splitlines()[-1])["warnings"]
    (run / "streams.json").write_text('{"generation": 4, "streams": [{"name": 3}]}')
    said = selfplay("drift", "run", run)
    assert said.code == 1 and "it does not describe streams" in said.err and "17 of 41 were wrong" in said.out


@pytest.mark.chaos
def test_no_content_of_a_file_ends_in_a_traceback(run: Path, tmp_path: Path, selfplay: Callable[..., Any]) -> None:
    rng = np.random.default_rng(13)
    contents = {
        "streams.json": [b"", b"[]", b"[" * 100_000, b'{"generation": 1, "streams": []}', b"\xff",
                         b'{"generation": 1, "streams": [{"name": "x", "parts": [{"part": "", "generation": 1, '
                         b'"statistic": null, "threshold": null}]}]}',
                         b'{"generation": 1, "streams": [{"name": "labels", "limit": 1e999}]}',
                         b'{"generation": 1, "streams": [{"name": "labels", "limit": -0.0, "measure": "$_$"}]}'],
        "drift.jsonl": [b"", b'{"step": 9007199254740991}\n', b'{"step": 1, "stream": "$_{", "sentence": "[/red]"}\n',
                        b'{"step": 1, "stream": "x", "threshold": -1, "statistic": -1e308}\n',
                        b'{"step": 1, "stream": "x", "threshold": 1e308, "statistic": 1e308, "counted": 0.5}\n'],
        "metrics.jsonl": [b"", b'{"step": 1, "drift/labels": 1e308, "drift/age": -1e308}\n',
                          b'{"step": 1, "drift/labels": 1' + b"0" * 400 + b"}\n", b'{"step": -5, "drift/age": 1}\n',
                          b'{"step": 3, "drift/age": 1}\n{"step": 3, "drift/age": 2}\n{"step": 1, "drift/age": 3}\n'],
    }  # fmt: skip
    for name, given in contents.items():
        whole = (run / name).read_bytes()
        flipped = bytearray(whole)
        flipped[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        for content in (*given, bytes(flipped), whole[: rng.integers(len(whole))]):
            (run / name).write_bytes(content)
            drawn = ("--png", tmp_path / "drift.png") if content in given[-2:] else ()
            said = selfplay("drift", "run", run, *drawn)
            assert said.code in (0, 1) and "Traceback" not in said.err, (name, content[:80], said)
            assert selfplay("drift", "run", run, "--json").code == said.code
        (run / name).write_bytes(whole)


def test_what_a_strangers_run_says_cannot_steer_the_terminal(run: Path, selfplay: Callable[..., Any]) -> None:
    event = Event(2, "\x1b[31m[red]x", "\x07", "\x1b]0;", "\x9b", 1.0, 2.0, "\x1b", 4, "\x1b[2J[bold]gone\r\n")
    (run / "drift.jsonl").write_text(json.dumps(event.as_json()) + "\n")
    said = selfplay("drift", "run", run)
    assert said.code == 1 and not {"\x1b", "\x07", "\x9b", "\r"} & set(said.out)
    assert "[red]x" in said.out and "[bold]gone" in said.out


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_what_is_no_run_is_refused(name: str, tmp_path: Path, selfplay: Callable[..., Any]) -> None:
    (tmp_path / "empty").mkdir()
    refused(selfplay("drift", "run", tmp_path / name), "holds no run")
