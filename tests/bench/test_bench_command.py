"""`selfplay bench`: what it prints and writes, and what of it a stop keeps."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from selfplay.bench import measuring, playing, processes
from selfplay.errors import UserError
from selfplay.presets import files, registry

TINY = measuring.Effort(piece=0.002, repeats=2, play=0.05, batches=(1, 8))
MADE = [
    measuring.Measurement("rules", "chess", "moves", (7e6, 8e6, 9e6), {}),
    measuring.Measurement("learner", "batches of 512", "samples", (6_000.0,), {"batch": 512}),
    measuring.Measurement("games", "64 games at once", "positions", (700.0,), {"concurrent_games": 64}),
    measuring.Measurement(
        "processes", "2 with local inference", "positions", (900.0,),
        {"processes": 2, "mode": "local", "device": "cpu", "core_seconds": 1 / 700},
    ),
]  # fmt: skip


def made(monkeypatch: pytest.MonkeyPatch, number: int = len(MADE)) -> None:
    """Has the first measurements made at once, and Ctrl-C pressed after them where there are more."""

    def measure(*_: Any) -> Iterator[measuring.Measurement]:
        yield from MADE[:number]
        if number < len(MADE):
            raise KeyboardInterrupt

    monkeypatch.setattr(measuring, "measure", measure)


def test_it_prints_speeds_a_recommendation_and_what_the_preset_takes(
    selfplay: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(monkeypatch)
    said = selfplay("bench")
    assert said.code == 0
    assert "8,000,000 moves/s  (7,000,000–9,000,000)" in said.out
    assert "actor.concurrent_games=64" in said.out and "actor.num_simulations=48 stays" in said.out
    assert "20 minutes give about" in said.out and "On record" in said.out


def test_what_is_written_is_read_by_train(selfplay: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made(monkeypatch)
    file = tmp_path / "here.toml"
    assert selfplay("bench", "--write", file).code == 0
    preset, config = files.read(file)
    assert preset == "connect-four" and config.actor.concurrent_games == 64
    assert selfplay("train", "--config", file, "--settings").code == 0


def test_ctrl_c_keeps_what_was_measured_and_writes_nothing(
    selfplay: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made(monkeypatch, 3)
    said = selfplay("bench", "--write", tmp_path / "here.toml")
    assert said.code == 130 and "8,000,000 moves/s" in said.out and "Stopped" in said.out
    assert "run.actors=0" in said.out and list(tmp_path.iterdir()) == []
    made(monkeypatch, 1)
    found = json.loads(selfplay("bench", "--json").out)
    assert found["complete"] is False and [one["what"] for one in found["measurements"]] == ["chess"]
    assert "recommended" not in found


def test_json_holds_every_piece_the_machine_and_the_record(selfplay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made(monkeypatch)
    found = json.loads(selfplay("bench", "--json").out)
    assert found["complete"] and found["machine"]["cores"] >= 1
    assert found["measurements"][0] == {
        "part": "rules", "what": "chess", "unit": "moves", "values": [7e6, 8e6, 9e6], "settings": {}, "median": 8e6,
    }  # fmt: skip
    rate, known = found["recommended"]["positions_per_second"], found["record"]
    assert known["minutes_here"] == pytest.approx(known["positions"] / rate / 60)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--preset connect-for", "Did you mean 'connect-four'?"),
        ("--preset gan-ring", "plays no board game"),
        ("--write there.toml", "exists"),
        ("--write no/such/here.toml", "there is no folder"),
        ("--write there.toml/here.toml", "Not a directory"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_measured(
    words: str, expected: str, selfplay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(measuring, "measure", None)
    Path("there.toml").write_text("kept")
    said = selfplay("bench", *words.split())
    assert said.code == 2 and expected in said.err and len(said.err.splitlines()) == 1
    assert Path("there.toml").read_text() == "kept"


@pytest.mark.slow
def test_every_part_is_measured_on_this_machine(selfplay: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "QUICK", TINY)
    monkeypatch.setattr(measuring.cores, "granted", lambda: 2)
    said = selfplay("bench", "--quick", "--json", "--preset", "tic-tac-toe")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    parts = [one["part"] for one in found["measurements"]]
    assert list(dict.fromkeys(parts)) == ["rules", "search", "inference", "learner", "games", "processes"]
    for one in found["measurements"]:
        assert len(one["values"]) == TINY.repeats and min(one["values"]) >= 0 and one["median"] > 0, one
    local = next(one for one in found["measurements"] if one["settings"].get("processes") == 2)
    assert local["settings"]["core_seconds"] > 0
    assert found["recommended"]["actors"] == 0 and found["recommended"]["positions_per_second"] > 0


def test_a_trained_network_is_played_with_where_one_fits() -> None:
    fits = registry.make_agent(registry.get("tic-tac-toe"))
    assert playing.has_trained(fits)
    other = replace(fits.config, network=replace(fits.config.network, channels=16))
    assert not playing.has_trained(registry.make_agent(other))


def echo(index: int, word: str) -> Any:
    """What a process answers with: see `Processes`."""

    def answer(question: str) -> tuple[int, str, int]:
        if question == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        return index, word + question, os.getpid()

    return answer


@pytest.mark.chaos
def test_processes_answer_side_by_side_end_with_the_context_and_a_dead_one_is_told() -> None:
    with processes.Processes(2, echo, "so ") as side:
        first, second = side.ask("it is")
        assert first[:2] == (0, "so it is") and second[:2] == (1, "so it is") and first[2] != second[2]
        assert [answer[0] for answer in side.ask("one", 1)] == [0]
        os.kill(first[2], signal.SIGINT)  # Ctrl-C reaches all processes of a terminal: theirs is not for them
        time.sleep(0.1)
        assert len(side.ask("again")) == 2
        with pytest.raises(UserError, match="ended before it answered"):
            side.ask("die")
    for answer in (first, second):
        with pytest.raises(ProcessLookupError):
            os.kill(answer[2], 0)
